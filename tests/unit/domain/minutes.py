"""Windows and days minute by minute, from nothing but what the clock on the wall shows at each instant.

It knows no rule for gaps and folds. It watches the highest reading so far: a window is open while that lies between the
wall times of its opening and of its closing. What the clock leaves out in spring is passed over, and what it shows again
in autumn is lower than what it has shown, so all that the policy says of both follows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

YEARS = 2020, 2040
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
AROUND = 28 * 60
"""Minutes looked at before a change of the clock, and after it."""
EPOCH = date(1970, 1, 1)
A_DAY = 24 * 60


class Change(NamedTuple):
    """A clock that changes: the instant, and how many minutes ahead of UTC it is before and after."""

    zone: str
    at: datetime
    before: int
    after: int


class Pattern(NamedTuple):
    """A weekly window: days of the week, wall times, and days on which it does not open."""

    days: frozenset[int]
    opens: time
    closes: time
    skipped: frozenset[date] = frozenset()


@cache
def zones() -> list[str]:
    """Every IANA name."""
    return sorted(available_timezones())


@cache
def changes(zone: str) -> tuple[Change, ...]:
    """Every change of a zone's clock in the years, found by halving the days over which its offset changed."""
    clock, found = ZoneInfo(zone), []
    at, last = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[1] + 1, 1, 1, tzinfo=UTC)
    before = ahead(clock, at)
    while at < last:
        after = ahead(clock, at + DAY)
        if after != before:
            low, high = at, at + DAY
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                low, high = (middle, high) if ahead(clock, middle) == before else (low, middle)
            found.append(Change(zone, high, before, after))
        at, before = at + DAY, after
    return tuple(found)


def ahead(clock: ZoneInfo, at: datetime) -> int:
    """Minutes that a clock is ahead of UTC."""
    minutes, rest = divmod(at.astimezone(clock).replace(tzinfo=UTC) - at, MINUTE)
    assert not rest, "a clock that is not whole minutes ahead"
    return minutes


class Minutes:
    """The minutes around an instant, and the highest reading of the clock up to each."""

    def __init__(self, zone: str, around: datetime) -> None:
        self.zone, self.first = ZoneInfo(zone), around - AROUND * MINUTE
        start = (self.first - datetime(1970, 1, 1, tzinfo=UTC)) // MINUTE
        readings = (start + n + ahead(self.zone, self.instant(n)) for n in range(2 * AROUND))
        self.highest = tuple(accumulate(readings, max))

    def instant(self, n: int) -> datetime:
        """The start of a minute."""
        return self.first + n * MINUTE

    def open_times(self, pattern: Pattern) -> list[tuple[int, int]]:
        """The first minute of each time in which the window is open, and the first after it."""
        return _open_times(self.highest, pattern)

    def days(self) -> list[int]:
        """The day that each minute belongs to, in days from 1970."""
        return [high // A_DAY for high in self.highest]


@lru_cache(maxsize=256)  # many zones change together
def _open_times(highest: tuple[int, ...], pattern: Pattern) -> list[tuple[int, int]]:
    opens = pattern.opens.hour * 60 + pattern.opens.minute
    closes = pattern.closes.hour * 60 + pattern.closes.minute
    length = closes - opens if closes > opens else closes + A_DAY - opens

    @cache
    def on(number: int) -> bool:
        day = EPOCH + number * DAY
        return day.weekday() in pattern.days and day not in pattern.skipped

    def is_open(high: int) -> bool:
        day, since = divmod(high, A_DAY)
        today = since >= opens and since - opens < length and on(day)
        return today or (since + A_DAY - opens < length and on(day - 1))

    found, begun = [], -1
    for n, high in enumerate(highest):
        if is_open(high) != (begun >= 0):
            if begun >= 0:
                found.append((begun, n))
            begun = n if begun < 0 else -1
    return [*found, (begun, len(highest))] if begun >= 0 else found


def patterns(change: Change) -> Iterator[Pattern]:
    """Windows that a change of the clock meets in every way, and some that it may meet by chance."""
    wall = change.at.replace(tzinfo=None)
    one, other = sorted((wall + change.before * MINUTE, wall + change.after * MINUTE))
    middle = one + (other - one) // 2 // MINUTE * MINUTE
    every = frozenset(range(7))
    day = frozenset({one.weekday()})
    ends = [
        (one, other),
        (one, middle),
        (middle, other),
        (middle, middle + 5 * MINUTE),
        (one - 5 * MINUTE, middle),
        (middle, other + 5 * MINUTE),
        (one - 90 * MINUTE, other + 90 * MINUTE),
        (middle, middle),
    ]
    for opens, closes in ends:
        yield Pattern(every, opens.time(), closes.time())
    yield Pattern(day, middle.time(), middle.time())
    yield Pattern(every - day, (middle + 20 * MINUTE).time(), middle.time())
    skipped = frozenset({one.date(), (one - DAY).date()})
    yield Pattern(every, time(22), time(2), skipped)
    yield Pattern(every, time(), time(), frozenset({one.date()}))
    chance = random.Random(f"{change.zone} {change.at}")  # noqa: S311 - rows, no secrets
    for _ in range(2):
        begin, end = (time(*divmod(chance.randrange(A_DAY), 60)) for _ in range(2))
        days = frozenset(chance.sample(range(7), chance.randint(1, 7)))
        yield Pattern(days, begin, end)
