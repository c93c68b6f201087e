"""Reading whole rosters: complete or nothing, course by course, with a guard against a source that has lost its mind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from jupyterhub_edu.domain.campus import Campus, SourceInfo
from jupyterhub_edu.domain.courses import Course, CourseState
from jupyterhub_edu.domain.people import CourseRef, Roster, source_origin
from jupyterhub_edu.domain.rules import map_course
from jupyterhub_edu.ports import (
    Clock,
    IdentitySource,
    RememberingSource,
    RosterSource,
    Store,
    StoreError,
    Unavailable,
)

from .held import Held, HeldBack
from .roll import Roll
from .rosters import Comparison
from .slices import in_slices
from .sync_states import CourseSync, LastChange, SourceSync

__all__ = ["LEAST_GUARDED", "Syncer", "has_rosters"]

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
LEAST_GUARDED: Final = 10
"""A sync that takes away fewer people than this is never held."""
_GIVE_UP: Final = 3
"""Unanswered rosters in a row after which a source is left alone for this time."""


def has_rosters(source: object) -> bool:
    """Whether a source knows who is in a course before anybody logs in."""
    return hasattr(source, "courses") and hasattr(source, "roster")


class Syncer:
    """Reads rosters and hands them to the roll.

    Args:
        synced: awaited after each sync that a source has answered.

    Always holds:
        - a course's roster is taken in whole or not at all; what a source does not answer stays as it was;
        - two syncs of one source are never under way at once;
        - a reading that would take away more people than the source's ``guard`` allows changes nothing until an admin
          lets it through.
    """

    def __init__(
        self,
        sources: Callable[[], Mapping[str, IdentitySource]],
        campus: Callable[[], Campus],
        roll: Roll,
        store: Store,
        clock: Clock,
        synced: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._sources, self._campus, self._roll, self._clock = sources, campus, roll, clock
        self._synced = synced
        self._held = HeldBack(store)
        self._locks: dict[str, asyncio.Lock] = {}
        self._of_source: dict[str, SourceSync] = {}
        self._of_course: dict[tuple[str, str], CourseSync] = {}

    async def load(self) -> None:
        """Read what the guard held when the hub ended.

        Raises:
            StoreError: it cannot be read.
        """
        for source, course in await self._held.load():
            self._of_course[source, course] = self._state(source, course)

    def sources(self) -> list[SourceInfo]:
        """The sources that have rosters, in the campus file's order."""
        made = self._sources()
        return [info for id, info in self._campus().sources.items() if has_rosters(made.get(id))]

    def state(self, source: str) -> SourceSync:
        """How a source's rosters stand."""
        return self._of_source.get(source, SourceSync(source))

    def states(self, source: str) -> list[CourseSync]:
        """How the rosters of our courses stand at a source, in the campus file's order."""
        return [
            self._state(source, course)
            for course in self._campus().courses
            if (source, course) in self._of_course
            or (source_origin(source), course) in self._roll.rosters.complete
        ]

    async def run(
        self,
        source: str,
        course: str | None = None,
        *,
        accept: bool = False,
        dry: bool = False,
        lately: bool = False,
    ) -> list[CourseSync]:
        """Read the rosters of one source.

        Args:
            source: id of a source that has rosters.
            course: only this one of our courses.
            accept: let through what the guard holds; of this course alone.
            dry: change nothing, only compare.
            lately: a source that knows which rosters may have changed since it was last asked need not read the others.

        Returns:
            How each course stands now, with what was changed or would be.

        Raises:
            ValueError: no such source, it has no rosters, or ``accept`` without a course.
        """
        made, info = self._sources().get(source), self._campus().sources.get(source)
        if made is None or info is None or not has_rosters(made):
            raise ValueError(f"{source} has no rosters")
        if accept and course is None:
            raise ValueError("say which course is to be let through")
        async with self._locks.setdefault(source, asyncio.Lock()):
            run = _Run(info, cast(RosterSource, made), accept=accept, dry=dry)
            if not lately and hasattr(made, "forget_rosters"):
                cast(RememberingSource, made).forget_rosters()
            self._note_source(source, running=True, began_at=self._clock(), error="")
            try:
                found = await self._run(run, course)
            finally:
                self._note_source(source, running=False, ended_at=self._clock())
        if self._synced and not dry and not self.state(source).error:
            await self._synced()
        return found

    # -- inside ------------------------------------------------------------------------------------------------

    async def _run(self, run: _Run, only: str | None) -> list[CourseSync]:
        refs = await _ask(run, run.source.courses())
        if isinstance(refs, Unavailable):
            self._note_source(run.info.id, error=refs.why)
            _log.warning("source %s did not say its courses: %s", run.info.id, refs.why)
            return []
        plan = await self._plan(run.info, refs)
        await self._let_go(run, plan)
        run.lost_courses = self._has_lost_courses(run.info, plan)
        found: list[CourseSync] = []
        silent = 0
        for course, its_refs in plan.items():
            if only not in (None, course) or self._was_replaced(run):
                continue
            state = await self._sync_course(run, course, its_refs)
            found.append(state)
            silent = silent + 1 if state.error else 0
            if silent >= _GIVE_UP:
                self._note_source(run.info.id, error=state.error)
                _log.warning("source %s is left alone until its next sync", run.info.id)
                break
        return found

    async def _plan(
        self, info: SourceInfo, refs: Iterable[CourseRef]
    ) -> dict[str, list[CourseRef]]:
        """Our courses with what is to be read of the source; nothing for one whose roster it no longer has."""
        campus, now = self._campus(), self._clock()
        origin = source_origin(info.id)
        known = [course for from_, course in self._roll.rosters.complete if from_ == origin]
        plan: dict[str, list[CourseRef]] = {course: [] for course in known}
        unmapped = 0
        async for ref in in_slices(refs):
            course = map_course(ref, info.courses, campus.course_index)
            if course is None:
                unmapped += 1
            else:
                plan.setdefault(course, []).append(ref)
        self._note_source(info.id, unmapped=unmapped)
        return {
            id: plan[id]
            for id, course in campus.courses.items()
            if id in plan and not _is_over(course, now)
        }

    async def _let_go(self, run: _Run, plan: Mapping[str, Sequence[CourseRef]]) -> None:
        """Hold nothing of courses that are over or no longer in the campus file: nobody has to decide any more."""
        over = self._held.courses(run.info.id) - plan.keys()
        for course in over if not run.dry else ():
            try:
                await self._held.release(run.info.id, course)
            except StoreError:
                _log.exception("what was held of %s is tried again to be forgotten", course)

    def _has_lost_courses(self, info: SourceInfo, plan: Mapping[str, Sequence[CourseRef]]) -> bool:
        """Whether a source is suddenly silent about more of its people than the guard allows."""
        origin = source_origin(info.id)
        people = {course: self._roll.rosters.count(origin, course) for course in plan}
        lost = sum(people[course] for course, refs in plan.items() if not refs)
        return _is_too_many(lost, sum(people.values()), info.guard)

    async def _sync_course(self, run: _Run, course: str, refs: Sequence[CourseRef]) -> CourseSync:
        self._note(run, course, running=True)
        try:
            roster = await self._read(run, course, refs)
            if isinstance(roster, Unavailable):
                return self._note(run, course, error=roster.why)
            return await self._take(run, course, roster)
        except StoreError as error:
            return self._note(run, course, error=f"it could not be kept: {error}")
        finally:
            self._note(run, course, running=False)

    async def _read(
        self, run: _Run, course: str, refs: Sequence[CourseRef]
    ) -> Roster | Unavailable:
        """The rosters of all courses of the source that are this one of ours, as one."""
        began = self._clock()
        rosters = []
        for ref in refs:
            roster = await _ask(run, run.source.roster(ref))
            if isinstance(roster, Unavailable):
                return roster
            rosters.append(roster)
        members = tuple(member for roster in rosters for member in roster.members)
        oldest = min((roster.at for roster in rosters), default=began)
        kept = bool(rosters) and all(roster.kept for roster in rosters)
        return Roster(CourseRef(course), members, oldest, kept)

    async def _take(self, run: _Run, course: str, roster: Roster) -> CourseSync:
        source = run.info.id
        comparison = await self._roll.compare_roster(source, course, roster)
        if self._was_replaced(run):
            return self._note(run, course, error=f"{source} was set up anew meanwhile")
        held = self._hold_back(run, course, comparison)
        if not held and not run.dry:
            await self._roll.take_roster(source, course, roster)
            _tell(run, course, comparison)
            if comparison.moves:
                self._note(run, course, last=_last(comparison, self._clock()))
        people = comparison.before if held or run.dry else comparison.after
        if not run.dry:
            await self._note_held(run, course, held)
        return self._note(run, course, held=held, people=people, comparison=comparison, error="")

    def _hold_back(self, run: _Run, course: str, comparison: Comparison) -> Held | None:
        """What is to be held of a reading; None for one that is to be taken in."""
        gone, before = len(comparison.gone), comparison.before
        vanished = run.lost_courses and gone > 0 and gone == before
        if run.accept or not (vanished or _is_too_many(gone, before, run.info.guard)):
            return None
        former = self._held.of(run.info.id, course)
        since = former.since if former else self._clock()
        return Held(len(comparison.added), gone, since)

    async def _note_held(self, run: _Run, course: str, held: Held | None) -> None:
        source = run.info.id
        if held is None:
            await self._held.release(source, course)
            return
        _log.warning(
            "the roster of %s at %s would lose %d of %d people: held until an admin lets it through",
            course,
            source,
            held.would_lose,
            self._roll.rosters.count(source_origin(source), course),
        )
        await self._held.hold(source, course, held)

    def _was_replaced(self, run: _Run) -> bool:
        """Whether the campus file has a new source of this name since the sync began."""
        return cast(object, self._sources().get(run.info.id)) is not run.source

    def _state(self, source: str, course: str) -> CourseSync:
        origin = source_origin(source)
        known = self._of_course.get((source, course)) or CourseSync(
            source, course, people=self._roll.rosters.count(origin, course)
        )
        complete_at = self._roll.rosters.complete.get((origin, course))
        return replace(known, complete_at=complete_at, held=self._held.of(source, course))

    def _note(self, run: _Run, course: str, **changes: Any) -> CourseSync:
        """Note how a course stands; a dry run leaves no trace but its answer."""
        place = (run.info.id, course)
        noted = run.noted if run.dry else self._of_course
        known = noted.get(place) or self._state(*place)
        now = replace(known, **changes)
        noted[place] = replace(now, comparison=None)
        return replace(now, running=False, complete_at=self._state(*place).complete_at)

    def _note_source(self, source: str, **changes: Any) -> None:
        self._of_source[source] = replace(self.state(source), **changes)


