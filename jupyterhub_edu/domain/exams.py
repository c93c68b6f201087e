"""Exams: a time in which some people of a course start one profile and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .people import CourseRole
from .profiles import Granted, Profile, choose
from .words import say

__all__ = [
    "Exam",
    "Phase",
    "Sitting",
    "granted_in",
    "next_start",
    "reserves",
    "share_of",
    "sitting_of",
    "unseated",
]

_NOTHING: Mapping[Any, Any] = MappingProxyType({})
_NO_TIME: Final = timedelta(0)


class Phase(StrEnum):
    """Where an instant lies relative to an exam."""

    BEFORE = "before"
    RUNNING = "running"
    EXTRA = "extra-time"
    """Over for all but those who have extra time."""
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Exam:
    """One exam, as a teacher prepared it.

    Attributes:
        id: distinct; orders what else is equal.
        course: the course's id.
        starts, ends: aware UTC; the first instant of the exam, and the first after it for those without extra time.
        profile: the one profile's key.
        image: by digest or tag.
        options: choices of the profile's options that are fixed; an option left out is fixed to its default.
        participants: keys of people; None: all students of the course.
        extra: additional time by the person's key.
        closed: when a teacher ended it for everybody, extra time included (aware UTC), or None.
        title: what its course calls it, or ``""``.
    """

    id: str
    course: str
    starts: datetime
    ends: datetime
    profile: str
    image: str
    options: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    participants: frozenset[str] | None = None
    extra: Mapping[str, timedelta] = field(default_factory=lambda: _NOTHING)
    closed: datetime | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if self.starts.tzinfo is None or self.ends.tzinfo is None or self.ends <= self.starts:
            raise ValueError(say("An exam ends after it begins, both aware instants."))
        if min(self.extra.values(), default=_NO_TIME) < _NO_TIME:
            raise ValueError(say("Extra time is not negative."))

    @property
    def length(self) -> timedelta:
        """How long it is for whoever has most extra time: what the ceiling counts."""
        return self._last(self.extra) - self.starts

    def ends_for(self, people: Collection[str]) -> datetime:
        """The end for one person, by the keys of their identities."""
        ends = self._last(people)
        return ends if self.closed is None else min(ends, self.closed)

    def phase(self, now: datetime) -> Phase:
        """Where an instant lies."""
        if now < self.starts:
            return Phase.BEFORE
        if now >= self.ends_for(self.extra):
            return Phase.OVER
        return Phase.RUNNING if now < self.ends_for(()) else Phase.EXTRA

    def _last(self, people: Iterable[str]) -> datetime:
        return self.ends + max((self.extra.get(key, _NO_TIME) for key in people), default=_NO_TIME)


class Sitting(NamedTuple):
    """One person's part in one exam.

    Attributes:
        ends: the person's own end, an aware UTC instant.
        servers: how many servers that the person started in this exam have not ended.
    """

    exam: Exam
    ends: datetime
    servers: int = 0

    def is_on(self, now: datetime) -> bool:
        """Whether the person takes part at this instant."""
        return self.exam.starts <= now < self.ends


def granted_in(exam: Exam, profiles: Mapping[str, Profile]) -> Granted | None:
    """What each participant's server gets; None where there is no such profile or choice any more."""
    profile = profiles.get(exam.profile)
    if profile is None:
        return None
    fixed = {option.key: option.default for option in profile.options.values()}
    chosen = choose(profile, {**fixed, **exam.options}, CourseRole.STUDENT)
    return chosen if isinstance(chosen, Granted) else None


def share_of(exam: str) -> str:
    """The key of an exam's part in the sums of a pool; no course's id holds a colon.

    Args:
        exam: its id.
    """
    return f"exam:{exam}"


def sitting_of(
    exam: Exam, people: Collection[str], role: CourseRole | None, servers: int = 0
) -> Sitting | None:
    """One person's part in an exam, or None if they take none.

    Always holds:
        - nobody takes part who is not enrolled in the exam's course now;
        - staff of that course do not, even if they are listed.

    Args:
        people: the keys of the person's identities.
        role: the person's strongest role in the exam's course now, or None.
    """
    if role is None or role >= CourseRole.ASSISTANT:
        return None
    if exam.participants is None:
        takes_part = role is CourseRole.STUDENT
    else:
        takes_part = not exam.participants.isdisjoint(people)
    return Sitting(exam, exam.ends_for(people), servers) if takes_part else None


def next_start(sittings: Iterable[Sitting], now: datetime) -> datetime | None:
    """The first start after ``now`` of an exam that the person takes part in, which ends their other servers."""
    return min((s.exam.starts for s in sittings if now < s.exam.starts < s.ends), default=None)


def reserves(
    exam: Exam, devices: int, sittings: Collection[Sitting], now: datetime, lead_time: timedelta
) -> int:
    """The devices that an exam holds at this instant: one server's for each who takes part and has not finished.

    Args:
        devices: of one server.
        sittings: of everybody who takes part in this exam.
        lead_time: how long before its start they are held.
    """
    if now < exam.starts - lead_time:
        return 0
    return devices * sum(1 for sitting in sittings if now < sitting.ends)


def unseated(participants: int, devices: int, nodes: Iterable[int]) -> int:
    """How many participants will not start.

    Args:
        devices: of one server.
        nodes: the devices that each node will have for the exam.
    """
    if not devices:
        return 0
    return max(0, participants - sum(free // devices for free in nodes))
