"""Book, pods, hub and store, brought together again; and what may never be concluded or removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import LiveServer, PodSighting, ServersError, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from jupyterhub_edu.warden.metrics import metrics_in
from jupyterhub_edu.warden.reconcile import GRACE, Reconciler
from tests.fakes.campus import NOW, a_core, enrol
from tests.fakes.world import AClock, FakeHub, FakeInventory

STUDENT = CourseRole.STUDENT
LONG = GRACE + timedelta(seconds=1)


class World:
    """A core over memory with a hub and a cluster that the test changes behind its back."""

    def __init__(self, *, sees_pods: bool = True) -> None:
        self.clock, self.hub, self.store = AClock(NOW), FakeHub(), MemoryStore()
        self.inventory = FakeInventory({"t4": [2]}, sees_pods=sees_pods)
        self.core: Core = a_core(
            clock=self.clock, hub=self.hub, store=self.store, inventory=self.inventory
        )
        self.restart_warden()

    def restart_warden(self) -> None:
        self.registry = CollectorRegistry()
        self.reconcile = Reconciler(self.core, metrics_in(self.registry))

    async def admit(self, login: str = "ada") -> Admission:
        """A start up to the durable reservation: no server and no pod yet."""
        person = await enrol(self.core, login, ml=STUDENT)
        return await self.core.book.admit(StartRequest(person.key, "ml", "notebook"), person, "")

    async def runs(self, login: str = "ada", *, pod: bool = True) -> Admission:
        """A session as it should be: book, hub and cluster agree."""
        admission = await self.admit(login)
        self.serve(admission)
        if pod:
            self.sight(admission)
        await self.core.book.run(admission.id)
        return self.core.book.admission(admission.id) or admission

    def serve(self, served: Admission, **kwargs) -> None:
        about = {
            "hub_name": served.hub_name,
            "server": served.server,
            "ready": True,
            "pending": None,
            "started_at": NOW,
            "last_activity": NOW,
            "url": f"/user/{served.hub_name}/",
            "admission": served.id,
        }
        self.hub.running = [s for s in self.hub.running if s.hub_name != served.hub_name]
        self.hub.running.append(LiveServer(**{**about, **kwargs}))

    def sight(self, admission: Admission, **kwargs) -> None:
        about = {"hub_name": admission.hub_name, "server": admission.server}
        self.inventory.sight(
            PodSighting(admission.id, "node1", self.clock(), **{**about, **kwargs})
        )

    async def rounds(self, over: timedelta = LONG) -> None:
        """Two rounds with this time between."""
        await self.reconcile()
        self.clock.now += over
        await self.reconcile()

    def repairs(self, name: str, outcome: str = "done") -> float:
        labels = {"repair": name, "outcome": outcome}
        return self.registry.get_sample_value("jupyterhub_edu_warden_repairs_total", labels) or 0


@pytest.fixture
async def world() -> World:
    world = World()
    await world.core.ready()
    return world


@pytest.fixture
async def local_world() -> World:
    """Local processes: no pods are seen."""
    world = World(sees_pods=False)
    await world.core.ready()
    return world


async def test_where_all_agree_nothing_is_done(world):
    session = await world.runs()
    await world.rounds()
    assert world.core.book.admission(session.id)
    assert (world.hub.stopped, world.inventory.removed) == ([], [])


# -- admissions without a server -----------------------------------------------------------------------------------


async def test_a_session_without_server_and_pod_is_ended_as_estimated(world):
    session = await world.runs()
    await world.reconcile()
    last_seen = world.clock()
    world.hub.running.clear()
    world.inventory.seen.clear()
    world.clock.pass_(seconds=30)
    await world.rounds()
    ended = await world.store.find_admission(session.id)
    assert (ended.stage, ended.ended_at, ended.estimated) == (Stage.ENDED, last_seen, True)
    assert world.core.book.admissions() == []
    assert world.repairs("vanished") == 1


async def test_a_reservation_whose_start_died_between_row_and_pod_is_released(world):
    await world.admit()
    await world.rounds()
    assert world.core.book.admissions() == []


async def test_a_local_session_ends_when_the_hub_has_lost_it(local_world):
    session = await local_world.runs(pod=False)
    local_world.hub.running.clear()
    await local_world.rounds()
    assert local_world.core.book.admission(session.id) is None


@pytest.mark.parametrize(
    ("hub", "pod", "over"),
    [
        pytest.param({"pending": "spawn", "ready": False}, False, LONG, id="its start is pending"),
        pytest.param(
            {"pending": "spawn", "ready": False, "admission": "f" * 32},
            False,
            LONG,
            id="a start is pending that still bears the former id",
        ),
        pytest.param({"admission": None}, False, LONG, id="its server does not say whose it is"),
        pytest.param({}, False, LONG, id="its server runs and the pod is not yet seen"),
        pytest.param(None, True, GRACE, id="its pod is there"),
        pytest.param(None, False, GRACE - timedelta(seconds=1), id="it is missing for a moment"),
    ],
)
async def test_a_session_stays_while(world, hub, pod, over):
    admission = await world.admit()
    if hub is not None:
        world.serve(admission, **hub)
    if pod:
        world.sight(admission)
    await world.rounds(over)
    assert world.core.book.admission(admission.id)


async def test_a_server_of_another_admission_does_not_keep_a_session_alive(world):
    session = await world.runs()
    world.inventory.seen.clear()
    world.serve(session, admission="f" * 32)
    await world.rounds()
    assert world.core.book.admission(session.id) is None


async def test_being_missing_must_last_without_a_break(world):
    session = await world.admit()
    for _ in range(5):
        await world.reconcile()
        world.clock.now += GRACE / 2
        world.serve(session)
        await world.reconcile()
        world.clock.now += GRACE / 2
        world.hub.running.clear()
    assert world.core.book.admission(session.id)


async def test_nothing_is_concluded_from_a_hub_that_does_not_answer(world, monkeypatch):
    session = await world.admit()

    async def silent():
        raise ServersError("the hub answered 503")

    monkeypatch.setattr(world.hub, "live", silent)
    for _ in range(2):
        with pytest.raises(ServersError):
            await world.reconcile()
        world.clock.now += LONG
    assert world.core.book.admission(session.id)


async def test_nothing_is_concluded_from_a_stale_inventory(world):
    session, stray = await world.admit(), await world.runs("ben")
    world.hub.running.clear()
    world.inventory.alive_at = world.clock()
    await world.rounds()
    await world.reconcile()
    assert world.core.book.admission(session.id)
    assert world.core.book.admission(stray.id)
    assert world.inventory.removed == []


async def test_an_end_that_cannot_be_kept_is_kept_in_a_later_round(world, monkeypatch):
    session = await world.admit()
    save = world.store.save_admission

    async def fail(admission):
        raise StoreError("database is locked")

    monkeypatch.setattr(world.store, "save_admission", fail)
    await world.rounds()
    assert (await world.store.find_admission(session.id)).stage is Stage.RESERVED
    assert world.repairs("vanished", "failed") == 1
    monkeypatch.setattr(world.store, "save_admission", save)
    await world.reconcile()
    assert (await world.store.find_admission(session.id)).stage is Stage.ENDED


# -- pods without a server -----------------------------------------------------------------------------------------


async def test_a_pod_left_behind_is_removed_once_and_counts_as_used_until_it_is_gone(world):
    session = await world.runs()
    world.hub.running.clear()
    await world.rounds()
    await world.reconcile()
    assert world.inventory.removed == [session.id]
    assert world.core.book.admission(session.id)
    assert world.repairs("stray") == 1
    world.sight(session, gone=True)
    assert world.core.book.admissions() == []


@pytest.mark.parametrize(
    ("hub", "over"),
    [
        pytest.param({}, LONG, id="its server runs"),
        pytest.param(
            {"pending": "spawn", "ready": False, "admission": None},
            LONG,
            id="its start is under way",
        ),
        pytest.param({"pending": "stop"}, LONG, id="its server is being stopped"),
        pytest.param(
            {"admission": None}, LONG, id="a server of its name does not say whose it is"
        ),
        pytest.param(None, GRACE - timedelta(seconds=1), id="it has no server for a moment"),
    ],
)
async def test_a_pod_stays_while(world, hub, over):
    session = await world.runs()
    world.hub.running.clear()
    if hub is not None:
        world.serve(session, **hub)
    await world.rounds(over)
    assert world.inventory.removed == []


async def test_a_pod_whose_account_is_not_known_is_never_removed(world):
    world.inventory.sight(PodSighting("e" * 32, "node1", NOW))
    await world.rounds()
    assert world.inventory.removed == []


async def test_a_server_that_only_the_second_look_shows_keeps_its_pod(world, monkeypatch):
    """The pages of the hub's list move while it is read."""
    session = await world.runs()
    everything, looks = list(world.hub.running), 0

    async def live():
        nonlocal looks
        looks += 1
        return [] if looks < 3 else everything

    monkeypatch.setattr(world.hub, "live", live)
    await world.rounds()
    assert looks == 3
    assert world.inventory.removed == []
    assert world.core.book.admission(session.id)


