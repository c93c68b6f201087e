"""Sources and their rosters, and what is kept of somebody; for administrators of the site."""

from __future__ import annotations

from typing import Any, NotRequired

from .shapes import Instant, Text, TypedDict, strict
from .usage import Used

__all__ = [
    "CourseRoster",
    "Dossier",
    "Erased",
    "LastChange",
    "Move",
    "Rosters",
    "Source",
    "Standing",
    "SyncAnswer",
    "SyncWish",
    "SyncedCourse",
]


class LastChange(TypedDict):
    """How many people the last reading that changed something brought, took away and changed."""

    at: Instant
    added: int
    gone: int
    changed: int


class CourseRoster(TypedDict):
    """How the roster of one course stands at one source; ``held`` is what the guard does not let through.

    ``last_change`` is null where nothing has changed since the hub started.
    """

    course: str
    people: int
    complete_at: Instant | None
    running: bool
    error: str
    held: bool
    held_since: Instant | None
    would_add: int | None
    would_lose: int | None
    last_change: LastChange | None


class Rosters(TypedDict):
    """How a source's rosters stand; ``unmapped`` are courses of the source that are none of ours."""

    every_seconds: int
    guard_percent: int
    running: bool
    began_at: Instant | None
    ended_at: Instant | None
    error: str
    unmapped: int
    courses: list[CourseRoster]


class Source(TypedDict):
    """One source: whether it answers, and its rosters, null where it has none."""

    id: str
    title: str
    type: str
    answered_at: Instant | None
    failing_since: Instant | None
    why: str
    rosters: Rosters | None


@strict
class SyncWish(TypedDict, total=False):
    """Of one course or all; ``accept`` lets through what the guard holds in this course."""

    course: Text
    accept: bool
    dry_run: bool


class Standing(TypedDict):
    """A role with its sections."""

    role: str
    sections: list[str]


class Move(TypedDict):
    """Somebody who comes, goes or changes."""

    person: str
    login: str
    name: str
    before: list[Standing]
    after: list[Standing]


class SyncedCourse(CourseRoster):
    """What one reading changed in one course, or would."""

    added: NotRequired[list[Move]]
    gone: NotRequired[list[Move]]
    changed: NotRequired[list[Move]]


class SyncAnswer(TypedDict):
    """What a sync did; ``error`` is empty where it did."""

    error: str
    courses: list[SyncedCourse]


class Dossier(TypedDict):
    """Everything that is kept of somebody; the rows are for reading, not for programs."""

    account: str | None
    identities: list[dict[str, Any]]
    in_rosters_as: list[dict[str, Any]]
    enrolments: list[dict[str, Any]]
    exclusions: list[dict[str, Any]]
    pending: list[dict[str, Any]]
    entries_of_the_campus_file: list[str]
    records: list[dict[str, Any]]
    sealed_secrets_of: list[str]
    sessions: list[dict[str, Any]]
    usage: list[Used]
    audit: list[dict[str, Any]]


class Erased(TypedDict):
    """The name that stands for them from now on."""

    erased_as: str
