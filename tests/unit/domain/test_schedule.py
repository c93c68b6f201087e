"""Wall time to instants; days, weeks and terms."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.schedule import (
    Period,
    Span,
    local_instant,
    period_span,
    periods_over,
)

OSLO = ZoneInfo("Europe/Oslo")
AUTUMN = Span(datetime(2026, 8, 16, 22, tzinfo=UTC), datetime(2026, 12, 18, 23, tzinfo=UTC))

WALL = {
    "an ordinary time": ("Europe/Oslo", "2026-06-01 10:15", "2026-06-01 08:15"),
    "a time in the gap is the first instant after it": (
        "Europe/Oslo",
        "2026-03-29 02:30",
        "2026-03-29 01:00",
    ),
    "so is the gap's first minute": ("Europe/Oslo", "2026-03-29 02:00", "2026-03-29 01:00"),
    "a time shown twice is the first": ("Europe/Oslo", "2026-10-25 02:30", "2026-10-25 00:30"),
    "a gap of half an hour": ("Australia/Lord_Howe", "2026-10-04 02:10", "2026-10-03 15:30"),
    "a gap of three hours": ("Antarctica/Casey", "2020-10-04 01:30", "2020-10-03 16:01"),
    "a midnight that does not exist": ("Africa/Cairo", "2026-04-24 00:00", "2026-04-23 22:00"),
    "a day that does not exist": ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00"),
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("row", WALL.values(), ids=WALL.keys())
def test_wall_time(row) -> None:
    zone, wall, instant = row
    at = datetime.fromisoformat(wall)
    assert local_instant(at.date(), at.time(), ZoneInfo(zone)) == utc(instant)


PERIODS = {
    "an ordinary week has 168 hours": (Period.WEEK, "Europe/Oslo", "2026-11-18 12:00", 168),
    "the week of the spring change has 167": (Period.WEEK, "Europe/Oslo", "2026-03-25 12:00", 167),
    "that of the autumn change has 169": (Period.WEEK, "Europe/Oslo", "2026-10-25 22:59", 169),
    "a day of the spring change has 23": (Period.DAY, "Europe/Oslo", "2026-03-29 12:00", 23),
    "a day of the autumn change has 25": (Period.DAY, "Europe/Oslo", "2026-10-25 12:00", 25),
    "its own midnight begins a day": (Period.DAY, "Europe/Oslo", "2026-10-24 22:00", 25),
    "a midnight that is left out shortens the day": (
        Period.DAY,
        "Africa/Cairo",
        "2026-04-24 12:00",
        23,
    ),
}


@pytest.mark.parametrize("row", PERIODS.values(), ids=PERIODS.keys())
def test_length_of_a_period(row) -> None:
    period, zone, instant, hours = row
    span = period_span(period, utc(instant), ZoneInfo(zone), None)
    assert utc(instant) in span
    assert span.ends - span.starts == timedelta(hours=hours)


def test_a_week_begins_on_monday() -> None:
    span = period_span(Period.WEEK, utc("2026-11-22 22:59"), OSLO, None)
    assert span == Span(utc("2026-11-15 23:00"), utc("2026-11-22 23:00"))


def test_a_clock_that_goes_back_over_midnight_stays_in_the_day_that_has_begun() -> None:
    st_johns = ZoneInfo("America/St_Johns")
    first, again = utc("2010-11-07 02:30"), utc("2010-11-07 02:31")
    assert str(first.astimezone(st_johns)) == "2010-11-07 00:00:00-02:30"
    assert str(again.astimezone(st_johns)) == "2010-11-06 23:01:00-03:30"
    days = {period_span(Period.DAY, at, st_johns, None) for at in (first, again)}
    assert days == {Span(first, utc("2010-11-08 03:30"))}


def test_a_term_is_the_one_given() -> None:
    assert period_span(Period.TERM, utc("2026-01-01 00:00"), OSLO, AUTUMN) == AUTUMN
    with pytest.raises(ValueError, match="no term"):
        period_span(Period.TERM, utc("2026-01-01 00:00"), OSLO, None)


def test_a_stretch_reaches_the_term_or_does_not() -> None:
    inside = (utc("2026-09-01 00:00"), utc("2026-09-01 04:00"))
    outside = (utc("2026-12-24 00:00"), utc("2026-12-24 04:00"))
    assert periods_over(Period.TERM, *inside, OSLO, AUTUMN) == [AUTUMN]
    assert periods_over(Period.TERM, *outside, OSLO, AUTUMN) == []


def test_an_empty_stretch_reaches_nothing() -> None:
    now = utc("2026-09-01 00:00")
    assert periods_over(Period.DAY, now, now, OSLO, None) == []


def test_a_session_over_midnight_reaches_two_days() -> None:
    days = periods_over(Period.DAY, utc("2026-09-01 20:00"), utc("2026-09-02 02:00"), OSLO, None)
    assert days == [
        Span(utc("2026-08-31 22:00"), utc("2026-09-01 22:00")),
        Span(utc("2026-09-01 22:00"), utc("2026-09-02 22:00")),
    ]


ZONES = (
    "Europe/Oslo",
    "Africa/Cairo",
    "Antarctica/Casey",
    "America/St_Johns",
    "Pacific/Apia",
    "UTC",
)


@given(
    st.sampled_from(ZONES),
    st.sampled_from([Period.DAY, Period.WEEK]),
    st.integers(1_262_304_000, 2_177_452_800).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.timedeltas(timedelta(minutes=1), timedelta(days=20)),
)
def test_periods_cover_a_stretch_without_hole_or_overlap(name, period, start, length) -> None:
    zone = ZoneInfo(name)
    spans = periods_over(period, start, start + length, zone, None)
    assert start in spans[0]
    assert start + length - timedelta.resolution in spans[-1]
    for one, next_ in itertools.pairwise(spans):
        assert one.starts < one.ends == next_.starts
    for span in spans:
        assert period_span(period, span.starts, zone, None) == span


@given(
    st.sampled_from(ZONES),
    st.dates(date(2010, 1, 1), date(2039, 1, 1)),
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_a_later_wall_time_is_never_an_earlier_instant(name, day, at, later) -> None:
    zone = ZoneInfo(name)
    then = datetime.combine(day, at) + later
    assert local_instant(day, at, zone) <= local_instant(then.date(), then.time(), zone)
