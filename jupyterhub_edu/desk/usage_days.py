"""A course's usage over some days, as rows for a page and for files: by day, person and profile, and why starts were refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.counts import Day
from jupyterhub_edu.domain.allowances import GPU_HOUR, gpu_hours
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.usage import By, Usage, UsageQuery
from jupyterhub_edu.domain.words import mark

__all__ = [
    "REASONS",
    "DayRow",
    "Span",
    "UsedRow",
    "course_usage",
    "day_rows",
    "read_span",
    "sums",
    "used_rows",
]

_USUALLY: Final = timedelta(days=27)
_LONGEST: Final = timedelta(days=400)
_HOUR: Final = 3_600_000
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Code.NOT_ENROLLED: mark("Not enrolled"),
        Code.ROSTER_STALE: mark("Enrolment not confirmed"),
        Code.COURSE_CLOSED: mark("Course not open"),
        Code.PROFILE_NOT_OFFERED: mark("Profile not offered"),
        Code.OPTION_INVALID: mark("Choice that there is not"),
        Code.EXAM_RUNNING: mark("During an exam"),
        Code.OUTSIDE_WINDOW: mark("Outside the class window"),
        Code.PERSON_CAP: mark("Person's most at a time"),
        Code.COURSE_QUOTA: mark("Course's GPUs all in use"),
        Code.POOL_RESERVED: mark("Kept for other courses"),
        Code.PERSON_ALLOWANCE: mark("Person's GPU hours used up"),
        Code.COURSE_ALLOWANCE: mark("Course's GPU hours used up"),
        Code.NO_CAPACITY: mark("No GPU free"),
        Code.INVENTORY_STALE: mark("Not known what is free"),
    }
)
"""Why starts are refused, in few words; what a course counted once may be a code that there is no more."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days of the campus's time zone, both inclusive.

    Attributes:
        is_wrong: what was typed could not be read, or was too long, and the usual span stands in its place.
    """

    first: date
    last: date
    is_wrong: bool = False

    @property
    def days(self) -> list[date]:
        """Each of them."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@dataclass(frozen=True, slots=True)
class UsedRow:
    """What was used of one person, profile, or all together.

    Attributes:
        key: hub account or the profile's key; ``""`` for all.
        share: of the most that any row has, in whole percent: GPU hours, or hours where nobody used a GPU.
        start: seconds from being let in until the server ran, on average.
    """

    key: str
    title: str
    sessions: int
    hours: str
    gpu_hours: str
    share: int = 0
    start: int | None = None


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day, or the sum of all.

    Attributes:
        wait, longest: minutes in the line of those let in on devices, on average and at most, as text; None: nobody was.
        idle: whole percent of the time of devices in which nobody used them; None: nothing is known.
    """

    day: date | None
    used: UsedRow
    wait: str | None
    longest: str | None
    idle: int | None
    refused: int


def read_span(first: str, last: str, today: date) -> Span:
    """What an address says; left out: the last four weeks."""
    try:
        until = date.fromisoformat(last) if last else today
        since = date.fromisoformat(first) if first else until - _USUALLY
    except (ValueError, OverflowError):
        return Span(today - _USUALLY, today, is_wrong=True)
    if not timedelta(0) <= until - since <= _LONGEST:
        return Span(today - _USUALLY, today, is_wrong=True)
    return Span(since, until)


async def course_usage(core: Core, course: str, span: Span, by: By) -> Sequence[Usage]:
    """What ended sessions used in a course, by one thing.

    Raises:
        StoreError: it cannot be read.
    """
    query = UsageQuery(frozenset({by}), first=span.first, last=span.last, course=course)
    return await core.store.load_usage(query)


def day_rows(span: Span, used: Iterable[Usage], counted: Mapping[date, Day]) -> list[DayRow]:
    """Every day of a span, those too on which nothing was."""
    by_day = {one.day: one for one in used}
    return [_day_row(day, by_day.get(day), counted.get(day, Day())) for day in span.days]


def sums(used: Iterable[Usage], counted: Iterable[Day]) -> DayRow:
    """All days together."""
    total, day = Usage(None, None, None, None, None, 0, 0, 0, 0, 0), Day()
    for one in used:
        total = total._replace(
            sessions=total.sessions + one.sessions,
            waiting_ms=total.waiting_ms + one.waiting_ms,
            running_ms=total.running_ms + one.running_ms,
            used=total.used + one.used,
        )
    for other in counted:
        day.add(other)
    return _day_row(None, total, day)


def used_rows(used: Sequence[Usage], titles: Mapping[str, str], by: By) -> list[UsedRow]:
    """Most used first."""

    def weight(one: Usage) -> tuple[int, int]:
        return one.used, one.running_ms

    ranked = sorted(used, key=lambda one: (*(-part for part in weight(one)), _key(one, by)))
    part = 0 if any(one.used for one in used) else 1
    most = max((weight(one)[part] for one in used), default=0) or 1
    return [
        _used_row(
            one, _key(one, by), titles.get(_key(one, by), ""), weight(one)[part] * 100 // most
        )
        for one in ranked
    ]


def _key(one: Usage, by: By) -> str:
    return (one.person if by is By.PERSON else one.profile) or ""


def _used_row(one: Usage, key: str = "", title: str = "", share: int = 0) -> UsedRow:
    return UsedRow(
        key,
        title,
        one.sessions,
        gpu_hours(one.running_ms * (GPU_HOUR // _HOUR)),
        gpu_hours(one.used),
        share,
        round(one.waiting_ms / one.sessions / 1000) if one.sessions else None,
    )


def _day_row(day: date | None, used: Usage | None, counted: Day) -> DayRow:
    used = used or Usage(day, None, None, None, None, 0, 0, 0, 0, 0)
    starts = counted.starts
    return DayRow(
        day,
        _used_row(used),
        _minutes(counted.waited_ms / starts) if starts else None,
        _minutes(counted.longest_ms) if starts else None,
        counted.idle_ms * 100 // counted.looked_ms if counted.looked_ms else None,
        sum(counted.refused.values()),
    )


def _minutes(ms: float) -> str:
    return f"{round(ms / 60_000, 1):g}"
