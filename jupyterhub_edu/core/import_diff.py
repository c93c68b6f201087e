"""What a list of people would do in a course: worked out from how things stand, changing nothing."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.pending import Pending, Waits
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Exclusion,
    Listed,
    Person,
)
from jupyterhub_edu.wire.tags import tag_of

from .by_hand import ByHand, NotYours
from .finding import Found
from .hands import NOTHING, Hand, hand_of
from .imports import PeopleList
from .people_file import Column, Wish
from .slices import in_slices

if TYPE_CHECKING:
    from .app import Core

__all__ = ["Comparing", "Diff", "Kind", "Row"]


class Kind(StrEnum):
    """What a line comes to."""

    ADDED = "added"
    CHANGED = "changed"
    EXCLUDED = "excluded"
    REMOVED = "removed"
    WAITS = "not-found"
    UNCHANGED = "unchanged"
    SEVERAL = "several"
    TWICE = "twice"
    KEPT_OUT = "kept-out"
    NOT_YOURS = "not-yours"


DOES: Final = frozenset({Kind.ADDED, Kind.CHANGED, Kind.EXCLUDED, Kind.REMOVED, Kind.WAITS})
"""What is done of a list; everything else is left alone."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one line would do, or for one person who stands on none. All text is hostile.

    Attributes:
        line: of the file; None: they are in no line, and are taken back.
        typed: as in the file.
        key, login, name: of whom is meant, or ``""``.
        before, after: what stands of them by hand.
        role: what they are in the course now, by any origin, or None.
        pending: what would wait.
        waits: why it does, or did already.
    """

    line: int | None
    typed: str
    kind: Kind
    key: str = ""
    login: str = ""
    name: str = ""
    role: CourseRole | None = None
    before: Hand = NOTHING
    after: Hand = NOTHING
    listed: Listed | None = None
    pending: Pending | None = None
    waits: Waits | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """What a list would do now.

    Attributes:
        rows: in the order of the file, then those who are in no line.
        spares: nobody is taken back, because some lines do not say for certain who they mean.
        tag: another one for any other diff.
    """

    rows: Sequence[Row]
    spares: bool
    tag: str

    @property
    def does(self) -> list[Row]:
        """The rows that change something."""
        return [row for row in self.rows if row.kind in DOES]


class Comparing:
    """Compares the lists of one member of staff with how one course stands."""

    def __init__(self, core: Core, actor: Person, course: str) -> None:
        self._core, self._actor, self._course = core, actor, course
        self._by_hand = ByHand(core, actor, course)
        self._waiting: dict[tuple[str, CourseRole | None], Pending] = {}

    async def compare(self, listing: PeopleList) -> Diff:
        """What a list whose people have been looked for would do now."""
        first: dict[str, Wish] = {}
        self._waiting = {
            (one.typed.casefold(), one.role): one
            for one in self._core.roll.pending.in_course(self._course)
        }
        wishes = in_slices(listing.sheet.wishes)
        rows = [self._row(wish, listing, first) async for wish in wishes]
        unsure = any(r.kind in (Kind.SEVERAL, Kind.TWICE) or r.waits is Waits.SILENT for r in rows)
        if listing.remove and not unsure:
            rows += await self._removed(set(first))
        digest = hashlib.sha256()
        async for row in in_slices(rows):
            digest.update(tag_of(_shown(row)).encode())
        return Diff(rows, listing.remove and unsure, digest.hexdigest()[:32])

    def _row(self, wish: Wish, listing: PeopleList, first: dict[str, Wish]) -> Row:
        found = listing.found[wish.typed]
        if found is Waits.SEVERAL:
            return Row(wish.line, wish.typed, Kind.SEVERAL)
        if isinstance(found, Waits):
            return self._waits(wish, found)
        keys = self._by_hand.keys_of(found.key)
        hand = hand_of(self._core.roll, self._course, keys)
        told = [e for e in self._core.roll.told_of(keys) if e.course == self._course]
        row = self._named(wish, found, hand, told)
        if first.setdefault(keys[0], wish) is not wish:
            return replace(row, kind=Kind.TWICE)
        try:
            self._by_hand.require_may_do(wish.role, found.key)
            row = self._excluded(row, wish, listing) if wish.role is None else row
            if wish.role is not None:
                row = self._enrolled(row, wish, wish.role, told, listing)
            for role in {*row.before.roles} - {*row.after.roles} if row.kind in DOES else ():
                self._by_hand.require_above(role)
        except NotYours:
            return replace(row, kind=Kind.NOT_YOURS, after=hand)
        return row

    def _named(self, wish: Wish, found: Found, hand: Hand, told: Sequence[Enrolment]) -> Row:
        known = self._core.roll.known(found.key)
        called = known or found.listed
        return Row(
            wish.line,
            wish.typed,
            Kind.UNCHANGED,
            found.key,
            called.login if called else "",
            called.name if called else "",
            max((one.role for one in told), default=None),
            hand,
            hand,
            None if known else found.listed,
        )

    def _waits(self, wish: Wish, why: Waits) -> Row:
        typed = self._core.finder.read(wish.typed).text
        if (former := self._waiting.get((typed.casefold(), wish.role))) is not None:
            return Row(wish.line, wish.typed, Kind.UNCHANGED, waits=former.waits)
        try:
            self._by_hand.require_above(wish.role)
        except NotYours:
            return Row(wish.line, wish.typed, Kind.NOT_YOURS, waits=why)
        pending = Pending(
            uuid.uuid4().hex,
            self._course,
            typed,
            wish.role,
            self._actor.hub_name,
            self._core.clock(),
            why,
            wish.starts,
            wish.ends,
            wish.why,
        )
        return Row(wish.line, wish.typed, Kind.WAITS, pending=pending, waits=why)

    def _excluded(self, row: Row, wish: Wish, listing: PeopleList) -> Row:
        says = listing.sheet.columns
        former = next(iter(row.before.exclusions), None)
        until = wish.ends if former is None or Column.ENDS in says else former.until
        why = wish.why if former is None or wish.why else former.why
        if former is not None and (former.until, former.why) == (until, why):
            return row
        exclusion = Exclusion(row.key, self._course, self._actor.hub_name, why, until)
        kind = Kind.EXCLUDED if former is None else Kind.CHANGED
        return replace(row, kind=kind, after=replace(row.before, exclusions=(exclusion,)))

    def _enrolled(
        self,
        row: Row,
        wish: Wish,
        role: CourseRole,
        told: Sequence[Enrolment],
        listing: PeopleList,
    ) -> Row:
        now, mine = self._core.clock(), row.before.enrolments
        if any(one.until is None or one.until > now for one in row.before.exclusions):
            return replace(row, kind=Kind.KEPT_OUT)
        if not mine and wish.starts is None and wish.ends is None and _is_in(told, role, now):
            return row
        wanted = self._enrolment(row, wish, role, listing)
        if len(mine) == 1 and replace(wanted, by=mine[0].by) == mine[0]:
            return row
        kind = Kind.CHANGED if told else Kind.ADDED
        return replace(row, kind=kind, after=replace(row.before, enrolments=(wanted,)))

    def _enrolment(self, row: Row, wish: Wish, role: CourseRole, listing: PeopleList) -> Enrolment:
        """As it will be; what the list has no column for stays as it is."""
        says, mine = listing.sheet.columns, row.before.enrolments
        former = next((one for one in mine if one.role is role), mine[0] if mine else None)
        new = Enrolment(
            row.key,
            self._course,
            role,
            MANUAL,
            wish.starts,
            wish.ends,
            by=self._actor.hub_name,
            sections=frozenset[str]().union(*(one.sections for one in mine)),
            why=wish.why,
        )
        if former is None:
            return new
        return replace(
            new,
            person=former.person,
            starts=new.starts if Column.STARTS in says else former.starts,
            ends=new.ends if Column.ENDS in says else former.ends,
            why=new.why or former.why,
        )

    async def _removed(self, named: set[str]) -> list[Row]:
        """Who was added by hand and is in no line, as far as the actor may take them back."""
        roll, rows, seen = self._core.roll, list[Row](), set(named)
        async for key in in_slices(sorted(roll.keys_by_hand(self._course))):
            keys = self._by_hand.keys_of(key)
            hand = hand_of(roll, self._course, keys)
            if keys[0] in seen or not hand.enrolments:
                continue
            seen.add(keys[0])
            told = [e for e in roll.told_of(keys) if e.course == self._course]
            row = self._named(Wish(0, "", None), Found(key), hand, told)
            try:
                for role in hand.roles:
                    self._by_hand.require_above(role)
            except NotYours:
                continue
            after = replace(hand, enrolments=())
            rows.append(replace(row, line=None, kind=Kind.REMOVED, after=after))
        return rows


def _is_in(told: Iterable[Enrolment], role: CourseRole, now: datetime) -> bool:
    """Whether somebody has this role or a stronger one already, from now on and without an end."""
    return any(
        one.role >= role and one.ends is None and (one.starts is None or one.starts <= now)
        for one in told
    )


def _shown(row: Row) -> list[object]:
    """What tells one row from another; not who would be its author, and no new ids."""
    pending = row.pending
    dates = [str(pending.starts), str(pending.ends), pending.why] if pending else []
    waits = [str(row.waits), *dates]
    return [row.line, row.typed, str(row.kind), row.key, row.before.tag, row.after.tag, waits]
