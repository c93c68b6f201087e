"""Who is who, and who is in which course: enrolments merged by origin.

Memory is changed first and in one step, then the store; so two logins at once cannot take one account, and a negative
answer binds even while the store is down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from jupyterhub_edu.domain.campus import Campus, FilePerson
from jupyterhub_edu.domain.decide import role_in
from jupyterhub_edu.domain.names import course_group, site_group
from jupyterhub_edu.domain.people import (
    FROM_FILE,
    MANUAL,
    CourseRole,
    Enrolment,
    Identity,
    Person,
    SiteRole,
    source_origin,
)
from jupyterhub_edu.domain.rules import map_identity
from jupyterhub_edu.ports import Gone, Store

__all__ = ["NameTaken", "Roll"]

_log = logging.getLogger(__name__)


class NameTaken(Exception):
    """The hub account belongs to somebody else, or to nobody that we know; nothing was linked."""


class Roll:
    """People and their enrolments.

    A Person that is handed in says who is meant; what they are and may is answered as it is now.
    """

    def __init__(self, campus: Callable[[], Campus], store: Store) -> None:
        self._campus, self._store = campus, store
        self._people: dict[str, Person] = {}
        self._by_hub_name: dict[str, str] = {}
        self._told: dict[str, dict[str, tuple[Enrolment, ...]]] = {}
        self._pins: dict[str, str] = {}
        self._pinned: dict[str, tuple[FilePerson, ...]] = {}
        self._unkept_pins: set[str] = set()
        self.on_change: list[Callable[[Person], None]] = []

    async def load(self) -> None:
        """Read the store; called once, before anything else."""
        for person in await self._store.load_people():
            self._people[person.key] = person
            self._by_hub_name[person.hub_name] = person.key
        for enrolment in await self._store.load_enrolments():
            origins = self._told.setdefault(enrolment.person, {})
            origins[enrolment.origin] = (*origins.get(enrolment.origin, ()), enrolment)
        for entry, key in (await self._store.load_pins()).items():
            self._pin(entry, key)

    def person(self, key: str) -> Person | None:
        """The person with this key."""
        return self._people.get(key)

    def by_hub_name(self, hub_name: str) -> Person | None:
        """The person linked to this hub account."""
        key = self._by_hub_name.get(hub_name)
        return self._people[key] if key is not None else None

    def people(self) -> Iterable[Person]:
        """Everybody ever linked."""
        return self._people.values()

    def site_role(self, person: Person) -> SiteRole | None:
        """The person's site role now; admin only by a pinned entry of the campus file."""
        person = self._people.get(person.key, person)
        if not person.active:
            return None
        if self._is_pinned(person, self._campus().admins):
            return SiteRole.ADMIN
        return person.site_role

    def was_named(self, person: Person) -> bool:
        """Whether an entry of the campus file, present or former, is pinned to this person."""
        return person.key in self._pinned

    def enrolments(self, person: Person) -> Sequence[Enrolment]:
        """All enrolments of a person, from every origin; none that counts while the source says they are gone."""
        if not self._people.get(person.key, person).active:
            return []
        told = [e for origin in self._told.get(person.key, {}).values() for e in origin]
        return [*told, *self._from_file(person)]

    def enrolments_in(self, person: Person, course: str) -> tuple[Enrolment, ...]:
        """This person's enrolments in one course."""
        return tuple(e for e in self.enrolments(person) if e.course == course)

    def course_role(self, person: Person, course: str, now: datetime) -> CourseRole | None:
        """The strongest role in a course now, or None."""
        return role_in(self.enrolments_in(person, course), now)

    def courses(self, person: Person, now: datetime) -> dict[str, CourseRole]:
        """The courses that exist in the campus with the person's role in each now, in the campus file's order."""
        roles: dict[str, CourseRole] = {}
        for course in dict.fromkeys(e.course for e in self.enrolments(person)):
            role = self.course_role(person, course, now)
            if role is not None and course in self._campus().courses:
                roles[course] = role
        order = {course: place for place, course in enumerate(self._campus().courses)}
        return dict(sorted(roles.items(), key=lambda item: order[item[0]]))

    def hub_groups(self, person: Person, now: datetime) -> frozenset[str]:
        """The hub groups that are ours for this person now."""
        groups = {course_group(course, role) for course, role in self.courses(person, now).items()}
        if (site := self.site_role(person)) is not None:
            groups.add(site_group(site))
        return frozenset(groups)

    async def learn(self, identity: Identity, hub_name: str) -> Person:
        """Take in a complete answer.

        Always holds:
            - only this source's own enrolments are replaced; manual ones and the file's stay;
            - what the source did not say stays as it was last heard, with the age that it has;
            - a known person keeps the hub account that they have, whatever ``hub_name`` says.

        Args:
            hub_name: the account to link a new person to.

        Raises:
            NameTaken: the account is linked to another person.
            StoreError: it holds in memory and could not be kept.
        """
        campus = self._campus()
        known = self._people.get(identity.key)
        name = known.hub_name if known else hub_name
        if self._by_hub_name.get(name, identity.key) != identity.key:
            raise NameTaken(name)
        source = campus.sources.get(identity.source)
        ways = source.courses if source else ()
        mapped = map_identity(identity, campus.rules, campus.course_index, ways)
        origin = source_origin(identity.source)
        person = Person(
            key=identity.key,
            hub_name=name,
            source=identity.source,
            subject=identity.subject,
            login=identity.login,
            name=identity.name,
            site_role=mapped.site_role
            if identity.groups is not None or not known
            else known.site_role,
            active=True,
            answered_at=identity.at,
        )
        told = tuple(
            Enrolment(person.key, course, role, origin, None, None, identity.at, sections=sections)
            for course, role, sections in sorted(mapped.courses, key=lambda found: found[:2])
        )
        if (covers := mapped.covers) is not None:
            heard = {(e.course, e.role) for e in told}
            former = self._told.get(person.key, {}).get(origin, ())
            kept = (e for e in former if e.course not in covers)
            told = (*(e for e in kept if (e.course, e.role) not in heard), *told)
        entry = self._entry(person)
        if self._named_in_file(person) and entry not in self._pins:
            self._pin(entry, person.key)
            self._unkept_pins.add(entry)
        self._keep(person, origin, told)
        await self._store.save_answer(person, origin, told)
        for entry in [e for e in self._unkept_pins if self._pins[e] == person.key]:
            await self._store.pin(entry, person.key)
            self._unkept_pins.discard(entry)
        return person

    async def lose(self, person: Person, gone: Gone) -> Person:
        """Take in a complete negative answer: at once, nothing that the source gave is left."""
        origin = source_origin(person.source)
        lost = replace(self._people.get(person.key, person), active=False, answered_at=gone.at)
        self._keep(lost, origin, ())
        await self._store.save_answer(lost, origin, ())
        return lost

    async def add_manual(self, enrolment: Enrolment) -> None:
        """Enrol somebody by hand; survives every sync.

        Raises:
            ValueError: the enrolment's origin is not ``manual``.
        """
        if enrolment.origin != MANUAL:
            raise ValueError(f"not a manual enrolment: {enrolment.origin}")
        origins = self._told.setdefault(enrolment.person, {})
        others = tuple(
            e
            for e in origins.get(MANUAL, ())
            if (e.course, e.role) != (enrolment.course, enrolment.role)
        )
        origins[MANUAL] = (*others, enrolment)
        self._changed(enrolment.person)
        await self._store.add_enrolment(enrolment)

    async def remove_manual(self, enrolment: Enrolment) -> None:
        """Take back an enrolment that was added by hand."""
        origins = self._told.setdefault(enrolment.person, {})
        origins[MANUAL] = tuple(
            e
            for e in origins.get(MANUAL, ())
            if (e.course, e.role) != (enrolment.course, enrolment.role)
        )
        self._changed(enrolment.person)
        await self._store.remove_enrolment(enrolment)

    def _keep(self, person: Person, origin: str, told: tuple[Enrolment, ...]) -> None:
        self._people[person.key] = person
        self._by_hub_name[person.hub_name] = person.key
        self._told.setdefault(person.key, {})[origin] = told
        self._changed(person.key)

    def _changed(self, key: str) -> None:
        person = self._people.get(key)
        if person is None:
            return
        for listener in self.on_change:
            try:
                listener(person)
            except Exception:
                _log.exception("a listener failed for %s", person.hub_name)

    @staticmethod
    def _entry(person: Person) -> str:
        return f"{person.source}:{person.login.casefold()}"

    def _named_in_file(self, person: Person) -> bool:
        who = FilePerson(person.source, person.login.casefold())
        return who in self._campus().admins or who in self._campus().people

    def _pin(self, entry: str, key: str) -> None:
        """The file's entries that are a person, by pin alone: a login handed on to somebody else hands nothing on."""
        source, _, login = entry.partition(":")
        self._pins[entry] = key
        self._pinned[key] = (*self._pinned.get(key, ()), FilePerson(source, login))

    def _is_pinned(self, person: Person, entries: frozenset[FilePerson]) -> bool:
        return any(entry in entries for entry in self._pinned.get(person.key, ()))

    def _from_file(self, person: Person) -> Iterable[Enrolment]:
        people = self._campus().people
        for entry in self._pinned.get(person.key, ()):
            for enrolment in people.get(entry, ()):
                yield replace(enrolment, person=person.key, origin=FROM_FILE)
