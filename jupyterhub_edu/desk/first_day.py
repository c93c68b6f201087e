"""A course before its first class: who asks to join, who has never logged in, what a student would see; plain rows and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.class_starts import ClassStart
from jupyterhub_edu.core.named import member_keys
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.joining import JoinCode, JoinRequest
from jupyterhub_edu.domain.people import CourseRole, Enrolment, EnrolmentState
from jupyterhub_edu.hub import reasons_json
from jupyterhub_edu.wire import joining as wire

from .grants import names_json

__all__ = [
    "Arrivals",
    "arrivals",
    "class_start_json",
    "code_json",
    "profiles_of",
    "request_json",
]


@dataclass(slots=True)
class Arrivals:
    """Who is in a course, and who of them has ever logged in.

    Attributes:
        missing: those who have not, by name.
        sections: all of the course, by name.
    """

    enrolled: int = 0
    missing: list[wire.CameRow] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)

    @property
    def logged_in(self) -> int:
        """How many have logged in."""
        return self.enrolled - len(self.missing)


async def arrivals(core: Core, course: str) -> Arrivals:
    """Count those who are in the course, or will be; of an account with several identities once."""
    roll, now, found, sections = core.roll, core.clock(), Arrivals(), set[str]()
    async for key, keys in in_slices((await member_keys(roll, course)).items()):
        person = roll.person(key)
        if person is not None:
            mine: Iterable[Enrolment] = roll.enrolments_in(person, course)
        else:
            told = [e for e in roll.told_of(keys) if e.course == course]
            mine = roll.exclusions.without(told, keys)
        here = [e for e in mine if e.state(now) is not EnrolmentState.ENDED]
        if not here:
            continue
        found.enrolled += 1
        sections.update(roll.placed.of(keys, course), *(e.sections for e in here))
        if person is None:
            found.missing.append(_missing(core, key, max(here, key=lambda e: e.role)))
    found.missing.sort(key=lambda row: ((row["name"] or "").casefold(), row["person"]))
    found.sections = sorted(sections)
    return found


def _missing(core: Core, key: str, enrolment: Enrolment) -> wire.CameRow:
    listed = core.roll.rosters.listed(key)
    return {
        "person": key,
        "login": listed.login if listed is not None else None,
        "name": listed.name if listed is not None else None,
        "role": str(enrolment.role),
        "origin": enrolment.origin,
    }


def profiles_of(core: Core, course: Course) -> list[tuple[str, str]]:
    """Keys and titles of what the course offers its students."""
    keys = course.offers.get(CourseRole.STUDENT, ())
    return [(key, core.campus.profiles[key].title) for key in keys]


def request_json(core: Core, request: JoinRequest) -> wire.JoinRequest:
    """Somebody who waits to be let in; names and words are hostile text."""
    return {
        "id": request.id,
        "person": names_json(core, request.person),
        "at": request.at.isoformat(),
        "why": request.why,
    }


def code_json(core: Core, code: JoinCode) -> wire.JoinCode:
    """The course's join code."""
    return {
        "code": code.text,
        "by": code.by,
        "at": code.at.isoformat(),
        "ends": code.ends.isoformat(),
        "most": code.most,
        "uses": code.uses,
        "section": code.section,
        "good": code.is_good(core.clock()),
    }


async def class_start_json(core: Core, start: ClassStart) -> wire.ClassStart:
    """The servers of a class; names are hostile text."""
    outcomes: list[wire.Outcome] = [
        {
            "user": one.hub_name,
            "name": one.name,
            "words": one.words,
            "settled": one.settled,
            "reasons": reasons_json(Decision(None, one.reasons)),  # type: ignore[typeddict-item]
        }
        for one in await core.class_starts.outcomes(start)
    ]
    return {
        "profile": start.profile,
        "section": start.section,
        "by": start.by,
        "at": start.at.isoformat(),
        "stage": str(start.stage),
        "why": start.why,
        "asked": start.asked,
        "refused": start.refused,
        "outcomes": outcomes,
    }
