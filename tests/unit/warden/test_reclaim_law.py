"""The whole core against the page's sentences: book, line, reclaims and deadlines, whatever happens on a small campus.

The hub, its cluster and the clock are played; the oracle and the campus are those of ``tests.unit.domain.sharing``, which
knows nothing of how turns and looks are worked out. What it checks of a look it checks of each that the core takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core import reclaims as core_reclaims
from jupyterhub_edu.domain import reclaim
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import Balance, Keep, State
from jupyterhub_edu.domain.courses import Quota
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.pools import Holding
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.reclaim import Look, Reclaim, keeps_of
from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import Dated, Window
from jupyterhub_edu.ports import LiveServer, PodSighting
from jupyterhub_edu.store.memory import MemoryStore
from jupyterhub_edu.warden.deadlines import Deadlines
from jupyterhub_edu.warden.metrics import metrics_in
from jupyterhub_edu.warden.reclaim import Reclaimer
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
from tests.unit.domain import sharing
from tests.unit.domain.sharing import MINUTE, SIZES, STARVE_AFTER, TERMINATION, WARNING

COURSES = sharing.COURSES[:3]
PEOPLE = ("p0", "p1", "p2", "p3", "p4", "p5")
DEVICES = ("one", "two", "three")
FOR_EVER = timedelta(days=30)


class Hub(FakeHub):
    """A hub whose spawner asks the book, makes a pod that nobody has bound yet, and stops in its own time."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        world = self._world
        person = world.core.roll.by_hub_name(hub_name)
        assert person is not None
        chosen = person.key, options["course"], options["profile"], options["options"]
        admission = await world.core.book.admit(StartRequest(*chosen), person, server)
        world.serve(admission)

    async def stop(self, hub_name: str, server: str) -> None:
        for admission in self._world.core.book.of_server(hub_name, server):
            self._world.stops.append(admission.id)
            self._world.stop_at.setdefault(admission.id, self._world.minute + TERMINATION)


