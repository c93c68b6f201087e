"""Giving and taking back grants in one course, by whoever may; nothing is changed that is not in the audit."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.allowances import gpu_hours
from jupyterhub_edu.domain.grants import (
    Cap,
    Ceilings,
    Grant,
    Hours,
    Lift,
    Longest,
    Offer,
    exceeds,
    granted_hours,
)
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry

from .along import ALONE, Along
from .named import find_members, member_keys, member_sections
from .slices import in_slices

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "AboveCeiling",
    "CannotGive",
    "Giving",
    "GivingNotYours",
    "NoSuchGrant",
    "Whom",
    "words",
]

_MOST: Final = 5000
"""Grants of one course; more than a grant for each of its people is a mistake of a script."""
_TEN_YEARS: Final = timedelta(days=3653)


class GivingNotYours(Exception):
    """Who asks gives nothing in this course."""


class NoSuchGrant(Exception):
    """The course has none with this id."""


class CannotGive(Exception):
    """It means nothing here; the text says why, for whoever asked."""


class AboveCeiling(Exception):
    """A teacher may not give this alone; the text says what the ceiling is. An administrator can give it."""


class Whom(NamedTuple):
    """For whom a grant is: a person by a name of theirs, a section, or with neither everybody in the course."""

    person: str | None = None
    section: str | None = None


class Giving:
    """What one member of staff gives in one course.

    Always holds:
        - a teacher stays within the ceilings, of hours for all that was given to the same person together;
        - what an administrator of the site gives is bound by none, and counts towards none;
        - giving and taking back moves no session that runs.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address

    def require_may_give(self) -> None:
        """Make sure that the actor gives anything here at all.

        Raises:
            GivingNotYours: they do not.
        """
        if not self._may(within_ceiling=True):
            raise GivingNotYours

    async def give(
        self,
        what: Lift,
        whom: Whom,
        *,
        starts: datetime | None = None,
        ends: datetime | None = None,
        why: str = "",
        along: Along = ALONE,
    ) -> Grant:
        """Give something.

        Args:
            starts: an aware UTC instant; None: now.
            ends: as ``starts``; None: with the course.
            along: kept in the same step.

        Raises:
            GivingNotYours, AboveCeiling, CannotGive: see the classes.
            NotNamed: nobody in the course is called so, or several are.
            StoreError: it could not be kept; nothing has changed.
        """
        self.require_may_give()
        self._require_sense(what)
        core, now = self._core, self._core.clock()
        last = ends or core.campus.courses[self._course].ends
        first = starts or now
        if last is None:
            raise CannotGive(say("The course has no end, so say until when this holds."))
        if last <= max(now, first) or last > now + _TEN_YEARS:
            raise CannotGive(
                say("It ends before it begins, has ended, or ends in more than ten years.")
            )
        if len(core.grants.of(self._course)) >= _MOST:
            raise CannotGive(
                say("The course has {most} grants already. Take some back.", most=_MOST)
            )
        grant = Grant(
            id=uuid.uuid4().hex,
            course=self._course,
            what=what,
            starts=first,
            ends=last,
            by=self._actor.hub_name,
            why=why,
            person=await self._key(whom),
            section=whom.section,
        )
        # Nobody else gives in between, so that two together do not give what one may not.
        async with core.grants.turn:
            given = await self._given(grant) if isinstance(what, Hours) else 0
            ceilings = core.campus.ceilings
            if self._may(within_ceiling=False):
                grant = replace(grant, approved=True)
            elif not self._may(within_ceiling=not exceeds(grant, given, ceilings)):
                raise AboveCeiling(_ceiling(what, given, ceilings))
            await core.grants.save(grant, self._entry(str(Act.GRANT), grant), along)
        return grant

    async def take_back(self, id: str) -> Grant | None:
        """Take back a grant.

        Returns:
            What is left of it: extra hours that have been used, or that a session which runs has reserved, stay, and have
            ended; None if nothing is.

        Raises:
            GivingNotYours, NoSuchGrant: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        self.require_may_give()
        async with self._core.grants.turn:
            return await self._take_back(id)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _take_back(self, id: str) -> Grant | None:
        core, now = self._core, self._core.clock()
        grant = core.grants.find(self._course, id)
        if grant is None:
            raise NoSuchGrant(id)
        if grant.approved and not self._may(within_ceiling=False):
            raise GivingNotYours
        entry = self._entry("take-back-grant", grant)
        taken = core.spared.most(core.book.admissions(self._course)).get(id, 0)
        if not isinstance(grant.what, Hours) or not taken or now <= grant.starts:
            await core.grants.drop(grant, entry)
            return None
        left = replace(
            grant,
            what=Hours(min(taken, grant.what.amount)),
            ends=min(now, grant.ends),
        )
        await core.grants.save(left, entry)
        return left

    def _may(self, *, within_ceiling: bool) -> bool:
        return self._core.may(Act.GRANT, self._actor, self._course, within_ceiling=within_ceiling)

    def _require_sense(self, what: Lift) -> None:
        campus = self._core.campus
        if isinstance(what, Offer | Longest) and what.profile not in campus.profiles:
            raise CannotGive(say("There is no profile {profile}.", profile=repr(what.profile)))
        if isinstance(what, Longest) and what.length <= timedelta(0):
            raise CannotGive(say("A session is longer than that."))
        if isinstance(what, Hours) and what.amount <= 0:
            raise CannotGive(say("Say how many hours."))
        if isinstance(what, Cap):
            flavor = campus.flavors.get(what.flavor) if what.flavor is not None else None
            if what.flavor is not None and (flavor is None or flavor.device is None):
                raise CannotGive(
                    say("There is no flavor {flavor} with devices.", flavor=repr(what.flavor))
                )
            if what.most <= 0:
                raise CannotGive(say("Say how many at a time."))

    async def _key(self, whom: Whom) -> str | None:
        if whom.person is not None and whom.section is not None:
            raise CannotGive(say("A grant is for a person, a section, or everybody."))
        if whom.section is not None:
            sections = await member_sections(self._core.roll, self._course)
            if not any(whom.section in own for own in sections.values()):
                raise CannotGive(say("Nobody of the course is in this section."))
        if whom.person is None:
            return None
        found = await find_members(self._core.roll, self._course, [whom.person])
        return found[whom.person]

    async def _given(self, grant: Grant) -> int:
        """The hours that one of those it is for has been granted already, the most of all of them."""
        shared, own = list[Grant](), dict[str, list[Grant]]()
        for one in self._core.grants.of(self._course):
            if isinstance(one.what, Hours):
                (shared if one.person is None else own.setdefault(one.person, [])).append(one)
        most = 0
        members = await member_keys(self._core.roll, self._course)
        sections = await member_sections(self._core.roll, self._course)
        async for key, keys in in_slices(members.items()):
            people = {key, *keys}
            if grant.is_for(people, sections[key]):
                given = [*shared, *(one for each in people for one in own.get(each, ()))]
                most = max(most, granted_hours(given, self._course, people, sections[key]))
        return most

    def _entry(self, act: str, grant: Grant) -> AuditEntry:
        person = self._core.roll.person(grant.person) if grant.person else None
        details: dict[str, str | int | None] = {
            "grant": grant.id,
            "what": words(grant.what),
            "until": grant.ends.isoformat(),
            "why": grant.why,
        }
        if grant.section is not None:
            details["section"] = grant.section
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            target=person.hub_name if person else grant.person or "",
            address=self._address,
            details=details,
        )


def words(what: Lift) -> str:
    """What a grant gives, in a few words of text alone."""
    match what:
        case Hours(amount):
            return say("{amount} GPU hours", amount=gpu_hours(amount))
        case Offer(profile):
            return say("the profile {profile}", profile=profile)
        case Cap(most, None):
            return say("{most} servers at a time", most=most)
        case Cap(most, flavor):
            return say("{most} devices of {flavor} at a time", most=most, flavor=flavor)
        case Longest(profile, length):
            return say(
                "sessions of {profile} of {length} minutes",
                profile=profile,
                length=length // timedelta(minutes=1),
            )


def _ceiling(what: Lift, given: int, ceilings: Ceilings) -> str:
    match what:
        case Hours():
            most, so_far = gpu_hours(ceilings.hours), gpu_hours(given)
            return say(
                "Teachers give one student {most} GPU hours a term, of which {so_far} are given.",
                most=most,
                so_far=so_far,
            )
        case Offer(profile):
            return say("Teachers do not offer the profile {profile} by a grant.", profile=profile)
        case Cap(_, None):
            return say(
                "Teachers let somebody have {servers} servers at a time.", servers=ceilings.servers
            )
        case Cap(_, flavor):
            most_devices = ceilings.devices.get(flavor or "", 0)
            return say(
                "Teachers let somebody have {most_devices} devices of {flavor} at a time.",
                most_devices=most_devices,
                flavor=flavor,
            )
        case Longest():
            minutes = (ceilings.longest or timedelta(0)) // timedelta(minutes=1)
            return say("Teachers let sessions last {minutes} minutes.", minutes=minutes)
