"""What members of a course may do at the desk: one table, closed by default."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .people import CourseRole, SiteRole

__all__ = ["TABLE", "Act", "Cell", "decide_act"]


class Act(StrEnum):
    """What one may want to do, in the order of the policy page."""

    SEE = "see-who-is-on"
    STOP = "stop"
    EXTEND = "extend"
    START_FOR = "start-for"
    MESSAGE = "message"
    ENROL = "add-or-exclude"
    ADJUST = "adjust"
    """Offers, caps and allowance of the course."""
    GRANT = "grant"
    REQUEST = "request-above-ceiling"
    WINDOW = "set-window"
    EXAM = "run-exam"
    """Prepare, start and end one."""
    USAGE = "see-usage"
    LOG = "see-log"
    HELP = "help"
    EXPLAIN = "explain"
    """Ask what somebody may start, and why not."""
    COPY = "copy-course"
    """Copy the course into another term."""
    CONFIGURE = "configure-campus"
    AUDIT = "read-audit"


class Cell(StrEnum):
    """An entry of the table; an absent one means no."""

    YES = "yes"
    OWN = "own"
    """Only about oneself."""
    CEILING = "ceiling"
    """Only up to the most that the campus lets a teacher give alone."""
    OWN_OR_CEILING = "own, ceiling"
    """About oneself as anybody may, about others up to the ceiling."""
    ALLOWED = "if allowed"
    """Only where somebody has allowed it: for assistants the course's teacher, for teachers the campus."""


_YES, _OWN, _CEILING = Cell.YES, Cell.OWN, Cell.CEILING

TABLE: Final[Mapping[Act, Mapping[CourseRole | SiteRole, Cell]]] = MappingProxyType(
    {
        Act.SEE: {
            CourseRole.TEACHER: _YES,
            CourseRole.ASSISTANT: _YES,
            CourseRole.OBSERVER: _YES,
            CourseRole.STUDENT: _OWN,
            SiteRole.ADMIN: _YES,
        },
        Act.STOP: {
            CourseRole.TEACHER: _YES,
            CourseRole.ASSISTANT: _YES,
            CourseRole.OBSERVER: _OWN,
            CourseRole.STUDENT: _OWN,
            SiteRole.ADMIN: _YES,
        },
        Act.EXTEND: {
            CourseRole.TEACHER: Cell.OWN_OR_CEILING,
            CourseRole.ASSISTANT: Cell.OWN_OR_CEILING,
            CourseRole.OBSERVER: _OWN,
            CourseRole.STUDENT: _OWN,
            SiteRole.ADMIN: _YES,
        },
        Act.START_FOR: {CourseRole.TEACHER: _YES, SiteRole.ADMIN: _YES},
        Act.MESSAGE: {
            CourseRole.TEACHER: _YES,
            CourseRole.ASSISTANT: _YES,
            SiteRole.ADMIN: _YES,
        },
        Act.ENROL: {CourseRole.TEACHER: _YES, SiteRole.ADMIN: _YES},
        Act.ADJUST: {CourseRole.TEACHER: _CEILING, SiteRole.ADMIN: _YES},
        Act.GRANT: {CourseRole.TEACHER: _CEILING, SiteRole.ADMIN: _YES},
        Act.REQUEST: {CourseRole.TEACHER: _YES, SiteRole.ADMIN: _YES},
        Act.WINDOW: {CourseRole.TEACHER: _CEILING, SiteRole.ADMIN: _YES},
        Act.EXAM: {CourseRole.TEACHER: _CEILING, SiteRole.ADMIN: _YES},
        Act.USAGE: {
            CourseRole.TEACHER: _YES,
            CourseRole.ASSISTANT: _OWN,
            CourseRole.OBSERVER: _OWN,
            CourseRole.STUDENT: _OWN,
            SiteRole.ADMIN: _YES,
        },
        Act.LOG: {CourseRole.TEACHER: _YES, SiteRole.ADMIN: _YES},
        Act.HELP: {
            CourseRole.TEACHER: _YES,
            CourseRole.ASSISTANT: Cell.ALLOWED,
            SiteRole.ADMIN: _YES,
        },
        Act.EXPLAIN: {CourseRole.TEACHER: _YES, SiteRole.ADMIN: _YES},
        Act.COPY: {CourseRole.TEACHER: Cell.ALLOWED, SiteRole.ADMIN: _YES},
        Act.CONFIGURE: {SiteRole.ADMIN: _YES},
        Act.AUDIT: {SiteRole.ADMIN: _YES},
    }
)


def decide_act(
    act: Act,
    course_role: CourseRole | None,
    site_role: SiteRole | None,
    *,
    about_self: bool = False,
    within_ceiling: bool = False,
    allowed: bool = False,
) -> bool:
    """Decide whether somebody may do this in one course.

    Always holds:
        - an act or a role that the table does not hold is refused, and so is what nobody said of the target;
        - someone outside the course may do nothing, site admins apart.

    Args:
        course_role: the actor's role in exactly this course now, or None.
        site_role: the actor's site role, or None.
        about_self: the act concerns the actor's own server.
        within_ceiling: what is to be given stays within the campus's ceilings.
        allowed: the course's teacher lets assistants do this, or the campus lets teachers.

    Source:
        docs/explanation/policy.md, "Acts".
    """
    row = TABLE.get(act, {})
    if site_role is not None and row.get(site_role) is Cell.YES:
        return True
    match row.get(course_role) if course_role is not None else None:
        case Cell.YES:
            return True
        case Cell.OWN:
            return about_self
        case Cell.CEILING:
            return within_ceiling
        case Cell.OWN_OR_CEILING:
            return about_self or within_ceiling
        case Cell.ALLOWED:
            return allowed
    return False
