"""Adding people to a course and keeping them out by hand, by whoever may; kept with its entry in the audit, or not done."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.pending import Pending, Waits
from jupyterhub_edu.domain.people import MANUAL, CourseRole, Enrolment, Exclusion, Person, SiteRole
from jupyterhub_edu.ports import AuditEntry, HandChanges, Record

from .finding import Found, Typed, Unreadable, fold, names_of
from .hands import Hand, hand_of
from .named import Alike, find_called, say_alike

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "MOST_PENDING",
    "ByHand",
    "ChangedSince",
    "Done",
    "NobodyKnown",
    "NotYours",
    "Several",
    "TooMany",
]

Done = Enrolment | Exclusion | Pending
"""What an act has made; what says nobody yet waits."""

_SETTLE, _WAIT = "settle", "wait"
_NOTHING_ELSE: Final = HandChanges()
MOST_PENDING: Final = 500
"""What may wait in one course."""


class NotYours(Exception):
    """Who asks may not do this in this course, or not to this person or with this role."""


class NobodyKnown(Exception):
    """Nothing was done by hand to anybody of this name, and nothing waits under it."""


class Several(Exception):
    """Several people could be meant, and none of them is chosen.

    Attributes:
        alike: people of the course who have the name that was typed; else empty, for they may be anybody.
    """

    def __init__(self, name: str = "", alike: Sequence[Alike] = ()) -> None:
        self.alike = alike
        super().__init__(say_alike(name, alike) if alike else "")


class TooMany(Exception):
    """One person has typed too much within the hour, or too much waits in the course."""


class ChangedSince(Exception):
    """Something else stands by hand of this person than the actor was shown."""


class ByHand:
    """What one member of staff does in one course.

    Always holds:
        - nobody gives a role as high as their own, nor excludes somebody who has one or lets them in again, administrators
          apart;
        - what is done survives every answer and every roster;
        - an act that cannot be written down is not done;
        - what waits is decided anew when it is settled, by what its author may do then.

    Args:
        address: network address of the actor, for the audit.
        seen: tag of what stood by hand of the person whom an act concerns, as the actor was shown it; None: nothing was.
    """

    def __init__(
        self, core: Core, actor: Person, course: str, address: str = "", seen: str | None = None
    ) -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address
        self._seen = seen

    async def enrol(
        self,
        who: str,
        role: CourseRole,
        *,
        starts: datetime | None = None,
        ends: datetime | None = None,
        why: str = "",
    ) -> Done:
        """Enrol somebody, also one who has never logged in.

        Args:
            who: hub account, key, login or number, the latter two also as ``source:...``; or the name of somebody
                who is in the course.

        Raises:
            NotYours, Several, TooMany, ChangedSince: see the classes.
            Unreadable: nobody can be called so.
            StoreError: it could not be kept; nothing was done.
        """
        return await self._act("enrol", self._wish(who, role, starts, ends, why))

    async def exclude(self, who: str, *, until: datetime | None = None, why: str = "") -> Done:
        """Keep somebody out, whatever any origin says.

        Raises:
            NotYours, Several, TooMany, ChangedSince, Unreadable, StoreError: as for ``enrol``.
        """
        return await self._act("exclude", self._wish(who, None, None, until, why))

    async def change(
        self,
        key: str,
        role: CourseRole | None,
        *,
        starts: datetime | None = None,
        ends: datetime | None = None,
        why: str = "",
    ) -> None:
        """Put this in the place of what stands by hand of somebody known: nobody is looked for.

        Args:
            key: of the person.
            role: what they are to be; None: they are kept out, and what they were given stays for when they no longer are.

        Raises:
            NotYours, ChangedSince, StoreError: as for ``enrol``; nothing was done.
        """
        roll, keys = self._core.roll, self.keys_of(key)
        async with self._turn():
            hand = hand_of(roll, self._course, keys)
            self._require_seen(hand)
            self.require_may_do(role, key)
            new: Enrolment | Exclusion
            former: Sequence[Enrolment | Exclusion]
            by = self._actor.hub_name
            if role is None:
                new, former = Exclusion(key, self._course, by, why, ends), hand.exclusions
            else:
                for one in hand.roles:
                    self.require_above(one)
                sections = frozenset[str]().union(*(one.sections for one in hand.enrolments))
                place = (key, self._course, role, MANUAL)
                new = Enrolment(*place, starts, ends, by=by, sections=sections, why=why)
                former = hand.enrolments
            details = {**({"role": str(role)} if role else {}), "why": why, "before": hand.words}
            entry = self._entry("enrol" if role else "exclude", key, details)
            drop = [one for one in former if one != new]
            await roll.change_by_hand(HandChanges(put=[new], drop=drop, entries=[entry]))

    async def admit(
        self,
        key: str,
        act: str,
        *,
        sections: frozenset[str] = frozenset(),
        starts: datetime | None = None,
        ends: datetime | None = None,
        why: str = "",
        records: Sequence[Record] = (),
        forget: Sequence[tuple[str, str]] = (),
    ) -> Enrolment:
        """Enrol somebody known as a student, who came by themselves: nobody is looked for.

        Args:
            key: of the person.
            act: for the audit.
            records, forget: kept in the same step, as in ``HandChanges``.

        Raises:
            NotYours, StoreError: as for ``enrol``.
        """
        wish = self._wish(key, CourseRole.STUDENT, starts, ends, why)
        async with self._turn():
            self.require_may_do(wish.role, key)
            also = HandChanges(records=records, forget=forget)
            return await self._add(act, wish, CourseRole.STUDENT, Found(key), sections, also)

    async def settle(self, pending: Pending, found: Found) -> None:
        """Do what has waited, for whoever typed it. What was done to the person by hand meanwhile stands.

        Raises:
            NotYours: they may not do it, or not any more; it goes on waiting.
            StoreError: it goes on waiting.
        """
        async with self._turn():
            self.require_may_do(pending.role, found.key)
            entries = self._core.roll.pending
            if not entries.take(pending):
                return
            try:
                await self._do(_SETTLE, pending, found, [pending])
            except BaseException:
                entries.put_back(pending)
                raise

    async def take_back(self, who: str) -> None:
        """Undo what was done by hand: enrolments and the exclusion of one person in this course, and what waits.

        Args:
            who: as for ``enrol``, or the id of what waits.

        Raises:
            NobodyKnown: see the class.
            NotYours, Several, TooMany, ChangedSince, StoreError: as for ``enrol``.
        """
        self.require_above(None)
        roll, name = self._core.roll, fold(who)
        waiting = [
            one
            for one in roll.pending.in_course(self._course)
            if who == one.id or name == fold(one.typed)
        ]
        keys = await self._keys_by_hand(who, ask=not waiting)
        async with self._turn():
            hand = hand_of(roll, self._course, keys)
            self._require_seen(hand)
            waiting = [one for one in waiting if roll.pending.has(one)]
            for pending in waiting:
                self.require_above(pending.role)
            if hand:
                self.require_may_undo(hand, keys[0])
            if not (waiting or hand):
                raise NobodyKnown(who)
            entries = [self._entry("take-back", "", {"pending": one.id}) for one in waiting]
            if hand:
                entries.append(self._entry("take-back", keys[0], {"before": hand.words}))
            drop: list[Enrolment | Exclusion | Pending] = [*waiting, *hand.enrolments]
            drop += hand.exclusions
            await roll.change_by_hand(HandChanges(drop=drop, entries=entries))

    # -- who is meant ------------------------------------------------------------------------------------------

    async def _find(self, typed: Typed) -> Found | Waits:
        is_admin = self._core.roll.site_role(self._actor) is SiteRole.ADMIN
        if not (is_admin or self._core.tries.take(self._actor.hub_name)):
            raise TooMany
        found = await self._core.finder.find(typed)
        if found is Waits.SEVERAL:
            raise Several
        return found

    async def _find_called(self, name: str) -> Found | Waits:
        """Who of the course, and of it alone, is known by this name.

        Raises:
            Several: see the class.
        """
        alike = await find_called(self._core.roll, self._course, name)
        if len(alike) > 1:
            raise Several(name, alike)
        return Found(alike[0].key) if alike else Waits.NOBODY

    async def _keys_by_hand(self, who: str, *, ask: bool) -> list[str]:
        """Keys of the one person of this name to whom something was done by hand in this course.

        Raises:
            Several, TooMany: see the classes.
        """
        roll, name = self._core.roll, fold(who)
        people = {tuple(self.keys_of(key)) for key in roll.keys_by_hand(self._course)}
        found = [keys for keys in people if any(name in names_of(roll, key) for key in keys)]
        if not found and ask:
            # What was typed may be a number, which only its source remembers.
            try:
                answer = await self._find(self._core.finder.parse(who))
            except Unreadable:
                return []
            found = [keys for keys in people if isinstance(answer, Found) and answer.key in keys]
        if len(found) > 1:
            raise Several
        return list(found[0]) if found else []

    def keys_of(self, key: str) -> list[str]:
        """The keys of all identities of somebody."""
        person = self._core.roll.person(key)
        return [one.key for one in self._core.roll.identities(person)] if person else [key]

    # -- what may be done --------------------------------------------------------------------------------------

    def require_may_do(self, role: CourseRole | None, key: str) -> None:
        """Make sure that the actor may give this role to this person now, or without one keep them out.

        Raises:
            NotYours: see the class.
        """
        self.require_above(role)
        if role is None:
            for one in self._core.roll.told_of(self.keys_of(key)):
                if one.course == self._course:
                    self.require_above(one.role)

    def require_may_undo(self, hand: Hand, key: str) -> None:
        """Make sure that the actor may do away with this, or put it back: an exclusion hides the roles that others give.

        Raises:
            NotYours: see the class.
        """
        for role in hand.roles:
            self.require_above(role)
        if hand.exclusions:
            self.require_may_do(None, key)

    def require_above(self, role: CourseRole | None) -> None:
        """Make sure that the actor may add and exclude here, and is above this role.

        Raises:
            NotYours: see the class.
        """
        if not self._core.may(Act.ENROL, self._actor, self._course):
            raise NotYours
        own, site = self._core.roles(self._actor, self._course)
        is_above = role is None or (own is not None and own > role)
        if site is not SiteRole.ADMIN and not is_above:
            raise NotYours

    def _require_seen(self, hand: Hand) -> None:
        if self._seen is not None and hand.tag != self._seen:
            raise ChangedSince

    # -- doing it ----------------------------------------------------------------------------------------------

    def _turn(self) -> asyncio.Lock:
        """Nobody else changes anything by hand in the course meanwhile."""
        return self._core.roll.turn_by_hand(self._course)

    def _wish(
        self,
        who: str,
        role: CourseRole | None,
        starts: datetime | None,
        ends: datetime | None,
        why: str,
    ) -> Pending:
        id, by, now = uuid.uuid4().hex, self._actor.hub_name, self._core.clock()
        return Pending(id, self._course, who, role, by, now, Waits.NOBODY, starts, ends, why)

    async def _act(self, act: str, wish: Pending) -> Done:
        self.require_above(wish.role)
        typed = self._core.finder.parse(wish.typed)
        wish = replace(wish, typed=typed.text)
        found = await self._find(typed)
        if found is Waits.NOBODY and typed.source is None:
            found = await self._find_called(typed.text)
        async with self._turn():
            former = self._core.roll.pending.find(self._course, wish.typed, wish.role)
            if isinstance(found, Waits):
                return await self._wait(replace(wish, waits=found), former)
            self.require_may_do(wish.role, found.key)
            self._require_seen(hand_of(self._core.roll, self._course, self.keys_of(found.key)))
            return await self._do(act, wish, found, [former] if former is not None else [])

    async def _wait(self, wish: Pending, former: Pending | None) -> Pending:
        """Let it wait, in the place of what waits already under the same."""
        self.require_above(wish.role)
        entries = self._core.roll.pending
        if former is not None:
            wish = replace(wish, id=former.id)
        elif len(entries.in_course(self._course)) >= MOST_PENDING:
            raise TooMany
        entry = self._entry(_WAIT, "", _details(_WAIT, wish))
        await self._core.roll.change_by_hand(HandChanges(put=[wish], entries=[entry]))
        return wish

    async def _do(self, act: str, wish: Pending, found: Found, over: Sequence[Pending]) -> Done:
        """Do it, once for all identities of the person, and write it down; what waited for it is over in the same step."""
        if wish.role is not None:
            return await self._add(act, wish, wish.role, found, also=HandChanges(drop=over))
        roll, keys = self._core.roll, self.keys_of(found.key)
        entry = self._entry(act, found.key, _details(act, wish))
        exclusion = Exclusion(found.key, self._course, wish.by, wish.why, wish.ends)
        excluded = roll.exclusions.find(keys, self._course)
        stays = act == _SETTLE and excluded and exclusion not in excluded
        put = [] if stays else [exclusion]
        await roll.change_by_hand(HandChanges(put=put, drop=over, entries=[entry]))
        return exclusion

    async def _add(
        self,
        act: str,
        wish: Pending,
        role: CourseRole,
        found: Found,
        sections: frozenset[str] = frozenset(),
        also: HandChanges = _NOTHING_ELSE,
    ) -> Enrolment:
        """The same, of an enrolment.

        Args:
            also: what is changed in the same step.
        """
        roll, keys = self._core.roll, self.keys_of(found.key)
        place = (self._course, role, MANUAL)
        former = [e for e in roll.told_of(keys) if (e.course, e.role, e.origin) == place]
        details = _details(act, wish)
        if former:
            details["before"] = Hand(tuple(former)).words
        entry = self._entry(act, found.key, details)
        enrolment = Enrolment(
            found.key,
            *place,
            wish.starts,
            wish.ends,
            by=wish.by,
            sections=sections.union(*(one.sections for one in former)),
            why=wish.why,
        )
        # One that is the same may be of a settling that could not be kept.
        if act == _SETTLE and former and enrolment not in former:
            await roll.change_by_hand(replace(also, entries=[entry]))
            return enrolment
        drop = [*also.drop, *(one for one in former if one.person != found.key)]
        listed = [found.listed] if found.listed is not None else []
        await roll.change_by_hand(
            replace(also, put=[enrolment], drop=drop, listed=listed, entries=[entry])
        )
        return enrolment

    def _entry(self, act: str, key: str, details: dict[str, str]) -> AuditEntry:
        person = self._core.roll.person(key)
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            target=person.hub_name if person else key,
            address=self._address,
            details={**details},
        )


def _details(act: str, wish: Pending) -> dict[str, str]:
    return {
        **({"pending": wish.id} if act in (_SETTLE, _WAIT) else {}),
        **({"role": str(wish.role)} if wish.role else {}),
        "why": wish.why,
    }
