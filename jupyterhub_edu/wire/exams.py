"""Exams of a course: as they are prepared and changed, what would happen to whom, and who started when from where."""

from __future__ import annotations

from typing import Annotated, NotRequired

from .shapes import Instant, Minutes, Named, Rule, Text, TypedDict, strict

__all__ = [
    "Exam",
    "ExamWish",
    "Exams",
    "Extra",
    "NoWish",
    "OnlyRehearsal",
    "Protocol",
    "Recalled",
    "Rehearsal",
    "Rehearsed",
    "RehearsedExam",
    "Sat",
    "Told",
]

_MOST = 5000
"""Names in one list; more than any course has."""
_Names = Annotated[list[Text], Rule(lambda all_: len(all_) <= _MOST, "too many", maxItems=_MOST)]


@strict
class ExamWish(TypedDict, total=False):
    """What is to be prepared, or changed; in a change what is left out, or null, stays.

    Who takes part is said by ``participants`` (account, key, login or number), by a ``section``, or by ``everybody``: all
    students, those too who come later, as where nothing is said. ``extra`` is additional time by name; 0 takes it away.
    With ``dry_run`` nothing is changed.
    """

    title: Text | None
    starts: Instant | None
    ends: Instant | None
    profile: Text | None
    image: Text | None
    options: dict[Text, Text] | None
    participants: _Names | None
    section: Text | None
    everybody: bool
    extra: dict[Text, Minutes] | None
    dry_run: bool


@strict
class NoWish(TypedDict):
    """Nothing: the address says it all."""


class Extra(Named):
    """Additional time of one person."""

    minutes: int


class Exam(TypedDict):
    """An exam; ``closed`` is when it ends for everybody since a teacher ended it.

    ``phase`` is ``before``, ``running``, ``extra-time`` or ``over``; ``participants`` is null for all students.
    """

    id: str
    course: str
    title: str
    phase: str
    starts: Instant
    ends: Instant
    closed: Instant | None
    profile: str
    image: str
    options: dict[str, str]
    participants: list[Named] | None
    extra: list[Extra]
    by: str
    at: Instant


class Exams(TypedDict):
    """Exams of a course, by their start; ``longest`` is in minutes, ``next`` is null at the end of the list."""

    time_zone: str
    longest: int
    exams: list[Exam]
    next: str | None


class Told(TypedDict):
    """A reason for people."""

    code: str
    sentence: str


class Rehearsed(Named):
    """What would happen to one participant: their own end, how many servers of theirs are stopped, why they cannot start."""

    ends: Instant
    stopped: int
    logged_in: bool
    reasons: list[Told]


class Recalled(TypedDict):
    """Spare devices that would be called back: of the course itself, and of all other courses together."""

    own: int
    others: int
    at: Instant


class Rehearsal(TypedDict):
    """What would happen to whom and when, as far as that is known now.

    ``devices`` are held from ``held_from``; ``will_not_start`` for want of them is null while the cluster is not heard, and
    so is ``recalled``. Other servers end at ``stops_at``, unless ``others_run_on``.
    """

    starts: Instant
    ends: Instant
    stops_at: Instant
    profile: str
    image: str
    devices: int
    held_from: Instant
    will_not_start: int | None
    recalled: Recalled | None
    others_run_on: bool
    people: list[Rehearsed]


class RehearsedExam(Exam):
    """An exam with what would happen to whom."""

    rehearsal: NotRequired[Rehearsal]


class OnlyRehearsal(TypedDict):
    """What would happen to whom; nothing has changed."""

    rehearsal: Rehearsal


class Sat(TypedDict):
    """One start in an exam; instants are null where they are not known, or have not come."""

    user: str
    name: str | None
    at: Instant
    address: str
    server: str | None
    running_at: Instant | None
    ended_at: Instant | None


class Protocol(TypedDict):
    """Who started, oldest first, and who of those who take part has not."""

    started: list[Sat]
    not_started: list[Named]
