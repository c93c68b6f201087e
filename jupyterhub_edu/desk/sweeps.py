"""Stops of many sessions of one course: one after another, a few at a time, with their progress for whoever looks."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import AuditEntry, ServersError, StoreError

from .base import STOPS
from .views import Moment, instant

__all__ = ["SWEEPS", "Sweep", "SweepRow", "Sweeps", "sweep_row"]

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 5
"""Servers that are stopped at the same time: the hub works on other things too."""
_PAUSE: Final = 0.2
"""Seconds between the beginnings of two stops."""
_PATIENCE: Final = 330.0
"""Seconds that one stop may take; the hub's own answer comes before."""
_SHOWN_FOR: Final = timedelta(minutes=5)


@dataclass(slots=True, eq=False)
class Sweep:
    """One of them.

    Attributes:
        section: whose sessions; ``""``: everybody's.
        by: hub account that asked.
        meant: ids of the sessions that were asked about.
        over_at: when the last has been stopped or has failed, or None.
    """

    id: str
    course: str
    section: str
    by: str
    at: datetime
    meant: frozenset[str]
    stopped: int = 0
    failed: int = 0
    over_at: datetime | None = None


class SweepRow(NamedTuple):
    """A sweep as it is at one moment."""

    id: str
    section: str
    by: str
    at: Moment
    meant: int
    stopped: int
    failed: int
    over: bool


def sweep_row(core: Core, sweep: Sweep) -> SweepRow:
    """How far it is."""
    author = core.roll.by_hub_name(sweep.by)
    return SweepRow(
        sweep.id,
        sweep.section,
        (author.name if author else "") or sweep.by,
        instant(sweep.at, core),
        len(sweep.meant),
        sweep.stopped,
        sweep.failed,
        sweep.over_at is not None,
    )


class Sweeps:
    """Those of this hub process.

    Always holds:
        - only sessions are stopped that were asked about, each by ``core.stop`` with its own entry in the audit;
        - what the actor may do is asked anew before each stop;
        - nobody going away ends it.
    """

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Sweep]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, core: Core, course: str) -> list[Sweep]:
        """Those of a course that go on, or have ended just now; newest first."""
        known = self._of.get(course, {})
        old = core.clock() - _SHOWN_FOR
        for id in [one.id for one in known.values() if one.over_at and one.over_at < old]:
            del known[id]
        return sorted(known.values(), key=lambda one: one.at, reverse=True)

    def find(self, core: Core, course: str, id: str) -> Sweep | None:
        """One of a course."""
        return next((one for one in self.of(core, course) if one.id == id), None)

    async def begin(
        self,
        core: Core,
        actor: Person,
        course: str,
        section: str,
        sessions: Sequence[Admission],
        address: str,
    ) -> Sweep:
        """Stop these sessions in the background.

        Args:
            section: to which they belong, or ``""``.

        Raises:
            StoreError: that it was asked for could not be written down; nothing is stopped.
        """
        sweep = Sweep(
            id=uuid.uuid4().hex,
            course=course,
            section=section,
            by=actor.hub_name,
            at=core.clock(),
            meant=frozenset(one.id for one in sessions),
        )
        entry = AuditEntry(
            sweep.at,
            actor.hub_name,
            "stop-section" if section else "stop-all",
            course=course,
            address=address,
            details={"sessions": len(sessions), "section": section, "id": sweep.id},
        )
        await core.store.append_audit(entry)
        self._of.setdefault(course, {})[sweep.id] = sweep
        task = asyncio.create_task(self._run(core, actor, sweep, sessions, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        core.boards.tell(course)
        return sweep

    async def close(self) -> None:
        """Stop no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(
        self, core: Core, actor: Person, sweep: Sweep, sessions: Sequence[Admission], address: str
    ) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def stop(admission: Admission) -> None:
            try:
                if await self._stop(core, actor, admission, address):
                    sweep.stopped += 1
                else:
                    sweep.failed += 1
            finally:
                turns.release()
                core.boards.tell(sweep.course)

        async with asyncio.TaskGroup() as group:
            for admission in sessions:
                await turns.acquire()
                group.create_task(stop(admission))
                await asyncio.sleep(_PAUSE)
        sweep.over_at = core.clock()
        core.boards.tell(sweep.course)

    async def _stop(self, core: Core, actor: Person, admission: Admission, address: str) -> bool:
        """Whether it has ended."""
        if core.book.admission(admission.id) is None:
            return True
        if not core.may(Act.STOP, actor, admission.course, about=admission.person):
            return False
        try:
            return await STOPS.stop(core, actor.hub_name, admission, address, _PATIENCE)
        except (StoreError, ServersError) as error:
            _log.error("session %s was not stopped: %s", admission.id, error)
            return False


SWEEPS: Final = Sweeps()
"""Those of this hub process."""
