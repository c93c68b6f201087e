"""What every Store promises about usage: charged with the end, once, and the same made anew."""

import asyncio
import itertools
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.usage import By, UsageQuery, charge, sum_usage
from tests.unit.store.values import NOW, an_admission, granted

OSLO, TOKYO = ZoneInfo("Europe/Oslo"), ZoneInfo("Asia/Tokyo")
HOUR = timedelta(hours=1)
EVERYTHING = UsageQuery(frozenset(By))


def ended(number=1, begins=NOW, length=HOUR, **changes):
    known = {"reserved_at": begins - HOUR, "running_at": begins, "ended_at": begins + length}
    return an_admission(number, stage=Stage.ENDED, **(known | changes))


SEVERAL = [
    ended(1),
    ended(2, begins=NOW + 13 * HOUR, length=4 * HOUR),
    ended(3, course="stats", weight=150, estimated=True),
    ended(4, hub_name="kim", granted=granted(profile="big", flavor="t4")),
    ended(5, running_at=None),
    ended(6, begins=NOW + timedelta(days=3), length=-HOUR),
]


async def used(store, **wish):
    return sum(usage.used for usage in await store.load_usage(UsageQuery(**wish)))


async def test_an_end_is_charged_to_its_days(store):
    await store.keep_days(OSLO)
    for admission in SEVERAL:
        await store.save_admission(admission)

    expected = sum_usage([day for one in SEVERAL for day in charge(one, OSLO)], frozenset(By))
    assert await store.load_usage(EVERYTHING) == expected


async def test_until_an_end_nothing_is_charged(store):
    await store.keep_days(OSLO)

    await store.save_admission(an_admission())
    await store.save_admission(an_admission(stage=Stage.RUNNING, running_at=NOW))

    assert await store.load_usage(EVERYTHING) == []


async def test_an_end_is_charged_once_however_often_it_is_kept(store):
    await store.keep_days(OSLO)
    running = an_admission(stage=Stage.RUNNING, running_at=NOW)
    await store.save_admission(running)

    await asyncio.gather(*(store.save_admission(ended()) for _ in range(5)))
    await store.save_admission(running)
    await store.save_admission(ended(length=5 * HOUR))

    assert await used(store) == GPU_HOUR


async def test_what_ended_before_days_were_kept_is_charged_when_they_are(store):
    for admission in SEVERAL:
        await store.save_admission(admission)
    assert await store.load_usage(EVERYTHING) == []

    assert await store.keep_days(OSLO)

    assert await store.load_usage(EVERYTHING) == sum_usage(
        [day for one in SEVERAL for day in charge(one, OSLO)], frozenset(By)
    )


async def test_the_days_are_those_of_another_zone_when_the_campus_moves(store):
    await store.keep_days(OSLO)
    for admission in SEVERAL[:3]:
        await store.save_admission(admission)

    assert await store.keep_days(TOKYO)
    for admission in SEVERAL[3:]:
        await store.save_admission(admission)

    assert not await store.keep_days(TOKYO)
    assert await store.load_usage(EVERYTHING) == sum_usage(
        [day for one in SEVERAL for day in charge(one, TOKYO)], frozenset(By)
    )


_numbers = itertools.count(1)
sessions = st.lists(
    st.builds(
        ended,
        st.builds(lambda: next(_numbers)),
        begins=st.integers(0, 72).map(lambda hours: NOW + hours * HOUR),
        length=st.integers(-2, 30).map(lambda hours: hours * HOUR),
        course=st.sampled_from(["ml", "stats"]),
        hub_name=st.sampled_from(["ola", "kim"]),
        weight=st.integers(0, 3000),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(sessions)
async def test_made_anew_they_are_what_they_were(store, found):
    await store.keep_days(OSLO)
    for admission in found:
        await store.save_admission(admission)
    kept = await store.load_usage(EVERYTHING)

    assert await store.keep_days(OSLO, anew=True)

    assert await store.load_usage(EVERYTHING) == kept


ASKED = {
    "one sum": ({}, [(None, None, 5)]),
    "by course": ({By.COURSE}, [(None, "ml", 4), (None, "stats", 1)]),
    "by person": ({By.PERSON}, [("kim", None, 1), ("ola", None, 4)]),
    "by both": (
        {By.PERSON, By.COURSE},
        [("kim", "ml", 1), ("ola", "ml", 3), ("ola", "stats", 1)],
    ),
}


@pytest.mark.parametrize(("by", "expected"), ASKED.values(), ids=ASKED)
async def test_usage_is_told_apart_by_what_is_asked_for(store, by, expected):
    await store.keep_days(OSLO)
    for admission in SEVERAL:
        await store.save_admission(admission)

    found = await store.load_usage(UsageQuery(frozenset(by)))

    assert [(u.person, u.course, u.sessions) for u in found] == expected


async def test_usage_is_asked_for_by_days_person_and_course(store):
    await store.keep_days(OSLO)
    for admission in SEVERAL[:4]:
        await store.save_admission(admission)
    first, second = date(2026, 3, 2), date(2026, 3, 3)

    assert await used(store) == await used(store, last=first) + await used(store, first=second)
    assert await used(store, first=first, last=second, person="kim") == GPU_HOUR
    assert await used(store, course="stats") == GPU_HOUR * 15 // 100
    assert await used(store, course="stats", person="kim") == 0
    assert await store.load_usage(UsageQuery(person="nobody")) == []


async def test_the_sums_stay_when_somebody_is_erased(store):
    await store.keep_days(OSLO)
    for admission in SEVERAL:
        await store.save_admission(admission)
    course = await store.load_usage(UsageQuery(frozenset({By.COURSE, By.DAY})))

    await store.erase([], "ola", "erased-1")

    assert await store.load_usage(UsageQuery(person="ola")) == []
    people = await store.load_usage(UsageQuery(frozenset({By.PERSON})))
    assert [usage.person for usage in people] == ["erased-1", "kim"]
    assert await store.load_usage(UsageQuery(frozenset({By.COURSE, By.DAY}))) == course


async def test_a_weight_is_kept_as_it_was_at_the_reservation(store):
    reserved = an_admission(weight=150)

    await store.save_admission(reserved)

    assert list(await store.load_open_admissions()) == [reserved]
