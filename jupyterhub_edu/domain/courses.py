"""Courses: their dates, what they offer to whom, and how much they may use at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from .allowances import Allowance
from .people import CourseRole
from .schedule import Span
from .windows import Timetable, Window

__all__ = ["Allowances", "Caps", "Course", "CourseState", "Joining", "Quota"]

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that one person may hold at a time; None and a flavor left out mean no cap.

    Attributes:
        devices: the most devices by flavor key.
    """

    servers: int | None = None
    devices: Mapping[str, int] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a course may use of one flavor at one moment.

    Attributes:
        nominal: devices of its own while it is open.
        borrow: the most devices beyond those; None: without limit.
    """

    nominal: int = 0
    borrow: int | None = None

    @property
    def most(self) -> int | None:
        """The most devices it may ever hold; None: no limit of its own."""
        return None if self.borrow is None else self.nominal + self.borrow


class Allowances(NamedTuple):
    """How much usage a course gives; None: without limit.

    Attributes:
        person: each person's own.
        course: of all together.
    """

    person: Allowance | None = None
    course: Allowance | None = None


_WITHOUT_LIMIT = Allowances()


class CourseState(StrEnum):
    """Whether a course takes part at all."""

    OPEN = "open"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


class Joining(StrEnum):
    """How somebody may join a course by themselves, as a student."""

    ASK = "ask"
    """They ask, and a teacher says yes or no."""
    CODE = "code"
    """They know the course's join code."""


@dataclass(frozen=True, slots=True)
class Course:
    """One teaching unit in one term.

    Attributes:
        id: lower-case slug, 1-48 characters, distinct; used in labels, hub groups and addresses.
        key: the key in the campus file, as written.
        codes: what ``<course>`` may match beside the key.
        term: the term's key, or None.
        starts: first instant (aware UTC), or None.
        ends: first instant after the course (aware UTC), or None.
        offers: profile keys by course role, in the file's order; the first is the role's default.
        quota: by flavor key; a flavor left out: nothing of its own, borrowing without limit.
        windows: its own times.
        hours: when a profile may be started, by profile key; one left out: at any time. One that no window names any
            more stays shut.
        allowances: what device sessions draw on.
        image: the course's own image for profiles, or None.
        kubespawner: settings that the campus file does not govern.
        joining: how somebody may join it by themselves; empty: not at all.
        assistants_help: assistants may open a student's server to help.
        locked: fields that the desk may not change, and keys that stand for all below them.
    """

    id: str
    key: str
    title: str
    offers: Mapping[CourseRole, tuple[str, ...]]
    codes: tuple[str, ...] = ()
    term: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    state: CourseState = CourseState.OPEN
    caps: Mapping[CourseRole, Caps] = field(default_factory=lambda: _NOTHING)
    quota: Mapping[str, Quota] = field(default_factory=lambda: _NOTHING)
    windows: tuple[Window, ...] = ()
    hours: Mapping[str, Timetable] = field(default_factory=lambda: _NOTHING)
    allowances: Allowances = _WITHOUT_LIMIT
    image: str | None = None
    kubespawner: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    joining: frozenset[Joining] = frozenset()
    assistants_help: bool = False
    locked: frozenset[str] = frozenset()

    def is_open(self, now: datetime) -> bool:
        """Whether the course takes starts at this instant."""
        return (
            self.state is CourseState.OPEN
            and (self.starts is None or self.starts <= now)
            and (self.ends is None or now < self.ends)
        )

    def takes(self, way: Joining, now: datetime) -> bool:
        """Whether somebody may join it in this way at this instant, also before it begins."""
        has_ended = self.ends is not None and now >= self.ends
        return way in self.joining and self.state is CourseState.OPEN and not has_ended

    @property
    def term_span(self) -> Span | None:
        """Its dates, over which an allowance per term is counted; None where one of them is missing."""
        return Span(self.starts, self.ends) if self.starts and self.ends else None

    def quota_for(self, flavor: str) -> Quota:
        """The quota of one flavor; nothing of its own and borrowing without limit where none is given."""
        return self.quota.get(flavor, _NO_QUOTA)


_NO_QUOTA = Quota()
