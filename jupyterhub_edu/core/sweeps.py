"""Stops of many sessions of one course: one after another, a few at a time, and on after a restart of the hub."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import AuditEntry, Record, ServersError, StoreError

from .kept import instant, reading, text

if TYPE_CHECKING:
    from .app import Core

__all__ = ["Sweep", "Sweeps"]

_log = logging.getLogger(__name__)
_KIND: Final = "sweep"
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
        by: hub account that asked; ``address`` is theirs on the network.
        meant: ids of the sessions that were asked about.
        stopped: how many of them have ended.
        over_at: when the last has been stopped or has failed, or None.
    """

    id: str
    course: str
    section: str
    by: str
    address: str
    at: datetime
    meant: frozenset[str]
    stopped: int = 0
    failed: int = 0
    over_at: datetime | None = None


class Sweeps:
    """Those that go on, and those that have ended just now.

    Always holds:
        - only sessions are stopped that were asked about, each by ``core.stop`` with its own entry in the audit;
        - what the actor may do is asked anew before each stop;
        - neither somebody going away nor a restart of the hub ends it.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._of: dict[str, dict[str, Sweep]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for sweep in map(_read, await self._core.store.load_records(_KIND)):
            self._of.setdefault(sweep.course, {})[sweep.id] = sweep

    def of(self, course: str) -> list[Sweep]:
        """Those of a course that go on, or have ended just now; newest first."""
        known = self._of.get(course, {})
        old = self._core.clock() - _SHOWN_FOR
        for id in [one.id for one in known.values() if one.over_at and one.over_at < old]:
            del known[id]
        return sorted(known.values(), key=lambda one: one.at, reverse=True)

    def find(self, course: str, id: str) -> Sweep | None:
        """One of a course."""
        return next((one for one in self.of(course) if one.id == id), None)

    async def begin(
        self,
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
            address=address,
            at=self._core.clock(),
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
        await self._core.store.save_records([_record(sweep)], entry=entry)
        self._of.setdefault(course, {})[sweep.id] = sweep
        self._go_on(sweep)
        return sweep

    async def tend(self) -> None:
        """Go on with what a restart of the hub has cut; every few seconds."""
        for course in list(self._of):
            for sweep in self.of(course):
                if sweep.over_at is None and sweep.id not in self._tasks:
                    self._go_on(sweep)

    def forget(self, hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        for known in self._of.values():
            for sweep in known.values():
                sweep.by = stand_in if sweep.by == hub_name else sweep.by

    async def close(self) -> None:
        """Stop no more; the next hub goes on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    def _go_on(self, sweep: Sweep) -> None:
        task = asyncio.create_task(self._run(sweep), name=f"sweep-{sweep.id}")
        self._tasks[sweep.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(sweep.id, None))
        self._core.boards.tell(sweep.course)

    async def _run(self, sweep: Sweep) -> None:
        core, turns = self._core, asyncio.Semaphore(_AT_ONCE)
        left = [one for id in sweep.meant if (one := core.book.admission(id)) is not None]
        sweep.stopped, sweep.failed = len(sweep.meant) - len(left), 0

        async def stop(admission: Admission) -> None:
            try:
                if await self._stop(sweep, admission):
                    sweep.stopped += 1
                else:
                    sweep.failed += 1
            finally:
                turns.release()
                core.boards.tell(sweep.course)

        async with asyncio.TaskGroup() as group:
            for admission in sorted(left, key=lambda one: (one.reserved_at, one.id)):
                await turns.acquire()
                group.create_task(stop(admission))
                await asyncio.sleep(_PAUSE)
        sweep.over_at = core.clock()
        core.boards.tell(sweep.course)
        try:
            await core.store.save_records((), [(_KIND, sweep.id)])
        except StoreError:
            # The next hub finds what is left of it, and forgets it then.
            _log.exception("that the stops %s are over could not be kept", sweep.id)

    async def _stop(self, sweep: Sweep, admission: Admission) -> bool:
        """Whether it has ended."""
        core, actor = self._core, self._core.roll.by_hub_name(sweep.by)
        if core.book.admission(admission.id) is None:
            return True
        if actor is None or not core.may(Act.STOP, actor, sweep.course, about=admission.person):
            return False
        try:
            return await core.stops.stop(sweep.by, admission, sweep.address, _PATIENCE)
        except (StoreError, ServersError) as error:
            _log.error("session %s was not stopped: %s", admission.id, error)
        except Exception:
            _log.exception("session %s was not stopped", admission.id)
        return False


def _record(sweep: Sweep) -> Record:
    body = {
        "course": sweep.course,
        "section": sweep.section,
        "address": sweep.address,
        "at": sweep.at.isoformat(),
        "meant": sorted(sweep.meant),
    }
    return Record(_KIND, sweep.id, body, by=sweep.by)


def _read(record: Record) -> Sweep:
    with reading(record):
        body = record.body
        return Sweep(
            id=record.id,
            course=text(body["course"]),
            section=text(body["section"]),
            by=record.by,
            address=text(body["address"]),
            at=instant(body["at"]),
            meant=frozenset(map(text, body["meant"])),
        )
