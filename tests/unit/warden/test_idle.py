"""Devices that nobody uses are released: after an answer that says so, with a warning, and never for want of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.ports import Activity
from jupyterhub_edu.warden.deadlines import Deadlines
from jupyterhub_edu.warden.idle import _SETTLES as SETTLES
from jupyterhub_edu.warden.idle import Idle
from jupyterhub_edu.warden.metrics import metrics_in
from tests.audited import audited
from tests.fakes.campus import enrol

from .test_reconcile import STUDENT
from .test_reconcile import World as Reconciled

IDLE_AFTER, FIRST = timedelta(minutes=30), timedelta(minutes=10)


class AWatch:
    """Servers that say what stands in ``said`` by admission; those that say nothing are not heard."""

    def __init__(self) -> None:
        self.said: dict[str, Activity] = {}
        self.asked: list[str] = []
        self.broken = False

    async def meanwhile(self, admission: str) -> None:
        """What happens while a server is asked."""

    async def activity(self, admission: str, hub_name: str, server: str) -> Activity | None:
        self.asked.append(hub_name)
        if self.broken:
            raise RuntimeError("the hub's database is locked")
        await self.meanwhile(admission)
        return self.said.get(admission)


class Meters:
    """Devices of which ``say`` is measured."""

    say: Mapping[str, bool] | None = None

    async def worked(self) -> Mapping[str, bool] | None:
        return self.say


class World(Reconciled):
    """A hub whose campus releases idle devices."""

    def __init__(self, *, idle_after: timedelta | None = IDLE_AFTER) -> None:
        self.watch, self.meters = AWatch(), Meters()
        super().__init__()
        campus = replace(self.core.campus, idle_after=idle_after)
        self.core.replace_campus(campus, self.core.refresher.sources)

    def restart_warden(self) -> None:
        self.registry = CollectorRegistry()
        self.idle = Idle(self.core, self.watch, self.meters)
        self.deadlines = Deadlines(self.core, metrics_in(self.registry))

    async def begin(self, login: str = "ada", profile: str = "gpu") -> Admission:
        person = await enrol(self.core, login, ml=STUDENT)
        request = StartRequest(person.key, "ml", profile)
        admission = await self.core.book.admit(request, person, "")
        self.serve(admission)
        self.sight(admission)
        await self.core.book.run(admission.id)
        self.says(admission)
        return self.now(admission)

    def says(
        self, admission: Admission, worked_at: datetime | None = None, *, opened: bool = True
    ) -> None:
        self.watch.said[admission.id] = Activity(worked_at, opened, f"hub/{admission.hub_name}")

    def now(self, admission: Admission) -> Admission:
        found = self.core.book.admission(admission.id)
        assert found is not None
        return found

    def by(self, admission: Admission) -> EndRule | None:
        return self.now(admission).ends_by

    async def looks(self, over: timedelta = timedelta(0)) -> None:
        """Look, and again each minute until this time has passed."""
        end = self.clock.now + over
        while True:
            await self.idle()
            await self.deadlines()
            if self.clock.now >= end:
                return
            self.clock.pass_(minutes=1)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.core.ready()
    return world


async def test_whoever_does_not_work_is_warned_and_then_stopped(world):
    session = await world.begin()
    await world.looks(IDLE_AFTER)
    warned = world.now(session)
    assert (warned.ends_at, warned.ends_by) == (world.clock() + FIRST, EndRule.IDLE)
    assert warned.stage is Stage.WARNED
    assert world.hub.stopped == []
    await world.looks(FIRST)
    assert world.hub.stopped == [("ada", "")]


async def test_work_during_the_warning_takes_it_back(world):
    session = await world.begin()
    await world.looks(IDLE_AFTER)
    world.says(session, world.clock() + timedelta(minutes=1))
    await world.looks(FIRST)
    assert world.now(session) == replace(session, stage=Stage.RUNNING)
    await world.looks(IDLE_AFTER)
    assert world.by(session) is EndRule.IDLE


async def test_work_now_and_then_is_work(world):
    session = await world.begin()
    for _ in range(4):
        world.says(session, world.clock())
        await world.looks(IDLE_AFTER - timedelta(minutes=1))
    assert world.by(session) is session.ends_by


async def test_work_counts_though_its_kernels_have_been_shut_down(world):
    session = await world.begin()
    world.clock.pass_(minutes=25)
    world.says(session, world.clock())
    await world.looks()
    world.says(session, None)
    await world.looks(IDLE_AFTER - timedelta(minutes=1))
    assert world.by(session) is session.ends_by


async def test_a_server_that_does_not_answer_is_not_idle(world):
    session = await world.begin()
    world.watch.said.clear()
    await world.looks(3 * IDLE_AFTER)
    assert world.by(session) is session.ends_by


async def test_no_answer_during_the_warning_takes_it_back_and_time_counts_anew(world):
    session = await world.begin()
    await world.looks(IDLE_AFTER)
    world.watch.said.clear()
    await world.looks()
    assert world.by(session) is session.ends_by
    world.says(session)
    await world.looks(IDLE_AFTER - timedelta(minutes=1))
    assert world.by(session) is session.ends_by


async def test_a_device_at_work_keeps_its_session(world):
    session = await world.begin()
    world.meters.say = {"hub/ada": True}
    await world.looks(2 * IDLE_AFTER)
    assert world.by(session) is session.ends_by
    world.meters.say = {"hub/ada": False}
    await world.looks(IDLE_AFTER)
    assert world.by(session) is EndRule.IDLE


async def test_devices_that_are_measured_and_not_known_are_not_idle(world):
    session = await world.begin()
    world.meters.say = {}
    await world.looks(2 * IDLE_AFTER)
    assert world.by(session) is session.ends_by


async def test_of_a_session_that_ends_while_it_is_asked_nothing_is_kept(world):
    session = await world.begin()
    world.watch.meanwhile = world.core.book.end
    await world.looks(SETTLES)
    assert world.watch.asked == ["ada"]
    assert world.core.looks.of(session.id) is None
    assert world.core.counts._looked == {}


async def test_nobody_asks_servers_without_devices_nor_those_of_an_exam(world):
    plain = await world.begin("bob", "notebook")
    session = await world.begin()
    exam = session.granted._replace(exam="mid")
    world.core.book._open.change(replace(session, granted=exam))
    await world.looks(2 * IDLE_AFTER)
    assert world.watch.asked == []
    assert world.by(plain) is plain.ends_by


async def test_whoever_never_came_is_stopped_without_a_warning(world):
    session = await world.begin()
    world.says(session, opened=False)
    await world.looks(timedelta(minutes=9))
    assert world.hub.stopped == []
    await world.looks(timedelta(minutes=1))
    assert world.hub.stopped == [("ada", "")]
    reasons = [(one.act, one.details["why"]) for one in await audited(world.store)]
    assert reasons == [("stop", "not-connected"), ("warn", "not-connected")]
    labels = {"rule": "not-connected", "outcome": "done"}
    stops = world.registry.get_sample_value("jupyterhub_edu_warden_stops_total", labels)
    assert stops == 1


async def test_whoever_came_within_ten_minutes_stays(world):
    session = await world.begin()
    world.says(session, opened=False)
    await world.looks(timedelta(minutes=8))
    world.says(session, opened=True)
    await world.looks(timedelta(minutes=10))
    assert world.by(session) is session.ends_by


async def test_whoever_comes_while_the_hub_cannot_stop_them_stays(world):
    session = await world.begin()
    world.says(session, opened=False)
    world.hub.broken = "the hub answered 500"
    await world.looks(timedelta(minutes=16))
    assert world.by(session) is EndRule.UNUSED
    world.says(session, world.clock(), opened=True)
    await world.looks()
    assert world.by(session) is session.ends_by


async def test_without_a_time_in_the_campus_file_nobody_is_idle():
    world = World(idle_after=None)
    await world.core.ready()
    session = await world.begin()
    await world.looks(3 * IDLE_AFTER)
    assert world.by(session) is session.ends_by


async def test_a_hub_that_begins_anew_gives_everybody_their_time_but_for_those_who_were_warned(
    world,
):
    early = await world.begin()
    await world.looks(IDLE_AFTER)
    late = await world.begin("bob")
    await world.looks(timedelta(minutes=5))
    world.restart_warden()
    await world.looks()
    assert world.by(early) is EndRule.IDLE
    await world.looks(IDLE_AFTER - timedelta(minutes=1))
    assert world.by(late) is late.ends_by
    assert ("ada", "") in world.hub.stopped


async def test_a_server_is_asked_now_and_then_and_more_often_once_it_is_warned(world):
    await world.begin()
    await world.looks(SETTLES - timedelta(minutes=1))
    assert world.watch.asked == []
    await world.looks(timedelta(minutes=19))
    assert len(world.watch.asked) == 4
    await world.looks(timedelta(minutes=10))
    world.watch.asked.clear()
    await world.looks(timedelta(minutes=4))
    assert len(world.watch.asked) == 5


async def test_a_session_that_cannot_be_looked_at_keeps_nobody_from_it(world):
    await world.begin()
    await world.begin("bob")
    world.watch.broken = True
    world.clock.pass_(minutes=2)
    with pytest.raises(ExceptionGroup, match="2 sessions"):
        await world.idle()
    assert sorted(world.watch.asked) == ["ada", "bob"]
