"""Grants: dated exceptions that a member of staff gives to a person, a section or a whole course.

A grant lifts only what it names, only up to the ceiling, only until its date.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from .adjustments import NOTHING_ALONE, Adjustable
from .allowances import Extra
from .people import Enrolment

__all__ = [
    "NO_CEILINGS",
    "Cap",
    "Ceilings",
    "Grant",
    "Hours",
    "Lift",
    "Longest",
    "Offer",
    "exceeds",
    "extras",
    "granted_hours",
    "lift",
    "lifted_cap",
    "reaching",
]

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Hours:
    """GPU hours beside the person's allowance, one amount in all, as usage."""

    amount: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A profile that the course does not offer to the person's role; its options stay those of the role."""

    profile: str


@dataclass(frozen=True, slots=True)
class Cap:
    """The most servers, or the most devices of one flavor, that a person may hold in the course."""

    most: int
    flavor: str | None = None


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest session of one profile."""

    profile: str
    length: timedelta


Lift = Hours | Offer | Cap | Longest
"""The one thing that a grant lifts."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The most that a teacher may give alone; what is left out is nothing.

    Attributes:
        hours: usage to one student in the course's term, all grants together.
        longest: of a session, in a grant as in an extension.
        profiles: keys of the profiles that may be offered.
        servers, devices: caps; devices by flavor key.
        exam: the length of an exam, extra time included.
        adjust: how far a course may be adjusted.
    """

    hours: int = 0
    longest: timedelta | None = None
    profiles: frozenset[str] = frozenset()
    servers: int = 0
    devices: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    exam: timedelta = timedelta(hours=6)
    adjust: Adjustable = NOTHING_ALONE


NO_CEILINGS: Final = Ceilings()
"""What a campus has that says nothing: a teacher gives nothing alone, and exams of the usual length."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One exception.

    Attributes:
        id: distinct; orders what else is equal.
        course: the course's id.
        starts, ends: aware UTC; the first instant at which it holds, and the first at which it no longer does.
        by: who gave it.
        why: the reason given, or ``""``.
        person: the key of the one person that it is for, or None.
        section: the section that it is for, or None; with neither it is for everybody in the course.
        approved: an administrator gave it, so that no ceiling binds it.
    """

    id: str
    course: str
    what: Lift
    starts: datetime
    ends: datetime
    by: str
    why: str = ""
    person: str | None = None
    section: str | None = None
    approved: bool = False

    def __post_init__(self) -> None:
        if self.starts.tzinfo is None or self.ends.tzinfo is None or self.ends <= self.starts:
            raise ValueError("a grant ends after it begins, both aware instants")
        if self.person is not None and self.section is not None:
            raise ValueError("a grant is for a person, a section, or everybody")

    def holds(self, now: datetime) -> bool:
        """Whether it holds at this instant."""
        return self.starts <= now < self.ends

    def is_for(self, people: Collection[str], sections: Collection[str]) -> bool:
        """Whether it is for somebody with these keys, who is in these sections."""
        if self.person is not None:
            return self.person in people
        return self.section is None or self.section in sections


def reaching(
    grants: Iterable[Grant], course: str, person: str, active: Iterable[Enrolment], now: datetime
) -> list[Grant]:
    """Those for this person in this course that have not ended; some may still have to begin.

    Args:
        person: the key that asks; the enrolments may be those of other identities of theirs.
        active: this person's enrolments in the course that hold now.
    """
    people, sections = {person}, set[str]()
    for enrolment in active:
        people.add(enrolment.person)
        sections |= enrolment.sections
    return [
        grant
        for grant in grants
        if grant.course == course and now < grant.ends and grant.is_for(people, sections)
    ]


def lift(grant: Grant, ceilings: Ceilings) -> Lift | None:
    """What of a grant lies within the ceilings as they are now; None: nothing.

    Always holds:
        - each grant is measured by itself, so that one grant less never makes another one wider;
        - a lower ceiling never gives more.
    """
    what = grant.what
    if grant.approved:
        return what
    match what:
        case Hours(amount):
            within = min(amount, ceilings.hours)
            return Hours(within) if within > 0 else None
        case Offer(profile):
            return what if profile in ceilings.profiles else None
        case Cap(most, flavor):
            ceiling = ceilings.servers if flavor is None else ceilings.devices.get(flavor, 0)
            return Cap(min(most, ceiling), flavor)
        case Longest(profile, length):
            if ceilings.longest is None:
                return None
            return Longest(profile, min(length, ceilings.longest))


def exceeds(grant: Grant, given: int, ceilings: Ceilings) -> bool:
    """Whether a teacher may not give this alone, so that it must be requested.

    Args:
        given: the usage that one of those it is for has been granted already, the most of all of them; as
            ``granted_hours`` counts it.
    """
    if lift(grant, ceilings) != grant.what:
        return True
    hours = isinstance(grant.what, Hours) and not grant.approved
    return hours and given + _amount(grant) > ceilings.hours


def granted_hours(
    grants: Iterable[Grant], course: str, people: Collection[str], sections: Collection[str]
) -> int:
    """The usage that teachers have granted one person in one course, ended grants included.

    A course is one teaching unit in one term, so this is what the ceiling per student and term counts.
    """
    return sum(
        _amount(grant)
        for grant in grants
        if not grant.approved and grant.course == course and grant.is_for(people, sections)
    )


def lifted_cap(cap: int, flavor: str | None, lifts: Iterable[tuple[Grant, Lift]]) -> int:
    """A course's cap on servers (no flavor) or on devices of a flavor, with what grants lift."""
    for _, what in lifts:
        if isinstance(what, Cap) and what.flavor == flavor and what.most > cap:
            cap = what.most
    return cap


def extras(lifts: Iterable[tuple[Grant, Lift]]) -> tuple[Extra, ...]:
    """The extra hours that grants lift."""
    return tuple(
        Extra(grant.id, what.amount, grant.ends)
        for grant, what in lifts
        if isinstance(what, Hours)
    )


def _amount(grant: Grant) -> int:
    return grant.what.amount if isinstance(grant.what, Hours) else 0
