"""The line of the core against the page's sentences: starts by turns and by the hub's own spawn, failures, restarts.

The oracle is that of ``tests.unit.domain.sharing``. Reclaim and keeping for those who have waited long are left out here:
``tests/unit/warden/test_reclaim_law.py`` has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest

from jupyterhub_edu.core import Core, Refused, line, turns
from jupyterhub_edu.core import starting as starting_module
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import State
from jupyterhub_edu.domain.courses import Caps, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.pools import Holding
from jupyterhub_edu.ports import Phase, PodSighting, ServersBusy, ServersError
from jupyterhub_edu.store.memory import MemoryStore
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
from tests.unit.domain.sharing import may_start, rank_of

STUDENT = CourseRole.STUDENT
COURSES = ("ada", "bio", "che")
PEOPLE = ("p0", "p1", "p2", "p3", "p4", "p5")
WORDS = ("one", "two", "three")
SIZES = {"n1": 3, "n2": 2}
CAPS = Caps(servers=2)
SIZE = an_option("size", *(a_choice(word, devices=n) for n, word in enumerate(WORDS, 1)))


class Hub(FakeHub):
    """Takes what is reserved, is busy, or fails, as the world says."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        world = self._world
        if world.busy:
            raise ServersBusy("the hub answered 429")
        person = world.person(hub_name)
        request = StartRequest(person.key, *(options[key] for key in options))
        try:
            admission = await world.core.book.admit(request, person, server)
        except Refused as refused:
            raise ServersError(str(refused)) from None
        if world.failing:
            await world.core.book.end(admission.id)
            raise ServersError("the hub answered 500")
        world.make(admission)