class World(sharing.World):
    """The truth, and the core that follows it; what the oracle asks is answered from the core."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.minute, self.upset, self.chance = 0, False, Random(0)  # noqa: S311
        self.nodes = dict.fromkeys(SIZES, 0)
        self.quota = {"ada": (2, None), "bio": (1, 1)}
        self.reserved: dict[str, int] = {}
        self.since: dict[str, int] = {}
        self.stop_at: dict[str, int] = {}
        self.stops: list[str] = []
        self.warned_at: dict[str, Any] = {}
        self.store, self.clock, self.hub = MemoryStore(), AClock(NOW), Hub(self)
        self.inventory = FakeInventory(sees_pods=True)
        self.only_waiting = False
        self.start_core()
        self.run(self._enrol())

    # -- the core ----------------------------------------------------------------------------------------------

    def start_core(self) -> None:
        """A hub begins, on what the store and the cluster have kept."""
        self.inventory.change = lambda: None
        self.tell_stock()
        self.core: Core = a_core(
            self.campus(),
            clock=self.clock,
            hub=self.hub,
            store=self.store,
            inventory=self.inventory,
        )
        registry = CollectorRegistry()
        self.reclaimer = Reclaimer(self.core)
        self.deadlines = Deadlines(self.core, metrics_in(registry))
        self.run(self.core.ready())

    async def _enrol(self) -> None:
        roles = dict.fromkeys(COURSES, CourseRole.STUDENT)
        self.people: list[Person] = [await enrol(self.core, login, **roles) for login in PEOPLE]

    def campus(self) -> Any:
        size = an_option(
            "size", *(a_choice(word, devices=number) for number, word in enumerate(DEVICES, 1))
        )
        gpu = a_profile("gpu", flavor=replace(T4, count=None), options=[size], longest=25 * MINUTE)
        courses = []
        for id in COURSES:
            nominal, borrow = self.quota.get(id, (0, None))
            devices = self.reserved.get(id, 0)
            span = Span(NOW - MINUTE, NOW + FOR_EVER)
            window = Window("", Dated((span,)), reserve={"t4": devices})
            courses.append(
                a_course(
                    id,
                    quota={"t4": Quota(nominal, borrow)},
                    offers={CourseRole.STUDENT: ("gpu",)},
                    windows=(window,) if devices else (),
                )
            )
        return a_campus(
            courses=courses,
            profiles=[gpu],
            reclaim_warning=WARNING * MINUTE,
            starve_after=STARVE_AFTER * MINUTE,
        )

    def run(self, awaitable: Any) -> Any:
        """Run on the world's loop until nothing is under way."""

        async def until_settled() -> Any:
            result = await awaitable
            for _ in range(3):
                await asyncio.sleep(0)
                await self.core.book.settle()
            return result

        return self.loop.run_until_complete(until_settled())

    # -- what the oracle asks ----------------------------------------------------------------------------------

    @property
    def holdings(self) -> Mapping[str, Holding]:  # type: ignore[override]
        return self.core.book.state("t4").holdings

    @property
    def places(self) -> dict[str, Place]:  # type: ignore[override]
        places = self.core.line.places("t4")
        if (
            self.only_waiting
        ):  # not those whose start has just failed, which is not tried again at once
            places = self.core.line._turns.waiting("t4", self.clock())
        return {place.id: place for place in places}

    @property
    def reclaims(self) -> tuple[Reclaim, ...]:  # type: ignore[override]
        return self.core.reclaims.current("t4")

    def state(self) -> State:
        """As the oracle reads it, from the truth: nodes, and who was admitted."""
        nodes = {node: max(0, self.free(node)) for node in self.nodes}
        return State.of(nodes, self.holdings.values(), self.shares())

    def refused(self, place: Place) -> tuple[Reason, ...]:
        return self.core.line.refused(place)

    # -- what may happen ---------------------------------------------------------------------------------------

    def arrive(self, who: int, course: int, devices: int) -> None:
        """Somebody asks to start, or for something else than they asked for before."""
        person = self.people[who]
        request = StartRequest(person.key, COURSES[course], "gpu", {"size": DEVICES[devices]})
        try:
            self.run(self.core.line.join(request, person))
        except Refused:
            return

    def leave(self, who: int) -> None:
        self.run(self.core.line.leave(PEOPLE[who]))

    def finish(self, which: int) -> None:
        """A session that runs ends by itself."""
        if held := sorted(h.id for h in self.holdings.values() if h.node is not None):
            self.gone(held[which % len(held)])

    def serve(self, admission: Admission) -> None:
        self.tell(admission, None)

    def tell(self, admission: Admission, node: str | None) -> None:
        self.tell_stock(admission.id, node)
        about: dict[str, Any] = {"hub_name": admission.hub_name, "server": admission.server}
        running_at = self.clock() if node is not None else None
        self.inventory.sight(PodSighting(admission.id, node, running_at, **about))
        self.hub.running = [s for s in self.hub.running if s.admission != admission.id]
        server = LiveServer(
            admission.hub_name, admission.server, True, None, None, None, "/", admission.id
        )
        self.hub.running.append(server)

    def tell_stock(self, id: str = "", node: str | None = None) -> None:
        """What the inventory shows of the nodes, an admission that is just being bound counted there."""
        free = {name: self.free(name) for name in self.nodes} if hasattr(self, "core") else SIZES
        if node in free:
            free = {**free, node: free[node] - self.holdings[id].devices}
        self.inventory.nodes["t4"] = {name: max(0, n) for name, n in free.items()}
        if hasattr(self, "core"):
            self.inventory.change()

    def bind(self, where: int) -> None:
        """The scheduler binds, in the order of their starts, those that find room; which node is its own business."""
        held = sorted(self.holdings.values(), key=lambda h: (h.since, h.id))
        for holding in held:
            if holding.node is None and holding.id in self.inventory.seen:
                off = self.core.book.avoids(holding.id)
                fit = [
                    node
                    for node in sorted(self.nodes)
                    if node not in off and self.free(node) >= holding.devices
                ]
                admission = self.core.book.admission(holding.id)
                if fit and admission is not None:
                    self.tell(admission, fit[where % len(fit)])

    def gone(self, id: str) -> None:
        admission, node = self.core.book.admission(id), self.holdings[id].node
        assert admission is not None
        self.upset |= node is not None and node not in self.nodes
        self.stop_at.pop(id, None)
        self.hub.running = [s for s in self.hub.running if s.admission != id]
        about: dict[str, Any] = {"hub_name": admission.hub_name, "server": admission.server}
        if id in self.inventory.seen:
            self.run(self._sight(PodSighting(id, node, None, gone=True, **about)))
        else:
            self.run(self.core.book.end(id))
        self.run(self._stock())

    async def _sight(self, sighting: PodSighting) -> None:
        self.inventory.sight(sighting)

    async def _stock(self) -> None:
        self.tell_stock()

    def pass_time(self, minutes: int, where: int) -> None:
        for _ in range(minutes + 1):
            self.run(self._bind(where))
            self.minute += 1
            self.clock.now += MINUTE
            for id, at in list(self.stop_at.items()):
                if at <= self.minute and id in self.holdings:
                    self.gone(id)
            self.settle()

    async def _bind(self, where: int) -> None:
        self.bind(where)

    def node(self, which: int) -> None:
        super().node(which)
        self.run(self._stock())

    def other(self, which: int, devices: int) -> None:
        super().other(which, devices)
        self.run(self._stock())

    def edit(self, course: int, nominal: int, borrow: int) -> None:
        super().edit(course, nominal, borrow)
        self.run(self._replace())

    def reserve(self, course: int, devices: int) -> None:
        super().reserve(course, devices)
        self.run(self._replace())

    async def _replace(self) -> None:
        self.core.replace_campus(self.campus(), self.core.refresher.sources)

    def restart(self, _: int) -> None:
        """The hub is killed and starts again; what is being reclaimed, and who waits, is as it was."""
        before = self.reclaims, sorted(self.places), self._ends()
        self.run(self.core.line.close())
        self.start_core()
        assert (self.reclaims, sorted(self.places), self._ends()) == before

    def _ends(self) -> list[tuple[Any, ...]]:
        return sorted((a.id, a.ends_at, a.ends_by) for a in self.core.book.admissions())

    # -- coming to rest ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Turns, looks and deadlines until nothing changes any more; then what must hold."""
        for _ in range(60):
            before = self._mark()
            self.run(self._round())
            if self._mark() == before:
                break
        else:
            raise AssertionError("turns and looks do not come to rest")
        state = self.state()
        self.only_waiting = True
        keeps = keeps_of(self.reclaims, self.places.values(), state)
        self.check_standing(list(keeps), self.kept)
        self.only_waiting = False
        self.check_ends()
        self.check_pools()
        self.check_room()

    async def _round(self) -> None:
        await self.core.line.tend()
        await asyncio.sleep(0)
        self.reclaimer.mark("t4")
        await self.reclaimer()
        await self.deadlines()

    def _mark(self) -> object:
        return self.reclaims, sorted(self.places), self._ends(), len(self.stops)

    @property
    def kept(self) -> Keep | None:
        return self.reclaimer.kept("t4")

    # -- the page's sentences, beside those of the oracle ------------------------------------------------------

    def check_ends(self) -> None:
        """Exactly the loans that are called back end by that, all of them in time, and the others as was promised."""
        called = {loan.id: loan for r in self.reclaims for loan in r.loans}
        for admission in self.core.book.admissions():
            loan = called.get(admission.id)
            if loan is not None:
                assert admission.ends_at is not None
                assert admission.ends_at <= loan.warned_at + WARNING * MINUTE, "ends too late"
            if admission.ends_by is EndRule.RECLAIMED:
                assert loan is not None, "called back by nobody"
                assert admission.ends_at == loan.warned_at + WARNING * MINUTE, "warned too short"
            else:
                assert admission.ends_at == admission.reserved_at + 25 * MINUTE
        stopped = [id for id in self.stops if id in self.holdings]
        for id in stopped:
            known = self.core.book.admission(id)
            assert known is not None
            assert known.ends_at is not None
            assert known.ends_at <= self.clock(), "stopped before its end"

    def check_pools(self) -> None:
        """A start is decided on what the line and reclaim see of the pool."""
        balance, campus = Balance(self.state()), self.core.campus
        flavor = campus.flavors["t4"]
        for id in COURSES:
            pool = self.core.book._grounds.pool_of(
                campus, campus.courses[id], flavor, self.clock()
            )
            seen = balance.pool(id)
            for name in ("unseen", "used", "used_here", "nominal", "most", "claimed", "reserved"):
                assert getattr(pool, name) == getattr(seen, name), name
            assert pool.room == max(0, seen.room)

    def check_room(self) -> None:
        """Never more on a node than it has, nor more admitted than could be bound."""
        for name, size in SIZES.items():
            ours = sum(h.devices for h in self.holdings.values() if h.node == name)
            assert ours <= size

    def drain(self) -> None:
        """11: when all have ended, whoever could start on an idle campus starts."""
        self.nodes = dict.fromkeys(SIZES, 0)
        self.upset = True
        self.run(self._stock())
        idle = State.of(SIZES, (), self.shares())
        hopeful = {p.id for p in self.places.values() if sharing.may_start(idle, (), p)}
        for _ in range(12):
            self.run(self._bind(0))
            for holding in list(self.holdings.values()):
                if holding.node is not None:
                    self.gone(holding.id)
            self.settle()
        assert not hopeful & set(self.places), "waits on an idle campus"

    def close(self) -> None:
        self.run(self.core.close())
        self.loop.close()


