"""From a turn that has come to a server that the hub starts."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.ports import Phase, Servers, ServersBusy, ServersError, StoreError

from .book import Book
from .waiters import Waiter, Waiters

__all__ = ["Starter"]

_log = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 10.0
"""Seconds between two questions to a hub that starts as many servers as it may."""
_chance: Final = random.SystemRandom()


class Starter:
    """Asks the hub to start what a turn has reserved.

    Always holds:
        - nothing is asked before reservation and place are durable;
        - a hub that starts as many servers as it may is asked again and again, and the reservation stays;
        - whatever else goes wrong is told once, by ``failed``, and the reservation is given back.

    Args:
        changed: called when a place waits for the hub.
        failed: called with the place, its admission, and whether the hub has failed; not so if the store has.
    """

    def __init__(
        self,
        book: Book,
        servers: Servers,
        waiters: Waiters,
        changed: Callable[[Waiter], None],
        failed: Callable[[Waiter, str, bool], None],
    ) -> None:
        self._book, self._servers, self._waiters = book, servers, waiters
        self._changed, self._failed = changed, failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asking: set[str] = set()

    def begin(self, waiter: Waiter, admission: Admission) -> None:
        """Start it in the background."""
        task = asyncio.get_running_loop().create_task(self._start(waiter, admission))
        self._tasks[admission.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(admission.id, None))

    def is_under_way(self, id: str) -> bool:
        """Whether this admission's start is being asked for, or will be."""
        return id in self._tasks

    async def take_back(self, id: str) -> bool:
        """Give back what a turn has reserved; False: the hub starts it already."""
        if id in self._asking or not self._book.is_held(id):
            return False
        if (task := self._tasks.get(id)) is not None:
            task.cancel()
        await self._give_back(id)
        return True

    async def close(self) -> None:
        """Ask no more; what is reserved is given back when the hub starts again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _start(self, waiter: Waiter, admission: Admission) -> None:
        try:
            await self._book.keep(admission)
            await self._waiters.keep(waiter)
            await self._ask(waiter, admission.id)
        except ServersError as error:
            _log.warning("%s's turn has come, but: %s", waiter.hub_name, error)
            await self._give_up(waiter, admission.id, by_hub=True)
        except StoreError:
            _log.exception("%s's turn has come, but that could not be kept", waiter.hub_name)
            await self._give_up(waiter, admission.id, by_hub=False)
        except Exception:
            _log.exception("%s's turn has come, and something is wrong here", waiter.hub_name)
            await self._give_up(waiter, admission.id, by_hub=True)

    async def _ask(self, waiter: Waiter, id: str) -> None:
        pause = _FIRST_PAUSE
        while self._book.is_held(id):
            self._asking.add(id)
            try:
                await self._servers.start(waiter.hub_name, waiter.server, _options(waiter))
                return
            except ServersBusy:
                waiter.phase = Phase.SOON
                self._changed(waiter)
            finally:
                self._asking.discard(id)
            await asyncio.sleep(pause * _chance.uniform(0.5, 1))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _give_up(self, waiter: Waiter, id: str, *, by_hub: bool) -> None:
        """A start that the spawner has begun goes on, whatever the hub's answer was: the book tells how it ends."""
        if self._book.is_held(id) or self._book.admission(id) is None:
            await self._give_back(id)
            self._failed(waiter, id, by_hub)

    async def _give_back(self, id: str) -> None:
        try:
            await self._book.end(id)
        except StoreError:
            _log.exception("admission %s was given back, which is kept another time", id)


def _options(waiter: Waiter) -> dict[str, Any]:
    request = waiter.place.request
    return {
        "course": request.course,
        "profile": request.profile,
        "options": dict(request.options),
    }
