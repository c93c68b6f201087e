"""Courses as a whole: those of the campus file, those made at the desk, and copies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from .shapes import Day, Instant, Rule, Text, TypedDict, strict

__all__ = ["CampusCourse", "CopyWish", "CourseWish", "StateWish"]

_Written = Annotated[dict[str, Any], Rule(lambda course: len(course) <= 50, "too many keys")]
_State = Literal["open", "suspended", "archived"]


class CampusCourse(TypedDict):
    """A course, and where it stands: in the campus file, or made at the desk.

    ``by``, ``at`` and ``copied_from`` are null for one of the file. ``troubles`` says why one of the desk's is not in force.
    """

    id: str
    key: str
    title: str
    term: str | None
    state: _State
    starts: Instant | None
    ends: Instant | None
    origin: Literal["file", "desk"]
    by: str | None
    at: Instant | None
    copied_from: str | None
    troubles: list[str]


@strict
class CourseWish(TypedDict):
    """A new course: its key, and what would stand below it in the campus file."""

    key: Text
    course: _Written


@strict
class StateWish(TypedDict):
    """What becomes of a course of the desk's own."""

    state: _State


@strict
class CopyWish(TypedDict, total=False):
    """What a copy is to have of its own; key and days are for administrators.

    Without ``key`` it follows from the original's and the term. ``until`` is the last day. With ``staff`` who assists in the
    original does so in the copy; an administrator takes its teachers along, too.
    """

    term: Text
    key: Text
    title: Text
    starts: Day
    until: Day
    staff: bool
