"""R1: the whole core with every timer of the warden, on the real inventory, whatever happens to hub, cluster, store and clock.

Nothing here knows the rules: the laws of the book, the line and of reclaiming, each with an oracle of its own, do. What holds
here always is that nothing is over-admitted, that book, rows and pods agree, that a session ends once, and that nothing is left
at rest. The inventory is fed what a watch would see: events late, twice, or lost until everything is listed anew after a 410.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core import starting as starting_module
from jupyterhub_edu.core.exam_records import Prepared
from jupyterhub_edu.core.sighting import Sightings
from jupyterhub_edu.core.tally import Tally
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.balance import State
from jupyterhub_edu.domain.courses import Caps, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.exams import Exam
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.usage import By, UsageQuery, charge
from jupyterhub_edu.inventory import WatchedInventory
from jupyterhub_edu.inventory.sinks import NodeSink
from jupyterhub_edu.inventory.watch import Sink
from jupyterhub_edu.ports import AuditEntry, LiveServer, PodSighting, ServersBusy, ServersError
from jupyterhub_edu.store.memory import MemoryStore
from jupyterhub_edu.warden import default_timers
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
from tests.fakes.kubernetes_api import HOME, a_node, a_pod
from tests.fakes.world import AClock, FakeHub

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
WALKS, STEPS_EACH = (2_000, 500) if LONG else (40, 150)
COURSES, PEOPLE = ("ada", "bio", "che"), ("p0", "p1", "p2", "p3", "p4")
NODES = {"n1": 3, "n2": 2}
WORDS = ("one", "two")
SIZE = an_option("size", *(a_choice(word, devices=n) for n, word in enumerate(WORDS, 1)))
EXAM = "registry.example/exam:1"


class Fed(WatchedInventory):
    """The real inventory; its sinks see what the world lets through."""

    def __init__(self, world: World, campus: Any) -> None:
        super().__init__("cluster", campus.flavors, HOME, clock=world.clock)
        assert self._view is not None
        self._world = world
        self.sinks: dict[str, Sink] = {
            "pods": self._pod_sink,
            "nodes": NodeSink(self._view, self._changed),
        }

    async def start(
        self,
        on_sighting: Callable[[PodSighting], None],
        on_stock: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_sighting, self._on_stock = on_sighting, on_stock
        self._world.relist()

    def proof_of_life(self) -> Any:
        return self._world.clock()

    async def remove(self, admission: str) -> None:
        self._world.delete(admission)


class Hub(FakeHub):
    """The hub's spawner: asks the book, makes a pod, and lets go of it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        world = self._world
        if world.busy:
            raise ServersBusy("the hub answered 429")
        key = world.person(hub_name).key
        request = StartRequest(key, options["course"], options["profile"], options["options"])
        try:
            admission = await world.core.book.admit(request, world.person(hub_name), server)
        except Refused as refused:
            raise ServersError(str(refused)) from None
        if world.failing:
            await world.core.book.end(admission.id)
            raise ServersError("the hub answered 500")
        world.make(admission)

    async def stop(self, hub_name: str, server: str) -> None:
        for live in [s for s in self.running if (s.hub_name, s.server) == (hub_name, server)]:
            self.running.remove(live)
            self._world.delete(live.admission or "")