async def test_a_removal_that_fails_is_tried_again(world, monkeypatch):
    session = await world.runs()
    world.hub.running.clear()
    remove = world.inventory.remove

    async def fail(admission: str) -> None:
        raise OSError("the API server does not answer")

    monkeypatch.setattr(world.inventory, "remove", fail)
    await world.rounds()
    assert world.repairs("stray", "failed") == 1
    monkeypatch.setattr(world.inventory, "remove", remove)
    await world.rounds()
    assert world.inventory.removed == [session.id]


# -- rows ----------------------------------------------------------------------------------------------------------


async def test_a_row_that_missed_the_beginning_of_a_session_is_kept_again(world):
    session = await world.runs()
    await forget_change(world, replace(session, stage=Stage.RESERVED, running_at=None))
    await world.reconcile()
    assert await world.store.load_open_admissions() == [session]
    assert world.repairs("row") == 1
    await world.reconcile()
    assert world.repairs("row") == 1


async def test_a_row_that_missed_an_end_gets_the_end_that_was_seen(world):
    session = await world.runs()
    at = world.clock() + timedelta(minutes=5)
    world.sight(session, gone=True, ended_at=at)
    await world.core.book.settle()
    await forget_change(world, session)
    world.hub.running.clear()
    await world.reconcile()
    ended = await world.store.find_admission(session.id)
    assert (ended.stage, ended.ended_at, ended.estimated) == (Stage.ENDED, at, False)


