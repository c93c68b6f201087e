"""What was used in a period: in memory the same as in the store, whatever happens in between."""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.core.ledger import Ledger
from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.domain.usage import UsageQuery
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.store import MemoryStore
from tests.fakes.campus import NOW, T4, a_campus, a_core, a_course, a_profile, enrol
from tests.fakes.world import AClock
from tests.unit.store.values import an_admission, granted

DAY, WEEK, TERM = Period.DAY, Period.WEEK, Period.TERM
HOUR = timedelta(hours=1)
OSLO = ZoneInfo("Europe/Oslo")
STARTS, ENDS = (datetime(2026, month, 1, tzinfo=OSLO).astimezone(UTC) for month in (9, 12))
COURSES = [a_course(starts=STARTS, ends=ENDS), a_course("stats")]
_numbers = itertools.count(1)


def ended(begins=NOW, length=HOUR, **changes):
    known = {"reserved_at": begins, "running_at": begins, "ended_at": begins + length}
    return an_admission(next(_numbers), stage=Stage.ENDED, **(known | changes))


class World:
    """A ledger beside a store, as the core keeps both."""

    def __init__(self, campus=None, store=None):
        self.campus, self.store, self.clock = (
            campus or a_campus(courses=COURSES),
            store or MemoryStore(),
            AClock(NOW),
        )
        self.ledger = self.another()

    def another(self):
        """A ledger that knows only what the store does."""

        async def settle():
            await asyncio.sleep(0)

        return Ledger(lambda: self.campus, self.store, self.clock, settle)

    async def end(self, admission):
        self.ledger.charge(admission)
        await self.store.save_admission(admission)

    def hours(self, period, at=NOW, who="ola", course="ml", ledger=None):
        return (ledger or self.ledger).used(course, period, at, who) / GPU_HOUR


@pytest.fixture
async def world():
    made = World()
    await made.ledger.load()
    return made


async def test_an_end_counts_in_its_day_week_and_term(world):
    await world.end(ended())

    assert [world.hours(period) for period in Period] == [1, 1, 1]
    assert [world.hours(period, who=None) for period in Period] == [1, 1, 1]
    assert [world.hours(period, who="kim") for period in Period] == [0, 0, 0]
    assert [world.hours(period, course="stats") for period in Period] == [0, 0, 0]


async def test_each_period_counts_what_lies_in_it(world):
    sunday = datetime(2026, 11, 8, 22, tzinfo=UTC)  # 23:00 in Oslo
    await world.end(ended(sunday, length=3 * HOUR))

    monday = sunday + 2 * HOUR
    assert (world.hours(DAY, sunday), world.hours(WEEK, sunday)) == (1, 1)
    assert (world.hours(DAY, monday), world.hours(WEEK, monday)) == (2, 2)
    assert world.hours(TERM) == 3


async def test_a_course_has_the_sum_of_its_people(world):
    await world.end(ended(hub_name="ola"))
    await world.end(ended(hub_name="kim", weight=150))

    assert world.ledger.used("ml", WEEK, NOW) == GPU_HOUR * 115 // 100


async def test_a_term_counts_only_what_lies_in_it(world):
    await world.end(ended(STARTS - HOUR - HOUR, length=HOUR))
    await world.end(ended(ENDS - HOUR - HOUR, length=4 * HOUR))
    await world.end(ended(STARTS - 99 * HOUR, course="stats"))

    assert world.hours(TERM) == 2
    assert world.hours(TERM, course="stats") == 1  # it has no dates


async def test_a_plain_server_uses_nothing(world):
    plain = granted(amounts=granted().amounts._replace(devices=0))
    await world.end(ended(granted=plain))

    assert world.ledger.used("ml", WEEK, NOW) == 0


async def test_a_clock_that_goes_back_finds_what_was_used_then(world):
    await world.end(ended(NOW - timedelta(days=1)))
    await world.end(ended(NOW))

    assert [world.hours(DAY, NOW - timedelta(days=ago)) for ago in range(3)] == [1, 1, 0]


