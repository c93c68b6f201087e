"""Graph is asked within one budget, and left alone when it says so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.identity.entra.budget import Budget
from jupyterhub_edu.identity.web import NoAnswer
from jupyterhub_edu.ports import Login
from tests.fakes.entra import FakeEntra, Reply, Request

from .conftest import World


class Time:
    """Seconds that pass when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        self.now = 1_000.0
        if monkeypatch:
            monkeypatch.setattr("jupyterhub_edu.identity.entra.budget.asyncio.sleep", self.sleep)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


async def test_units_are_there_again_after_ten_seconds(time: Time):
    budget = Budget(10, time)
    for _ in range(10):
        await budget.take(1, 0)
    began = time.now
    await budget.take(1, 60)

    assert time.now - began == pytest.approx(10)


async def test_who_cannot_wait_that_long_is_told_at_once(time: Time):
    budget = Budget(10, time)
    await budget.take(10, 0)
    began = time.now

    with pytest.raises(NoAnswer, match="wait"):
        await budget.take(1, 2.5)
    assert time.now == began


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0, 4), st.booleans()), max_size=120))
def test_no_ten_seconds_see_more_than_the_budget(wanted: list[tuple[int, float, bool]]):
    time, budget = Time(), Budget(20, Time())
    budget = Budget(20, time)
    spent: list[tuple[float, int]] = []

    async def run() -> None:
        for units, pause, aside in wanted:
            time.now += pause
            try:
                await budget.take(units, 0, aside=aside)
            except NoAnswer:
                continue
            spent.append((time.now, units))

    asyncio.run(run())
    for start, _ in spent:
        assert sum(units for at, units in spent if start <= at < start + 10) <= 20


async def test_what_nobody_waits_for_leaves_half_to_others(time: Time):
    budget = Budget(10, time)
    for _ in range(5):
        await budget.take(1, 0, aside=True)
    with pytest.raises(NoAnswer):
        await budget.take(1, 0, aside=True)

    await budget.take(5, 0)


@pytest.mark.parametrize(
    ("header", "pause"),
    [("nan", 1), ("inf", 60), ("7", 7), ("0", 1), ("3600", 60), ("soon", 1), (None, 1), ("-5", 1)],
)
async def test_graph_is_left_alone_as_long_as_it_says(time: Time, header: Any, pause: float):
    budget = Budget(10, time)
    budget.refused(header)
    began = time.now
    await budget.take(1, 100)

    assert time.now - began == pytest.approx(pause)


async def test_without_a_word_each_refusal_doubles_the_pause_until_an_answer(time: Time):
    budget = Budget(1_000, time)
    pauses = []
    for _ in range(8):
        budget.refused(None)
        began = time.now
        await budget.take(1, 100)
        pauses.append(round(time.now - began))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]

    budget.heard()
    budget.refused(None)
    began = time.now
    await budget.take(1, 100)
    assert round(time.now - began) == 1


# --- with Graph ---


@pytest.mark.parametrize("retry_after", [True, False], ids=["with Retry-After", "without"])
async def test_after_a_429_the_same_question_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, retry_after: bool
):
    fake = FakeEntra()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        fake.clock.forward(seconds=seconds)

    world = World(fake)
    monkeypatch.setattr("jupyterhub_edu.identity.entra.budget.asyncio.sleep", sleep)
    everything = fake.put_into_groups(fake.person("ann"), 300)
    refusals = [Reply(429, b"", {"Retry-After": "1"} if retry_after else {})]
    fake.meddle = lambda service, request: (
        refusals.pop() if service == "graph" and refusals else None
    )

    assert (await world.login("ann")).groups == everything
    assert fake.count("graph") == 2
    assert sum(slept) == pytest.approx(1, abs=0.1)


async def test_while_graph_wants_to_be_left_alone_nobody_asks_and_nobody_waits(fake: FakeEntra):
    world = World(fake)
    for who in ("ann", "ola"):
        fake.put_into_groups(fake.person(who), 300)
    fake.meddle = lambda service, request: (
        Reply(429, b"", {"Retry-After": "20"}) if service == "graph" else None
    )
    assert (await world.login("ann")).groups is None
    assert (await world.login("ola")).groups is None
    assert fake.count("graph") == 1

    fake.meddle = lambda service, request: None
    fake.clock.forward(seconds=21)
    assert (await world.login("ola")).groups is not None


async def test_a_thousand_logins_at_once_stay_below_four_fifths_of_the_smallest_tenants_budget():
    fake = FakeEntra()
    fake.clock.frozen = fake.clock()  # all within one instant
    world = World(fake, timeout="60s")
    everything = frozenset(fake.group_id(f"filler {number}") for number in range(201))
    users = [fake.tenant.add_user(f"p{number}") for number in range(1_000)]
    for user in users:
        user.groups = set(everything)

    answers = await asyncio.gather(*(world.try_login(user.id) for user in users))

    found = [answer for answer in answers if isinstance(answer, Login)]
    assert len(found) == 1_000
    assert all(login.identity.groups == everything for login in found)
    assert fake.count("graph") == 1_000
    assert fake.graph.identity.worst < 0.8
    assert sum("discovery/v2.0/keys" in request for request in fake.requests) == 1


async def test_what_is_beyond_the_budget_is_not_asked_and_stays_unknown(fake: FakeEntra):
    """Small pages make a login dear; who finds the budget spent keeps what was known."""
    fake.clock.frozen = fake.clock()
    world = World(fake, graph_units=100)
    fake.graph.page = 10
    people = [fake.tenant.add_user(f"p{number}") for number in range(5)]
    for user in people:
        fake.put_into_groups(user, 201)

    answers = await asyncio.gather(*(world.login(user.id) for user in people))
    known = [len(answer.groups) for answer in answers if answer.groups is not None]
    assert set(known) <= {201}
    assert len(known) < len(people)
    assert fake.graph.identity.spent <= 100


async def test_rosters_and_logins_share_one_budget(fake: FakeEntra):
    fake.clock.frozen = fake.clock()
    fake.app.permissions = {"User.Read.All", "EduRoster.Read.All"}
    world = World(fake, education=True, app_permissions=True, graph_units=100)
    fake.tenant.add_class("ML", students=[fake.person("ann")])
    asked: list[Request] = []
    fake.meddle = lambda service, request: asked.append(request) if service == "graph" else None

    refs = await world.source.courses()
    for _ in range(23):
        await world.source.roster(refs[0])
    assert {one.headers["x-ms-throttle-priority"] for one in asked} == {"low"}
    assert len(asked) == 48  # the first of them asks what has changed, which costs two units
    assert (await world.login("ann")).claims
