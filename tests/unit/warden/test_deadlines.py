"""Sessions are warned, then stopped: exactly theirs, written down first, and again if it fails."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.ports import ServersError, StoreError
from jupyterhub_edu.warden.deadlines import Deadlines
from jupyterhub_edu.warden.metrics import metrics_in
from tests.audited import audited
from tests.by_hand import drop_by_hand

from .test_reconcile import World as Reconciled

FIRST, LAST = timedelta(minutes=10), timedelta(minutes=2)


class World(Reconciled):
    """A hub whose ``deadlines`` look when they are told to."""

    def restart_warden(self) -> None:
        self.registry = CollectorRegistry()
        self.look = Deadlines(self.core, metrics_in(self.registry))

    def stops(self, rule: str, outcome: str = "done") -> float:
        labels = {"rule": rule, "outcome": outcome}
        return self.registry.get_sample_value("jupyterhub_edu_warden_stops_total", labels) or 0

    def stage(self, admission: Admission) -> Stage:
        known = self.core.book.admission(admission.id)
        assert known is not None
        return known.stage

    async def kept(self) -> list[Stage]:
        await self.core.book.settle()
        return [row.stage for row in await self.store.load_open_admissions()]


@pytest.fixture
async def world() -> World:
    world = World()
    await world.core.ready()
    return world


# -- warnings ------------------------------------------------------------------------------------------------------


async def test_a_session_is_warned_when_the_first_warning_is_due_and_not_before(world):
    session = await world.runs()
    world.clock.now = session.ends_at - FIRST - timedelta(seconds=1)
    await world.look()
    assert (world.stage(session), await world.kept()) == (Stage.RUNNING, [Stage.RUNNING])
    world.clock.pass_(seconds=1)
    await world.look()
    assert (world.stage(session), await world.kept()) == (Stage.WARNED, [Stage.WARNED])
    assert world.hub.stopped == []


async def test_what_was_warned_counts_on_and_is_stopped_at_its_end(world):
    session = await world.runs()
    world.clock.now = session.ends_at - LAST
    await world.look()
    assert [one.id for one in world.core.book.admissions()] == [session.id]
    world.clock.now = session.ends_at
    await world.look()
    assert world.hub.stopped == [("ada", "")]


async def test_a_warning_that_cannot_be_kept_is_given_again(world, monkeypatch):
    session = await world.runs()
    world.clock.now = session.ends_at - LAST
    save = world.store.save_admission

    async def fail(admission, entry=None):
        raise StoreError("disk full")

    monkeypatch.setattr(world.store, "save_admission", fail)
    await world.look()
    assert world.stage(session) is Stage.RUNNING
    monkeypatch.setattr(world.store, "save_admission", save)
    await world.look()
    assert await world.kept() == [Stage.WARNED]


async def test_a_start_that_is_not_running_yet_is_not_warned(world):
    session = await world.admit()
    world.clock.now = session.ends_at - LAST
    await world.look()
    assert world.stage(session) is Stage.RESERVED


# -- stops ---------------------------------------------------------------------------------------------------------


async def test_a_hub_that_does_not_say_what_runs_is_asked_again_and_nothing_is_stopped(
    world, monkeypatch
):
    session = await world.runs()
    world.clock.now = session.ends_at
    live = world.hub.live

    async def fail():
        raise ServersError("the hub answered 500")

    monkeypatch.setattr(world.hub, "live", fail)
    with pytest.raises(ServersError):
        await world.look()
    monkeypatch.setattr(world.hub, "live", live)
    await world.look()
    assert world.hub.stopped == [("ada", "")]


async def test_a_session_past_its_end_is_stopped_and_audited_as_the_systems_act(world):
    session = await world.runs()
    world.clock.now = session.ends_at
    await world.look()
    assert world.hub.stopped == [("ada", "")]
    (entry,) = await audited(world.store)
    assert (entry.actor, entry.act, entry.target) == ("", "stop", "ada")
    assert entry.details["why"] == "longest-session"
    assert world.stops("longest-session") == 1


async def test_a_stop_that_fails_is_tried_again_after_a_pause_and_audited_once(world):
    session = await world.runs()
    world.clock.now = session.ends_at
    world.hub.broken = "the hub answered 500"
    await world.look()
    await world.look()
    assert world.stops("longest-session", "failed") == 1
    world.clock.pass_(seconds=31)
    await world.look()
    assert world.stops("longest-session", "failed") == 2
    world.hub.broken = ""
    world.clock.pass_(seconds=31)
    await world.look()
    assert world.hub.stopped == [("ada", "")]
    assert len(await audited(world.store)) == 1


async def test_nothing_is_stopped_that_cannot_be_audited(world, monkeypatch):
    session = await world.runs()
    world.clock.now = session.ends_at

    async def fail(entry):
        raise StoreError("disk full")

    monkeypatch.setattr(world.store, "append_audit", fail)
    await world.look()
    assert world.hub.stopped == []


async def test_one_stop_that_fails_keeps_no_other_from_being_made(world, monkeypatch):
    sessions = [await world.runs(login) for login in ("ada", "ben", "cem")]
    world.clock.now = max(session.ends_at for session in sessions)
    stop = world.hub.stop

    async def fail_for_ben(hub_name: str, server: str) -> None:
        if hub_name == "ben":
            raise ServersError("ben's server did not stop")
        await stop(hub_name, server)

    monkeypatch.setattr(world.hub, "stop", fail_for_ben)
    await world.look()
    assert sorted(world.hub.stopped) == [("ada", ""), ("cem", "")]


@pytest.mark.parametrize(
    "hub",
    [
        pytest.param({"pending": "stop"}, id="it is being stopped already"),
        pytest.param({"pending": "spawn", "ready": False}, id="a start is under way"),
        pytest.param({"admission": "f" * 32}, id="the server is another session's by now"),
    ],
)
async def test_a_session_past_its_end_is_not_stopped_while(world, hub):
    session = await world.runs()
    world.serve(session, **hub)
    world.clock.now = session.ends_at
    await world.look()
    assert world.hub.stopped == []


async def test_a_loan_is_stopped_once_a_look_has_said_so_which_wrote_it_down(world, monkeypatch):
    session = await world.runs()
    await world.core.sooner.move(session.id, EndRule.RECLAIMED, world.clock() + LAST)
    await world.look()
    assert world.stage(session) is Stage.WARNED
    world.clock.now += LAST
    await world.look()
    assert world.hub.stopped == [], "nobody has looked whether it is needed still"
    written = len(await audited(world.store))
    for asked in ("may_stop", "is_told"):
        monkeypatch.setattr(world.core.reclaims, asked, lambda id: id == session.id)
    await world.look()
    assert world.hub.stopped == [("ada", "")]
    assert world.stops("reclaimed") == 1
    assert len(await audited(world.store)) == written


async def test_a_lost_enrolment_stops_nothing(world):
    session = await world.runs()
    (enrolment,) = world.core.roll.enrolments_in(world.core.roll.by_hub_name("ada"), "ml")
    await drop_by_hand(world.core.roll, enrolment)
    await world.look()
    assert world.hub.stopped == []
    assert world.core.book.admission(session.id)