sessions = st.lists(
    st.builds(
        ended,
        begins=st.integers(-24 * 20, 24 * 3).map(lambda hours: NOW + hours * HOUR),
        length=st.integers(-1, 60).map(lambda hours: hours * HOUR),
        course=st.sampled_from(["ml", "stats", "gone"]),
        hub_name=st.sampled_from(["ola", "kim"]),
        weight=st.integers(0, 3000),
    ),
    max_size=30,
)


@given(sessions)
async def test_after_a_restart_it_knows_what_it_knew(found):
    world = World()
    await world.ledger.load()
    for admission in found:
        await world.end(admission)

    again = world.another()
    await again.load()

    asked = [
        (course, period, NOW + timedelta(days=ahead), who)
        for course in ("ml", "stats", "gone")
        for period in Period
        for ahead in (0, -1, 3, -7)
        for who in ("ola", "kim", None)
    ]
    assert [again.used(*one) for one in asked] == [world.ledger.used(*one) for one in asked]


async def test_the_days_of_the_campus_are_those_that_the_store_gives(world):
    for hours in range(0, 200, 7):
        await world.end(ended(NOW - hours * HOUR))

    for ago in range(8):
        day = (NOW - timedelta(days=ago)).astimezone(world.campus.zone).date()
        kept = await world.store.load_usage(UsageQuery(first=day, last=day))
        at = NOW - timedelta(days=ago)
        assert world.ledger.used("ml", DAY, at) == sum(usage.used for usage in kept)


async def test_an_end_that_comes_while_it_is_read_counts_once():
    class Slow(MemoryStore):
        async def load_usage(self, query):
            found = await super().load_usage(query)
            await asyncio.sleep(0)
            if late:
                await world.end(late.pop())
            return found

    late = [ended(), ended()]
    world = World(store=Slow())

    await world.ledger.load()

    assert (late, world.hours(WEEK)) == ([], 2)


async def test_a_campus_that_moves_or_shifts_its_terms_counts_anew(world):
    night = datetime(2026, 11, 2, 22, 30, tzinfo=UTC)  # 23:30 in Oslo, already Tuesday in Helsinki
    await world.end(ended(night, length=HOUR / 2))
    assert world.hours(DAY, NOW) == 0

    world.campus = a_campus(courses=[a_course(ends=STARTS)], zone=ZoneInfo("Europe/Helsinki"))
    world.ledger.follow()
    await asyncio.sleep(0.01)

    assert (world.hours(DAY, NOW), world.hours(TERM)) == (0.5, 0)
    await world.ledger.close()


async def test_it_stays_as_it_is_when_the_store_cannot_count_anew(world, caplog):
    async def fail(query):
        raise StoreError("the disk is full")

    await world.end(ended())
    world.store.load_usage = fail
    world.campus = a_campus(courses=[a_course(ends=STARTS)])

    world.ledger.follow()
    await asyncio.sleep(0.01)

    assert world.hours(TERM) == 1
    assert "by the former campus file" in caplog.text


async def test_a_campus_that_counts_alike_is_not_read_again(world):
    world.campus = replace(world.campus, name="Another name")

    world.ledger.follow()

    assert world.ledger._following is None


async def test_who_is_erased_leaves_the_course_its_sum(world):
    await world.end(ended())

    world.ledger.forget("ola")

    assert [world.hours(period) for period in Period] == [0, 0, 0]
    assert [world.hours(period, who=None) for period in Period] == [1, 1, 1]


async def test_the_core_charges_what_ends_by_the_weight_of_the_reservation():
    slice_ = replace(T4, weight=150)
    clock = AClock(NOW)
    campus = a_campus(profiles=[a_profile(), a_profile("gpu", flavor=slice_)])
    core = a_core(campus, clock=clock)
    await core.ready()
    ada = await enrol(core, "ada", ml=CourseRole.STUDENT)
    admission = await core.book.admit(StartRequest(ada.key, "ml", "gpu"), ada, "")
    await core.book.run(admission.id)
    core.replace_campus(a_campus(), core.refresher.sources)
    clock.pass_(hours=2)

    await core.book.end(admission.id)
    await core.book.end(admission.id)

    assert core.ledger.used("ml", DAY, NOW, "ada") == GPU_HOUR * 30 // 100
    (kept,) = await core.store.load_usage(UsageQuery(first=date(2026, 11, 3)))
    assert kept.used == GPU_HOUR * 30 // 100
    await core.close()
