"""Stops of many: those that were asked about and no others, a few at a time, by who may, with their progress."""

from __future__ import annotations

import asyncio

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk import sweeps
from jupyterhub_edu.desk.base import STOPS
from jupyterhub_edu.desk.board_acts import require_sweep, sessions_meant
from jupyterhub_edu.desk.refusals import Code, DeskError
from jupyterhub_edu.desk.sweeps import Sweep, Sweeps, sweep_row
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import ServersError, StoreError
from tests.eventually import eventually
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, enrol
from tests.fakes.world import AClock, FakeHub

TEACHER, STUDENT = CourseRole.TEACHER, CourseRole.STUDENT
ON = [f"s{number}" for number in range(8)]


class Hub(FakeHub):
    """Stops a few at a time; ``broken`` for some accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once = self.most = 0
        self.fails: set[str] = set()

    async def stop(self, hub_name: str, server: str) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        for _ in range(5):
            await asyncio.sleep(0)
        self.at_once -= 1
        if hub_name in self.fails:
            raise ServersError("it did not stop")
        await super().stop(hub_name, server)


class World:
    """A course with eight students on, two of them in section red, and a student of another course."""

    def __init__(self, made: Sweeps) -> None:
        self.sweeps = made

    async def fill(self) -> World:
        self.hub, self.clock = Hub(), AClock(NOW)
        courses = [a_course("ml"), a_course("db")]
        self.core: Core = a_core(a_campus(courses=courses), hub=self.hub, clock=self.clock)
        await enrol(self.core, "tea", ml=TEACHER)
        for login in ON:
            person = await enrol(self.core, login)
            sections = frozenset({"red"} if login in {"s0", "s1"} else ())
            enrolment = an_enrolment(person.key, "ml", sections=sections)
            await self.core.roll.add_manual(enrolment)
            await self.start(login, "ml")
        await enrol(self.core, "cleo", db=STUDENT)
        await self.start("cleo", "db")
        return self

    async def start(self, login: str, course: str) -> str:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        wish = StartRequest(person.key, course, "notebook")
        return (await self.core.book.admit(wish, person, "")).id

    async def sweep(self, section: str = "", asked: frozenset[str] | None = None) -> Sweep:
        return await require_sweep(self.core, self.tea, "ml", section, "192.0.2.7", asked)

    @property
    def tea(self):
        found = self.core.roll.by_hub_name("tea")
        assert found is not None
        return found

    def stopped(self) -> set[str]:
        return {name for name, _ in self.hub.stopped}


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(sweeps, "_PAUSE", 0.0)
    made = Sweeps()
    monkeypatch.setattr("jupyterhub_edu.desk.board_acts.SWEEPS", made)
    monkeypatch.setattr(STOPS, "_tasks", {})
    world = await World(made).fill()
    yield world
    await made.close()
    await world.core.close()


async def test_everybody_in_the_course_is_stopped_and_nobody_else(world):
    sweep = await world.sweep()
    await eventually(lambda: sweep.over_at)
    assert world.stopped() == set(ON)
    assert (sweep.stopped, sweep.failed) == (8, 0)
    assert world.hub.most <= 5


async def test_of_a_section_only_its_own(world):
    sweep = await world.sweep("red")
    await eventually(lambda: sweep.over_at)
    assert world.stopped() == {"s0", "s1"}


async def test_only_those_are_stopped_that_were_asked_about(world):
    asked = frozenset(one.id for one in sessions_meant(world.core, world.tea, "ml", "red"))
    later = await world.start("tea", "ml")
    sweep = await world.sweep("", asked)
    await eventually(lambda: sweep.over_at)
    assert world.stopped() == {"s0", "s1"}
    assert world.core.book.admission(later) is not None


async def test_each_stop_and_the_whole_are_in_the_audit(world):
    sweep = await world.sweep("red")
    await eventually(lambda: sweep.over_at)
    entries = await world.core.store.load_audit("ml")
    assert sorted((one.act, one.target, one.actor) for one in entries) == [
        ("stop", "s0", "tea"),
        ("stop", "s1", "tea"),
        ("stop-section", "", "tea"),
    ]


async def test_one_that_fails_keeps_no_other_from_being_stopped(world):
    world.hub.fails = {"s0", "s3"}
    sweep = await world.sweep()
    await eventually(lambda: sweep.over_at)
    assert (sweep.stopped, sweep.failed) == (6, 2)
    row = sweep_row(world.core, sweep)
    assert (row.meant, row.stopped, row.failed, row.over) == (8, 6, 2, True)


async def test_who_may_stop_no_more_stops_no_more(world, monkeypatch):
    may = world.core.may
    asked = []

    def twice(*args, **kwargs):
        asked.append(args)
        return len(asked) <= 2 and may(*args, **kwargs)

    sweep = await world.sweep()
    monkeypatch.setattr(world.core, "may", twice)
    await eventually(lambda: sweep.over_at)
    assert sweep.stopped == len(world.stopped()) == 2


@pytest.mark.parametrize(
    ("section", "asked"),
    [
        pytest.param("blue", None, id="nobody is in the section"),
        pytest.param("", frozenset({"0" * 32}), id="what was asked about has ended"),
    ],
)
async def test_where_nobody_is_meant_nothing_begins(world, section, asked):
    with pytest.raises(DeskError) as refused:
        await world.sweep(section, asked)
    assert refused.value.code is Code.NOBODY_TO_STOP
    assert world.sweeps.of(world.core, "ml") == []


async def test_what_cannot_be_written_down_is_not_begun(world, monkeypatch):
    async def broken(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.core.store, "append_audit", broken)
    with pytest.raises(DeskError) as refused:
        await world.sweep()
    assert refused.value.code is Code.NOT_WRITTEN
    assert world.stopped() == set()


async def test_progress_is_shown_for_a_while_and_only_in_its_course(world):
    sweep = await world.sweep("red")
    await eventually(lambda: sweep.over_at)
    assert world.sweeps.find(world.core, "ml", sweep.id) is sweep
    assert world.sweeps.find(world.core, "db", sweep.id) is None
    world.clock.pass_(minutes=6)
    assert world.sweeps.of(world.core, "ml") == []