class World:
    """The truth, and the core on it."""

    def __init__(self) -> None:
        self.clock, self.store, self.hub = AClock(NOW), MemoryStore(), Hub(self)
        self.inventory = FakeInventory(sees_pods=True)
        self.up, self.other = set(SIZES), dict.fromkeys(SIZES, 0)
        self.quota: dict[str, tuple[int, int | None]] = {"ada": (2, None), "bio": (1, 1)}
        self.busy = self.failing = False
        self.core: Core
        self.begun, self.turns = 0, 0
        self.names = count()

    async def begin(self) -> None:
        """A hub begins on what there is."""
        self.inventory.change = lambda: None
        self.core = a_core(
            self.campus(),
            clock=self.clock,
            hub=self.hub,
            store=self.store,
            inventory=self.inventory,
        )
        self.core.book.hold = self._watch(self.core.book.hold)  # type: ignore[method-assign]
        self.show()
        await self.core.ready()
        for login in PEOPLE:
            if self.core.roll.by_hub_name(login) is None:
                await enrol(self.core, login, **dict.fromkeys(COURSES, STUDENT))

    def campus(self) -> Any:
        gpu = a_profile("gpu", flavor=replace(T4, count=None), options=[SIZE])
        courses = [
            a_course(
                id,
                quota={"t4": Quota(*self.quota.get(id, (0, None)))},
                offers={STUDENT: ("gpu",)},
            )
            for id in COURSES
        ]
        return a_campus(
            courses=courses, profiles=[gpu], caps=CAPS, starve_after=timedelta(days=300)
        )

    def person(self, login: str) -> Person:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return person

    @property
    def state(self) -> State:
        return self.core.book.state("t4")

    def waiting(self) -> list[Place]:
        return self.core.line._turns.waiting("t4", self.clock.now)

    # -- what may happen ---------------------------------------------------------------------------------------

    async def join(self, who: int, course: int, size: int) -> None:
        request = self.request(who, course, size)
        try:
            await self.core.line.join(request, self.person(PEOPLE[who]))
        except Refused as refused:
            assert not refused.decision.waitable  # noqa: PT017 - other refusals are none

    async def leave(self, who: int, _: int, __: int) -> None:
        await self.core.line.leave(PEOPLE[who])

    async def press(self, who: int, course: int, size: int) -> None:
        """Somebody starts by the hub's own spawn, at times before a turn could come; exactly if it is their turn."""
        if course:
            await self.finish(who, 0, 0)
        request, person = self.request(who, course, size), self.person(PEOPLE[who])
        standing = self.core.line.standing(person.hub_name)
        mine = Place("~", person.key, request.course, "t4", size + 1, self.clock.now, request)
        if standing and standing.phase is Phase.WAITING and standing.place.request == request:
            mine = standing.place
        held = sum(a.hub_name == person.hub_name for a in self.core.book.admissions())
        expected = held < 2 and self.comes_to(mine)
        server = f"own-{next(self.names)}"
        try:
            admission = await self.core.book.admit(request, person, server)
        except Refused:
            assert not expected, "refused, and it may start"
            return
        assert expected, "passed somebody, or started above a limit"
        self.begun += 1
        self.make(admission)

    async def bind(self, which: int, where: int, _: int) -> None:
        waiting = [a for a in self.core.book.admissions() if self.node_of(a.id) is None]
        waiting = [a for a in waiting if a.id in self.inventory.seen]
        fit = sorted(node for node in self.up if self.free(node) > 0)
        if waiting and fit:
            admission, node = waiting[which % len(waiting)], fit[where % len(fit)]
            off = self.core.book.avoids(admission.id)
            if self.free(node) >= admission.devices and node not in off:
                self.show({node: -admission.devices})
                self.sight(admission, node)
                self.inventory.change()

    async def finish(self, which: int, _: int, __: int) -> None:
        """A session ends, also one whose pod is not bound yet."""
        made = sorted(id for id in self.inventory.seen)
        if made:
            id = made[which % len(made)]
            admission, node = self.core.book.admission(id), self.node_of(id)
            assert admission is not None
            if node in self.up:
                self.show({node: admission.devices})
            self.sight(admission, None, gone=True)
            self.inventory.change()

    async def hub_is(self, busy: int, failing: int, _: int) -> None:
        self.busy, self.failing = busy % 4 == 1, failing == 1

    async def cordon(self, which: int, _: int, __: int) -> None:
        self.up ^= {sorted(SIZES)[which % 2]}
        self.show()
        self.inventory.change()

    async def edit(self, nominal: int, course: int, borrow: int) -> None:
        self.quota[COURSES[course]] = nominal % 3, None if borrow == 2 else borrow
        self.core.replace_campus(self.campus(), self.core.refresher.sources)

    async def restart(self, *_: int) -> None:
        """The hub is killed where it is, and starts again: nobody is lost, not even who was being started."""
        before = {waiter.place.id for waiter in self.standing()}
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        await self.begin()
        known = {waiter.place.id for waiter in self.core.line._turns.of.values()}
        assert known == before, "somebody is lost"

    async def pass_time(self, minutes: int, _: int, __: int) -> None:
        self.clock.pass_(minutes=minutes)

    def comes_to(self, mine: Place) -> bool:
        """Whether a turn of all who stand in line comes to this place: one after another, the first that may."""
        holdings, shares = list(self.state.holdings.values()), self.state.shares
        others = [p for p in self.waiting() if p.id != mine.id]
        hopeful = [mine, *(p for p in others if not self.core.line.refused(p))]
        while True:
            state = State.of(self.state.nodes, holdings, shares)
            able = [p for p in hopeful if may_start(state, (), p)]
            if not able:
                return False
            first = min(able, key=lambda p: (rank_of(state, (), p), p.arrived_at, p.id))
            if first is mine:
                return True
            hopeful.remove(first)
            holdings.append(Holding(first.id, first.course, first.devices, self.clock.now))

    # -- the truth ---------------------------------------------------------------------------------------------

    def request(self, who: int, course: int, size: int) -> StartRequest:
        person = self.person(PEOPLE[who])
        return StartRequest(person.key, COURSES[course], "gpu", {"size": WORDS[size]})

    def node_of(self, id: str) -> str | None:
        seen = self.inventory.seen.get(id)
        return seen.node if seen is not None else None

    def free(self, node: str) -> int:
        open_ = (self.core.book.admission(id) for id in self.inventory.seen)
        ours = sum(a.devices for a in open_ if a is not None and self.node_of(a.id) == node)
        return SIZES[node] - ours

    def show(self, change: Mapping[str, int] | None = None) -> None:
        self.inventory.nodes["t4"] = {
            node: self.free(node) + (change or {}).get(node, 0) for node in sorted(self.up)
        }

    def make(self, admission: Admission) -> None:
        """Its pod is made, and bound to no node yet."""
        self.sight(admission, None)

    def sight(self, admission: Admission, node: str | None, *, gone: bool = False) -> None:
        about: dict[str, Any] = {"hub_name": admission.hub_name, "server": admission.server}
        running_at = self.clock.now if node else None
        self.inventory.sight(PodSighting(admission.id, node, running_at, gone=gone, **about))

    def standing(self) -> list[Any]:
        return [w for w in self.core.line._turns.of.values() if not w.over]

    # -- the page's sentences ----------------------------------------------------------------------------------

    def _watch(self, hold: Callable[..., Admission]) -> Callable[..., Admission]:
        """Whenever a turn reserves: it may, and none before it in the order might have been."""

        def watched(request: StartRequest, person: Person, server: str, off: Any) -> Admission:
            turned, state = self.core.line._turns, self.state
            (mine,) = [p for p in self.waiting() if p.person == person.key]
            assert may_start(state, (), mine), "started against a limit"
            order = rank_of(state, (), mine), mine.arrived_at, mine.id
            for other in self.waiting():
                before = (rank_of(state, (), other), other.arrived_at, other.id) < order
                refused = turned.against(other)
                assert not (before and may_start(state, (), other) and not refused), "passed"
            self.turns += 1
            return hold(request, person, server, off)

        return watched

    async def check(self) -> None:
        """At rest."""
        book, line = self.core.book, self.core.line
        for place in self.waiting():
            if not line.refused(place):
                assert not may_start(self.state, (), place), "one that may start waits"
        fresh = State.of(self.state.nodes, self.state.holdings.values(), self.state.shares)
        assert (self.state.unseen, self.state.used) == (fresh.unseen, fresh.used)
        standing = self.standing()
        assert {r.id for r in await self.store.load_records("place")} == {
            waiter.place.id for waiter in standing
        }
        reserved = {waiter.admission for waiter in standing if waiter.admission}
        held = {id for _, id in book._open.held.values()}
        assert held <= reserved, "reserved for nobody"
        rows = {row.id for row in await self.store.load_open_admissions()}
        assert rows == {admission.id for admission in book.admissions()}
        for admission in book.admissions():
            assert admission.id in self.inventory.seen or admission.id in held, "leaked"

    async def settle(self) -> None:
        await self.core.line.tend()
        for _ in range(12):
            await asyncio.sleep(0)
            await self.core.book.settle()

    async def drain(self) -> None:
        """On a campus that is whole and idle everybody starts."""
        self.busy = self.failing = False
        self.up, self.quota = set(SIZES), {}
        await self.edit(0, 0, 2)
        self.show()
        for _ in range(40):
            self.clock.pass_(minutes=2)
            await self.settle()
            await self.finish(0, 0, 0)
            await self.settle()
            await self.bind(0, 0, 0)
        assert self.standing() == []
        assert (self.core.book.admissions(), self.core.book.free("t4")) == ([], 5)


