"""The schedule agrees with a clock that is watched minute by minute, for all zones and every change 2020-2040."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings

from jupyterhub_edu.domain import schedule, windows
from jupyterhub_edu.domain.schedule import Period, Span, period_span
from jupyterhub_edu.domain.windows import Timetable, Weekly

from .minutes import AROUND, DAY, MINUTE, Change, Minutes, Pattern, changes, patterns, zones

PECULIAR = (
    "Africa/Cairo",  # midnight is left out
    "Africa/Casablanca",  # goes back for Ramadan
    "America/Nuuk",  # goes back over midnight
    "America/Havana",  # midnight is left out, and shown twice
    "Antarctica/Casey",  # three hours at once, a minute after midnight
    "Antarctica/Troll",  # two hours
    "Asia/Beirut",
    "Australia/Lord_Howe",  # half an hour
    "Europe/Dublin",  # winter is the exception there
    "Europe/Oslo",
)
QUIET = datetime(2026, 6, 3, 12, tzinfo=UTC)


class Count:
    """What was compared."""

    def __init__(self) -> None:
        self.zones: set[str] = set()
        self.changes = self.windows = self.minutes = 0
        self.different: list[str] = []

    def __str__(self) -> str:
        return (
            f"{len(self.zones)} zones, {self.changes} changes of the clock, {self.windows} windows, "
            f"{self.minutes:,} minutes compared: {len(self.different)} windows differ"
        )


def weekly(pattern: Pattern, change: Change, zone: tzinfo) -> Weekly:
    # A flaw may leave nothing of a window: its last day keeps the search for the next opening short.
    last = change.at.date() + 9 * DAY
    return Weekly(
        pattern.days, pattern.opens, pattern.closes, zone, last=last, skipped=pattern.skipped
    )


def compare(change: Change, count: Count, *, days: bool = True) -> None:
    minutes = Minutes(change.zone, change.at)
    count.zones.add(change.zone)
    count.changes += change.before != change.after
    for pattern in patterns(change):
        expected = minutes.open_times(pattern)
        table = Timetable((weekly(pattern, change, minutes.zone),))
        count.windows += 1
        count.minutes += 2 * AROUND
        if found := difference(table, minutes, expected):
            count.different.append(f"{change} {pattern}: {found}")
    if days:
        compare_days(minutes)


def difference(table: Timetable, minutes: Minutes, expected: list[tuple[int, int]]) -> str:
    """Where a timetable is not open exactly in these minutes; or says so at an instant, but not until when."""
    start, end = minutes.first, minutes.instant(2 * AROUND)
    spans = [
        ((max(span.starts, start) - start) / MINUTE, (min(span.ends, end) - start) / MINUTE)
        for span in table.spans(start, end)
    ]
    if spans != expected:
        return f"{spans} instead of {expected}"
    turns = [n for span in expected for n in span if 0 < n < 2 * AROUND]
    for n, turn in enumerate(turns):
        before, then = table.at(minutes.instant(turn - 1)), table.at(minutes.instant(turn))
        if before.is_open == then.is_open or before.ends != minutes.instant(turn):
            return f"{before}, then {then} at {minutes.instant(turn)}"
        if turns[n + 1 :] and then.ends != minutes.instant(turns[n + 1]):
            return f"{then} at {minutes.instant(turn)}"
    return ""


def compare_days(minutes: Minutes) -> None:
    """Each day and each week begins with the minute in which the clock first shows that it has."""
    numbers = minutes.days()
    for period, length in ((Period.DAY, 1), (Period.WEEK, 7)):
        begun = [(number + 3) // length if length == 7 else number for number in numbers]
        for n in range(1, len(begun)):
            if begun[n] != begun[n - 1]:
                before, after = (
                    period_span(period, minutes.instant(m), minutes.zone, None) for m in (n - 1, n)
                )
                assert before.ends == after.starts == minutes.instant(n)
        spans = [
            period_span(period, minutes.instant(n), minutes.zone, None)
            for n in range(0, len(begun), 7)
        ]
        assert len(set(spans)) == len(set(begun[::7]))


def chosen() -> list[Change]:
    """All with the long profile; else some, always the same, and those of the peculiar zones in one year or three."""
    everywhere = [Change(zone, QUIET, 0, 0) for zone in zones()]
    most = settings().max_examples
    if most >= 2_000:
        return everywhere + [change for zone in zones() for change in changes(zone)]
    years = {2020, 2026, 2040} if most >= 200 else {2026}
    peculiar = [c for z in PECULIAR for c in changes(z) if c.at.year in years]
    some, few = random.Random(20_262_040), most // 10  # noqa: S311 - a sample, no secret
    found = [c for z in some.sample(zones(), few) for c in changes(z)]
    return [*peculiar, *some.sample(everywhere, few), *some.sample(found, min(few, len(found)))]


@pytest.mark.hypothesis
def test_windows_and_days_agree_with_a_clock_watched_minute_by_minute(capsys) -> None:
    count = Count()
    for change in chosen():
        compare(change, count)
    with capsys.disabled():
        print(f"\n    schedule: {count}")
    assert count.different == []
    assert count.changes > len(PECULIAR)


# -- the same with a flaw in each rule ---------------------------------------------------------------------------

right_instant, right_span, right_spans = (
    schedule.local_instant,
    windows.local_span,
    Weekly.spans,
)


def as_far_after_the_gap(day: date, at: time, zone: tzinfo) -> datetime:
    """What most would write: a time in the gap is as far behind its end as it was behind its start."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def the_second_of_the_two(day: date, at: time, zone: tzinfo) -> datetime:
    first = right_instant(day, at, zone)
    second = datetime.combine(day, at.replace(fold=1), zone).astimezone(UTC)
    return max(first, second)


