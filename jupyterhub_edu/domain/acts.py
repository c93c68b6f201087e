"""What members of a course may do at the desk: one table, closed by default."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .people import CourseRole, SiteRole

__all__ = ["TABLE", "Act", "Cell", "decide_act"]


class Act(StrEnum):
    """What one may want to do."""

    SEE = "see-who-is-on"
    STOP = "stop"
    ENROL = "add-or-exclude"


class Cell(StrEnum):
    """An entry of the table; an absent one means no."""

    YES = "yes"
    OWN = "own"
    """Only about oneself."""


TABLE: Final[Mapping[Act, Mapping[CourseRole | SiteRole, Cell]]] = MappingProxyType(
    {
        Act.SEE: {
            CourseRole.TEACHER: Cell.YES,
            CourseRole.ASSISTANT: Cell.YES,
            CourseRole.OBSERVER: Cell.YES,
            CourseRole.STUDENT: Cell.OWN,
            SiteRole.ADMIN: Cell.YES,
        },
        Act.STOP: {
            CourseRole.TEACHER: Cell.YES,
            CourseRole.ASSISTANT: Cell.YES,
            CourseRole.OBSERVER: Cell.OWN,
            CourseRole.STUDENT: Cell.OWN,
            SiteRole.ADMIN: Cell.YES,
        },
        Act.ENROL: {CourseRole.TEACHER: Cell.YES, SiteRole.ADMIN: Cell.YES},
    }
)


def decide_act(
    act: Act,
    course_role: CourseRole | None,
    site_role: SiteRole | None,
    *,
    about_self: bool = False,
) -> bool:
    """Decide whether somebody may do this in one course.

    Always holds:
        - an act or a role that the table does not hold is refused;
        - someone outside the course may do nothing, site admins apart.

    Args:
        course_role: the actor's role in exactly this course now, or None.
        site_role: the actor's site role, or None.
        about_self: the act concerns the actor's own server.

    Source:
        docs/explanation/policy.md, "Acts".
    """
    row = TABLE.get(act, {})
    cells = {row[role] for role in (course_role, site_role) if role is not None and role in row}
    return Cell.YES in cells or (about_self and Cell.OWN in cells)
