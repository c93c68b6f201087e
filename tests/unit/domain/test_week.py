"""A week shows on each day exactly the minutes in which a window is open on it, by a clock watched minute by minute."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings

from jupyterhub_edu.domain import week
from jupyterhub_edu.domain.schedule import Span, local_instant
from jupyterhub_edu.domain.week import Day, lay_out, monday_of, reached
from jupyterhub_edu.domain.windows import Weekly

from .minutes import AROUND, DAY, EPOCH, MINUTE, YEARS, Change, Minutes, changes, patterns
from .test_schedule_minutes import PECULIAR, weekly

OSLO = ZoneInfo("Europe/Oslo")


def shown(days: tuple[Day[str], ...], minutes: Minutes) -> Counter[tuple[date, int]]:
    """How often each minute is shown on each day."""
    found: Counter[tuple[date, int]] = Counter()
    for day in days:
        for piece in day.pieces:
            begin, end = ((at - minutes.first) // MINUTE for at in piece.part)
            found.update((day.date, n) for n in range(max(0, begin), min(2 * AROUND, end)))
    return found


def differences(change: Change) -> list[str]:
    minutes = Minutes(change.zone, change.at)
    numbers = [EPOCH + number * DAY for number in minutes.days()]
    first, wrong = numbers[0] - DAY, []
    for pattern in patterns(change):
        window = weekly(pattern, change, minutes.zone)
        spans = [("", span) for span in reached(window, first, minutes.zone)]
        expected = Counter(
            (numbers[n], n)
            for begin, end in minutes.open_times(pattern)
            for n in range(begin, end)
        )
        # A window that adjoins itself on the next day is two here, and never shown twice.
        if shown(lay_out(spans, first, minutes.zone), minutes) != expected:
            wrong.append(f"{change} {pattern}")
    return wrong


@pytest.mark.hypothesis
def test_each_day_shows_the_minutes_that_a_watched_clock_shows(capsys) -> None:
    years = range(*YEARS) if settings().max_examples >= 2_000 else (2026,)
    chosen = [c for zone in PECULIAR for c in changes(zone) if c.at.year in years]
    found = [line for change in chosen for line in differences(change)]
    with capsys.disabled():
        print(f"\n    week: {len(chosen)} changes of the clock, {len(found)} windows differ")
    assert found == []
    assert len(chosen) > len(PECULIAR)


def test_a_week_that_takes_days_for_24_hours_is_seen(monkeypatch) -> None:
    monday = local_instant(date(2020, 1, 6), time(), OSLO)
    wrong = lambda day, zone: monday + (day - date(2020, 1, 6))  # noqa: E731 - one line of a test
    monkeypatch.setattr(week, "_midnight", wrong)
    assert differences(changes("Europe/Oslo")[0])


def test_a_week_that_leaves_out_what_began_before_it_is_seen(monkeypatch) -> None:
    real = Weekly.spans
    monkeypatch.setattr(
        Weekly,
        "spans",
        lambda self, after: (span for span in real(self, after) if span.starts >= after),
    )
    assert night_on(date(2026, 11, 28)) == []


def night_on(first: date) -> list[tuple[date, str, str, bool, bool]]:
    """The days from one on with a window of Friday 22:00 to 02:00."""
    night = Weekly(frozenset({4}), time(22), time(2), OSLO)
    days = lay_out((("night", span) for span in reached(night, first, OSLO, 2)), first, OSLO, 2)
    return [
        (day.date, wall(piece.part.starts), wall(piece.part.ends), piece.begins, piece.ends)
        for day in days
        for piece in day.pieces
    ]


def wall(at: datetime) -> str:
    return f"{at.astimezone(OSLO):%H:%M}"


def test_what_goes_over_midnight_lies_on_both_days() -> None:
    friday, saturday = date(2026, 11, 27), date(2026, 11, 28)
    assert night_on(friday) == [
        (friday, "22:00", "00:00", True, False),
        (saturday, "00:00", "02:00", False, True),
    ]
    assert night_on(saturday) == [(saturday, "00:00", "02:00", False, True)]


def test_what_ends_at_midnight_lies_on_one_day() -> None:
    friday = date(2026, 11, 27)
    evening = Weekly(frozenset({4}), time(18), time(), OSLO)
    days = lay_out((("", span) for span in reached(evening, friday, OSLO)), friday, OSLO)
    assert [len(day.pieces) for day in days] == [1, 0, 0, 0, 0, 0, 0]
    assert days[0].pieces[0].ends


@pytest.mark.parametrize(
    ("first", "hours"),
    [(date(2026, 3, 23), [24] * 6 + [23]), (date(2026, 10, 19), [24] * 6 + [25])],
    ids=["in spring one day has 23 hours", "in autumn one day has 25"],
)
def test_the_day_of_a_clock_change_is_as_long_as_it_is(first: date, hours: list[int]) -> None:
    days: tuple[Day[str], ...] = lay_out([], first, OSLO)
    assert [day.length / timedelta(hours=1) for day in days] == hours


def test_a_day_that_a_zone_leaves_out_is_empty() -> None:
    days: tuple[Day[str], ...] = lay_out([], date(2011, 12, 26), ZoneInfo("Pacific/Apia"))
    assert [day.date.day for day in days if not day.length] == [30]


def test_the_parts_of_anything_are_its_whole_and_overlap_nowhere() -> None:
    chance = random.Random(7)  # noqa: S311 - rows, no secrets
    first = date(2026, 10, 19)
    for _ in range(200):
        begin = datetime(2026, 10, 19, tzinfo=UTC) + chance.randrange(6 * 24 * 60) * MINUTE
        whole = Span(begin, begin + chance.randrange(1, 24 * 60) * MINUTE)
        days = lay_out([("", whole)], first, OSLO, 8)
        parts = [piece.part for day in days for piece in day.pieces]
        assert (parts[0].starts, parts[-1].ends) == whole
        assert all(a.ends == b.starts for a, b in pairwise(parts))


def test_monday() -> None:
    assert {monday_of(date(2026, 11, 16) + n * DAY) for n in range(7)} == {date(2026, 11, 16)}
