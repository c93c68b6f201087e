"""Who is in which course of the fake platform, and how each dialect spells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["moodle", "canvas"]
Role = Literal["teacher", "assistant", "student", "observer"]
"""What somebody truly is; the dialects say it in their own ways."""

_V2 = "http://purl.imsglobal.org/vocab/lis/v2/"


@dataclass
class Account:
    """Somebody on the platform."""

    id: str
    username: str
    name: str
    sourcedid: str = ""
    site_admin: bool = False
    suspended: bool = False

    @property
    def email(self) -> str:
        return f"{self.username}@school.example"


@dataclass
class Course:
    """One course; ``roles`` by username."""

    id: str
    label: str
    title: str
    sourcedid: str = ""
    roles: dict[str, Role] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)


def some_accounts() -> dict[str, Account]:
    """A teacher, an assistant, students, and the administrator."""
    people = [
        Account("38", "tea", "Tea Teacher", "EMP-1"),
        Account("37", "ann", "Ann Assistant", "EMP-50"),
        Account("3", "stu", "Stu Student", "SIS-1001"),
        Account("4", "sue", "Sue Student", "SIS-1002"),
        Account("2", "root", "Root Admin", site_admin=True),
    ]
    return {one.username: one for one in people}


def some_courses() -> dict[str, Course]:
    """Two courses of the demo's campus, by id."""
    ml = Course("2", "ml", "Machine Learning", "2026-ML-01")
    ml.roles.update(tea="teacher", ann="assistant", stu="student", sue="student")
    intro = Course("5", "intro", "Introduction to Programming", "2026-INTRO-01")
    intro.roles.update(ann="student", stu="student", tea="teacher")
    return {course.id: course for course in (ml, intro)}


_MOODLE_LAUNCH: Mapping[Role, Sequence[str]] = {
    "teacher": (f"{_V2}membership#Instructor",),
    "assistant": (f"{_V2}membership#Instructor",),
    "student": (f"{_V2}membership#Learner",),
    "observer": (f"{_V2}membership#Learner",),
}
_MOODLE_ROSTER: Mapping[Role, str] = {
    "teacher": "Instructor",
    "assistant": "Learner",
    "student": "Learner",
    "observer": "Learner",
}
_CANVAS: Mapping[Role, Sequence[str]] = {
    "teacher": (f"{_V2}membership#Instructor",),
    "assistant": (
        f"{_V2}membership#Instructor",
        f"{_V2}membership/Instructor#TeachingAssistant",
    ),
    "student": (f"{_V2}membership#Learner",),
    "observer": (f"{_V2}membership#Mentor",),
}
_ANYWHERE: Mapping[Role, str] = {
    "teacher": f"{_V2}institution/person#Instructor",
    "assistant": f"{_V2}institution/person#Instructor",
    "student": f"{_V2}institution/person#Student",
    "observer": f"{_V2}institution/person#Observer",
}


def launch_roles(
    kind: Kind, who: Account, course: Course, courses: Mapping[str, Course]
) -> list[str]:
    """The roles claim of a launch."""
    role = course.roles.get(who.username)
    if kind == "canvas":
        elsewhere = {
            _ANYWHERE[c.roles[who.username]] for c in courses.values() if who.username in c.roles
        }
        outside = [f"{_V2}system/person#User", *sorted(elsewhere)]
        return [*(_CANVAS[role] if role else ()), *outside]
    if who.site_admin:
        return [
            f"{_V2}institution/person#Administrator",
            f"{_V2}membership#Instructor",
            f"{_V2}system/person#Administrator",
        ]
    return list(_MOODLE_LAUNCH[role]) if role else []


def roster_roles(kind: Kind, role: Role) -> list[str]:
    """The roles of one member of a roster."""
    return [_MOODLE_ROSTER[role]] if kind == "moodle" else list(_CANVAS[role])
