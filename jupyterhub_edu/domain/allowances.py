"""Budgets: GPU hours over a day, a week or a term, reserved before they are used.

Usage is one integer everywhere: milliseconds x devices x weight, the weight in thousandths. A session's ``rate`` is its
devices x weight, fixed when it is reserved, so that usage is ``rate`` for each millisecond. An instant counts by its
whole milliseconds since 1970, so what a session uses is the sum of what it uses in each period, whatever its instants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NamedTuple

from .schedule import Period, Span, period_span, periods_over

__all__ = [
    "GPU_HOUR",
    "Allowance",
    "Budget",
    "Budgets",
    "Drawn",
    "Extra",
    "Reserved",
    "Slot",
    "draw",
    "furthest",
    "gpu_hours",
    "left_now",
    "parse_allowance",
    "settle",
    "usage",
]

_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
GPU_HOUR: Final = 3_600_000 * 1000
"""The usage of one device of weight 1 in one hour."""

Slot = datetime | str
"""What a budget is drawn from: a period, by its first instant, or a grant's extra hours, by the grant's id."""
Drawn = Mapping[Slot, int]
"""Usage by slot."""
_NOTHING: Final[Drawn] = MappingProxyType({})
_ALLOWANCE: Final = re.compile(r"([0-9]+(?:\.[0-9]{1,3})?)h per (day|week|term)", re.ASCII)


class Allowance(NamedTuple):
    """So much usage in each period."""

    amount: int
    period: Period


class Extra(NamedTuple):
    """Extra hours of a grant: one amount, used after the period's own.

    Attributes:
        grant: the grant's id.
        ends: first instant (aware UTC) at which they can no longer be used.
    """

    grant: str
    amount: int
    ends: datetime


class Budget(NamedTuple):
    """An allowance with what has been taken from it.

    Attributes:
        zone: the campus zone, whose days and weeks count.
        term: the dates of the course's term, or None.
        taken: used and reserved, by slot, of every session that draws on this budget, running ones included.
        extras: what may be used besides, now.
    """

    allowance: Allowance
    zone: tzinfo
    term: Span | None = None
    taken: Drawn = _NOTHING
    extras: tuple[Extra, ...] = ()


class Budgets(NamedTuple):
    """Both budgets that a start in a course draws on; an absent one is no limit.

    Attributes:
        person: the person's in this course.
        course: the course's, pooled.
        shortest: the shortest session that is of use to anybody, at least as long before the end as the first warning.
    """

    person: Budget | None = None
    course: Budget | None = None
    shortest: timedelta = timedelta(minutes=10)


class Reserved(NamedTuple):
    """What a session has reserved; kept with its admission until it ends.

    Attributes:
        person, course: by slot, from each budget; None where there is no such budget.
    """

    person: Drawn | None = None
    course: Drawn | None = None


def parse_allowance(text: str) -> Allowance:
    """Read an allowance: ``10h per week``, ``0.5h per day`` or ``400h per term``.

    Raises:
        ValueError: anything else.
    """
    match = _ALLOWANCE.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"not an allowance: {text!r}; write for example 10h per week (or day, or term)"
        )
    return Allowance(int(Fraction(match[1]) * GPU_HOUR), Period(match[2]))


def gpu_hours(amount: int) -> str:
    """Usage as GPU hours for a page, rounded down to hundredths: ``9.5``."""
    hundredths = amount * 100 // GPU_HOUR
    return f"{hundredths // 100}.{hundredths % 100:02}".rstrip("0").rstrip(".")


def left_now(budget: Budget, now: datetime) -> int:
    """What nobody has used or reserved of the period that goes on now; extra hours of grants are not in it."""
    period = budget.allowance.period
    start = period_span(period, now, budget.zone, budget.term).starts
    return _left(budget, start, budget.allowance.amount)


def usage(rate: int, start: datetime, end: datetime) -> int:
    """What a session of this rate uses between two instants; nothing if they stand the wrong way round."""
    return max(0, _ms(end) - _ms(start)) * rate


def draw(budget: Budget, rate: int, start: datetime, end: datetime) -> tuple[datetime, Drawn]:
    """Say how far a budget carries a session from ``start``, at most to ``end``, and what that takes.

    Always holds:
        - each period pays for the session's overlap with it, first of its own, then of the extras that have not ended,
          those that end first before others, ties by id;
        - no slot gives more than it has left;
        - the session ends with the last whole millisecond that is paid for, and a shorter one takes the same up to its
          end;
        - outside the term a term's allowance carries nothing.

    Args:
        rate: usage of each millisecond, at least 1.

    Returns:
        ``end``, or the instant before it at which the budget is used up; and usage by slot.

    Source:
        docs/explanation/policy.md, "Budgets".
    """
    at, last = _ms(start), _ms(end)
    ordered = sorted(budget.extras, key=lambda extra: (extra.ends, extra.grant))
    extras = [(_ms(extra.ends), extra.grant) for extra in ordered]
    left: dict[Slot, int] = {x.grant: _left(budget, x.grant, x.amount) for x in ordered}
    drawn: dict[Slot, int] = {}
    for span in _spans(budget, start, end):
        if _ms(span.starts) > at:
            break
        left[span.starts] = _left(budget, span.starts, budget.allowance.amount)
        closes = min(last, _ms(span.ends))
        # Up to each of these instants the same slots are open.
        for stop in [*(ends for ends, _ in extras if at < ends < closes), closes]:
            slots: list[Slot] = [span.starts, *(grant for ends, grant in extras if ends > at)]
            carried = min(stop - at, sum(map(left.__getitem__, slots)) // rate)
            _take(carried * rate, slots, left, drawn)
            at += carried
            if at < stop:
                return _instant(at), drawn
    return (end if at >= last else _instant(at)), drawn


def settle(
    budget: Budget, drawn: Drawn, rate: int, start: datetime, end: datetime
) -> dict[Slot, int]:
    """Say what a session that ran from ``start`` to ``end`` used of what it had reserved; the rest is returned.

    Always holds:
        - the sum is what the session used within the budget's periods;
        - what it used beyond its reservation (its termination) is charged to the period's own, and to it alone.

    Args:
        budget: for its periods; what is taken from it does not matter.
        drawn: what was reserved, extensions included.
    """
    left = dict(drawn)
    grants: list[Slot] = [slot for slot in drawn if isinstance(slot, str)]
    used: dict[Slot, int] = {}
    for span in _spans(budget, start, end):
        need = usage(rate, max(start, span.starts), min(end, span.ends))
        rest = need - _take(need, [span.starts, *grants], left, used)
        if rest:
            used[span.starts] = used.get(span.starts, 0) + rest
    return used


def furthest(budget: Budget, start: datetime) -> datetime:
    """How far a session that nothing else ends may reserve: to the end of the period after the one it starts in."""
    kind, zone, term = budget.allowance.period, budget.zone, budget.term
    first = period_span(kind, start, zone, term)
    return period_span(kind, first.ends, zone, term).ends


def _spans(budget: Budget, start: datetime, end: datetime) -> list[Span]:
    return periods_over(budget.allowance.period, start, end, budget.zone, budget.term)


def _left(budget: Budget, slot: Slot, amount: int) -> int:
    """A lowered allowance may lie below what is taken; then nothing is left."""
    return max(0, amount - budget.taken.get(slot, 0))


def _take(amount: int, slots: list[Slot], left: dict[Slot, int], taken: dict[Slot, int]) -> int:
    """Move up to this amount from what is left to what is taken, slot by slot; how much that was."""
    rest = amount
    for slot in slots:
        if part := min(rest, left.get(slot, 0)):
            left[slot] -= part
            taken[slot] = taken.get(slot, 0) + part
            rest -= part
    return amount - rest


def _ms(instant: datetime) -> int:
    return (instant - _EPOCH) // _MS


def _instant(ms: int) -> datetime:
    return _EPOCH + ms * _MS
