"""A week as it is read on paper: what lies on each of its days, by the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import takewhile
from typing import Final, Generic, TypeVar

from .schedule import Span, local_instant
from .windows import Dated, Weekly

__all__ = ["Day", "Piece", "lay_out", "monday_of", "reached"]

_T = TypeVar("_T")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Piece(Generic[_T]):
    """What of something lies on one day.

    Attributes:
        whole: all of its time.
        part: what of that lies on the day; never empty.
    """

    what: _T
    whole: Span
    part: Span

    @property
    def begins(self) -> bool:
        """Whether it begins on this day, and not on one before."""
        return self.whole.starts == self.part.starts

    @property
    def ends(self) -> bool:
        """Whether it ends on this day, be it with it."""
        return self.whole.ends == self.part.ends


@dataclass(frozen=True, slots=True)
class Day(Generic[_T]):
    """One day.

    Attributes:
        span: from its midnight to that of the next day; empty where a zone has left the day out.
        pieces: by their starts.
    """

    date: date
    span: Span
    pieces: tuple[Piece[_T], ...]

    @property
    def length(self) -> timedelta:
        """How long it is: 24 hours, but for days on which the clock changes."""
        return self.span.ends - self.span.starts


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - day.weekday() * _DAY


def lay_out(
    things: Iterable[tuple[_T, Span]], first: date, zone: tzinfo, count: int = 7
) -> tuple[Day[_T], ...]:
    """Put things on the days on which they lie.

    Always holds:
        - the parts of a thing on all its days are its whole time, as far as the days reach, and overlap nowhere;
        - what ends with a day lies on none after it.

    Args:
        things: each with its time.
        first: the first of the days, in ``zone``.

    Source:
        docs/explanation/policy.md, "Amounts and instants".
    """
    known = sorted(things, key=lambda thing: thing[1])
    days = []
    for number in range(count):
        day = first + number * _DAY
        span = Span(_midnight(day, zone), _midnight(day + _DAY, zone))
        parts = ((what, whole, _both(whole, span)) for what, whole in known)
        pieces = [Piece(what, whole, part) for what, whole, part in parts if part is not None]
        days.append(Day(day, span, tuple(sorted(pieces, key=lambda piece: piece.part))))
    return tuple(days)


def reached(times: Weekly | Dated, first: date, zone: tzinfo, count: int = 7) -> Iterator[Span]:
    """The times of a window that reach some of these days, ascending and not joined."""
    starts, ends = _midnight(first, zone), _midnight(first + count * _DAY, zone)
    return takewhile(lambda span: span.starts < ends, times.spans(starts))


def _both(one: Span, other: Span) -> Span | None:
    starts, ends = max(one.starts, other.starts), min(one.ends, other.ends)
    return Span(starts, ends) if starts < ends else None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return local_instant(day, time(), zone)