OFTEN = ["join"] * 8 + ["press"] * 4 + ["bind"] * 5 + ["finish"] * 4 + ["pass_time"] * 2
STEPS = [*OFTEN, "leave", "hub_is", "hub_is", "cordon", "edit", "restart"]


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy hub is asked again at once; who failed is tried again in a minute."""
    monkeypatch.setattr(starting_module, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(starting_module, "_LONGEST_PAUSE", 0.0)


async def walk(seed: int, steps: int) -> World:
    chance, world = Random(seed), World()  # noqa: S311
    await world.begin()
    try:
        for _ in range(steps):
            world.clock.pass_(seconds=1)
            name = chance.choice(STEPS)
            arguments = (chance.randrange(6), chance.randrange(3), chance.randrange(3))
            await getattr(world, name)(*arguments)
            await world.settle()
            await world.check()
        await world.drain()
    finally:
        await world.core.close()
    return world


@pytest.mark.parametrize("seed", range(15))
async def test_the_line_keeps_the_pages_sentences_whatever_happens(seed: int) -> None:
    await walk(seed, 120)


async def test_the_walks_go_where_something_can_go_wrong() -> None:
    worlds = [await walk(seed, 120) for seed in range(103, 105)]
    assert sum(world.begun for world in worlds) > 5
    assert sum(world.turns for world in worlds) > 50


def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not wait passes everybody."""

    def at_once(_: object, request: object, facts: object, decision: Any, now: object) -> Any:
        return decision, frozenset()

    monkeypatch.setattr(line.Line, "may_start_now", at_once)


def never_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed start had reserved stays."""

    async def forget(*_: object) -> None: ...

    monkeypatch.setattr(starting_module.Starter, "_give_back", forget)


def first_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest goes first."""
    right: Any = vars(turns)["turn"]

    def wrong(places: Any, *args: Any, **kwargs: Any) -> Any:
        turned = [p._replace(arrived_at=NOW - (p.arrived_at - NOW)) for p in places]
        return right(turned, *args, **kwargs)

    monkeypatch.setattr(turns, "turn", wrong)


@pytest.mark.parametrize("flaw", [passing, never_given_back, first_come])
async def test_a_planted_flaw_is_caught(
    flaw: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    flaw(monkeypatch)

    async def walk_far() -> None:
        for seed in range(30):
            await walk(seed, 120)

    with pytest.raises(AssertionError):
        await walk_far()
