"""Adding people to a course and keeping them out by hand, by whoever may; written to the audit first."""

from __future__ import annotations

from datetime import datetime

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import MANUAL, CourseRole, Enrolment, Exclusion, Person, SiteRole
from jupyterhub_edu.ports import AuditEntry

from .app import Core

__all__ = ["ByHand", "NobodyKnown", "NotYours"]


class NotYours(Exception):
    """Who asks may not do this in this course, or not to this person or with this role."""


class NobodyKnown(Exception):
    """Nobody is known by this name, or several are, or nothing was done to them by hand."""


class ByHand:
    """What one member of staff does in one course.

    Always holds:
        - nobody gives a role as high as their own, nor excludes somebody who has one, administrators apart;
        - what is done survives every answer and every roster;
        - an act that cannot be written down is not done.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address

    async def enrol(
        self,
        who: str,
        role: CourseRole,
        *,
        starts: datetime | None = None,
        ends: datetime | None = None,
        why: str = "",
    ) -> Enrolment:
        """Enrol somebody, also one who has never logged in, whom a roster names.

        Args:
            who: hub account, key, or ``source:login``.

        Raises:
            NotYours: see the class.
            NobodyKnown: there is no such person, or not one alone.
            StoreError: it could not be written down, or holds in memory and could not be kept.
        """
        self._require_above(role)
        key = self._key(who)
        enrolment = Enrolment(
            key, self._course, role, MANUAL, starts, ends, by=self._actor.hub_name, why=why
        )
        await self._write_down("enrol", key, {"role": str(role), "why": why})
        await self._core.roll.add_manual(enrolment)
        return enrolment

    async def exclude(
        self, who: str, *, until: datetime | None = None, why: str = ""
    ) -> Exclusion:
        """Keep somebody out, whatever any origin says.

        Raises:
            NotYours, NobodyKnown, StoreError: as for ``enrol``.
        """
        self._require_above(None)
        key = self._key(who)
        for one in self._everything_of(key):
            self._require_above(one.role)
        exclusion = Exclusion(key, self._course, self._actor.hub_name, why, until)
        await self._write_down("exclude", key, {"why": why})
        await self._core.roll.exclusions.add(exclusion)
        return exclusion

    async def take_back(self, who: str) -> None:
        """Undo what was done by hand: enrolments and the exclusion of one person in this course.

        Raises:
            NotYours, NobodyKnown, StoreError: as for ``enrol``.
        """
        self._require_above(None)
        key = self._key(who)
        mine = [one for one in self._everything_of(key) if one.origin == MANUAL]
        for one in mine:
            self._require_above(one.role)
        roll = self._core.roll
        excluded = any(one.person == key for one in roll.exclusions.in_course(self._course))
        if not mine and not excluded:
            raise NobodyKnown(who)
        await self._write_down("take-back", key, {})
        for one in mine:
            await roll.remove_manual(one)
        if excluded:
            await roll.exclusions.remove(key, self._course)

    def _require_above(self, role: CourseRole | None) -> None:
        """Make sure that the actor may add and exclude here, and is above this role."""
        if not self._core.may(Act.ENROL, self._actor, self._course):
            raise NotYours
        own, site = self._core.roles(self._actor, self._course)
        is_above = role is None or (own is not None and own > role)
        if site is not SiteRole.ADMIN and not is_above:
            raise NotYours

    def _key(self, who: str) -> str:
        key = self._core.roll.find_key(who)
        if key is None:
            raise NobodyKnown(who)
        return key

    def _everything_of(self, key: str) -> list[Enrolment]:
        """What is told of the account's identities in this course, whether it counts now or not."""
        roll = self._core.roll
        person = roll.person(key)
        keys = [one.key for one in roll.identities(person)] if person else [key]
        return [one for one in roll.told_of(keys) if one.course == self._course]

    async def _write_down(self, act: str, key: str, details: dict[str, str]) -> None:
        person = self._core.roll.person(key)
        entry = AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            target=person.hub_name if person else key,
            address=self._address,
            details=details,
        )
        await self._core.store.append_audit(entry)