class Keeper(MemoryStore):
    """Lets no session end twice."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, Any] = {}

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        await super().save_admission(admission, entry)
        if admission.stage is Stage.ENDED:
            row = await self.find_admission(admission.id)
            assert row is not None
            first = self.ends.setdefault(admission.id, row.ended_at)
            assert row.ended_at == first, "ended twice"


class World:
    """The truth, what the watch has told of it, and the core."""

    def __init__(self) -> None:
        self.clock, self.store, self.hub = AClock(NOW), Keeper(), Hub(self)
        self.nodes = {name: a_node(name, gpus=gpus) for name, gpus in NODES.items()}
        self.pods: dict[str, dict[str, Any]] = {}
        self.untold: list[tuple[str, dict[str, Any], bool]] = []
        self.last: tuple[str, dict[str, Any], bool] | None = None
        self.quota: dict[str, tuple[int, int | None]] = {"ada": (2, None), "bio": (1, 1)}
        self.busy = self.failing = False
        self.names, self.done = count(), Counter[str]()
        self.core: Core
        self.inventory: Fed

    async def begin(self) -> None:
        """A hub begins on what there is."""
        campus = self.campus()
        self.inventory = Fed(self, campus)
        self.core = a_core(
            campus,
            clock=self.clock,
            hub=self.hub,
            store=self.store,
            inventory=self.inventory,
        )
        self.timers = default_timers(self.core, registry=CollectorRegistry())
        self.core.book.on_admit.append(self.admitted)
        await self.core.ready()
        for login in PEOPLE:
            if self.core.roll.by_hub_name(login) is None:
                await enrol(self.core, login, **dict.fromkeys(COURSES, CourseRole.STUDENT))

    def campus(self) -> Any:
        gpu = a_profile("gpu", flavor=replace(T4, count=None), options=[SIZE])
        courses = [
            a_course(
                id,
                quota={"t4": Quota(*self.quota.get(id, (0, None)))},
                offers={CourseRole.STUDENT: ("gpu",)},
            )
            for id in COURSES
        ]
        return a_campus(
            courses=courses,
            profiles=[gpu],
            caps=Caps(servers=2),
            stale_after=timedelta(days=999),
        )

    # -- what people do ----------------------------------------------------------------------------------------

    async def press(self, who: int, course: int, size: int) -> None:
        request, person = self.request(who, course, size), self.person(PEOPLE[who])
        try:
            admission = await self.core.book.admit(request, person, f"own-{next(self.names)}")
        except Refused:
            return
        if self.failing:
            for _ in range(1 + size):  # the hub may say so twice
                await self.core.book.end(admission.id)
        else:
            self.make(admission)

    async def join(self, who: int, course: int, size: int) -> None:
        try:
            await self.core.line.join(self.request(who, course, size), self.person(PEOPLE[who]))
        except Refused:
            return

    async def leave(self, who: int, _: int, __: int) -> None:
        await self.core.line.leave(PEOPLE[who])

    async def stop(self, which: int, _: int, __: int) -> None:
        if self.hub.running:
            live = self.hub.running[which % len(self.hub.running)]
            await self.hub.stop(live.hub_name, live.server)

    async def extend(self, which: int, _: int, __: int) -> None:
        if running := self.core.book.admissions():
            await self.core.extending.extend("p0", running[which % len(running)])

    # -- what staff do -----------------------------------------------------------------------------------------

    async def edit(self, nominal: int, course: int, borrow: int) -> None:
        self.quota[COURSES[course]] = nominal % 3, None if borrow == 2 else borrow
        campus = self.campus()
        self.core.replace_campus(campus, self.core.refresher.sources)
        self.inventory.set_flavors(campus.flavors)

    async def examine(self, who: int, course: int, soon: int) -> None:
        """An exam of some of a course, now or later; or it is called off."""
        entry = AuditEntry(self.clock(), "t", "exam", course=COURSES[course])
        if held := self.core.exams.of(COURSES[course]):
            await self.core.exams.drop(held[0].exam, entry)
            return
        starts = self.clock() + timedelta(minutes=30 * soon)
        sitters = frozenset(self.person(login).key for login in PEOPLE[: who + 1])
        span = starts, starts + timedelta(hours=1)
        exam = Exam(f"exam-{next(self.names)}", COURSES[course], *span, "gpu", EXAM)
        await self.core.exams.save(
            Prepared(replace(exam, participants=sitters), "t", self.clock()), entry
        )

    # -- what happens to hub and clock -------------------------------------------------------------------------

    async def hub_is(self, busy: int, failing: int, _: int) -> None:
        self.busy, self.failing = busy % 4 == 1, failing == 1

    async def forget(self, which: int, _: int, __: int) -> None:
        """The hub loses a server from its memory; its pod is there."""
        if self.hub.running:
            self.hub.running.pop(which % len(self.hub.running))

    async def restart(self, *_: int) -> None:
        """The hub is killed where it is, and starts again."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        await self.begin()

    async def killed_in_a_start(self, who: int, course: int, size: int) -> None:
        """The hub is killed while it asks for a pod, which is made when the next hub is there already."""
        request, person = self.request(who, course, size), self.person(PEOPLE[who])
        try:
            admission = await self.core.book.admit(request, person, f"own-{next(self.names)}")
        except Refused:
            return
        await self.restart()
        self.make(admission)
        self.hub.running.pop()

    async def clock_jumps(self, much: int, back: int, _: int) -> None:
        self.clock.pass_(minutes=-7 * much if back == 2 else 13 * much)

    async def time_comes(self, *_: int) -> None:
        """Every timer of the warden runs."""
        for timer in self.timers:
            await timer.act()
            await self.settle()

    # -- what happens to the cluster ---------------------------------------------------------------------------

    async def bind(self, which: int, where: int, _: int) -> None:
        unbound = [pod for pod in self.pods.values() if "nodeName" not in pod["spec"]]
        room = [name for name in sorted(self.nodes) if self.is_open(name)]
        if unbound and room:
            pod, node = unbound[which % len(unbound)], room[where % len(room)]
            if self.free(node) >= _devices(pod):
                running = {"running": {"startedAt": self.clock().isoformat()}}
                pod["spec"]["nodeName"] = node
                pod["status"]["containerStatuses"] = [{"name": "notebook", "state": running}]
                self.emit("pods", pod)

    async def crash(self, which: int, noticed: int, _: int) -> None:
        """A pod fails; the hub may notice, and removes it then."""
        if mine := [pod for pod in self.pods.values() if pod["metadata"]["labels"]]:
            pod = mine[which % len(mine)]
            pod["status"]["phase"] = "Failed"
            self.emit("pods", pod)
            if noticed:
                id = _admission(pod)
                self.hub.running = [one for one in self.hub.running if one.admission != id]
                self.delete(id)

    async def evict(self, which: int, _: int, __: int) -> None:
        """A pod is deleted, and nobody told the hub."""
        if self.pods:
            self.remove(sorted(self.pods)[which % len(self.pods)])

    async def other_tenant(self, which: int, where: int, _: int) -> None:
        node = sorted(NODES)[where % 2]
        if node in self.nodes and self.free(node) > 0:
            uid = f"other-{next(self.names)}"
            pod = a_pod(uid, uid=uid, namespace="tenants", node=node, gpus=1)
            self.pods[uid] = pod
            self.emit("pods", pod)

    async def cordon(self, which: int, _: int, __: int) -> None:
        if (name := sorted(NODES)[which % 2]) in self.nodes:
            was = self.nodes[name]["spec"].get("unschedulable", False)
            self.nodes[name] = a_node(name, gpus=NODES[name], cordoned=not was)
            self.emit("nodes", self.nodes[name])

    async def lose_node(self, which: int, gone: int, _: int) -> None:
        """A node is lost, later its pods; or it comes back."""
        name = sorted(NODES)[which % 2]
        if name not in self.nodes:
            self.nodes[name] = a_node(name, gpus=NODES[name])
            self.emit("nodes", self.nodes[name])
            return
        self.emit("nodes", self.nodes.pop(name), deleted=True)
        for uid in [u for u, pod in self.pods.items() if pod["spec"].get("nodeName") == name]:
            self.remove(uid)

    # -- what the watch does -----------------------------------------------------------------------------------

    async def hear(self, few: int, twice: int, _: int) -> None:
        """Some events arrive, the last of them perhaps twice."""
        for _ in range(min(len(self.untold), few * 2)):
            self.take(self.untold.pop(0))
        if twice and self.last is not None:
            self.take(self.last)

    async def expire(self, *_: int) -> None:
        """The version has expired (410): what was under way is lost, and everything is listed anew."""
        self.relist()

    def emit(self, what: str, raw: dict[str, Any], *, deleted: bool = False) -> None:
        self.untold.append((what, deepcopy(raw), deleted))

    def take(self, event: tuple[str, dict[str, Any], bool]) -> None:
        what, raw, deleted = self.last = event
        self.inventory.sinks[what].put(raw, deleted=deleted)

    def relist(self) -> None:
        self.untold.clear()
        self.last = None
        for what, objects in (("nodes", self.nodes), ("pods", self.pods)):
            sink = self.inventory.sinks[what]
            for raw in objects.values():
                sink.put(deepcopy(raw), deleted=False)
            sink.retain({sink.key(raw) for raw in objects.values()})

    # -- the truth ---------------------------------------------------------------------------------------------

    def person(self, login: str) -> Person:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return person

    def request(self, who: int, course: int, size: int) -> StartRequest:
        options = {"size": WORDS[size % 2]}
        return StartRequest(self.person(PEOPLE[who]).key, COURSES[course], "gpu", options)

    def make(self, admission: Admission) -> None:
        """Its server is under way, and its pod is made."""
        name, server, id = admission.hub_name, admission.server, admission.id
        self.hub.running.append(LiveServer(name, server, True, None, None, None, "/", id))
        pod = a_pod(
            id, uid=f"uid-{id}", admission=id, gpus=admission.devices, phase="Pending", state={}
        )
        pod["metadata"]["labels"]["jupyterhub-edu/course"] = admission.course
        pod["metadata"]["annotations"] |= {
            "hub.jupyter.org/username": name,
            "hub.jupyter.org/servername": server,
        }
        self.pods[f"uid-{id}"] = pod
        self.emit("pods", pod)

    def delete(self, admission: str) -> None:
        for uid in [uid for uid, pod in self.pods.items() if _admission(pod) == admission]:
            self.remove(uid)

    def remove(self, uid: str) -> None:
        self.emit("pods", self.pods.pop(uid), deleted=True)

    def is_open(self, node: str) -> bool:
        return not self.nodes[node]["spec"].get("unschedulable")

    def free(self, node: str) -> int:
        on = [pod for pod in self.pods.values() if pod["spec"].get("nodeName") == node]
        return NODES[node] - sum(_devices(pod) for pod in on)

    # -- what always holds -------------------------------------------------------------------------------------

    def admitted(self, admission: Admission) -> None:
        """No device is promised twice: what is free as far as the watch has told covers all that is not bound yet."""
        self.done["admitted"] += 1
        book, pods = self.core.book, self.inventory.pods()
        coming = [
            one.devices
            for one in book.admissions()
            if one.id not in pods or pods[one.id].node is None
        ]
        assert sum(coming) <= sum(self.inventory.stock("t4").nodes.values()), "over-admitted"
        if not any(self.core.exams.of(course) for course in COURSES):
            nominal, borrow = self.quota.get(admission.course, (0, None))
            used = book.used("t4", admission.course)
            assert borrow is None or used <= nominal + borrow, "more than the course may"

    async def check(self) -> None:
        """At rest."""
        book = self.core.book
        open_ = {one.id: one for one in book.admissions()}
        rows = {row.id for row in await self.store.load_open_admissions()}
        assert rows == set(open_) - book._open._leftovers, "book and rows"
        seen = {id for id, pod in self.inventory.pods().items() if not pod.gone}
        assert seen <= set(open_), "a pod that nobody counts"
        state = book.state("t4")
        fresh = State.of(state.nodes, state.holdings.values(), state.shares)
        assert (state.unseen, state.used) == (fresh.unseen, fresh.used)
        assert book.used("t4") == sum(one.devices for one in open_.values())

    async def settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)
            await self.core.book.settle()

    async def drain(self) -> None:
        """Whole and idle again: everybody in line has been served, everything ends, nothing is left."""
        self.busy = self.failing = False
        self.quota.clear()
        await self.edit(0, 0, 2)
        entry = AuditEntry(self.clock(), "t", "exam")
        for course in COURSES:
            for prepared in self.core.exams.of(course):
                await self.core.exams.drop(prepared.exam, entry)
        self.nodes = {name: a_node(name, gpus=gpus) for name, gpus in NODES.items()}
        self.pods = {uid: pod for uid, pod in self.pods.items() if _admission(pod)}
        for _ in range(60):
            self.relist()
            await self.settle()
            await self.time_comes()
            while self.hub.running:
                await self.stop(0, 0, 0)
            self.clock.pass_(minutes=5)
            if not (self.pods or self.core.book.admissions() or self.core.line._turns.of):
                break
        self.relist()
        await self.settle()
        await self.check()
        assert (self.pods, self.core.book.admissions()) == ({}, []), "left at rest"
        assert self.core.book.free("t4") == sum(NODES.values())
        for login in PEOPLE:
            rows = await self.store.load_admissions_of(login)
            charged = sum(u.used for row in rows for u in charge(row, self.core.campus.zone))
            asked = UsageQuery(frozenset({By.PERSON}), person=login)
            assert sum(u.used for u in await self.store.load_usage(asked)) == charged


