"""Reading the rosters of one course now, for its staff: from every source that has rosters, beside whoever asks."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import AuditEntry

from .by_hand import NotYours
from .rosters import Move

if TYPE_CHECKING:
    from .app import Core

__all__ = ["Came", "CourseRead", "CourseSyncs", "SourceRead"]

_log = logging.getLogger(__name__)


class Came(StrEnum):
    """What came of asking a source."""

    SAME = "same"
    CHANGED = "changed"
    HELD = "held"
    """It would take away so many people that an administrator must decide."""
    SILENT = "silent"
    NOT_THERE = "not-there"
    """The source knows no such course."""


@dataclass(frozen=True, slots=True)
class SourceRead:
    """What one source said of the course.

    Attributes:
        title: the source's.
        moves: what was changed for whom, or would be if it was held.
    """

    source: str
    title: str
    came: Came
    people: int = 0
    moves: tuple[Move, ...] = ()


@dataclass(slots=True)
class CourseRead:
    """One reading of a course's rosters.

    Attributes:
        by: hub account of whoever asked.
        sources: as far as they have answered.
        over_at: when all had, or None while it goes on.
    """

    course: str
    by: str
    at: datetime
    sources: tuple[SourceRead, ...] = ()
    over_at: datetime | None = None


class CourseSyncs:
    """The last reading of each course that its staff have asked for since the hub started."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._last: dict[str, CourseRead] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def last(self, course: str) -> CourseRead | None:
        """The last one of a course."""
        return self._last.get(course)

    async def begin(self, actor: Person, course: str, address: str = "") -> CourseRead:
        """Begin one; whoever asks while one goes on is shown that.

        Raises:
            NotYours: the actor may not add people to the course.
            StoreError: it could not be written down, so nothing was asked.
        """
        core = self._core
        if not core.may(Act.ENROL, actor, course):
            raise NotYours
        if course in self._tasks:
            return self._last[course]
        asked = ", ".join(info.id for info in core.syncer.sources())
        now, by = core.clock(), actor.hub_name
        details = {"source": asked}
        entry = AuditEntry(now, by, "sync", course=course, address=address, details=details)
        await core.store.append_audit(entry)
        if course in self._tasks:
            return self._last[course]
        self._last[course] = CourseRead(course, by, now)
        task = asyncio.create_task(self._read(self._last[course]))
        self._tasks[course] = task
        task.add_done_callback(lambda _: self._tasks.pop(course, None))
        return self._last[course]

    async def wait(self, course: str, seconds: float | None = None) -> None:
        """Wait for one that goes on, so long at most; it goes on without whoever waits."""
        if (task := self._tasks.get(course)) is not None:
            await asyncio.wait({task}, timeout=seconds)

    async def close(self) -> None:
        """Read no more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, read: CourseRead) -> None:
        async def ask(source: str, title: str) -> None:
            answer = await self._ask(source, title, read.course)
            read.sources = (*read.sources, answer)

        try:
            async with asyncio.TaskGroup() as group:
                for info in self._core.syncer.sources():
                    group.create_task(ask(info.id, info.title))
        finally:
            read.over_at = self._core.clock()

    async def _ask(self, source: str, title: str, course: str) -> SourceRead:
        syncer = self._core.syncer
        try:
            found = await syncer.run(source, course)
        except Exception:
            _log.exception("the roster of %s at %s could not be read", course, source)
            return SourceRead(source, title, Came.SILENT)
        state = next((one for one in found if one.course == course), None)
        if state is None:
            silent = bool(syncer.state(source).error)
            return SourceRead(source, title, Came.SILENT if silent else Came.NOT_THERE)
        moves = state.comparison.moves if state.comparison else ()
        if state.error:
            came = Came.SILENT
        elif state.held is not None:
            came = Came.HELD
        else:
            came = Came.CHANGED if moves else Came.SAME
        return SourceRead(source, title, came, state.people, moves)
