"""The line: who has joined is kept, started when the turn comes, and finds a way out whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import groupby, pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core import starting as starting_module
from jupyterhub_edu.core.glance import Glance
from jupyterhub_edu.core.line import Line
from jupyterhub_edu.core.privacy import erase, find_dossier
from jupyterhub_edu.core.rereading import _SLICE
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import GPU_HOUR, Allowance
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Allowances, CourseState, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.reclaim import Reclaim
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.ports import (
    AuditEntry,
    LiveServer,
    Phase,
    PodSighting,
    Record,
    ServersBusy,
    ServersError,
    ServersSilent,
    StoreError,
)
from jupyterhub_edu.store.memory import MemoryStore
from tests.eventually import eventually
from tests.fakes.campus import (
    NOW,
    T4,
    a_campus,
    a_choice,
    a_core,
    a_course,
    a_profile,
    an_option,
    enrol,
)
from tests.fakes.world import AClock, FakeHub, FakeInventory

STUDENT = CourseRole.STUDENT
SIZE = an_option("size", a_choice("one", devices=1), a_choice("two", devices=2))


def campus(*courses: Any, **kwargs: Any) -> Campus:
    profiles = [a_profile(), a_profile("gpu", flavor=replace(T4, count=None), options=[SIZE])]
    return a_campus(courses=courses or [a_course()], profiles=profiles, **kwargs)


class Hub(FakeHub):
    """A hub that starts servers as the spawner does: it takes what is reserved, or asks for something new."""

    core: Core

    def __init__(self) -> None:
        super().__init__()
        self.busy = 0
        self.asked = 0
        self.fails = ""
        self.spawns = True
        self.gate, self.slow = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.slow.set()
        self.taken: list[Admission] = []

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        self.asked += 1
        await self.gate.wait()
        if self.busy:
            self.busy -= 1
            raise ServersBusy("the hub answered 429")
        await super().start(hub_name, server, options)
        if not self.spawns:
            return
        person = self.core.roll.by_hub_name(hub_name)
        if person is None:
            raise ServersError("the hub answered 404")
        request = StartRequest(
            person.key, options["course"], options["profile"], options["options"]
        )
        try:
            admission = await self.core.book.admit(request, person, server)
        except Refused as refused:
            raise ServersError(str(refused)) from None
        self.taken.append(admission)
        await self.slow.wait()
        if self.fails:
            await self.core.book.end(admission.id)
            raise ServersError(self.fails)


class Store(MemoryStore):
    """Writes fail as told."""

    def __init__(self) -> None:
        super().__init__()
        self.no_admissions = self.no_records = False

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        if self.no_admissions:
            raise StoreError("the disk is full")
        await super().save_admission(admission, entry)

    async def save_records(
        self,
        put: Iterable[Record] = (),
        drop: Iterable[tuple[str, str]] = (),
        entry: AuditEntry | None = None,
        before: Sequence[AuditEntry] = (),
    ) -> None:
        if self.no_records:
            raise StoreError("the disk is full")
        await super().save_records(put, drop, entry, before)


class World:
    """One hub with two T4 on one node."""

    def __init__(self, file: Campus | None = None, former: World | None = None) -> None:
        self.clock: AClock = former.clock if former else AClock(NOW)
        self.store: Store = former.store if former else Store()
        self.inventory: FakeInventory = (
            former.inventory if former else FakeInventory({"t4": [2]}, sees_pods=True)
        )
        self.hub = Hub()
        self.core = a_core(
            file or campus(),
            hub=self.hub,
            store=self.store,
            inventory=self.inventory,
            clock=self.clock,
        )
        self.hub.core = self.core
        self.line: Line = self.core.line

    async def person(self, login: str, *courses: str) -> Person:
        roles = dict.fromkeys(courses or ("ml",), STUDENT)
        return self.core.roll.by_hub_name(login) or await enrol(self.core, login, **roles)

    async def join(
        self, login: str, size: str = "one", course: str = "ml", server: str = "", **kwargs: Any
    ) -> Any:
        person = await self.person(login, course)
        self.clock.pass_(seconds=1)
        request = StartRequest(person.key, course, "gpu", {"size": size})
        return await self.line.join(request._replace(**kwargs), person, server)

    async def start(self, login: str, size: str = "one", **kwargs: Any) -> Admission:
        """By the hub's own spawn."""
        person = await self.person(login)
        request = StartRequest(person.key, "ml", "gpu", {"size": size})
        return await self.core.book.admit(request._replace(**kwargs), person, "")

    def phase(self, login: str) -> Phase | None:
        standing = self.line.standing(login)
        return standing.phase if standing else None

    def codes(self, login: str) -> list[Any]:
        standing = self.line.standing(login)
        return [reason.code for reason in standing.reasons] if standing else []

    def mine(self, login: str) -> list[Admission]:
        return [a for a in self.core.book.admissions() if a.hub_name == login]

    def run(self, admission: Admission, node: str = "n1") -> None:
        """Its pod runs on a node."""
        self.inventory.nodes["t4"][int(node[1:]) - 1] -= admission.devices
        self.inventory.sight(PodSighting(admission.id, node, self.clock.now))
        self.inventory.change()

    def go(self, admission: Admission, node: str = "n1") -> None:
        """Its pod is gone."""
        self.inventory.nodes["t4"][int(node[1:]) - 1] += admission.devices
        self.inventory.sight(PodSighting(admission.id, node, None, gone=True))
        self.inventory.change()

    async def full(self, *logins: str) -> list[Admission]:
        """These run on all devices, with nobody in line."""
        found = []
        for login in logins or ("kim", "lee"):
            found.append(await self.start(login))
            self.run(found[-1])
        return found

    async def places(self) -> list[Record]:
        return list(await self.store.load_records("place"))

    async def settle(self) -> None:
        """Let everything that is under way come to rest."""
        for _ in range(20):
            await asyncio.sleep(0)
        await self.core.book.settle()

    async def restart(self) -> World:
        """The hub is killed and comes again."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        again = World(self.core.campus, self)
        await again.core.ready()
        return again


_NOBODY: Any = SimpleNamespace(id="")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.core.ready()
    yield world
    await world.core.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for real seconds."""
    monkeypatch.setattr(starting_module, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(starting_module, "_LONGEST_PAUSE", 0.001)


# -- a turn --------------------------------------------------------------------------------------------------------


async def test_whoever_finds_devices_and_nobody_has_their_turn_at_once(world):
    standing = await world.join("ada")
    assert (standing.phase, standing.ahead, standing.reasons) == (Phase.STARTING, 0, ())
    await world.settle()
    assert world.hub.started == [
        ("ada", "", {"course": "ml", "profile": "gpu", "options": {"size": "one"}})
    ]
    (admission,) = world.mine("ada")
    assert world.hub.taken == [admission]
    world.run(admission)
    await world.settle()
    assert (world.phase("ada"), await world.places()) == (Phase.STARTED, [])


async def test_those_who_wait_start_in_their_order_by_themselves(world):
    running = await world.full()
    for login in ("ada", "bob", "eve"):
        assert (await world.join(login)).phase is Phase.WAITING
    assert [world.line.standing(login).ahead for login in ("ada", "bob", "eve")] == [0, 1, 2]
    assert world.codes("eve") == [Code.NO_CAPACITY]
    assert (world.line.length("t4"), world.line.length("t4", "ml")) == (3, 3)
    assert world.line.length("t4", "bio") == 0
    world.go(running[0])
    await world.settle()
    assert [world.phase(x) for x in ("ada", "bob")] == [Phase.STARTING, Phase.WAITING]
    world.go(running[1])
    await world.settle()
    assert [world.phase(x) for x in ("ada", "bob", "eve")] == [
        Phase.STARTING,
        Phase.STARTING,
        Phase.WAITING,
    ]
    assert [one[0] for one in world.hub.started] == ["ada", "bob"]


async def test_an_estimate_says_when_and_on_how_many_ends_it_rests(world):
    running = await world.full()
    await world.join("ada", "two")
    estimate = world.line.standing("ada").estimate
    assert (estimate.at, estimate.ahead, estimate.ends) == (running[1].ends_at, 0, 2)


def a_node_comes(world: World) -> None:
    world.inventory.nodes["t4"].append(1)
    world.inventory.change()


def a_quota_grows(world: World) -> None:
    more = campus(a_course(quota={"t4": Quota(0, 3)}))
    world.core.replace_campus(more, world.core.refresher.sources)
    a_node_comes(world)


@pytest.mark.parametrize("change", [a_node_comes, a_quota_grows])
async def test_what_changes_brings_a_turn(change):
    world = World(campus(a_course(quota={"t4": Quota(0, 2 if change is a_quota_grows else None)})))
    await world.core.ready()
    await world.full()
    assert (await world.join("ada")).phase is Phase.WAITING
    await world.settle()
    change(world)
    await world.settle()
    assert world.phase("ada") is Phase.STARTING
    await world.core.close()


async def test_an_end_brings_a_turn_where_no_pods_are_seen():
    world = World()
    world.inventory.sees_pods = False
    await world.core.ready()
    running = [await world.start(login) for login in ("kim", "lee")]
    await world.join("ada")
    await world.settle()
    await world.core.book.end(running[0].id)
    await world.settle()
    assert world.phase("ada") is Phase.STARTING
    await world.core.close()


async def test_what_nobody_told_is_found_by_tending(world):
    await world.full()
    assert (await world.join("ada")).phase is Phase.WAITING
    await world.settle()
    world.inventory.nodes["t4"].append(1)
    await world.line.tend()
    await world.settle()
    assert world.phase("ada") is Phase.STARTING


async def test_asking_for_the_same_again_changes_nothing(world):
    await world.full()
    first = await world.join("ada")
    await world.join("bob")
    again = await world.join("ada")
    assert (again.place, again.ahead) == (first.place, 0)
    assert len(await world.places()) == 2


async def test_asking_for_something_else_is_a_new_arrival(world):
    await world.full()
    first = await world.join("ada")
    await world.join("bob")
    other = await world.join("ada", "two")
    assert (other.place.devices, other.ahead) == (2, 1)
    assert other.place.arrived_at > first.place.arrived_at
    assert {record.id for record in await world.places()} >= {other.place.id}
    assert first.place.id not in {record.id for record in await world.places()}


async def test_who_could_be_refused_for_good_takes_no_place(world):
    await world.full()
    with pytest.raises(Refused) as refused:
        await world.join("ada", course="ml", profile="a100")
    assert [r.code for r in refused.value.decision.reasons] == [Code.PROFILE_NOT_OFFERED]
    assert (world.phase("ada"), await world.places()) == (None, [])


async def test_of_many_whose_turn_has_come_a_few_start_at_a_time_and_all_in_their_order(world):
    await world.full()
    logins = [f"p{number:02}" for number in range(25)]
    for login in logins:
        await world.join(login)
    world.inventory.nodes["t4"][0] = 25
    world.inventory.change()
    await asyncio.sleep(0)
    assert [login for login in logins if world.mine(login)] == logins[:10]
    await eventually(lambda: all(world.mine(login) for login in logins))


async def test_whoever_asks_for_no_device_waits_for_the_hub_alone(world):
    await world.full()
    await world.join("ada")
    world.hub.busy = 1_000_000
    standing = await world.join("bob", profile="notebook", options={})
    assert (standing.phase, standing.ahead, standing.estimate) == (Phase.STARTING, 0, None)
    await eventually(lambda: world.phase("bob") is Phase.SOON)
    world.hub.busy = 0
    await eventually(lambda: world.hub.taken)
    await world.core.book.run(world.mine("bob")[0].id)
    assert (world.phase("bob"), world.phase("ada")) == (Phase.STARTED, Phase.WAITING)


async def test_whoever_runs_the_server_already_takes_no_place(world):
    await world.full()
    with pytest.raises(Refused, match="runs already"):
        await world.join("kim")
    assert (await world.join("kim", server="two")).phase is Phase.WAITING


async def test_a_default_profile_is_the_one_of_the_arrival(world):
    gpu_first = campus(a_course(offers={STUDENT: ("gpu", "notebook")}))
    world.core.replace_campus(gpu_first, world.core.refresher.sources)
    await world.full()
    person = await world.person("ada")
    standing = await world.line.join(StartRequest(person.key, "ml"), person)
    assert standing.place.request.profile == "gpu"


async def test_a_place_that_cannot_be_kept_is_none(world):
    await world.full()
    world.store.no_records = True
    with pytest.raises(StoreError):
        await world.join("ada")
    assert (world.phase("ada"), world.line.length("t4")) == (None, 0)


async def test_a_place_stands_if_the_one_in_its_stead_cannot_be_kept(world):
    await world.full()
    first = await world.join("ada")
    world.store.no_records = True
    with pytest.raises(StoreError):
        await world.join("ada", "two")
    assert world.line.standing("ada").place == first.place
    world.store.no_records = False
    assert [record.id for record in await world.places()] == [first.place.id]


# -- leaving -------------------------------------------------------------------------------------------------------


async def test_whoever_leaves_waits_no_more(world):
    await world.full()
    await world.join("ada", "two")
    await world.join("bob")
    assert await world.line.leave("ada") is True
    assert (world.phase("ada"), world.line.standing("bob").ahead) == (None, 0)
    assert len(await world.places()) == 1
    assert await world.line.leave("ada") is False


async def test_whoever_leaves_while_the_hub_is_busy_gives_back_what_was_reserved(world):
    world.hub.busy = 1_000_000
    await world.join("ada")
    await eventually(lambda: world.phase("ada") is Phase.SOON)
    assert world.core.book.free("t4") == 1
    assert await world.line.leave("ada") is True
    await world.settle()
    assert (world.core.book.free("t4"), world.mine("ada")) == (2, [])
    assert (await world.places(), await world.store.load_open_admissions()) == ([], [])


async def test_a_server_that_the_hub_starts_is_not_left(world):
    world.hub.gate.clear()
    await world.join("ada")
    await eventually(lambda: world.hub.asked)
    assert await world.line.leave("ada") is False
    world.hub.gate.set()
    await world.settle()
    assert (world.phase("ada"), await world.line.leave("ada")) == (Phase.STARTING, False)


async def test_a_place_that_cannot_be_dropped_is_dropped_later(world):
    await world.full()
    await world.join("ada")
    world.store.no_records = True
    assert await world.line.leave("ada") is True
    world.store.no_records = False
    assert len(await world.places()) == 1
    await world.line.tend()
    assert await world.places() == []


# -- what may go wrong with a start --------------------------------------------------------------------------------


async def test_a_busy_hub_is_asked_again_and_the_reservation_stays(world):
    world.hub.busy = 1_000_000
    await world.join("ada")
    (reserved,) = world.mine("ada")
    await eventually(lambda: world.phase("ada") is Phase.SOON)
    assert world.mine("ada") == [reserved]
    world.hub.busy = 0
    await eventually(lambda: world.hub.taken)
    assert (world.hub.taken, world.phase("ada")) == ([reserved], Phase.STARTING)


async def test_a_busy_hub_is_asked_for_one_after_another_in_their_order(world):
    world.inventory.nodes["t4"] = [9]
    world.hub.busy = 1_000_000
    logins = [f"s{number}" for number in range(6)]
    for login in logins:
        await world.join(login)
    await eventually(lambda: all(world.phase(login) is Phase.SOON for login in logins))
    await eventually(lambda: world.hub.asked > 60)
    asked = world.hub.asked
    world.hub.busy = 0
    await eventually(lambda: len(world.hub.taken) == len(logins))
    assert [admission.hub_name for admission in world.hub.taken] == logins
    assert world.hub.asked <= asked + len(logins) + 1, "asked for whom it was busy anyway"


async def test_a_hub_that_is_slow_to_answer_is_asked_for_the_next_once_it_has_begun(world):
    world.inventory.nodes["t4"] = [9]
    world.hub.busy = 1_000_000
    for login in ("ada", "bob"):
        await world.join(login)
    await eventually(lambda: world.phase("bob") is Phase.SOON)
    world.hub.slow.clear()
    world.hub.busy = 0
    await eventually(lambda: len(world.hub.taken) == 2)
    assert world.phase("bob") is Phase.STARTING
    world.hub.slow.set()


async def test_a_start_that_fails_is_tried_again_and_given_up_at_last(world):
    world.hub.fails = "the hub answered 500: no"
    first = await world.join("ada")
    for tries in range(1, 3):
        await world.settle()
        standing = world.line.standing("ada")
        assert (standing.phase, standing.place) == (Phase.WAITING, first.place)
        assert (len(world.hub.started), world.core.book.free("t4")) == (tries, 2)
        await world.line.tend()
        await world.settle()
        assert len(world.hub.started) == tries, "tried again too soon"
        world.clock.pass_(seconds=40)
        await world.line.tend()
    await world.settle()
    assert (world.phase("ada"), world.codes("ada")) == (Phase.STRUCK, [])
    assert (await world.places(), world.mine("ada"), world.core.book.free("t4")) == ([], [], 2)


async def test_a_hub_that_does_not_answer_costs_nobody_their_place(world):
    """As one that has just begun, and loads its servers."""
    answers, world.hub.start = world.hub.start, silent
    await world.join("ada")
    for _ in range(5):
        await world.settle()
        assert (world.phase("ada"), world.core.book.free("t4")) == (Phase.WAITING, 2)
        world.clock.pass_(minutes=1)
        await world.line.tend()
    world.hub.start = answers
    await world.settle()
    world.clock.pass_(minutes=1)
    await world.line.tend()
    await world.settle()
    assert world.phase("ada") is Phase.STARTING


async def silent(*_: object) -> None:
    raise ServersSilent("the hub's API does not answer")


async def test_while_one_waits_to_be_tried_again_others_start(world):
    world.inventory.nodes["t4"] = [1]
    world.hub.fails = "the hub answered 500: no"
    await world.join("ada")
    await world.settle()
    world.hub.fails = ""
    assert (await world.join("bob")).phase is Phase.STARTING


async def test_a_start_that_fails_because_a_rule_refuses_now_is_struck_with_its_reasons(world):
    world.hub.busy = 2
    await world.join("ada")
    closed = campus(a_course(state=CourseState.SUSPENDED))
    world.core.replace_campus(closed, world.core.refresher.sources)
    await eventually(lambda: world.phase("ada") is Phase.STRUCK)
    assert world.codes("ada") == [Code.COURSE_CLOSED]
    assert (world.mine("ada"), world.core.book.free("t4")) == ([], 2)


async def test_an_account_that_is_gone_is_struck(world):
    world.hub.fails = "the hub answered 404"
    await world.join("ada")
    for _ in range(3):
        await world.settle()
        world.clock.pass_(minutes=2)
        await world.line.tend()
    assert world.phase("ada") is Phase.STRUCK


async def test_a_server_that_dies_before_it_runs_is_tried_again(world):
    await world.join("ada")
    await world.settle()
    (first,) = world.hub.taken
    await world.core.book.end(first.id)
    world.clock.pass_(minutes=1)
    await world.line.tend()
    await world.settle()
    (second,) = world.mine("ada")
    assert (second.id != first.id, world.phase("ada")) == (True, Phase.STARTING)
    world.run(second)
    world.go(second)
    assert world.phase("ada") is Phase.STARTED, "a session that ran is not started again"


async def test_what_the_hub_takes_for_begun_and_no_spawner_asks_for_is_given_back(world):
    world.hub.spawns = False
    await world.join("ada")
    await world.settle()
    assert world.core.book.free("t4") == 1
    await world.line.tend()
    assert (world.core.book.free("t4"), world.phase("ada")) == (2, Phase.WAITING)


async def test_a_reservation_that_cannot_be_kept_leaves_the_place(world):
    world.store.no_admissions = True
    await world.join("ada")
    await world.settle()
    assert (world.phase("ada"), world.hub.asked, world.core.book.free("t4")) == (
        Phase.WAITING,
        0,
        2,
    )
    world.store.no_admissions = False
    world.clock.pass_(minutes=1)
    await world.line.tend()
    await world.settle()
    assert world.phase("ada") is Phase.STARTING


async def test_a_turn_that_cannot_be_kept_starts_nothing(world):
    await world.full()
    await world.join("ada")
    world.store.no_records = True
    world.inventory.nodes["t4"].append(1)
    world.inventory.change()
    await world.settle()
    assert (world.phase("ada"), world.hub.asked, world.mine("ada")) == (Phase.WAITING, 0, [])
    assert await world.store.load_open_admissions() == world.core.book.admissions()


async def test_devices_are_given_back_exactly_once(world):
    ended: list[str] = []
    world.core.book.on_end.append(lambda one: ended.append(one.id))
    world.hub.fails = "no"
    await world.join("ada")
    await world.settle()
    assert len(ended) == len(set(ended)) == 1


# -- what people do meanwhile --------------------------------------------------------------------------------------


async def test_whoever_starts_the_same_by_themselves_stands_in_no_line_any_more(world):
    await world.full()
    await world.join("ada")
    world.inventory.nodes["t4"].append(1)
    admission = await world.start("ada")
    await world.settle()
    assert (world.phase("ada"), world.mine("ada")) == (Phase.STARTED, [admission])
    assert (world.hub.started, await world.places()) == ([], [])


async def test_whoever_starts_something_else_as_that_server_is_struck(world):
    await world.full()
    await world.join("ada")
    await world.start("ada", profile="notebook", options={})
    await world.settle()
    assert (world.phase("ada"), world.codes("ada")) == (Phase.STRUCK, [Code.PERSON_CAP])


async def test_their_own_start_takes_what_is_reserved(world):
    world.hub.busy = 1_000_000
    await world.join("ada")
    (reserved,) = world.mine("ada")
    assert world.core.book.decide(world.line.standing("ada").place.request).allowed
    assert await world.start("ada") == reserved
    await world.settle()
    assert (world.phase("ada"), world.mine("ada")) == (Phase.STARTING, [reserved])


async def test_something_else_as_the_same_server_gives_back_what_is_reserved(world):
    world.hub.busy = 1_000_000
    await world.join("ada")
    (reserved,) = world.mine("ada")
    other = await world.start("ada", "two")
    await world.settle()
    assert world.mine("ada") == [other]
    assert (world.core.book.free("t4"), world.phase("ada")) == (0, Phase.STARTED)
    row = await world.store.find_admission(reserved.id)
    assert row is not None
    assert row.stage is Stage.ENDED


async def test_asking_for_something_else_gives_back_what_is_reserved(world):
    world.hub.busy = 1_000_000
    await world.join("ada")
    (reserved,) = world.mine("ada")
    await eventually(lambda: world.phase("ada") is Phase.SOON)
    other = await world.join("ada", "two")
    await world.settle()
    assert [a.devices for a in world.mine("ada")] == [2]
    assert reserved.id not in {a.id for a in world.mine("ada")}
    assert [record.id for record in await world.places()] == [other.place.id]


async def test_what_is_reserved_is_refused_to_whom_a_rule_refuses_by_then(world):
    world.hub.busy = 1_000_000
    await world.join("ada")
    closed = campus(a_course(state=CourseState.SUSPENDED))
    world.core.replace_campus(closed, world.core.refresher.sources)
    with pytest.raises(Refused, match="suspended"):
        await world.start("ada")


async def test_hours_that_are_reserved_are_not_asked_for_again():
    hours = Allowances(person=Allowance(4 * GPU_HOUR, Period.DAY))
    world = World(campus(a_course(allowances=hours)))
    await world.core.ready()
    world.hub.busy = 2
    await world.join("ada")
    (reserved,) = world.mine("ada")
    await eventually(lambda: world.hub.taken)
    assert world.hub.taken == [reserved]
    await world.core.close()


async def test_somebody_who_is_erased_stands_in_no_line(world):
    await world.full()
    await world.join("ada")
    dossier = await find_dossier(world.core.roll, world.store, "ada")
    assert dossier is not None
    await erase(world.core.roll, world.store, dossier, world.clock)
    await world.line.tend()
    await world.settle()
    assert (world.line.length("t4"), await world.places()) == (0, [])


async def test_a_place_moves_with_what_its_profile_asks_for(world):
    await world.full()
    await world.join("ada")
    profiles = [a_profile("gpu", flavor=replace(T4, key="a100"))]
    changed = a_campus(courses=[a_course()], profiles=profiles)
    world.core.replace_campus(changed, world.core.refresher.sources)
    await world.settle()
    assert (world.line.length("t4"), world.line.length("a100")) == (0, 0)
    assert world.phase("ada") is Phase.STRUCK
    assert world.codes("ada") == [Code.OPTION_INVALID]


async def many_wait(world: World) -> list[str]:
    """More people than are read in one step."""
    logins = [f"p{number:02}" for number in range(3 * _SLICE)]
    for login in logins:
        await world.join(login)
    await world.settle()
    return logins


def moved() -> Campus:
    """The profile is of another flavor, of which there is none."""
    gpu = a_profile("gpu", flavor=replace(T4, key="a100", count=None), options=[SIZE])
    return a_campus(courses=[a_course()], profiles=[a_profile(), gpu])


async def test_nobodys_turn_comes_before_all_places_are_read_anew(world):
    await world.full()
    await many_wait(world)
    a_node_comes(world)  # there would be a turn
    world.core.replace_campus(moved(), world.core.refresher.sources)
    lengths = []
    while world.line.length("t4"):
        lengths.append((world.line.length("t4"), world.line.length("a100")))
        assert not world.hub.asked
        await asyncio.sleep(0)
    everybody = 3 * _SLICE
    assert lengths == [(everybody - n, n) for n in range(0, everybody, _SLICE)]
    await world.settle()
    assert (world.line.length("a100"), world.hub.asked) == (everybody, 0)


async def test_turns_come_again_once_all_places_are_read(world):
    running = await world.full()
    logins = await many_wait(world)
    world.go(running[0])
    world.core.replace_campus(campus(), world.core.refresher.sources)
    await world.settle()
    assert [login for login in logins if world.phase(login) is Phase.STARTING] == logins[:1]


async def test_a_start_passes_nobody_whose_place_is_not_read_yet(world):
    await world.full()
    await many_wait(world)
    await world.person("kay")
    world.core.replace_campus(moved(), world.core.refresher.sources)
    world.inventory.nodes["a100"] = [3 * _SLICE]
    with pytest.raises(Refused, match="stand in line before you"):
        await world.start("kay")


async def test_nor_does_whoever_joins(world):
    await world.full()
    logins = await many_wait(world)
    await world.person("kay")
    world.core.replace_campus(moved(), world.core.refresher.sources)
    world.inventory.nodes["a100"] = [3 * _SLICE]
    standing = await world.join("kay")
    begun = [login for login in logins if world.phase(login) is Phase.STARTING]
    assert begun == logins[: len(begun)]
    assert (standing.phase, standing.ahead) == (Phase.WAITING, len(logins) - len(begun))
    await eventually(lambda: {world.phase(login) for login in logins} == {Phase.STARTING})
    assert world.phase("kay") is Phase.WAITING


async def test_reclaim_looks_at_places_that_are_all_read(world):
    await world.full()
    await many_wait(world)
    world.core.replace_campus(moved(), world.core.refresher.sources)
    assert (len(world.line.places("a100")), world.line.places("t4")) == (3 * _SLICE, [])


async def test_who_leaves_while_places_are_read_stays_out(world):
    await world.full()
    logins = await many_wait(world)
    world.core.replace_campus(moved(), world.core.refresher.sources)
    assert await world.line.leave(logins[-1])
    await world.settle()
    assert world.phase(logins[-1]) is None
    assert (world.line.length("t4"), world.line.length("a100")) == (0, 3 * _SLICE - 1)


async def test_a_file_while_places_are_read_is_the_one_that_counts(world):
    await world.full()
    await many_wait(world)
    world.core.replace_campus(moved(), world.core.refresher.sources)
    await asyncio.sleep(0)
    assert world.line.length("a100")
    world.core.replace_campus(campus(), world.core.refresher.sources)
    await world.settle()
    assert (world.line.length("t4"), world.line.length("a100")) == (3 * _SLICE, 0)


async def test_a_place_that_cannot_be_read_holds_up_no_other(world, monkeypatch, caplog):
    await world.full()
    logins = await many_wait(world)
    granted, bad = Glance.granted, (await world.person(logins[0])).key

    def fail(glance: Glance, request: StartRequest) -> Any:
        if request.person == bad:
            raise LookupError("broken")
        return granted(glance, request)

    monkeypatch.setattr(Glance, "granted", fail)
    world.core.replace_campus(moved(), world.core.refresher.sources)
    await world.settle()
    assert f"the place of {logins[0]} could not be read anew" in caplog.text
    assert world.line.length("a100") == 3 * _SLICE - 1


# -- nobody is passed ----------------------------------------------------------------------------------------------


async def test_a_start_that_does_not_wait_passes_nobody_whose_turn_has_come(world):
    running = await world.full()
    await world.join("ada")
    world.go(running[0])
    # The turn comes with the loop; until then the device is free, and for ada.
    with pytest.raises(Refused) as refused:
        await world.start("bob")
    assert [r.code for r in refused.value.decision.reasons] == [Code.NO_CAPACITY]
    assert "stand in line before you" in str(refused.value)
    await world.settle()
    assert world.phase("ada") is Phase.STARTING


async def test_whoever_waits_for_the_very_same_has_one_place_and_not_two(world):
    """Two are free: not enough for ada twice."""
    await world.full()
    await world.join("ada", "two")
    await world.settle()
    world.inventory.nodes["t4"] = [2]
    assert (await world.start("ada", "two")).devices == 2


async def test_what_a_turn_says_to_keep_off_is_known_to_book_and_spawner():
    world = World()
    await world.core.ready()
    person = await world.person("ada")
    request = StartRequest(person.key, "ml", "gpu", {"size": "one"})
    off = frozenset({"n2"})
    held = world.core.book.hold(request, person, "", off)
    assert world.core.book.avoids(held.id) == off
    assert world.core.book.state("t4").away == {"n2": 1}
    await world.core.close()


async def test_nobody_holds_up_those_who_want_less_than_they(world):
    await world.full("kim")
    await world.join("ada", "two")
    assert (await world.start("bob")).devices == 1


async def test_devices_kept_for_whoever_has_waited_long_are_kept_from_all(world):
    await world.full("kim")
    await world.join("ada", "two")
    world.clock.pass_(minutes=15)
    await world.line.tend()
    await world.settle()
    with pytest.raises(Refused, match="stand in line before you"):
        await world.start("bob")
    assert (await world.join("eve")).phase is Phase.WAITING
    standing = world.line.standing("eve")
    assert standing.ahead == 1
    assert [reason.variant for reason in standing.reasons] == ["line"]


async def test_a_start_keeps_off_the_node_whose_devices_are_kept(world):
    world.inventory.nodes["t4"] = [2, 1]
    await world.full("kim")
    await world.join("ada", "two")
    world.clock.pass_(minutes=15)
    await world.line.tend()
    await world.settle()
    bob = await world.start("bob")
    assert world.core.book.avoids(bob.id) == {"n1"}


async def test_an_own_start_is_not_held_up_by_what_is_kept_for_a_loan():
    world = World(campus(a_course(quota={"t4": Quota(1)}), a_course("bio")))
    world.inventory.nodes["t4"] = [3]
    await world.core.ready()
    people = [await world.person(login, "bio") for login in ("kim", "lee")]
    for person in people:
        request = StartRequest(person.key, "bio", "gpu", {"size": "one"})
        world.run(await world.core.book.admit(request, person, ""))
    await world.join("ada", "two", "bio")
    world.clock.pass_(minutes=20)
    await world.line.tend()
    await world.settle()
    assert (await world.start("bob")).own
    await world.core.close()


async def test_what_is_reclaimed_for_somebody_is_kept_from_others(world):
    await world.full("kim")
    standing = await world.join("ada", "two")
    world.core.reclaims._of["t4"] = (Reclaim(standing.place.id, "n1", ()),)
    mine = world.core.reclaims.current("t4")
    assert mine
    own = campus(a_course(quota={"t4": Quota(3)}))
    world.core.replace_campus(own, world.core.refresher.sources)
    await world.settle()
    with pytest.raises(Refused, match="stand in line before you"):
        await world.start("bob")


async def test_an_empty_line_costs_nothing(world):
    def never(*_: object) -> None:
        raise AssertionError("asked for nothing")

    world.line._turns.waiting = never
    assert (await world.start("ada")).devices == 1


# -- what is told --------------------------------------------------------------------------------------------------


async def test_until_a_place_is_durable_it_stands_behind_everybody(world):
    await world.full()
    for login in ("ada", "bob"):
        await world.join(login)
    gate, save = asyncio.Event(), world.store.save_records

    async def slow(*args: Any) -> None:
        await gate.wait()
        await save(*args)

    world.store.save_records = slow
    eve = asyncio.create_task(world.join("eve"))
    await eventually(lambda: world.line.standing("eve") is not None)
    assert (world.phase("eve"), world.line.standing("eve").ahead) == (Phase.WAITING, 2)
    gate.set()
    assert (await eve).ahead == 2


async def test_a_follower_learns_of_each_change_and_of_nothing_else(world, monkeypatch):
    monkeypatch.setattr("jupyterhub_edu.core.following._PACE", 0.001)
    running = await world.full()
    told: list[Any] = []

    async def follow() -> None:
        async with aclosing(world.line.follow("ada")) as changes:
            async for standing in changes:
                told.append(standing)  # noqa: PERF401 - it never ends

    def phases() -> list[Any]:
        return [phase for phase, _ in groupby(told, lambda one: one and one.phase)]

    task = asyncio.create_task(follow())
    await eventually(lambda: phases() == [None])
    await world.join("ada")
    await eventually(lambda: phases()[1:] == [Phase.WAITING])
    world.line.poke()
    await world.settle()
    world.go(running[0])
    await eventually(lambda: Phase.STARTING in phases())
    await world.settle()
    world.run(world.mine("ada")[0])
    await eventually(lambda: Phase.STARTED in phases())
    world.clock.pass_(minutes=3)
    await world.line.tend()
    await eventually(lambda: told[-1] is None)
    assert phases() == [None, Phase.WAITING, Phase.STARTING, Phase.STARTED, None]
    assert [one for one, after in pairwise(told) if one == after] == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(world.line._followers) == 0


async def test_why_somebody_was_struck_is_told_for_an_hour(world):
    await world.full()
    await world.join("ada")
    await world.start("ada", profile="notebook", options={})
    world.clock.pass_(minutes=59)
    await world.line.tend()
    assert world.phase("ada") is Phase.STRUCK
    world.clock.pass_(minutes=1)
    await world.line.tend()
    assert world.phase("ada") is None


# -- a restart -----------------------------------------------------------------------------------------------------


async def test_who_stood_in_line_stands_there_after_a_restart(world):
    await world.full()
    places = [(await world.join(login)).place for login in ("ada", "bob")]
    again = await world.restart()
    assert [again.line.standing(login).place for login in ("ada", "bob")] == places
    assert [again.line.standing(login).ahead for login in ("ada", "bob")] == [0, 1]
    await again.core.close()


@pytest.mark.parametrize("step", ["reserved", "kept", "asked", "taken", "made", "running"])
async def test_a_hub_killed_at_any_step_of_a_start_loses_nobody(world, step):
    if step == "kept":
        world.hub.busy = 1_000_000
    if step == "asked":
        world.hub.gate.clear()
    await world.join("ada")
    if step != "reserved":
        await world.settle()
    (made,) = world.mine("ada")
    if step in ("made", "running"):
        node = "n1" if step == "running" else None
        ran_at = NOW if step == "running" else None
        world.inventory.seen[made.id] = PodSighting(made.id, node, ran_at, hub_name="ada")
        if step == "running":
            world.inventory.nodes["t4"] = [1]
    again = await world.restart()
    await again.settle()
    assert again.phase("ada") is Phase.STARTING
    (admission,) = again.mine("ada")
    if step not in ("made", "running"):
        assert again.hub.taken == [admission]
        again.run(admission)
    else:
        assert again.hub.asked == 0
        assert admission.id == made.id
        await again.line.tend()
        assert again.phase("ada") is Phase.STARTING, "the hub does not have it yet"
        live = LiveServer("ada", "", True, None, None, None, "/user/ada/", admission.id)
        again.hub.running.append(live)
        await again.line.tend()
    await again.settle()
    assert (again.phase("ada"), await again.places()) == (Phase.STARTED, [])
    await again.core.close()


async def test_a_pod_that_the_hub_lost_is_followed_by_another_start(world):
    await world.join("ada")
    await world.settle()
    (made,) = world.mine("ada")
    world.run(replace(made))
    await world.store.save_records([_record(world, made)])
    again = await world.restart()
    assert again.phase("ada") is Phase.STARTING
    again.go(made)
    again.clock.pass_(minutes=1)
    await again.line.tend()
    await again.settle()
    assert (again.hub.asked, again.phase("ada")) == (1, Phase.STARTING)
    await again.core.close()


def _record(world: World, made: Admission) -> Record:
    """Ada's place as it was when the hub was killed before it had dropped it."""
    body = {
        "account": "ada",
        "server": "",
        "course": "ml",
        "profile": "gpu",
        "options": {"size": "one"},
        "share": "ml",
        "flavor": "t4",
        "devices": 1,
        "arrived_at": NOW.isoformat(),
        "admission": made.id,
        "tries": 0,
    }
    return Record("place", "p1", body, whose="ad:id-ada")


async def test_whoever_runs_the_server_when_the_hub_comes_again_is_struck(world):
    (kim, _) = await world.full()
    body = {**_record(world, kim).body, "account": "kim", "admission": ""}
    await world.store.save_records([Record("place", "p1", body, whose="ad:id-kim")])
    again = await world.restart()
    again.inventory.nodes["t4"].append(2)
    again.inventory.change()
    await again.settle()
    assert (again.phase("kim"), again.codes("kim")) == (Phase.STRUCK, [Code.PERSON_CAP])
    await again.core.close()


async def test_a_place_given_up_while_it_is_written_is_not_written_again(world):
    await world.full()
    await world.join("ada")
    (waiter,) = [w for w in world.line._turns.of.values() if w.hub_name == "ada"]
    await world.line.leave("ada")
    await world.line._turns.places.keep(waiter)
    assert await world.places() == []


BROKEN: dict[str, dict[str, Any]] = {
    "an instant without a zone": {"arrived_at": "2026-11-03T10:00:00"},
    "no instant": {"arrived_at": "soon"},
    "devices that are no number": {"devices": "1"},
    "less than none": {"tries": -1},
    "options that are no mapping": {"options": ["one"]},
    "a course that is no text": {"course": 7},
}


@pytest.mark.parametrize("wrong", BROKEN.values(), ids=BROKEN)
async def test_a_place_that_cannot_be_read_stops_the_start(wrong):
    world = World()
    made = Record("place", "p1", {}, whose="ad:id-ada")
    body = {**_record(world, _NOBODY).body, **wrong}
    await world.store.save_records([replace(made, body=body)])
    with pytest.raises(StoreError, match="p1"):
        await world.core.ready()
    await world.core.close()


async def test_a_place_that_misses_something_stops_the_start():
    world = World()
    body = dict(_record(world, _NOBODY).body)
    del body["flavor"]
    await world.store.save_records([Record("place", "p1", body, whose="ad:id-ada")])
    with pytest.raises(StoreError, match="p1"):
        await world.core.ready()
    await world.core.close()