def _admission(pod: Mapping[str, Any]) -> str:
    found: str = pod["metadata"]["labels"].get("jupyterhub-edu/admission", "")
    return found


def _devices(pod: Mapping[str, Any]) -> int:
    if pod["status"]["phase"] == "Failed":
        return 0
    return int(pod["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu", 0))


OFTEN = {"press": 6, "join": 4, "bind": 7, "hear": 12, "stop": 4, "time_comes": 2, "crash": 2}
SELDOM = (
    *(
        "leave",
        "extend",
        "edit",
        "examine",
        "hub_is",
        "hub_is",
        "forget",
        "restart",
        "killed_in_a_start",
    ),
    *("clock_jumps", "evict", "other_tenant", "cordon", "lose_node", "expire"),
)
STEPS = [*(name for name, times in OFTEN.items() for _ in range(times)), *SELDOM]


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy hub is asked again at once."""
    monkeypatch.setattr(starting_module, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(starting_module, "_LONGEST_PAUSE", 0.0)


async def walk(seed: int, steps: int) -> World:
    chance, world = Random(seed), World()  # noqa: S311
    await world.begin()
    trail = []
    try:
        for _ in range(steps):
            world.clock.pass_(seconds=1)
            name = chance.choice(STEPS)
            trail.append((name, arguments := [chance.randrange(n) for n in (5, 3, 3)]))
            world.done[name] += 1
            await getattr(world, name)(*arguments)
            await world.settle()
            await world.check()
        await world.drain()
    except BaseException as error:
        error.add_note(f"seed {seed}, after {len(trail)} steps: {trail[-12:]}")
        raise
    finally:
        await world.core.close()
    return world


@pytest.mark.hypothesis
@pytest.mark.timeout(0 if LONG else 300)
async def test_the_whole_core_over_admits_nothing_and_leaks_nothing() -> None:
    """Some thousand steps in ``make test``, a million in ``make test-long``; seeds are numbers from 0."""
    done = Counter[str]()
    for seed in range(WALKS):
        done += (await walk(seed, STEPS_EACH)).done
    print(f"{WALKS * STEPS_EACH} steps over the whole core, {done['admitted']} admitted")
    assert all(done[name] for name in STEPS)
    assert done["admitted"] > WALKS


def nothing_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not bound to a node yet is not counted against the free devices."""
    monkeypatch.setattr(Tally, "unseen", property(lambda _: 0, lambda *_: None), raising=False)


def no_leftovers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod that the book does not know counts for nothing."""
    monkeypatch.setattr(Sightings, "_adopt", lambda *_: None)


def kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that ends goes on holding its devices."""
    monkeypatch.setattr(Tally, "remove", lambda *_: None)


@pytest.mark.parametrize("flaw", [nothing_on_its_way, no_leftovers, kept_for_ever])
async def test_a_planted_flaw_is_caught(
    flaw: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    flaw(monkeypatch)

    async def walk_far() -> None:
        for seed in range(30):
            await walk(seed, STEPS_EACH)

    with pytest.raises(AssertionError):
        await walk_far()