async def test_a_row_of_a_reservation_that_the_book_has_let_go_is_ended(world):
    session = await world.admit()
    world.core.book._open.drop(session)
    await world.reconcile()
    ended = await world.store.find_admission(session.id)
    assert (ended.stage, ended.ended_at, ended.estimated) == (Stage.ENDED, NOW, True)


async def test_a_pod_that_has_no_row_gets_none(world):
    world.inventory.sight(PodSighting("e" * 32, "node1", NOW, hub_name="zoe"))
    await world.reconcile()
    assert await world.store.load_open_admissions() == []


# -- one kind of repair and the others -----------------------------------------------------------------------------


async def test_a_store_that_does_not_answer_keeps_no_pod_from_being_removed(world, monkeypatch):
    session = await world.runs()
    world.hub.running.clear()

    async def fail():
        raise StoreError("no connection")

    monkeypatch.setattr(world.store, "load_open_admissions", fail)
    with pytest.raises(ExceptionGroup) as caught:
        await world.rounds(timedelta(0))
    world.clock.now += LONG
    with pytest.raises(ExceptionGroup):
        await world.reconcile()
    assert caught.group_contains(StoreError)
    assert world.inventory.removed == [session.id]


async def test_a_warden_that_was_killed_begins_its_graces_anew(world):
    session = await world.runs()
    world.hub.running.clear()
    await world.reconcile()
    world.clock.now += LONG
    world.restart_warden()
    await world.reconcile()
    assert world.inventory.removed == []
    world.clock.now += LONG
    await world.reconcile()
    assert world.inventory.removed == [session.id]


async def forget_change(world: World, row: Admission) -> None:
    """Put an older state of a row into the store, as if the last write had been lost."""
    world.store._admissions[row.id] = row
