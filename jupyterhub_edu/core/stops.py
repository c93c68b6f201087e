"""Stops that somebody asked for: each goes on by itself, and whoever asked waits only a moment."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from jupyterhub_edu.domain.admissions import Admission

if TYPE_CHECKING:
    from .app import Core

__all__ = ["Stops"]

_log = logging.getLogger(__name__)


class Stops:
    """Stops under way, by admission.

    Always holds:
        - one session is being stopped once, however often it is asked for;
        - nobody going away (a closed page) cancels a stop; one that fails later is logged.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def is_stopping(self, admission: str) -> bool:
        """Whether a stop is under way, or done and the session's end not seen yet."""
        task = self._tasks.get(admission)
        return task is not None and not (task.done() and (task.cancelled() or task.exception()))

    async def stop(self, actor: str, admission: Admission, address: str, within: float) -> bool:
        """Stop a session and wait at most ``within`` seconds for it.

        Returns:
            True if the hub has stopped it; False if that goes on.

        Raises:
            StoreError: it could not be audited; nothing was stopped.
            ServersError: the hub has not stopped it.
        """
        self._tasks = {
            id: task
            for id, task in self._tasks.items()
            if not task.done() or self._core.book.admission(id) is not None
        }
        if not self.is_stopping(admission.id):
            task = asyncio.create_task(
                self._core.stop(actor, admission, address), name=f"stop-{admission.id}"
            )
            self._tasks[admission.id] = task
            # Shown as it is from now on, and again where the hub has not stopped it.
            self._core.boards.touch(admission)
            task.add_done_callback(lambda _: self._core.boards.touch(admission))
        task = self._tasks[admission.id]
        await asyncio.wait({task}, timeout=within)
        if task.done():
            task.result()
            return True
        task.add_done_callback(lambda done: _tell(done, admission))
        return False


def _tell(task: asyncio.Task[None], admission: Admission) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s's session %s was not stopped: %s", admission.hub_name, admission.id, error)