def never_the_next_day(day: date, opens: time, closes: time, zone: tzinfo) -> Span | None:
    span = Span(right_instant(day, opens, zone), right_instant(day, closes, zone))
    return span if span.starts < span.ends else None


def not_the_next_day_if_the_same(
    day: date, opens: time, closes: time, zone: tzinfo
) -> Span | None:
    return None if opens == closes else right_span(day, opens, closes, zone)


def as_long_as_on_the_wall(day: date, opens: time, closes: time, zone: tzinfo) -> Span | None:
    """A window that the gap swallows takes place after it."""
    start = right_instant(day, opens, zone)
    wall = datetime.combine(day, closes) - datetime.combine(day, opens)
    return Span(start, start + (wall if closes > opens else wall + DAY))


def a_minute_after_the_gap(day: date, opens: time, closes: time, zone: tzinfo) -> Span | None:
    """Only what is swallowed is wrong: it takes place for one minute."""
    last = day if closes > opens else day + DAY
    span = Span(right_instant(day, opens, zone), right_instant(last, closes, zone))
    return span if span.starts < span.ends else Span(span.starts, span.starts + MINUTE)


def without_exceptions(self: Weekly, after: datetime) -> Any:
    return right_spans(
        Weekly(self.days, self.opens, self.closes, self.zone, self.first, self.last), after
    )


def exceptions_by_the_day_of_closing(self: Weekly, after: datetime) -> Any:
    every = Weekly(self.days, self.opens, self.closes, self.zone, self.first, self.last)
    for span in right_spans(every, after):
        closing = (span.ends - MINUTE).astimezone(self.zone).date()
        if closing not in self.skipped:
            yield span


FLAWS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "gap: as far after its end as the time lies after its start": (
        windows,
        "local_instant",
        as_far_after_the_gap,
    ),
    "fold: the second of the two": (windows, "local_instant", the_second_of_the_two),
    "next day: never": (windows, "local_span", never_the_next_day),
    "next day: not for midnight to midnight": (
        windows,
        "local_span",
        not_the_next_day_if_the_same,
    ),
    "swallowed: takes place after the gap, as long as on the wall": (
        windows,
        "local_span",
        as_long_as_on_the_wall,
    ),
    "swallowed: takes place for a minute": (windows, "local_span", a_minute_after_the_gap),
    "exceptions: left out": (Weekly, "spans", without_exceptions),
    "exceptions: by the day of closing": (Weekly, "spans", exceptions_by_the_day_of_closing),
}


@pytest.mark.parametrize(("where", "name", "flaw"), FLAWS.values(), ids=FLAWS)
def test_a_flaw_in_a_rule_is_seen(monkeypatch, where: Any, name: str, flaw: Any) -> None:
    monkeypatch.setattr(where, name, flaw)
    count = Count()
    for change in changes("Europe/Oslo")[:2]:
        compare(change, count, days=False)
    assert count.different


def test_days_of_24_hours_are_seen(monkeypatch) -> None:
    monday = date(2020, 1, 6)
    first = right_instant(monday, time(), ZoneInfo("Europe/Oslo"))
    monkeypatch.setattr(schedule, "_midnight", lambda day, zone: first + (day - monday))
    summer = changes("Europe/Oslo")[0]
    with pytest.raises(AssertionError):
        compare_days(Minutes(summer.zone, summer.at))
