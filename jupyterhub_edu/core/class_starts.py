"""Starting the servers of a whole class before it begins: one after another, by the ordinary rules.

The pace is the hub's: every start goes through the line, which asks the hub again and again while that starts as many
servers as it may. A class start that a restart of the hub interrupts begins anew: asking for the same again changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_edu.domain.decide import role_in
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry, Phase, Record, Standing, StoreError

from .book import Refused
from .kept import instant, number, reading, text
from .named import member_keys
from .slices import in_slices
from .starting_for import StartingFor, StartingNotYours

if TYPE_CHECKING:
    from .app import Core

__all__ = ["ClassStart", "ClassStarts", "Outcome", "Stage"]

_log = logging.getLogger(__name__)
_KIND: Final = "classstart"
_TOO_LATE: Final = timedelta(minutes=30)
"""A class start whose time was missed by more, because no hub ran, does not begin any more."""


class Stage(StrEnum):
    """Where a class start is."""

    PLANNED = "planned"
    UNDER_WAY = "under-way"
    DONE = "done"
    """Everybody has been asked for."""
    STOPPED = "stopped"
    """Not everybody has; ``why`` says why."""


@dataclass(frozen=True, slots=True)
class ClassStart:
    """The servers of a course's students, started together.

    Attributes:
        profile: its key; None: the first that the course offers them.
        section: of those whose servers are started, or ``""`` for all students.
        by: hub account of whoever wants it; it is done by their right, as that is then.
        at: when it begins, an aware UTC instant.
        why: why it was stopped, or ``""``.
        asked, refused: how many servers were asked for, and how many were not to be had.
    """

    course: str
    profile: str | None
    section: str
    by: str
    address: str
    at: datetime
    stage: Stage = Stage.PLANNED
    why: str = ""
    asked: int = 0
    refused: int = 0

    @property
    def goes_on(self) -> bool:
        """Whether it is still to do something."""
        return self.stage in (Stage.PLANNED, Stage.UNDER_WAY)

    def is_same(self, other: ClassStart) -> bool:
        """Whether this is the other, further on; not one that was planned in its place."""
        return (self.profile, self.section, self.by, self.at) == (
            other.profile,
            other.section,
            other.by,
            other.at,
        )


class Outcome(NamedTuple):
    """What has become of one student's server.

    Attributes:
        words: how it stands; with reasons, that it was not started.
        settled: it waits for nothing.
    """

    key: str
    hub_name: str
    name: str
    words: str
    reasons: tuple[Reason, ...] = ()
    settled: bool = True


class ClassStarts:
    """The class starts of all courses, at most one of each.

    Always holds:
        - what may start is decided for each student by itself, and what a student has or waits for stays as it is;
        - a class start and its entry in the audit are kept together; each server that is asked for has an entry of its own;
        - why somebody's server was refused is kept until the hub restarts.

    Attributes:
        turn: held by whoever plans one, begins it or calls it off, from the first look.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._of: dict[str, ClassStart] = {}
        self._against: dict[str, dict[str, tuple[Reason, ...]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.turn = asyncio.Lock()

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for record in await self._core.store.load_records(_KIND):
            self._of[record.id] = _read(record)

    def of(self, course: str) -> ClassStart | None:
        """The class start of a course: planned, under way, or the last one."""
        return self._of.get(course)

    async def outcomes(self, start: ClassStart) -> list[Outcome]:
        """What has become of everybody's server, those that were refused first, then by name."""
        against = self._against.get(start.course, {})
        found = [
            self._outcome(start, person, against.get(person.key, ()))
            async for person in self._students(start)
        ]
        return sorted(found, key=lambda one: (not one.reasons, one.name.casefold(), one.key))

    async def tend(self) -> None:
        """Begin what is due, and go on with what a restart of the hub has interrupted; every few seconds.

        Raises:
            StoreError: the store cannot be written.
        """
        for course in list(self._of):
            async with self.turn:
                await self._begin_due(self._of[course])

    async def begin(self, start: ClassStart) -> ClassStart:
        """Begin one, in the background; called while ``turn`` is held.

        Raises:
            StoreError: that could not be kept; it has not begun.
        """
        start = replace(start, stage=Stage.UNDER_WAY)
        await self._save(start)
        if start.course not in self._tasks:
            task = asyncio.create_task(self._run(start), name=f"class-start-{start.course}")
            self._tasks[start.course] = task
            task.add_done_callback(lambda _: self._tasks.pop(start.course, None))
        return start

    async def put(self, start: ClassStart, entry: AuditEntry) -> None:
        """Plan one, in the place of one that is over.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        self._against.pop(start.course, None)
        await self._save(start, entry)

    async def call_off(self, start: ClassStart, entry: AuditEntry) -> None:
        """Ask for no more servers; those that have been asked for stay.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        await self._save(replace(start, stage=Stage.STOPPED, why=say("called off")), entry)

    def forget(self, keys: Collection[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        for against in self._against.values():
            for key in keys:
                against.pop(key, None)
        for course, start in self._of.items():
            if hub_name and start.by == hub_name:
                self._of[course] = replace(start, by=stand_in)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stop what is under way; the next hub goes on with it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _begin_due(self, start: ClassStart) -> None:
        now = self._core.clock()
        if start.course in self._tasks or not start.goes_on or now < start.at:
            return
        if start.stage is Stage.PLANNED and now - start.at > _TOO_LATE:
            why = say("the hub did not run at the time")
            await self._save(replace(start, stage=Stage.STOPPED, why=why))
        else:
            await self.begin(start)

    async def _run(self, start: ClassStart) -> None:
        try:
            why = await self._start_all(start)
        except Exception:
            _log.exception("the class start of %s has failed", start.course)
            why = say("something is wrong here; the log says what")
        stage = Stage.STOPPED if why else Stage.DONE
        async with self.turn:
            if not self._goes_on(start):
                return
            try:
                await self._save(replace(self._of[start.course], stage=stage, why=why))
            except StoreError:
                _log.exception("that the class start of %s is over is not kept", start.course)

    def _goes_on(self, start: ClassStart) -> bool:
        """Whether it has not been called off, and so no other put in its place."""
        last = self._of[start.course]
        return last.goes_on and last.is_same(start)

    async def _start_all(self, start: ClassStart) -> str:
        """Ask for everybody's server; why that was given up, or ``""``."""
        core, asked, refused = self._core, 0, 0
        author = core.roll.by_hub_name(start.by)
        if author is None or start.course not in core.campus.courses:
            return say("the course, or whoever planned it, is gone")
        staff = StartingFor(core, author, start.course, start.address)
        against = self._against[start.course] = {}
        async for person in self._students(start):
            if not self._goes_on(start):
                return ""
            if self._is_served(person):
                continue
            try:
                await staff.start_person(person, start.profile)
                asked += 1
            except Refused as error:
                against[person.key] = error.decision.reasons
                refused += 1
            except StartingNotYours:
                return say("whoever planned it may not start servers for others here any more")
            except StoreError as error:
                _log.error("the class start of %s: %s", start.course, error)
                return say("the hub could not write its records")
            # It may have been called off meanwhile, and another planned.
            last = self._of[start.course]
            if last.is_same(start):
                self._of[start.course] = replace(last, asked=asked, refused=refused)
        return ""

    async def _students(self, start: ClassStart) -> AsyncIterator[Person]:
        """Those with an account who are students now, of the section if there is one."""
        roll, now = self._core.roll, self._core.clock()
        members = await member_keys(roll, start.course)
        async for key, keys in in_slices(members.items()):
            person = roll.person(key)
            if person is None:
                continue
            mine = roll.enrolments_in(person, start.course)
            is_there = not start.section or start.section in roll.sections_of(keys, start.course)
            if is_there and role_in(mine, now) is CourseRole.STUDENT:
                yield person

    def _is_served(self, person: Person) -> bool:
        """Whether their default server runs or starts, or they stand in a line already."""
        standing = self._core.line.standing(person.hub_name)
        stands = standing is not None and standing.phase.goes_on
        return stands or bool(self._core.book.of_server(person.hub_name, ""))

    def _outcome(self, start: ClassStart, person: Person, against: tuple[Reason, ...]) -> Outcome:
        core, name = self._core, person.hub_name
        who = person.key, name, person.name
        standing, held = core.line.standing(name), core.book.of_server(name, "")
        if standing is not None and standing.phase.goes_on:
            return Outcome(*who, _waiting(standing), settled=False)
        if held:
            newest = max(held, key=lambda one: (one.reserved_at, one.id))
            here = "" if newest.course == start.course else " in another course"
            is_on = newest.running_at is not None
            return Outcome(*who, f"{'On' if is_on else 'Starting'}{here}", settled=is_on)
        against = against or (standing.reasons if standing is not None else ())
        if against:
            return Outcome(*who, say("Not started"), against)
        return Outcome(*who, say("Not asked for yet") if start.goes_on else say("Not on"))

    async def _save(self, start: ClassStart, entry: AuditEntry | None = None) -> None:
        await self._core.store.save_records([_record(start)], entry=entry)
        self._of[start.course] = start


def _waiting(standing: Standing) -> str:
    """How a student stands, for somebody else."""
    if standing.phase is not Phase.WAITING:
        return "Starting"
    return (
        say("In line, {ahead} before them", ahead=standing.ahead)
        if standing.ahead
        else say("Next in line")
    )


def _record(start: ClassStart) -> Record:
    body = {
        "profile": start.profile,
        "section": start.section,
        "address": start.address,
        "at": start.at.isoformat(),
        "stage": str(start.stage),
        "why": start.why,
        "asked": start.asked,
        "refused": start.refused,
    }
    return Record(_KIND, start.course, body, by=start.by)


def _read(record: Record) -> ClassStart:
    with reading(record):
        body, profile = record.body, record.body["profile"]
        return ClassStart(
            course=record.id,
            profile=None if profile is None else text(profile),
            section=text(body["section"]),
            by=record.by,
            address=text(body["address"]),
            at=instant(body["at"]),
            stage=Stage(body["stage"]),
            why=text(body["why"]),
            asked=number(body["asked"]),
            refused=number(body["refused"]),
        )
