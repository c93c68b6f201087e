"""Local wall time to instants, and the days, weeks and terms that budgets count over."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["Period", "Span", "local_instant", "period_span", "periods_over"]


class Span(NamedTuple):
    """A stretch of time: aware UTC instants, the first that belongs to it and the first that does not."""

    starts: datetime
    ends: datetime

    def __contains__(self, instant: object) -> bool:
        """Whether an instant lies in it."""
        return isinstance(instant, datetime) and self.starts <= instant < self.ends


class Period(StrEnum):
    """What a budget is counted over."""

    DAY = "day"
    WEEK = "week"
    TERM = "term"


_DAY: Final = timedelta(days=1)
_DAYS: Final = {Period.DAY: _DAY, Period.WEEK: 7 * _DAY}


@lru_cache(maxsize=16_384)
def local_instant(day: date, at: time, zone: tzinfo) -> datetime:
    """Translate what a clock on the wall shows to the instant at which it first shows that, or more.

    Always holds:
        - a time that the clock leaves out in spring is the first instant after the gap;
        - a time that it shows twice in autumn is the first of the two;
        - an earlier wall time is never a later instant.

    Args:
        at: naive; its ``fold`` means nothing here.

    Returns:
        An aware UTC instant.

    Source:
        docs/explanation/policy.md, "Amounts and time"; PEP 495 for what ``fold`` says of a gap.
    """
    wall = datetime.combine(day, at.replace(fold=0), zone)
    first, second = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    if first is None or second is None:
        raise ValueError("a time zone that knows no offset")
    instant = (wall.replace(tzinfo=None) - first).replace(tzinfo=UTC)
    return _after_gap(instant, second - first, zone) if second > first else instant


def _after_gap(instant: datetime, gap: timedelta, zone: tzinfo) -> datetime:
    """The instant at which the clock jumps, at most ``gap`` before an instant that is not before it."""
    before = instant.replace(microsecond=0) - gap
    old = before.astimezone(zone).utcoffset()
    low, high = 0, gap // timedelta(seconds=1)
    while low < high:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == old:
            low = middle + 1
        else:
            high = middle
    return before + timedelta(seconds=high)


def period_span(period: Period, instant: datetime, zone: tzinfo, term: Span | None) -> Span:
    """The day, week or term that an instant belongs to.

    Always holds:
        - a day and a week contain the instant, begin at a local midnight, a week at Monday's, and end where the next
          one begins; clock changes make them shorter or longer;
        - a term is the one given, whether or not it contains the instant.

    Args:
        instant: aware UTC.
        term: the dates of the course's term; needed for that period alone.

    Raises:
        ValueError: a term is asked for where there is none.

    Source:
        docs/explanation/policy.md, "Amounts and time".
    """
    if period is Period.TERM:
        if term is None:
            raise ValueError("no term")
        return term
    day, length = _first_day(period, instant, zone), _DAYS[period]
    # Where a clock goes back over midnight, the day before is shown again in the day that has begun.
    while (ends := _midnight(day + length, zone)) <= instant:
        day += length
    return Span(_midnight(day, zone), ends)


def periods_over(
    period: Period, start: datetime, end: datetime, zone: tzinfo, term: Span | None
) -> list[Span]:
    """The days, weeks or terms that a stretch of time reaches, ascending; none if it is empty.

    Always holds:
        - days and weeks follow one another without a hole and cover the whole stretch;
        - a term is named only where the stretch reaches it.

    Raises:
        ValueError: as for ``period_span``.
    """
    if end <= start:
        return []
    span = period_span(period, start, zone, term)
    if period is Period.TERM:
        return [span] if span.starts < end and start < span.ends else []
    spans = [span]
    while spans[-1].ends < end:
        spans.append(period_span(period, spans[-1].ends, zone, term))
    return spans


def _first_day(period: Period, instant: datetime, zone: tzinfo) -> date:
    day = instant.astimezone(zone).date()
    return day - day.weekday() * _DAY if period is Period.WEEK else day


def _midnight(day: date, zone: tzinfo) -> datetime:
    return local_instant(day, time(), zone)
