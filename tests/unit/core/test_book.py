"""The book: durable or released, ended exactly once, true to the pods."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.courses import Quota
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import AuditEntry, PodSighting, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.fakes.campus import NOW, a_campus, a_core, a_course, a_person, enrol
from tests.fakes.world import AClock, FakeInventory

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
LABELS = {"jupyterhub-edu/course": "ml", "jupyterhub-edu/flavor": "t4"}


class Gate(MemoryStore):
    """Writes of admissions wait for ``open_``, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.broken, self.asked = False, asyncio.Event()
        self.opened = asyncio.Event()
        self.opened.set()

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        self.asked.set()
        await self.opened.wait()
        if self.broken:
            raise StoreError("the disk is full")
        await super().save_admission(admission, entry)


class World:
    """One hub with two T4, and Ada, a student of ``ml``."""

    def __init__(self, **kwargs: Any) -> None:
        self.clock = AClock(NOW)
        self.store = kwargs.pop("store", None) or Gate()
        self.inventory = kwargs.pop("inventory", None) or FakeInventory(
            {"t4": [2]}, sees_pods=True
        )
        how: dict[str, Any] = {
            "store": self.store,
            "inventory": self.inventory,
            "clock": self.clock,
        }
        self.core: Core = a_core(**how, **kwargs)
        self.book = self.core.book
        self.ended: list[str] = []
        self.book.on_end.append(lambda admission: self.ended.append(admission.id))

    async def ready(self) -> World:
        await self.core.ready()
        self.ada = await enrol(self.core, "ada", ml=STUDENT)
        return self

    async def start(self, profile: str = "gpu", server: str = "") -> Admission:
        request = StartRequest(self.ada.key, "ml", profile)
        return await self.book.admit(request, self.ada, server)

    async def row(self, id: str) -> Admission | None:
        await self.book.settle()
        return await self.store.find_admission(id)

    def sight(self, admission: str, **kwargs: Any) -> None:
        defaults: dict[str, Any] = {
            "node": "n1",
            "running_at": NOW,
            "labels": LABELS,
            "hub_name": "ada",
        }
        devices = {"nvidia.com/gpu": 1}
        self.inventory.sight(PodSighting(admission, **{**defaults, "devices": devices, **kwargs}))


@pytest.fixture
async def world() -> World:
    return await World().ready()


# -- admit ---------------------------------------------------------------------------------------------------------


async def test_a_start_that_was_admitted_is_kept_with_what_it_was_granted(world):
    admission = await world.start()
    assert await world.row(admission.id) == admission == world.book.admission(admission.id)
    assert (admission.hub_name, admission.server, admission.course) == ("ada", "", "ml")
    assert (admission.flavor, admission.devices, admission.role) == ("t4", 1, STUDENT)
    assert (admission.ends_at, admission.ends_by) == (NOW + timedelta(hours=4), EndRule.LONGEST)
    assert len(admission.id) == 32


async def test_what_is_not_durable_is_released(world):
    world.store.broken = True
    with pytest.raises(StoreError):
        await world.start()
    assert world.book.admissions() == []
    assert world.book.free("t4") == 2
    assert world.ended == []


async def test_a_start_that_is_given_up_while_it_is_written_is_released(world):
    world.store.opened.clear()
    start = asyncio.create_task(world.start())
    await world.store.asked.wait()
    assert world.book.free("t4") == 1
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert world.book.free("t4") == 2
    assert world.book.of_server("ada", "") == []


async def test_between_decision_and_reservation_nobody_else_comes(world):
    world.store.opened.clear()
    starts = [asyncio.create_task(world.start(server=f"s{n}")) for n in range(5)]
    await world.store.asked.wait()
    world.store.opened.set()
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Admission] * 2 + [Refused] * 3
    assert world.book.used("t4", "ml") == world.book.used("t4") == 2


async def test_a_start_that_ended_while_it_was_written_stays_ended(world):
    world.store.opened.clear()
    start = asyncio.create_task(world.start())
    await world.store.asked.wait()
    (reserved,) = world.book.admissions()
    end = asyncio.create_task(world.book.end(reserved.id))
    await asyncio.sleep(0)
    world.store.opened.set()
    await asyncio.gather(start, end)
    row = await world.row(reserved.id)
    assert row is not None
    assert row.stage is Stage.ENDED
    assert world.book.admissions() == []


