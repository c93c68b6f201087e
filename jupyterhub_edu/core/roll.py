"""Who is who, and who is in which course: enrolments merged by origin.

Memory is changed first and in one step, then the store; so two logins at once cannot take one account, and a negative
answer binds even while the store is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import role_in
from jupyterhub_edu.domain.names import course_group, site_group
from jupyterhub_edu.domain.outside import SITE, course_of, enrolment_of
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Exclusion,
    Identity,
    Listed,
    Person,
    Roster,
    SiteRole,
    source_origin,
)
from jupyterhub_edu.domain.rules import map_identity
from jupyterhub_edu.ports import Gone, HandChanges, Store

from .entries import Entries
from .exclusions import Exclusions
from .linking import compared, find_linked
from .listeners import call_all
from .pending import PendingEntries
from .placed import Placed
from .rosters import Comparison, Rosters
from .slices import in_slices
from .told import PersonalAnswer, Told

__all__ = ["NameTaken", "Roll"]


class NameTaken(Exception):
    """The hub account belongs to somebody else, or to nobody that we know; nothing was linked."""


class Roll:
    """People and their enrolments.

    A Person that is handed in says who is meant; what they are and may is answered as it is now.
    """

    def __init__(self, campus: Callable[[], Campus], store: Store) -> None:
        self._campus, self._store = campus, store
        self._people: dict[str, Person] = {}
        self._accounts: dict[str, tuple[str, ...]] = {}
        self._told = Told()
        self.entries = Entries(campus, store)
        self.exclusions = Exclusions()
        self.placed = Placed(store, self._changed)
        self.pending = PendingEntries(store)
        self._turns_by_hand: dict[str, asyncio.Lock] = {}
        self.rosters = Rosters(self._told, self._people, store, self._changed)
        self.on_change: list[Callable[[Person], None]] = []

    async def load(self) -> None:
        """Read the store; called once, before anything else."""
        async for person in in_slices(await self._store.load_people()):
            self._place(person)
        await self.rosters.load()
        async for enrolment in in_slices(await self._store.load_enrolments()):
            self._told.add(self.rosters.as_of(enrolment))
        await self.exclusions.load(self._store)
        await self.placed.load()
        await self.pending.load()
        await self.entries.load()

    # -- people ------------------------------------------------------------------------------------------------

    def person(self, key: str) -> Person | None:
        """The person with this key."""
        return self._people.get(key)

    def known(self, key: str) -> Person | Listed | None:
        """The person with this key, or whom a roster names by it and who has never logged in."""
        return self._people.get(key) or self.rosters.listed(key)

    def by_hub_name(self, hub_name: str) -> Person | None:
        """The person linked to this hub account; of several identities the first, unless its source says they are gone."""
        found = [self._people[key] for key in self._accounts.get(hub_name, ())]
        return next((person for person in found if person.active), found[0] if found else None)

    def name_of(self, hub_name: str) -> str:
        """What people call whoever has this hub account; the account itself where no name is known."""
        person = self.by_hub_name(hub_name)
        return (person.name if person is not None else "") or hub_name

    def identities(self, person: Person) -> tuple[Person, ...]:
        """All identities that share this person's hub account, the one whose own it is first."""
        keys = self._accounts.get(person.hub_name, ())
        return tuple(map(self._people.__getitem__, keys)) if person.key in keys else (person,)

    def keys_of(self, key: str) -> tuple[str, ...]:
        """Keys of all identities that share the hub account of this one, with it; of who never logged in their own."""
        person = self._people.get(key)
        keys = self._accounts.get(person.hub_name, ()) if person else ()
        return keys if key in keys else (key,)

    def people(self) -> Iterable[Person]:
        """Everybody ever linked."""
        return self._people.values()

    def find_linked(self, identity: Identity) -> Person | None:
        """Whose hub account somebody shares who comes for the first time, by a link rule of the campus file."""
        return find_linked(self._campus().links, identity, self._people.values())

    def site_role(self, person: Person) -> SiteRole | None:
        """The highest site role of the person's identities now; admin only by a pinned entry of the campus file."""
        active = [one for one in self.identities(person) if one.active]
        if any(self.entries.is_one_of(one.key, self._campus().admins) for one in active):
            return SiteRole.ADMIN
        return max((one.site_role for one in active if one.site_role is not None), default=None)

    def was_named(self, person: Person) -> bool:
        """Whether an entry of the campus file, present or former, is pinned to this person."""
        return any(self.entries.has(one.key) for one in self.identities(person))

    # -- enrolments --------------------------------------------------------------------------------------------

    def enrolments(self, person: Person) -> Sequence[Enrolment]:
        """All enrolments of a person's identities, from every origin, less what exclusions keep them out of, with all sections.

        None of an identity counts while its source says that it is gone.
        """
        found: list[Enrolment] = []
        identities = self.identities(person)
        for one in identities:
            if one.active:
                found += self._told.of(one.key)
                if self.entries.has(one.key):
                    found += self.entries.enrolments(one.key)
        keys = [one.key for one in identities]
        return self.placed.added_to(self.exclusions.without(found, keys), keys)

    def enrolments_in(self, person: Person, course: str) -> tuple[Enrolment, ...]:
        """This person's enrolments in one course."""
        if course == SITE:
            return self._outside(person)
        return tuple([e for e in self.enrolments(person) if e.course == course])

    def course(self, person: Person | None, id: str) -> Course | None:
        """A course of the campus; by the name of ``SITE`` what this person may start outside any."""
        campus = self._campus()
        if id != SITE or person is None:
            return campus.courses.get(id)
        role = self.site_role(person)
        profiles = campus.no_course.get(role) if role is not None else None
        return course_of(role, profiles) if role is not None and profiles else None

    def course_role(self, person: Person, course: str, now: datetime) -> CourseRole | None:
        """The strongest role in a course now, or None."""
        return role_in(self.enrolments_in(person, course), now)

    def courses(self, person: Person, now: datetime) -> dict[str, CourseRole]:
        """The courses that exist in the campus with the person's role in each now, in the campus file's order."""
        found: dict[str, list[Enrolment]] = {}
        for e in self.enrolments(person):
            found.setdefault(e.course, []).append(e)
        roles = {course: role_in(enrolments, now) for course, enrolments in found.items()}
        ordered = {course: roles[course] for course in self._campus().courses if course in roles}
        return {course: role for course, role in ordered.items() if role is not None}

    def hub_groups(self, person: Person, now: datetime) -> frozenset[str]:
        """The hub groups that are ours for this person now."""
        groups = {course_group(course, role) for course, role in self.courses(person, now).items()}
        if (site := self.site_role(person)) is not None:
            groups.add(site_group(site))
        return frozenset(groups)

    # -- answers -----------------------------------------------------------------------------------------------

    async def learn(self, identity: Identity, hub_name: str) -> Person:
        """Take in a complete answer.

        Always holds:
            - only this source's own enrolments are replaced; manual ones and the file's stay;
            - what the source did not say stays as it was last heard, with the age that it has;
            - a known person keeps the hub account that they have, whatever ``hub_name`` says;
            - somebody new whom a link rule knows shares the account of whom they are linked to.

        Args:
            hub_name: the account to link a new person to.

        Raises:
            NameTaken: the account is linked to another person.
            StoreError: it holds in memory and could not be kept.
        """
        campus = self._campus()
        source = campus.sources.get(identity.source)
        ways = source.courses if source else ()
        mapped = map_identity(identity, campus.rules, campus.course_index, ways)
        person = self._linked(identity, hub_name, mapped.site_role)
        origin = source_origin(identity.source)
        former = self._told.answer(person.key)
        answer = PersonalAnswer(
            identity.at,
            mapped.covers,
            former.by_rules if former and identity.groups is None else mapped.by_rules,
        )
        said = (
            Enrolment(person.key, course, role, origin, None, None, identity.at, sections=sections)
            for course, role, sections in sorted(mapped.courses, key=lambda found: found[:2])
        )
        self.entries.meet(person)
        told = self._take(person, origin, said, answer)
        await self._store.save_answer(person, origin, told)
        await self.entries.keep(person.key)
        return person

    async def lose(self, person: Person, gone: Gone) -> Person:
        """Take in a complete negative answer: at once, nothing that the source gave is left."""
        origin = source_origin(person.source)
        lost = replace(self._people.get(person.key, person), active=False, answered_at=gone.at)
        told = self._take(lost, origin, (), PersonalAnswer(gone.at, None))
        await self._store.save_answer(lost, origin, told)
        return lost

    async def compare_roster(self, source: str, course: str, roster: Roster) -> Comparison:
        """Say what a roster would change; changes nothing."""
        return await self.rosters.compare(source, course, roster)

    async def take_roster(self, source: str, course: str, roster: Roster) -> None:
        """Take in who is in one of our courses, as one source has it: complete, at one instant.

        Raises:
            StoreError: it holds in memory and could not be kept; the next roster is kept as a whole.
        """
        await self.rosters.take(source, course, roster)

    # -- by hand -----------------------------------------------------------------------------------------------

    def turn_by_hand(self, course: str) -> asyncio.Lock:
        """Held by whoever changes something by hand in a course, from what they look at until it is done."""
        return self._turns_by_hand.setdefault(course, asyncio.Lock())

    async def change_by_hand(self, changes: HandChanges) -> None:
        """Do many things by hand at once; kept first, so that all of it holds or nothing does.

        In memory a few people at a time; nobody is seen half-way.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        await self._store.save_by_hand(changes)
        for names in changes.listed:
            self.rosters.name(names)
        # Whose enrolment goes over to another identity of theirs has the new one first; under one key the old goes first.
        of: dict[str, list[tuple[bool, Enrolment | Exclusion]]] = {}
        for there, several in ((True, changes.put), (False, changes.drop)):
            for one in several:
                if isinstance(one, Pending):
                    self.pending.note(one, there=there)
                else:
                    of.setdefault(one.person, []).append((there, one))
        async for key, its in in_slices(of.items()):
            for there, change in sorted(its, key=lambda one: one[0]):
                self._note_by_hand(change, there=there)
            if not self._told.of(key):
                self.rosters.forget(key)
            self._changed(key)

    def _note_by_hand(self, change: Enrolment | Exclusion, *, there: bool) -> None:
        if isinstance(change, Exclusion):
            if there:
                self.exclusions.note(change)
            else:
                self.exclusions.drop(change.person, change.course)
        elif there:
            self._told.add(change)
        else:
            self._told.remove(change)

    # -- all that is known of somebody -------------------------------------------------------------------------

    def keys_in(self, course: str) -> set[str]:
        """Keys of everybody whom any origin has in a course, whether it counts or not."""
        return self._told.keys_in(course) | self.entries.keys_in(course)

    def keys_by_hand(self, course: str) -> set[str]:
        """Keys of those whom somebody has added to a course by hand, or keeps out of it."""
        excluded = {one.person for one in self.exclusions.in_course(course)}
        return self._told.keys(MANUAL, course) | excluded

    def told_of(self, keys: Iterable[str]) -> list[Enrolment]:
        """Every enrolment of these keys, whether it counts or not."""
        found: list[Enrolment] = []
        for key in keys:
            found += self._told.of(key)
            if self.entries.has(key):
                found += self.entries.enrolments(key)
        return found

    def sections_of(self, keys: Sequence[str], course: str) -> frozenset[str]:
        """The sections of a course in which any origin has one person, or somebody has put them by hand."""
        told = (e.sections for e in self.told_of(keys) if e.course == course)
        return self.placed.of(keys, course).union(*told)

    def forget(
        self, keys: Iterable[str], hub_name: str, stand_in: str, pending: Collection[str] = ()
    ) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        for key in keys:
            self._told.forget(key)
            self.rosters.forget(key)
            self.exclusions.forget(key)
            self.placed.forget(key)
            self._people.pop(key, None)
            self.entries.forget(key)
        self._accounts.pop(hub_name, None)
        self.pending.forget(pending)
        if hub_name:
            self.pending.rename_author(hub_name, stand_in)
            self._told.rename_author(hub_name, stand_in)
            self.exclusions.rename_author(hub_name, stand_in)
            self.placed.rename_author(hub_name, stand_in)

    # -- inside ------------------------------------------------------------------------------------------------

    def _outside(self, person: Person) -> tuple[Enrolment, ...]:
        """What lets a person start servers outside any course: one enrolment, or none."""
        campus, role = self._campus(), self.site_role(person)
        if role is None or not campus.no_course.get(role):
            return ()
        active = [one for one in self.identities(person) if one.active]
        pinned = any(self.entries.is_one_of(one.key, campus.admins) for one in active)
        holders = [] if pinned else [one for one in active if one.site_role is role]
        return (enrolment_of(person.key, role, holders),)

    def _linked(self, identity: Identity, hub_name: str, site_role: SiteRole | None) -> Person:
        """The person of an answer, with the account that they have or get."""
        known = self._people.get(identity.key)
        linked = None if known else self.find_linked(identity)
        if known is None and linked is None and hub_name in self._accounts:
            raise NameTaken(hub_name)
        if known is not None:
            hub_name, linked_to = known.hub_name, known.linked_to
        elif linked is not None:
            hub_name, linked_to = linked.hub_name, linked.linked_to or linked.key
        else:
            linked_to = None
        return Person(
            key=identity.key,
            hub_name=hub_name,
            source=identity.source,
            subject=identity.subject,
            login=identity.login,
            name=identity.name,
            site_role=site_role if identity.groups is not None or not known else known.site_role,
            active=True,
            answered_at=identity.at,
            linked_to=linked_to,
            attributes=compared(self._campus().links, identity),
        )

    def _take(
        self, person: Person, origin: str, said: Iterable[Enrolment], answer: PersonalAnswer
    ) -> tuple[Enrolment, ...]:
        self._place(person)
        self.rosters.arrived(person.key)
        told = self._told.take_answer(person.key, origin, said, answer)
        self._changed(person.key)
        return told

    def _place(self, person: Person) -> None:
        self._people[person.key] = person
        keys = self._accounts.get(person.hub_name, ())
        if person.key not in keys:
            own = (person.key, *keys) if person.linked_to is None else (*keys, person.key)
            self._accounts[person.hub_name] = own

    def _changed(self, key: str) -> None:
        person = self._people.get(key)
        if person is not None:
            call_all(self.on_change, person, person.hub_name)
