"""Lists of people that staff hand in for a course: whom they mean, what they would change, doing exactly that, and undoing it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.pending import Waits
from jupyterhub_edu.domain.people import (
    Enrolment,
    Exclusion,
    Person,
    SiteRole,
)
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry, HandChanges

from .by_hand import MOST_PENDING, ByHand, TooMany
from .finding import Found, Typed, Unreadable, fold
from .hands import hand_of
from .import_diff import Comparing, Diff, Kind, Row
from .imports import KIND, Applied, PeopleList, Step, Undone, records_of
from .people_file import Sheet
from .slices import in_slices

if TYPE_CHECKING:
    from .app import Core

__all__ = ["Importing", "ListChanged", "NoSuchList"]

_log = logging.getLogger(__name__)
_ASKED_AT_ONCE: Final = 8
"""People whom the sources are asked about at a time."""
_LONGEST_SECONDS: Final = 900.0


_ACTS: Final = {
    Kind.ADDED: "enrol",
    Kind.CHANGED: "enrol",
    Kind.EXCLUDED: "exclude",
    Kind.REMOVED: "take-back",
    Kind.WAITS: "wait",
}


class NoSuchList(Exception):
    """Whoever asks has handed in no such list here, or it is too old, or what it did cannot be undone any more."""


class ListChanged(Exception):
    """Since the actor was shown what the list would do, it would do something else.

    Attributes:
        diff: what it would do now.
    """

    def __init__(self, diff: Diff) -> None:
        super().__init__()
        self.diff = diff


class Importing:
    """What one member of staff does with lists in one course.

    Always holds:
        - looking at a list changes nothing but the audit;
        - what is applied is exactly the diff that was shown, all of it or nothing, with an entry for each person;
        - nobody is chosen where several could be meant, and nobody does by a list what they may not do one by one.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address
        self._by_hand = ByHand(core, actor, course, address)
        self._comparing = Comparing(core, actor, course)

    async def begin(self, sheet: Sheet, *, remove: bool) -> PeopleList:
        """Look for everybody in a list; goes on in the background.

        Args:
            remove: whoever was added by hand and is not in it is to be taken back.

        Raises:
            NotYours, TooMany: as in ``by_hand``.
            StoreError: it could not be written down.
        """
        self._by_hand.require_above(None)
        core, by = self._core, self._actor.hub_name
        names = [fold(wish.typed) for wish in sheet.wishes]
        is_admin = core.roll.site_role(self._actor) is SiteRole.ADMIN
        if not (is_admin or core.imports.may_name(by, names)):
            raise TooMany
        now = core.clock()
        found = PeopleList(uuid.uuid4().hex, self._course, by, now, sheet, remove)
        details: dict[str, str | int | None] = {"import": found.id, "people": len(sheet.wishes)}
        await core.store.append_audit(self._entry("read-list", "", details))
        core.imports.open(found)
        found.task = asyncio.create_task(self._look(found))
        return found

    def find(self, id: str) -> PeopleList:
        """A list of the actor's own.

        Raises:
            NotYours, NoSuchList: see the classes.
        """
        self._by_hand.require_above(None)
        found = self._core.imports.find_open(self._course, id, self._actor.hub_name)
        if found is None:
            raise NoSuchList
        return found

    async def compare(self, listing: PeopleList) -> Diff:
        """What a list whose people have been looked for would do now."""
        return await self._comparing.compare(listing)

    async def apply(self, listing: PeopleList, seen: str) -> Applied:
        """Do what was shown.

        Args:
            seen: tag of the diff that the actor was shown.

        Raises:
            ListChanged: see the class; nothing was done.
            NotYours, TooMany: as in ``by_hand``.
            StoreError: nothing was done.
        """
        core = self._core
        async with core.roll.turn_by_hand(self._course):
            self.find(listing.id)
            diff = await self.compare(listing)
            if diff.tag != seen:
                raise ListChanged(diff)
            waits = [row.pending for row in diff.does if row.pending is not None]
            if len(waits) + len(core.roll.pending.in_course(self._course)) > MOST_PENDING:
                raise TooMany
            applied = self._applied(listing.id, diff)
            entries = [self._entry_of(listing.id, row) async for row in in_slices(diff.does)]
            await core.roll.change_by_hand(
                HandChanges(
                    put=[*_new(applied.steps.values()), *waits],
                    drop=[*_old(applied.steps.values())],
                    listed=[row.listed for row in diff.does if row.listed is not None],
                    records=[one async for one in in_slices(records_of(applied))],
                    entries=entries,
                )
            )
            core.imports.note(applied)
            core.imports.shut(listing)
        return applied

    async def undo(self, id: str) -> Undone:
        """Put back what a list has changed, where nothing else was done since.

        Raises:
            NoSuchList: see the class.
            NotYours: as in ``by_hand``; nothing was undone.
            StoreError: nothing was undone.
        """
        core = self._core
        self._by_hand.require_above(None)
        async with core.roll.turn_by_hand(self._course):
            applied = next((one for one in core.imports.of(self._course) if one.id == id), None)
            if applied is None:
                raise NoSuchList
            back = [self._back(step) async for step in in_slices(applied.steps.values())]
            done = [one for one in back if one is not None]
            waiting = [core.roll.pending.by_id(self._course, one.pending) for one in done]
            dropped = [one for one in waiting if one is not None]
            await core.roll.change_by_hand(
                HandChanges(
                    put=[*_new(done)],
                    drop=[*_old(done), *dropped],
                    forget=[(KIND, one) for one in applied.steps],
                    entries=[self._entry_back(id, one) async for one in in_slices(done)],
                )
            )
            undone = Undone(len(done), len(back) - len(done))
            core.imports.note_undone(applied, undone)
        return undone

    # -- looking for everybody ---------------------------------------------------------------------------------

    async def _look(self, listing: PeopleList) -> None:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await self._find_all(listing)
        except TimeoutError:
            listing.failed = say(
                "The sources take too long to say who everybody is. Try a shorter list."
            )
        except Exception:
            _log.exception("the list %s could not be looked at", listing.id)
            listing.failed = say("Something went wrong on the hub; its log says what.")

    async def _find_all(self, listing: PeopleList) -> None:
        finder, silent, roll = self._core.finder, set[str](), self._core.roll
        here = roll.keys_in(self._course) | roll.keys_by_hand(self._course)
        typed: dict[str, Typed] = {}
        async for wish in in_slices(listing.sheet.wishes):
            if wish.typed in here:  # a key, as our own lists have it: nobody need be asked
                listing.found[wish.typed] = Found(wish.typed)
                listing.done += 1
                continue
            try:
                typed[wish.typed] = finder.parse(wish.typed)
            except Unreadable:
                listing.found[wish.typed] = Waits.NOBODY
                listing.done += 1
        known = await finder.known(typed.values(), waiting=False)
        left = iter(typed.items())

        async def ask_on() -> None:
            for text, one in left:
                listing.found[text] = await finder.decide(one, known[one], silent)
                listing.done += 1
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for _ in range(_ASKED_AT_ONCE):
                group.create_task(ask_on())

    # -- doing and undoing it ----------------------------------------------------------------------------------

    def _applied(self, id: str, diff: Diff) -> Applied:
        steps = {
            f"{id}-{number:05}": Step(
                row.key, row.before, row.after, row.pending.id if row.pending else ""
            )
            for number, row in enumerate(diff.does)
        }
        return Applied(id, self._course, self._actor.hub_name, self._core.clock(), steps)

    def _back(self, step: Step) -> Step | None:
        """The way back, or None where something else was done since."""
        roll = self._core.roll
        if step.pending:
            waiting = roll.pending.by_id(self._course, step.pending)
            if waiting is not None:
                self._by_hand.require_above(waiting.role)
            return step if waiting else None
        if hand_of(roll, self._course, self._by_hand.keys_of(step.key)) != step.after:
            return None
        for hand in (step.before, step.after):
            self._by_hand.require_may_undo(hand, step.key)
        return Step(step.key, step.after, step.before)

    def _entry_of(self, id: str, row: Row) -> AuditEntry:
        details: dict[str, str | int | None] = {"import": id}
        if row.line is not None:
            details["line"] = row.line
        if row.pending is not None:
            details["pending"] = row.pending.id
            why, role = row.pending.why, row.pending.role
        else:
            details |= {"before": row.before.words, "after": row.after.words}
            reasons = [
                *(e.why for e in row.after.exclusions),
                *(e.why for e in row.after.enrolments),
            ]
            why = reasons[0] if reasons else ""
            role = max(row.after.roles, default=None)
        details["why"] = why
        if role is not None:
            details["role"] = str(role)
        return self._entry(_ACTS[row.kind], row.key, details)

    def _entry_back(self, id: str, step: Step) -> AuditEntry:
        details: dict[str, str | int | None] = {"import": id}
        if step.pending:
            details["pending"] = step.pending
        else:
            details |= {"before": step.before.words, "after": step.after.words}
        return self._entry("undo-import", step.key, details)

    def _entry(self, act: str, key: str, details: dict[str, str | int | None]) -> AuditEntry:
        person = self._core.roll.person(key)
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            target=person.hub_name if person else key,
            address=self._address,
            details=details,
        )


def _new(steps: Iterable[Step]) -> Iterable[Enrolment | Exclusion]:
    for step in steps:
        yield from (one for one in step.after.enrolments if one not in step.before.enrolments)
        yield from (one for one in step.after.exclusions if one not in step.before.exclusions)


def _old(steps: Iterable[Step]) -> Iterable[Enrolment | Exclusion]:
    """What is there no longer; what is replaced by its like need not be removed, but may."""
    for step in steps:
        yield from (one for one in step.before.enrolments if one not in step.after.enrolments)
        yield from (one for one in step.before.exclusions if one not in step.after.exclusions)
