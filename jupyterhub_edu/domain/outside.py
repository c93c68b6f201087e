"""Servers outside any course: offered by site role, and decided on like those of a course that everybody of that role is in."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from .courses import Course
from .people import FROM_FILE, CourseRole, Enrolment, Person, SiteRole, source_origin
from .words import say

__all__ = ["SITE", "TITLE", "course_of", "enrolment_of"]

SITE: Final = "site"
"""What stands in the place of a course's id where a server belongs to none; no course may be called so."""

TITLE: Final = say("Outside any course")
"""The same for people."""
_STANDS_FOR: Final = MappingProxyType(
    {
        SiteRole.GUEST: CourseRole.OBSERVER,
        SiteRole.STUDENT: CourseRole.STUDENT,
        SiteRole.TEACHER: CourseRole.TEACHER,
        SiteRole.MANAGER: CourseRole.TEACHER,
        SiteRole.ADMIN: CourseRole.TEACHER,
    }
)
"""As what somebody takes a profile's choices; no rights come with it."""


def course_of(role: SiteRole, profiles: tuple[str, ...]) -> Course:
    """What somebody of a site role may start outside any course.

    Always holds:
        - it is open at any time, owns no device and borrows without limit; only the campus's own caps bind.

    Args:
        profiles: keys, the first of them is the default.
    """
    return Course(SITE, SITE, TITLE, MappingProxyType({_STANDS_FOR[role]: profiles}))


def enrolment_of(person: str, role: SiteRole, holders: Iterable[Person]) -> Enrolment:
    """What lets somebody start there, as old as the answer that says their site role.

    Args:
        person: their key.
        holders: their identities whose source says so; none: an entry of the campus file does, which does not age.
    """
    newest = max(holders, key=lambda one: one.answered_at, default=None)
    if newest is None:
        return Enrolment(person, SITE, _STANDS_FOR[role], FROM_FILE)
    origin = source_origin(newest.source)
    return Enrolment(person, SITE, _STANDS_FOR[role], origin, answered_at=newest.answered_at)
