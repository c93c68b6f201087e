"""Stops of many: those that were asked about and no others, a few at a time, by who may, with their progress."""

from __future__ import annotations

import asyncio

import pytest

from jupyterhub_edu.core import Core, sweeps
from jupyterhub_edu.core.sweeps import Sweep
from jupyterhub_edu.desk.board_acts import require_sweep, sessions_meant
from jupyterhub_edu.desk.refusals import Code, DeskError
from jupyterhub_edu.desk.sweeps import sweep_row
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Record, ServersError, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.by_hand import drop_by_hand, put_by_hand
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
        self.hangs: set[str] = set()

    async def stop(self, hub_name: str, server: str) -> None:
        if hub_name in self.hangs:
            await asyncio.Event().wait()
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

    async def fill(self) -> World:
        self.hub, self.clock, self.store = Hub(), AClock(NOW), MemoryStore()
        self.core = self.a_hub()
        await self.core.ready()
        await enrol(self.core, "tea", ml=TEACHER)
        for login in ON:
            person = await enrol(self.core, login)
            sections = frozenset({"red"} if login in {"s0", "s1"} else ())
            enrolment = an_enrolment(person.key, "ml", sections=sections)
            await put_by_hand(self.core.roll, enrolment)
            self.clock.pass_(seconds=1)  # they are stopped in this order
            await self.start(login, "ml")
        await enrol(self.core, "cleo", db=STUDENT)
        await self.start("cleo", "db")
        return self

    def a_hub(self) -> Core:
        campus = a_campus(courses=[a_course("ml"), a_course("db")])
        return a_core(campus, hub=self.hub, clock=self.clock, store=self.store)

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

    async def end(self, login: str) -> None:
        (session,) = self.core.book.held_by(login)
        await self.core.book.end(session.id)

    async def restart(self) -> None:
        await self.core.close()
        self.core = self.a_hub()
        await self.core.ready()

    def stopped(self) -> set[str]:
        return {name for name, _ in self.hub.stopped}


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(sweeps, "_PAUSE", 0.0)
    world = await World().fill()
    yield world
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
    entries = await audited(world.core.store, "ml")
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
    assert world.core.sweeps.of("ml") == []


async def test_what_cannot_be_written_down_is_not_begun(world, monkeypatch):
    async def broken(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.core.store, "save_records", broken)
    with pytest.raises(DeskError) as refused:
        await world.sweep()
    assert refused.value.code is Code.NOT_WRITTEN
    assert world.stopped() == set()


async def test_progress_is_shown_for_a_while_and_only_in_its_course(world):
    sweep = await world.sweep("red")
    await eventually(lambda: sweep.over_at)
    assert world.core.sweeps.find("ml", sweep.id) is sweep
    assert world.core.sweeps.find("db", sweep.id) is None
    world.clock.pass_(minutes=6)
    assert world.core.sweeps.of("ml") == []


async def test_a_restart_of_the_hub_does_not_end_it(world):
    world.hub.hangs = set(ON[3:])
    sweep = await world.sweep()
    await eventually(lambda: sweep.stopped == 3)
    for login in ON[:3]:
        await world.end(login)
    await world.restart()
    later = await world.start("s0", "ml")
    (cut,) = world.core.sweeps.of("ml")
    assert (cut.id, cut.by, cut.meant, cut.over_at) == (sweep.id, "tea", sweep.meant, None)

    world.hub.hangs = set()
    await world.core.sweeps.tend()
    await world.core.sweeps.tend()  # what goes on is not begun again
    await eventually(lambda: cut.over_at)
    assert (cut.stopped, cut.failed) == (8, 0)
    assert [name for name, _ in world.hub.stopped].count("s0") == 1
    assert world.core.book.admission(later) is not None
    await eventually(lambda: not world.core.sweeps._tasks)
    assert await world.store.load_records("sweep") == []


async def test_after_a_restart_too_only_who_may_stops_others(world):
    world.hub.hangs = set(ON)
    await world.sweep()
    await world.restart()
    await drop_by_hand(world.core.roll, an_enrolment(world.tea.key, "ml", role=TEACHER))
    world.hub.hangs = set()
    await world.core.sweeps.tend()
    (cut,) = world.core.sweeps.of("ml")
    await eventually(lambda: cut.over_at)
    assert (cut.stopped, cut.failed, world.stopped()) == (0, 8, set())


async def test_of_who_asked_and_was_erased_a_stand_in_is_shown(world):
    sweep = await world.sweep("red")
    await eventually(lambda: sweep.over_at)
    world.core.sweeps.forget("tea", "erased-1")
    assert [one.by for one in world.core.sweeps.of("ml")] == ["erased-1"]


async def test_a_record_that_cannot_be_read_names_itself(world):
    await world.store.save_records([Record("sweep", "odd", {})])
    with pytest.raises(StoreError, match="'odd'"):
        await world.core.sweeps.load()
