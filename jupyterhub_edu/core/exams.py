"""Exams of all courses: in memory for decisions, in the store for good, and what they mean for sessions that run."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.decide import EndRule, role_in
from jupyterhub_edu.domain.ends import exam_end
from jupyterhub_edu.domain.exams import Exam, Phase, Sitting, granted_in, share_of, sitting_of
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.ports import AuditEntry, Clock, Record, Store

from .along import ALONE, Along
from .book import Book
from .exam_records import EXAM, SITTER, Prepared, read_exam, records_of
from .kept import reading, text
from .listeners import call_all
from .named import member_keys
from .roll import Roll
from .slices import in_slices
from .sooner import Sooner

__all__ = ["Exams"]

_SHORTEST: Final = timedelta(minutes=10)
"""A session that is of use to somebody: so long before the warning of a loan that is called back is lent for."""


class _Seats(NamedTuple):
    """What an exam holds, as last counted: devices for each, and everybody's own ends, ascending."""

    flavor: str
    devices: int
    ends: tuple[datetime, ...]


class Exams:
    """Every exam, those that are over too.

    Always holds:
        - an exam is known from when it is durable, and it and its entry in the audit are kept together or not at all;
        - whoever is listed, or has extra time, is one record of their own, erased with them; a list that has lost everybody
          is a list of nobody;
        - a session that an exam ends is warned first, for at least the shortest warning; what is moved is given back
          when the exam is moved or called off.

    Attributes:
        on_change: told the course in which something changed.
    """

    def __init__(
        self, campus: Callable[[], Campus], roll: Roll, book: Book, store: Store, clock: Clock
    ) -> None:
        self._campus, self._roll, self._book = campus, roll, book
        self._store, self._clock = store, clock
        self._known: dict[str, Prepared] = {}
        self._live: tuple[Exam, ...] = ()
        self._seats: dict[str, _Seats] = {}
        self._shares: dict[
            str, tuple[Mapping[str, Share], Mapping[str, Share], dict[str, int]]
        ] = {}
        self._addresses: dict[str, str] = {}
        self._counting = asyncio.Lock()
        self.turn = asyncio.Lock()
        """Held by whoever changes an exam, from the first look at it."""
        self.on_change: list[Callable[[str], None]] = []

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        sitters: dict[str, list[Record]] = {}
        for record in await self._store.load_records(SITTER):
            with reading(record):
                sitters.setdefault(text(record.body["exam"]), []).append(record)
        for record in await self._store.load_records(EXAM):
            self._known[record.id] = read_exam(record, sitters.get(record.id, ()))
        await self._count()

    # -- questions ---------------------------------------------------------------------------------------------

    def of(self, course: str) -> list[Prepared]:
        """Every exam of a course, by its start."""
        found = [one for one in self._known.values() if one.exam.course == course]
        return sorted(found, key=lambda one: (one.exam.starts, one.exam.id))

    def find(self, id: str) -> Prepared | None:
        """One exam."""
        return self._known.get(id)

    def about(self, keys: Collection[str]) -> list[Exam]:
        """Those that list one of these keys, or give it extra time."""
        return [
            one.exam
            for one in self._known.values()
            if any(key in one.exam.extra or key in (one.exam.participants or ()) for key in keys)
        ]

    def sittings(self, person: Person, held: Iterable[Admission]) -> tuple[Sitting, ...]:
        """Somebody's parts in exams of all courses that are not over.

        Args:
            held: their admissions that have not ended.
        """
        if not self._live:
            return ()
        now, found = self._clock(), []
        keys = [one.key for one in self._roll.identities(person)]
        enrolments = None
        for exam in self._live:
            if exam.phase(now) is Phase.OVER:
                continue
            if enrolments is None:
                enrolments = self._roll.enrolments(person)
            role = role_in((e for e in enrolments if e.course == exam.course), now)
            servers = sum(1 for one in held if one.exam == exam.id)
            if (sitting := sitting_of(exam, keys, role, servers)) is not None:
                found.append(sitting)
        return tuple(found)

    def with_exams(
        self, shares: Mapping[str, Share], flavor: str, now: datetime
    ) -> Mapping[str, Share]:
        """The shares of courses with those of exams, each a course of its own.

        Always holds:
            - the same mapping comes back, the very object, until something changes in it.

        Args:
            shares: of courses; compared by ``is``.
        """
        if not self._seats:
            return shares
        held = self._held(flavor, now)
        former = self._shares.get(flavor)
        if former is not None and former[0] is shares and former[2] == held:
            return former[1]
        own = {
            share_of(id): Share(n, borrow=0, reserved=n, peak=n, exam=True)
            for id, n in held.items()
        }
        both = MappingProxyType({**shares, **own}) if own else shares
        self._shares[flavor] = shares, both, held
        return both

    def reserved_until(self, flavor: str, but: str, now: datetime) -> datetime | None:
        """When the first exam but this one that holds devices now is over, or None.

        Args:
            but: a key as in the shares.
        """
        held = (id for id in self._held(flavor, now) if share_of(id) != but)
        return min((self._seats[id].ends[-1] for id in held), default=None)

    def opening(self, flavor: str, now: datetime, grace: timedelta) -> dict[str, int]:
        """By key as in the shares, what exams hold that have begun, or begin within ``grace``."""
        soon = now + grace
        return {
            share_of(id): devices
            for id, devices in self._held(flavor, now).items()
            if self._known[id].exam.starts <= soon
        }

    def held_beside(self, exam: Exam, flavor: str) -> int:
        """Devices that other exams hold when this one begins."""
        return sum(n for id, n in self._held(flavor, exam.starts).items() if id != exam.id)

    def lead_time(self) -> timedelta:
        """How long before its start an exam holds its devices: whoever borrowed them has been warned and stopped by then."""
        return self._campus().reclaim_warning + _SHORTEST

    async def members(self, exam: Exam, at: datetime) -> dict[str, Sitting]:
        """Everybody who takes part at an instant, by the key that their requests carry."""
        found: dict[str, Sitting] = {}
        async for key, keys in in_slices((await member_keys(self._roll, exam.course)).items()):
            sitting = sitting_of(exam, keys, self._role(key, keys, exam.course, at))
            if sitting is not None:
                found[key] = sitting
        return found

    # -- changes -----------------------------------------------------------------------------------------------

    async def save(self, prepared: Prepared, entry: AuditEntry, along: Along = ALONE) -> None:
        """Keep an exam, in the place of one with the same id.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        exam = prepared.exam
        # On a thread: of two thousand who are listed by name there are as many records.
        put, gone = await asyncio.to_thread(_changes, prepared, self._known.get(exam.id))
        await along.save(self._store, put, gone, entry)
        self._known[exam.id] = prepared
        await self._changed(exam)

    async def drop(self, exam: Exam, entry: AuditEntry) -> None:
        """Keep it no longer.

        Raises:
            StoreError: it could not be written down; nothing has changed.
        """
        _, gone = await asyncio.to_thread(_changes, None, self._known[exam.id])
        await self._store.save_records((), gone, entry)
        del self._known[exam.id]
        await self._changed(exam)

    def note_address(self, hub_name: str, address: str) -> None:
        """Remember from where somebody asks for a server while there are exams; the line may start it in their place."""
        if self._live:
            self._addresses[hub_name] = address

    def take_address(self, hub_name: str) -> str:
        """From where somebody asked last, or ``""``."""
        return self._addresses.pop(hub_name, "")

    def forget(self, keys: Collection[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        for id, (exam, by, at) in self._known.items():
            listed = exam.participants
            left = replace(
                exam,
                participants=listed and listed.difference(keys),
                extra={key: time for key, time in exam.extra.items() if key not in keys},
            )
            self._known[id] = Prepared(left, stand_in if hub_name and by == hub_name else by, at)
        self._relive()

    async def look(self, sooner: Sooner) -> None:
        """Count anew who takes part, and let exams end the sessions that they end; repeating it changes nothing.

        Raises:
            StoreError: an end could not be kept; it is tried again at the next look.
        """
        await self._count()
        async for admission in in_slices(self._book.admissions()):
            if self._book.admission(admission.id) is admission:
                await self._end(admission, sooner)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _end(self, admission: Admission, sooner: Sooner) -> None:
        person = self._roll.by_hub_name(admission.hub_name)
        if admission.exam is not None:
            if person is not None and admission.ends_by is EndRule.EXAM:
                await self._end_own(admission, admission.exam, person)
            return
        sittings = self.sittings(person, ()) if person is not None else ()
        wanted = sooner.wanted(admission.id, EndRule.EXAM_START)
        end = (
            None if self._campus().exams_leave else exam_end(sittings, None, admission.reserved_at)
        )
        if end is None:
            if wanted is not None:
                await sooner.take_back(admission.id, EndRule.EXAM_START)
            return
        at = max(end.at, self._clock() + min(self._campus().warn_at, default=timedelta(0)))
        if wanted is not None:
            if end.at <= wanted <= at:
                # As it stands: an exam that began before a warning could leaves time for that one warning. Only what could
                # not be kept is tried again.
                await sooner.move(admission.id, EndRule.EXAM_START, wanted)
                return
            await sooner.take_back(admission.id, EndRule.EXAM_START)
        known = self._book.admission(admission.id)
        promised = sooner.promised(known) if known is not None else None
        if promised is None or promised.at > at:
            await sooner.move(admission.id, EndRule.EXAM_START, at)

    async def _end_own(self, admission: Admission, id: str, person: Person) -> None:
        """A server of an exam ends with its person's own end of it, also of one that a teacher has ended."""
        if (known := self._known.get(id)) is not None:
            ends = known.exam.ends_for([one.key for one in self._roll.identities(person)])
            if admission.ends_at != ends:
                await self._book.set_end(admission.id, ends, EndRule.EXAM)

    async def _changed(self, exam: Exam) -> None:
        await self._count(exam.id)
        call_all(self.on_change, exam.course, f"exam {exam.id}")

    async def _count(self, changed: str = "") -> None:
        """Who takes part in each exam that is not over, and how many devices that is; of a later one once, and when it changes.

        Args:
            changed: the id of an exam that has changed.
        """
        async with self._counting:
            self._seats = await self._counted(changed)

    async def _counted(self, changed: str) -> dict[str, _Seats]:
        self._relive()
        now, seats = self._clock(), dict[str, _Seats]()
        soon = now + self.lead_time() + _SHORTEST
        for exam in self._live:
            known = self._seats.get(exam.id)
            if known is not None and soon < exam.starts and exam.id != changed:
                seats[exam.id] = known
                continue
            granted = granted_in(exam, self._campus().profiles)
            if granted is None or not granted.amounts.devices:
                continue
            # Who is enrolled only later takes part then; before the start everybody counts who may by then.
            sittings = await self.members(exam, max(now, exam.starts))
            ends = tuple(sorted(sitting.ends for sitting in sittings.values()))
            seats[exam.id] = _Seats(granted.flavor, granted.amounts.devices, ends)
        return {id: one for id, one in seats.items() if id in self._known}

    def _relive(self) -> None:
        now = self._clock()
        left = [one.exam for one in self._known.values() if one.exam.phase(now) is not Phase.OVER]
        self._live = tuple(sorted(left, key=lambda exam: (exam.starts, exam.id)))
        if not left:
            self._addresses.clear()

    def _held(self, flavor: str, now: datetime) -> dict[str, int]:
        """Devices that each exam holds now, by its id; exams that hold none are left out."""
        found, lead = {}, self.lead_time()
        for id, (its, devices, ends) in self._seats.items():
            known = self._known.get(id)
            if its != flavor or known is None or now < known.exam.starts - lead:
                continue
            if left := devices * (len(ends) - bisect_right(ends, now)):
                found[id] = left
        return found

    def _role(self, key: str, keys: Iterable[str], course: str, at: datetime) -> CourseRole | None:
        person = self._roll.person(key)
        if person is not None:
            return self._roll.course_role(person, course, at)
        told = self._roll.exclusions.without(self._roll.told_of(keys), keys)
        return role_in((e for e in told if e.course == course), at)


def _changes(
    prepared: Prepared | None, former: Prepared | None
) -> tuple[list[Record], set[tuple[str, str]]]:
    """The records of an exam, and kinds and ids of those that were its and are no longer."""
    put = records_of(prepared) if prepared is not None else []
    before = records_of(former) if former is not None else []
    gone = {(record.kind, record.id) for record in before}
    return put, gone - {(record.kind, record.id) for record in put}
