"""Windows: the weekly or dated times in which a course reserves devices or may start a profile."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .schedule import Span, local_instant

__all__ = [
    "HORIZON",
    "Dated",
    "Stretch",
    "Timetable",
    "Weekly",
    "Window",
    "hours",
    "joined",
    "local_span",
]

HORIZON: Final = timedelta(days=732)
"""How far ahead an opening or an end is looked for: two years, a leap day in each."""
_DAY: Final = timedelta(days=1)
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


def local_span(day: date, opens: time, closes: time, zone: tzinfo) -> Span | None:
    """The time from one wall time to another, which is the next day's where it is not later; None if a gap swallows it.

    Source:
        docs/explanation/policy.md, "Amounts and time".
    """
    last = day if closes > opens else day + _DAY
    span = Span(local_instant(day, opens, zone), local_instant(last, closes, zone))
    return span if span.starts < span.ends else None


def joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Make one of those that overlap or adjoin; they come, and are given, by their starts."""
    coming = iter(spans)
    whole = next(coming, None)
    if whole is None:
        return
    for span in coming:
        if span.starts > whole.ends:
            yield whole
            whole = span
        elif span.ends > whole.ends:
            whole = Span(whole.starts, span.ends)
    yield whole


@dataclass(frozen=True, slots=True)
class Weekly:
    """The same wall times on the same days of each week.

    Attributes:
        days: at least one; Monday is 0. Those on which it opens: it may close on the day after.
        opens, closes: wall times in ``zone``; midnight to midnight is the whole day.
        first, last: days of the campus zone, inclusive, on which it may open; None: without limit.
        skipped: days on which it does not open: holidays, breaks and its own exceptions.
    """

    days: frozenset[int]
    opens: time
    closes: time
    zone: tzinfo
    first: date | None = None
    last: date | None = None
    skipped: frozenset[date] = frozenset()

    def spans(self, after: datetime) -> Iterator[Span]:
        """Those that end after an instant, ascending; without end where there is no last day."""
        # One that opened the day before may be open still; one of the next day may be open already, where a clock
        # went back over midnight.
        day = after.astimezone(self.zone).date() - _DAY
        if self.first is not None and day < self.first:
            day = self.first
        while self.last is None or day <= self.last:
            if day.weekday() in self.days and day not in self.skipped:
                span = local_span(day, self.opens, self.closes, self.zone)
                if span is not None and span.ends > after:
                    yield span
            day += _DAY


@dataclass(frozen=True, slots=True)
class Dated:
    """Times that were worked out before.

    Attributes:
        given: ascending by both their starts and their ends.
    """

    given: tuple[Span, ...]

    def spans(self, after: datetime) -> Iterator[Span]:
        """Those that end after an instant, ascending."""
        return iter(self.given[bisect_right(self.given, after, key=lambda span: span.ends) :])


class Stretch(NamedTuple):
    """An unbroken time of the same answer.

    Attributes:
        is_open: whether some window is open in it.
        ends: when that changes, an aware UTC instant, or None if it does not within ``HORIZON``.
    """

    is_open: bool
    ends: datetime | None


@dataclass
class Timetable:
    """When at least one of some windows is open. Windows that overlap or adjoin are one; without windows it never is.

    The last answer is kept, as one that is asked for at every decision changes a few times a day.
    """

    times: tuple[Weekly | Dated, ...] = ()
    _known: tuple[datetime, datetime, Stretch] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    def at(self, instant: datetime) -> Stretch:
        """Say whether a window is open at an instant (aware UTC), and until when that is so."""
        known = self._known
        if known is not None and known[0] <= instant < known[1]:
            return known[2]
        stretch = self._at(instant)
        if stretch.ends is not None:
            self._known = instant, stretch.ends, stretch
        return stretch

    def _at(self, instant: datetime) -> Stretch:
        end = instant + HORIZON
        span = next(self.spans(instant, end), None)
        if span is None:
            return Stretch(False, None)
        if instant < span.starts:
            return Stretch(False, span.starts)
        return Stretch(True, span.ends if span.ends < end else None)

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The open times that a stretch of time reaches, joined, ascending.

        Always holds:
            - two of them neither overlap nor adjoin;
            - what lies outside the stretch may be left out of the first and of the last.
        """
        reached = takewhile(
            lambda span: span.starts < end, heapq.merge(*(t.spans(start) for t in self.times))
        )
        return joined(reached)


@dataclass(frozen=True, slots=True)
class Window:
    """A time that a course has: it reserves devices, restricts profiles to itself, or both.

    Attributes:
        title: shown to people.
        only: keys of the profiles that may be started in it, and in no time that no window names.
        reserve: devices kept for the course while it is open, by flavor key.
        lead_time: how long before each opening they are kept.
    """

    title: str
    times: Weekly | Dated
    only: frozenset[str] = frozenset()
    reserve: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    lead_time: timedelta = timedelta(0)


def hours(windows: Iterable[Window]) -> Mapping[str, Timetable]:
    """When each profile that windows restrict may be started, by its key; the others are not in it."""
    times: dict[str, tuple[Weekly | Dated, ...]] = {}
    for window in windows:
        for profile in window.only:
            times[profile] = (*times.get(profile, ()), window.times)
    return MappingProxyType({profile: Timetable(found) for profile, found in times.items()})