async def test_a_start_that_ended_and_could_not_be_written_either_is_released_once(world):
    world.store.opened.clear()
    start = asyncio.create_task(world.start())
    await world.store.asked.wait()
    (reserved,) = world.book.admissions()
    end = asyncio.create_task(world.book.end(reserved.id))
    await asyncio.sleep(0)
    world.store.broken = True
    world.store.opened.set()
    outcomes = await asyncio.gather(start, end, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 2
    assert (world.book.used("t4"), world.book.free("t4")) == (0, 2)


async def test_a_refusal_changes_nothing(world):
    with pytest.raises(Refused) as refused:
        await world.start("unknown")
    assert "not offered" in str(refused.value)
    assert await world.store.load_open_admissions() == []


# -- the default profile -------------------------------------------------------------------------------------------

DEFAULTS: dict[str, tuple[dict[CourseRole, tuple[str, ...]], list[CourseRole], str | None]] = {
    "the role's first profile": ({STUDENT: ("gpu", "notebook")}, [STUDENT], "gpu"),
    "the strongest role's": (
        {STUDENT: ("notebook",), TEACHER: ("gpu", "notebook")},
        [STUDENT, TEACHER],
        "gpu",
    ),
    "the weaker one's where the stronger is offered nothing": (
        {STUDENT: ("notebook",)},
        [STUDENT, TEACHER],
        "notebook",
    ),
    "none where nothing is offered": ({TEACHER: ("gpu",)}, [STUDENT], None),
}


@pytest.mark.parametrize(("offers", "roles", "profile"), DEFAULTS.values(), ids=DEFAULTS)
async def test_a_profile_left_out(offers, roles, profile):
    core = a_core(a_campus(courses=[a_course(offers=offers)]))
    ada = [await enrol(core, "ada", ml=role) for role in roles][-1]
    start = core.book.decide(StartRequest(ada.key, "ml")).start
    assert (start.granted.profile if start else None) == profile


async def test_nobody_known_is_told_what_anybody_outside_is_told(world):
    decision = world.book.decide(StartRequest("ad:nobody", "ml", "gpu"))
    assert decision.sentence == "You are not enrolled in ml."


# -- run and end ---------------------------------------------------------------------------------------------------


async def test_a_session_begins_once(world):
    admission = await world.start()
    await world.book.run(admission.id)
    world.clock.pass_(minutes=1)
    await world.book.run(admission.id)
    row = await world.row(admission.id)
    assert (row.stage, row.running_at) == (Stage.RUNNING, NOW)


async def test_a_session_that_has_ended_does_not_begin(world):
    admission = await world.start()
    await world.book.end(admission.id)
    await world.book.run(admission.id)
    assert (await world.row(admission.id)).stage is Stage.ENDED


async def test_a_session_ends_once_whoever_says_so_and_how_often(world):
    admission = await world.start()
    world.sight(admission.id)
    end = NOW + timedelta(minutes=5)
    world.sight(admission.id, gone=True, ended_at=end)
    await world.book.end(admission.id, NOW + timedelta(hours=1), estimated=True)
    world.sight(admission.id, gone=True)
    row = await world.row(admission.id)
    assert (row.ended_at, row.estimated) == (end, False)
    assert world.ended == [admission.id]
    assert (world.book.used("t4"), world.book.free("t4")) == (0, 2)


async def test_an_end_that_cannot_be_kept_frees_all_the_same(world, caplog):
    told, seen = await world.start(), await world.start()
    world.store.broken = True
    with pytest.raises(StoreError):
        await world.book.end(told.id)
    world.sight(seen.id, gone=True)
    await world.book.settle()
    assert f"could not keep admission {seen.id}" in caplog.text
    assert (world.book.admissions(), world.book.free("t4")) == ([], 2)
    assert world.ended == [told.id, seen.id]


async def test_the_container_says_when_it_began(world):
    admission = await world.start()
    begun = NOW + timedelta(seconds=40)
    world.sight(admission.id, node=None, running_at=None)
    world.sight(admission.id, running_at=begun)
    assert (await world.row(admission.id)).running_at == begun


async def test_waiting_for_an_end(world):
    first, second = await world.start(), await world.start(server="two")
    wait = asyncio.create_task(world.book.wait_ended([first.id, second.id, "unknown"], 60))
    await world.book.end(first.id)
    await asyncio.sleep(0)
    assert not wait.done()
    await world.book.end(second.id)
    assert await wait is True
    assert await world.book.wait_ended([first.id], 60) is True
    third = await world.start()
    assert await world.book.wait_ended([third.id], 0) is False


async def test_waiting_for_a_start_that_is_given_up(world):
    world.store.opened.clear()
    start = asyncio.create_task(world.start())
    await world.store.asked.wait()
    wait = asyncio.create_task(world.book.wait_ended([world.book.admissions()[0].id], 60))
    await asyncio.sleep(0)
    start.cancel()
    assert await wait is True


async def test_what_frees_next_is_said(world):
    campus = a_campus(courses=[a_course(quota={"t4": Quota(0, 1)})])
    world.core.replace_campus(campus, world.core.refresher.sources)
    admission = await world.start()
    decision = world.book.decide(StartRequest(world.ada.key, "ml", "gpu"))
    assert decision.retry_at == admission.ends_at
    await world.book.end(admission.id)
    assert (await world.start()).id != admission.id


# -- pods that the book does not know ------------------------------------------------------------------------------


async def test_a_leftover_counts_until_it_is_gone_and_gets_no_row(world):
    world.sight("leftover")
    (admission,) = world.book.of_server("ada", "")
    assert (admission.course, admission.stage) == ("ml", Stage.RUNNING)
    assert world.book.used("t4", "ml") == 1
    world.sight("leftover", gone=True)
    assert world.book.admissions() == []
    assert world.book.used("t4") == 0
    assert await world.row("leftover") is None
    assert world.ended == []


async def test_a_leftover_on_its_way_to_a_node_is_no_longer_free(world):
    world.sight("leftover", node=None, running_at=None)
    assert world.book.free("t4") == 1
    world.inventory.nodes["t4"] = [1]
    world.sight("leftover")
    assert world.book.free("t4") == 1


async def test_only_the_flavors_own_device_counts(world):
    world.sight("leftover", devices={"nvidia.com/gpu": 1, "rdma/hca": 4})
    assert world.book.used("t4") == 1


UNKNOWN: dict[str, dict[str, Any]] = {
    "without labels": {"labels": {}},
    "of a flavor that the file no longer has": {
        "labels": {**LABELS, "jupyterhub-edu/flavor": "k80"}
    },
    "of a course that the file no longer has": {
        "labels": {**LABELS, "jupyterhub-edu/course": "x"}
    },
    "of nobody known": {"hub_name": "nobody"},
    "of no account": {"hub_name": ""},
    "without devices": {"devices": {}},
}


@pytest.mark.parametrize("pod", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_strange_leftover(world, pod):
    world.sight("leftover", **pod)
    assert [a.id for a in world.book.admissions()] == ["leftover"]
    await world.book.end("leftover")
    assert world.book.admissions() == []
    assert world.book.free("t4") == 2
    assert await world.row("leftover") is None


async def test_what_is_gone_and_unknown_is_no_news(world):
    world.sight("never", gone=True)
    assert world.book.admissions() == []


# -- after a restart -----------------------------------------------------------------------------------------------


async def test_a_reservation_without_a_pod_is_released(world):
    admission = await world.start()
    again = World(store=world.store, inventory=world.inventory)
    await again.ready()
    assert again.book.admissions() == []
    row = await world.row(admission.id)
    assert (row.stage, row.estimated) == (Stage.ENDED, True)


async def test_where_no_pods_can_be_seen_rows_are_believed(world):
    admission = await world.start()
    blind = FakeInventory({"t4": [2]})
    again = await World(store=world.store, inventory=blind).ready()
    assert [a.id for a in again.book.admissions()] == [admission.id]


async def test_a_row_of_somebody_who_is_no_longer_known_counts_until_its_end(world):
    admission = await world.start()
    world.sight(admission.id)
    await world.book.settle()
    world.store._people.clear()
    again = World(store=world.store, inventory=world.inventory)
    await again.core.ready()
    assert again.core.roll.by_hub_name("ada") is None
    assert again.book.used("t4", "ml") == 1
    again.sight(admission.id, gone=True)
    assert again.book.used("t4") == 0
    await again.book.settle()
    assert await again.store.load_open_admissions() == []


async def test_a_pod_without_a_row_is_counted_after_a_restart():
    inventory = FakeInventory({"t4": [1]}, sees_pods=True)
    inventory.seen["x"] = PodSighting("x", "n1", NOW, labels=LABELS, devices={"nvidia.com/gpu": 1})
    world = await World(inventory=inventory).ready()
    assert world.book.used("t4", "ml") == 1


# -- what is in use and free ---------------------------------------------------------------------------------------


async def test_nothing_is_said_to_be_free_while_the_cluster_is_silent(world):
    world.inventory.alive_at = NOW
    world.clock.pass_(seconds=30)
    assert world.book.free("t4") == 2
    world.clock.pass_(seconds=1)
    assert world.book.free("t4") is None
    assert world.book.stale_since(world.clock.now) == NOW


async def test_devices_of_others_count_against_the_flavors_count(world):
    world.inventory.nodes["t4"], world.inventory.foreign["t4"] = [5], 1
    assert world.book.free("t4") == 1
    world.inventory.foreign["t4"] = 9
    assert world.book.free("t4") == 0


async def test_admissions_are_listed_oldest_first_and_by_course(world):
    first = await world.start("notebook")
    world.clock.pass_(minutes=1)
    second = await world.start("notebook", "two")
    assert [a.id for a in world.book.admissions("ml")] == [first.id, second.id]
    assert world.book.admissions("other") == []
    assert world.book.of_server("ada", "two") == [second]
    assert world.book.of_server(a_person("bob").hub_name, "") == []


async def test_a_listener_that_fails_loses_no_end() -> None:
    core = a_core()
    ada = await enrol(core, "ada", ml=STUDENT)
    admission = await core.book.admit(StartRequest(ada.key, "ml", "gpu"), ada, "")

    def fail(_: Admission) -> None:
        raise RuntimeError("no")

    core.book.on_end.append(fail)
    await core.book.end(admission.id)
    kept = await core.store.find_admission(admission.id)
    assert kept is not None
    assert kept.stage is Stage.ENDED