ARGUMENTS: dict[str, list[tuple[Any, ...]]] = {
    "arrive": list(product(range(6), range(3), range(2))),
    "leave": [(who,) for who in range(6)],
    "finish": [(which,) for which in range(6)],
    "pass_time": list(product((0, 1, 2, 6), range(2))),
    "node": [(which,) for which in range(2)],
    "other": list(product(range(2), range(3))),
    "edit": list(product(range(3), range(4), range(4))),
    "reserve": list(product(range(3), range(3))),
    "restart": [(0,)],
}
OFTEN = ["arrive"] * 10 + ["finish", "pass_time", "pass_time"]
Step = tuple[str, tuple[Any, ...]]
STEPS: list[Step] = [
    (name, ARGUMENTS[name][number % len(ARGUMENTS[name])])
    for name in [*OFTEN, *ARGUMENTS]
    for number in range(72)
]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """Each look that the core takes is checked by the world that is in the list."""
    worlds: list[World] = []

    class Looking(reclaim.Looking):
        def end(self, *args: Any) -> Look:
            seen = super().end(*args)
            for world in worlds:
                world.check_look(seen, self.kept)
            return seen

    monkeypatch.setattr(core_reclaims, "Looking", Looking)
    return worlds


def walk(steps: Collection[Step], looked: list[World]) -> None:
    """Take the steps; after each, everything comes to rest and is checked."""
    world = World()
    looked[:] = [world]
    try:
        for name, arguments in steps:
            getattr(world, name)(*arguments)
            world.settle()
        world.drain()
    finally:
        looked.clear()
        world.close()


# In the last, what was kept for one that waits long moved as often as a loan was called back for a class.
@pytest.mark.parametrize("seed", [*range(30), 322])
def test_the_core_lends_and_reclaims_as_the_page_says(seed: int, looked: list[World]) -> None:
    chance = Random(seed)  # noqa: S311
    walk([chance.choice(STEPS) for _ in range(50)], looked)