class _Run:
    """One sync of one source."""

    def __init__(self, info: SourceInfo, source: RosterSource, *, accept: bool, dry: bool) -> None:
        self.info, self.source, self.accept, self.dry = info, source, accept, dry
        self.lost_courses = False
        self.noted: dict[tuple[str, str], CourseSync] = {}


def _tell(run: _Run, course: str, comparison: Comparison) -> None:
    if comparison.moves:
        _log.info(
            "the roster of %s at %s: %d added, %d gone, %d changed",
            course,
            run.info.id,
            len(comparison.added),
            len(comparison.gone),
            len(comparison.changed),
        )


def _last(comparison: Comparison, now: datetime) -> LastChange:
    kinds = comparison.added, comparison.gone, comparison.changed
    return LastChange(now, *map(len, kinds))


def _is_too_many(gone: int, before: int, guard: int) -> bool:
    """Whether so many people would be lost that somebody should look first; ``guard`` in percent."""
    return gone >= LEAST_GUARDED and gone * 100 > guard * before


def _is_over(course: Course, now: datetime) -> bool:
    ended = course.ends is not None and course.ends <= now
    return ended or course.state is CourseState.ARCHIVED


async def _ask(run: _Run, question: Awaitable[_T | Unavailable]) -> _T | Unavailable:
    """A source's answer; one that raises has not answered."""
    try:
        return await question
    except Exception as error:
        _log.exception("source %s failed", run.info.id)
        return Unavailable(f"{type(error).__name__}: {error}")
