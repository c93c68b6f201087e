"""Windows: when they are open, until when, and when the next one opens."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import (
    HORIZON,
    Dated,
    Stretch,
    Timetable,
    Weekly,
    joined,
    local_span,
)

OSLO = ZoneInfo("Europe/Oslo")
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)


def at(text: str) -> datetime:
    """Oslo's wall time; ``fold`` is the first."""
    return datetime.fromisoformat(text).replace(tzinfo=OSLO).astimezone(UTC)


def weekly(*days: int, opens: str = "00:00", closes: str = "00:00", **more) -> Weekly:
    more = {"skipped": frozenset(), **more}
    return Weekly(
        frozenset(days), time.fromisoformat(opens), time.fromisoformat(closes), OSLO, **more
    )


LAB = weekly(TUE, opens="10:15", closes="12:00")
NIGHT = weekly(FRI, opens="22:00", closes="02:00")
HOLIDAY = frozenset({date(2026, 11, 24)})

ROWS = {
    "before it opens": ((LAB,), "2026-11-24 10:14", False, "2026-11-24 10:15"),
    "the minute at which it opens": ((LAB,), "2026-11-24 10:15", True, "2026-11-24 12:00"),
    "the minute at which it closes": ((LAB,), "2026-11-24 12:00", False, "2026-12-01 10:15"),
    "a holiday goes to the week after": (
        (weekly(TUE, opens="10:15", closes="12:00", skipped=HOLIDAY),),
        "2026-11-24 10:30",
        False,
        "2026-12-01 10:15",
    ),
    "until at or before from is the next day": (
        (NIGHT,),
        "2026-11-28 01:30",
        True,
        "2026-11-28 02:00",
    ),
    "a night that began before a holiday goes on": (
        (weekly(FRI, opens="22:00", closes="02:00", skipped=frozenset({date(2026, 11, 28)})),),
        "2026-11-28 01:30",
        True,
        "2026-11-28 02:00",
    ),
    "whole days that follow one another are one": (
        (weekly(SAT, SUN),),
        "2026-11-28 12:00",
        True,
        "2026-11-30 00:00",
    ),
    "two windows that adjoin are one": (
        (LAB, weekly(TUE, opens="12:00", closes="14:00")),
        "2026-11-24 11:00",
        True,
        "2026-11-24 14:00",
    ),
    "two that overlap are one": (
        (LAB, weekly(TUE, opens="09:00", closes="17:00")),
        "2026-11-24 11:00",
        True,
        "2026-11-24 17:00",
    ),
    "a minute between two is closed": (
        (LAB, weekly(TUE, opens="12:01", closes="14:00")),
        "2026-11-24 12:00",
        False,
        "2026-11-24 12:01",
    ),
    "not before its first day": (
        (weekly(TUE, opens="10:15", closes="12:00", first=date(2027, 1, 12)),),
        "2026-11-24 10:30",
        False,
        "2027-01-12 10:15",
    ),
    "not after its last day": (
        (weekly(TUE, opens="10:15", closes="12:00", last=date(2026, 11, 17)),),
        "2026-11-17 12:00",
        False,
        None,
    ),
    "no windows at all are closed for good": ((), "2026-11-24 10:30", False, None),
    "a week without a closed minute has no end": (
        (weekly(*range(7)),),
        "2026-11-24 10:30",
        True,
        None,
    ),
    "the spring gap swallows it": (
        (weekly(SUN, opens="02:10", closes="02:50"),),
        "2026-03-28 12:00",
        False,
        "2026-04-05 02:10",
    ),
    "it opens after the spring gap": (
        (weekly(SUN, opens="02:30", closes="04:00"),),
        "2026-03-28 12:00",
        False,
        "2026-03-29 03:00",
    ),
    "dated, the second of two": (
        (
            Dated(
                (
                    Span(at("2026-11-24 08:00"), at("2026-11-24 09:00")),
                    Span(at("2026-12-03 08:00"), at("2026-12-03 09:00")),
                )
            ),
        ),
        "2026-11-24 09:00",
        False,
        "2026-12-03 08:00",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_at(row) -> None:
    times, instant, is_open, ends = row
    expected = Stretch(is_open, at(ends) if ends else None)
    assert Timetable(times).at(at(instant)) == expected


def test_an_hour_shown_twice_opens_once_and_closes_the_first_time() -> None:
    span = local_span(date(2026, 10, 25), time(2, 10), time(2, 50), OSLO)
    first = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    assert span == Span(first, first + timedelta(minutes=40))


def test_it_lasts_over_the_hour_shown_twice() -> None:
    span = local_span(date(2026, 10, 25), time(1, 30), time(3, 30), OSLO)
    assert span is not None
    assert span.ends - span.starts == timedelta(hours=3)


def test_what_was_answered_before_changes_no_answer() -> None:
    asked = [at("2026-11-23 00:00") + timedelta(minutes=7) * n for n in range(3000)]
    order = sorted(asked, key=lambda instant: (instant.minute * 7919) % 61)
    kept = Timetable((LAB, NIGHT, weekly(SAT, SUN)))
    for instant in order:
        assert kept.at(instant) == Timetable(kept.times).at(instant)


def test_the_spans_that_an_interval_reaches() -> None:
    table = Timetable((LAB, NIGHT))
    assert list(table.spans(at("2026-11-24 11:00"), at("2026-12-01 10:15"))) == [
        Span(at("2026-11-24 10:15"), at("2026-11-24 12:00")),
        Span(at("2026-11-27 22:00"), at("2026-11-28 02:00")),
    ]
    assert list(table.spans(at("2026-11-25 00:00"), at("2026-11-25 12:00"))) == []


def test_an_opening_beyond_the_horizon_is_not_looked_for() -> None:
    far = at("2026-11-24 10:00") + HORIZON
    table = Timetable((Dated((Span(far, far + timedelta(hours=1)),)),))
    assert table.at(at("2026-11-24 10:00")) == Stretch(False, None)
    assert table.at(at("2026-11-24 10:01")) == Stretch(False, far)


DAYS = st.frozensets(st.dates(date(2026, 3, 20), date(2026, 4, 10)))


@st.composite
def some_times(draw: st.DrawFn) -> Weekly | Dated:
    opens, closes = draw(st.integers(0, 23)), draw(st.integers(0, 23))
    some_days = draw(DAYS)
    if draw(st.booleans()):
        days = draw(st.frozensets(st.integers(0, 6), min_size=1))
        return weekly(*days, opens=f"{opens:02}:00", closes=f"{closes:02}:00", skipped=some_days)
    spans = (local_span(day, time(opens), time(closes), OSLO) for day in sorted(some_days))
    return Dated(tuple(joined(span for span in spans if span is not None)))


INSTANTS = st.integers(0, 14 * 24 * 4).map(
    lambda quarters: at("2026-03-22 00:00") + timedelta(minutes=15) * quarters
)


def open_without(table: Timetable, n: int, instant: datetime) -> bool:
    fewer = Timetable(table.times[:n] + table.times[n + 1 :])
    return fewer.at(instant).is_open


@given(st.lists(some_times(), min_size=1, max_size=4), st.data(), INSTANTS)
def test_to_take_a_window_away_never_opens_anything(times, data, instant) -> None:
    table, n = Timetable(tuple(times)), data.draw(st.integers(0, len(times) - 1))
    assert not open_without(table, n, instant) or table.at(instant).is_open


@given(st.lists(some_times(), min_size=1, max_size=4), INSTANTS)
def test_a_stretch_ends_where_the_answer_changes_and_not_before(times, instant) -> None:
    table = Timetable(tuple(times))
    stretch = table.at(instant)
    assert stretch.is_open == any(Timetable((one,)).at(instant).is_open for one in times)
    if stretch.ends is not None:
        assert instant < stretch.ends
        assert table.at(stretch.ends).is_open != stretch.is_open
        assert table.at(stretch.ends - timedelta(minutes=1)).is_open == stretch.is_open


def test_a_timetable_that_is_open_when_nothing_is_left_is_seen(monkeypatch) -> None:
    """Why hours without a window are shut."""
    right = Timetable.at
    monkeypatch.setattr(
        Timetable, "at", lambda self, i: right(self, i) if self.times else Stretch(True, None)
    )
    table, instant = Timetable((LAB,)), at("2026-11-25 12:00")
    assert open_without(table, 0, instant)
    assert not table.at(instant).is_open
