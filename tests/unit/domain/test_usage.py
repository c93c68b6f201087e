"""A session is charged to the local days that it ran on, to the millisecond."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.usage import By, UsageQuery, charge, in_order, sum_usage
from tests.unit.store.values import an_admission, granted

OSLO = ZoneInfo("Europe/Oslo")
HOUR = 3_600_000


def ended(begins, ends, zone=OSLO, **changes):
    """A session between two wall times, on one device."""
    told = map(datetime.fromisoformat, (begins, ends))
    begins, ends = (at.replace(tzinfo=at.tzinfo or zone).astimezone(UTC) for at in told)
    known = {"reserved_at": begins, "running_at": begins, "ended_at": ends}
    return an_admission(stage=Stage.ENDED, **(known | changes))


def hours(found):
    return [(usage.day.isoformat(), usage.running_ms / HOUR) for usage in found]


DAYS = {
    "within a day": (
        ("2026-11-03 09:00", "2026-11-03 11:00"),
        [("2026-11-03", 2)],
    ),
    "over midnight": (
        ("2026-11-03 22:00", "2026-11-04 01:00"),
        [("2026-11-03", 2), ("2026-11-04", 1)],
    ),
    "until midnight exactly": (
        ("2026-11-03 22:00", "2026-11-04 00:00"),
        [("2026-11-03", 2)],
    ),
    "a whole day in between": (
        ("2026-11-03 23:00", "2026-11-05 01:00"),
        [("2026-11-03", 1), ("2026-11-04", 24), ("2026-11-05", 1)],
    ),
    "the day of 23 hours": (
        ("2026-03-28 23:00", "2026-03-30 01:00"),
        [("2026-03-28", 1), ("2026-03-29", 23), ("2026-03-30", 1)],
    ),
    "the day of 25 hours": (
        ("2026-10-24 23:00", "2026-10-26 01:00"),
        [("2026-10-24", 1), ("2026-10-25", 25), ("2026-10-26", 1)],
    ),
    "the hour that comes twice": (
        ("2026-10-25 02:00", "2026-10-25 02:30+01:00"),
        [("2026-10-25", 1.5)],
    ),
    "no time at all": (("2026-11-03 09:00", "2026-11-03 09:00"), [("2026-11-03", 0)]),
    "a clock that went back": (
        ("2026-11-04 00:05", "2026-11-03 23:55"),
        [("2026-11-04", 0)],
    ),
}


@pytest.mark.parametrize(("times", "expected"), DAYS.values(), ids=DAYS)
def test_each_day_is_charged_what_lies_in_it(times, expected):
    assert hours(charge(ended(*times), OSLO)) == expected


def test_a_day_begins_where_the_campus_is():
    session = ended("2026-11-03 22:00", "2026-11-04 01:00")

    assert hours(charge(session, UTC)) == [("2026-11-03", 3)]
    assert hours(charge(session, ZoneInfo("Asia/Tokyo"))) == [("2026-11-04", 3)]


def test_a_day_that_begins_at_one_because_midnight_is_left_out():
    beirut = ZoneInfo("Asia/Beirut")
    session = ended("2022-03-26 23:00", "2022-03-27 03:00", zone=beirut)

    assert hours(charge(session, beirut)) == [("2022-03-26", 1), ("2022-03-27", 2)]


def test_usage_is_time_by_devices_by_weight():
    amounts = granted().amounts._replace(devices=3)
    session = ended(
        "2026-11-03 09:00",
        "2026-11-03 10:00",
        granted=granted(amounts=amounts),
        weight=150,
    )

    (found,) = charge(session, OSLO)

    assert found.used == GPU_HOUR * 45 // 100


def test_a_plain_server_runs_and_uses_nothing():
    amounts = granted().amounts._replace(devices=0)
    times = "2026-11-03 09:00", "2026-11-03 10:00"

    (found,) = charge(ended(*times, granted=granted(amounts=amounts)), OSLO)

    assert (found.running_ms, found.used, found.sessions) == (HOUR, 0, 1)


def test_a_session_counts_once_on_the_day_on_which_it_began_to_run():
    session = ended(
        "2026-11-03 23:00",
        "2026-11-04 01:00",
        reserved_at=datetime(2026, 11, 3, 21, 59, 30, tzinfo=UTC),
        estimated=True,
    )

    assert [(u.sessions, u.estimated, u.waiting_ms) for u in charge(session, OSLO)] == [
        (1, 1, 30_000),
        (0, 0, 0),
    ]


NOTHING = {
    "what runs still": {"stage": Stage.RUNNING, "ended_at": None},
    "what never ran": {"running_at": None},
}


@pytest.mark.parametrize("changes", NOTHING.values(), ids=NOTHING)
def test_nothing_is_charged_for(changes):
    session = ended("2026-11-03 09:00", "2026-11-03 10:00")

    assert charge(an_admission(**_changed(session, changes)), OSLO) == []


def _changed(session, changes):
    names = ("stage", "reserved_at", "running_at", "ended_at")
    return {name: getattr(session, name) for name in names} | changes


moments = st.datetimes(
    datetime.fromisoformat("2020-01-01"),
    datetime.fromisoformat("2040-01-01"),
    timezones=st.just(UTC),
)
zones = st.sampled_from(
    ["Europe/Oslo", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe", "UTC"]
).map(ZoneInfo)


@given(moments, st.timedeltas(timedelta(days=-1), timedelta(days=9)), zones)
def test_the_days_add_up_to_the_session_exactly(begins, length, zone):
    session = an_admission(
        stage=Stage.ENDED, reserved_at=begins, running_at=begins, ended_at=begins + length
    )

    found = charge(session, zone)

    whole = _whole_ms(begins + length) - _whole_ms(begins)
    assert sum(usage.running_ms for usage in found) == max(whole, 0)
    assert all(usage.running_ms >= 0 for usage in found)
    days = [usage.day for usage in found if usage.day is not None]
    assert days == sorted(set(days))
    assert [usage.sessions for usage in found] == [1, *[0] * (len(found) - 1)]


def _whole_ms(at):
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_usage_is_summed_by_what_is_asked_for():
    times = (("ml", "22:00"), ("stats", "09:00"), ("ml", "09:00"))
    days = [
        usage
        for course, at in times
        for usage in charge(ended(f"2026-11-03 {at}", "2026-11-04 01:00", course=course), OSLO)
    ]

    by_course = sum_usage(days, {By.COURSE})
    assert [(u.course, u.day, u.sessions, u.running_ms // HOUR) for u in by_course] == [
        ("ml", None, 2, 19),
        ("stats", None, 1, 16),
    ]
    assert [u.used for u in sum_usage(days, ())] == [35 * GPU_HOUR]
    assert sum_usage([], ()) == []


def test_rows_are_in_the_order_of_their_days_and_names():
    days = [
        usage
        for course in ("stats", "ml")
        for usage in charge(ended("2026-11-03 22:00", "2026-11-04 01:00", course=course), OSLO)
    ]

    expected = [("03", "ml"), ("03", "stats"), ("04", "ml"), ("04", "stats")]
    assert [(f"{u.day:%d}", u.course) for u in in_order(days)] == expected


ASKED = {
    "all": ({}, 4),
    "since a day": ({"first": date(2026, 11, 4)}, 2),
    "until a day": ({"last": date(2026, 11, 3)}, 2),
    "a person": ({"person": "ola"}, 4),
    "another person": ({"person": "kim"}, 0),
    "a course": ({"course": "ml"}, 2),
}


@pytest.mark.parametrize(("wish", "count"), ASKED.values(), ids=ASKED)
def test_a_question_takes_only_what_it_asks_for(wish, count):
    times = "2026-11-03 22:00", "2026-11-04 01:00"
    days = [u for course in ("ml", "stats") for u in charge(ended(*times, course=course), OSLO)]

    assert len([usage for usage in days if UsageQuery(**wish).takes(usage)]) == count
