"""The book against an oracle: whatever happens, in whatever order, nothing is over-admitted and nothing leaks.

The world below is the truth: nodes, pods, what the watch has told so far. The oracle decides from the truth alone, in
thirty lines that know nothing of the book. Events may come twice, late, or only with the next relist.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyterhub_edu.core import Book, Refused
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import State
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Caps, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import AuditEntry, PodSighting, StoreError
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
from tests.fakes.world import AClock, FakeInventory

STUDENT = CourseRole.STUDENT
COURSES = ("ml", "intro", "open")
PEOPLE = ("ada", "bob", "eve", "kim")
NODES = (3, 2)
"""Devices of the nodes."""
CAPS = Caps(servers=2, devices={"t4": 3})


def campus(count: int | None, quotas: tuple[int, int, int]) -> Campus:
    """Three courses: ``ml`` may borrow two, ``intro`` nothing and for a day, ``open`` owns nothing and borrows without limit."""
    ml, intro, borrow = quotas
    size = an_option("size", a_choice("one", devices=1), a_choice("two", devices=2))
    flavor = replace(T4, count=count)
    quota = {"ml": Quota(ml, borrow), "intro": Quota(intro, 0), "open": Quota(0, None)}
    ends = {"intro": NOW + timedelta(hours=24)}
    courses = [
        a_course(
            id,
            quota={"t4": quota[id]},
            caps={STUDENT: CAPS},
            offers={STUDENT: ("gpu",)},
            ends=ends.get(id),
        )
        for id in COURSES
    ]
    gpu = a_profile("gpu", flavor=flavor, options=[size])
    return a_campus(courses=courses, profiles=[gpu], caps=Caps(servers=3))


class Fragile(MemoryStore):
    """Keeps no admission while it is broken."""

    broken = False

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        await super().save_admission(admission, entry)


class World:
    """The truth, the watch's view of it, and the book."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.campus = campus(None, (2, 1, 2))
        self.inventory = FakeInventory(sees_pods=True)
        self.inventory.nodes["t4"] = {f"node{n}": free for n, free in enumerate(NODES)}
        self.clock = AClock(NOW)
        self.core = a_core(
            self.campus, inventory=self.inventory, clock=self.clock, store=Fragile()
        )
        self.store: Any = self.core.store
        self.run(self.core.ready())
        self.people = [
            self.run(enrol(self.core, login, **dict.fromkeys(COURSES, STUDENT)))
            for login in PEOPLE
        ]
        self.book = self.core.book
        self.open: dict[str, Admission] = {}
        self.node_of: dict[str, int] = {}
        self.up = [True] * len(NODES)
        self.foreign = [0] * len(NODES)
        self.late: list[str] = []

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()

    def run(self, awaitable: Any) -> Any:
        """Run on the world's loop, writes that are under way included."""

        async def until_settled() -> Any:
            result = await awaitable
            if hasattr(self, "book"):
                await self.book.settle()
            return result

        return self.loop.run_until_complete(until_settled())

    # -- what may happen ---------------------------------------------------------------------------------------

    def start(self, who: int, course: int, size: int) -> None:
        """Somebody presses Start; the answer must be the oracle's."""
        person, id, devices = self.people[who], COURSES[course], size + 1
        request = StartRequest(person.key, id, "gpu", {"size": ("one", "two")[size]})
        expected = self.oracle(who, id, devices)
        try:
            admission = self.run(self.book.admit(request, person, ""))
        except Refused as refused:
            codes = [str(reason.code) for reason in refused.decision.reasons]
            assert not expected, f"refused by {codes}, but the oracle allows it"
            return
        assert expected, "allowed, but the oracle refuses it"
        self.open[admission.id] = admission

    def unsaved(self, who: int, course: int) -> None:
        """Somebody presses Start and the store is broken: allowed or not, nothing has changed."""
        request = StartRequest(self.people[who].key, COURSES[course], "gpu", {"size": "one"})
        self.store.broken = True
        with pytest.raises((Refused, StoreError)):
            self.run(self.book.admit(request, self.people[who], ""))
        self.store.broken = False

    def jump(self, hours: int) -> None:
        """The clock is set forward or back."""
        self.clock.pass_(hours=hours)

    def place(self, which: int, node: int) -> None:
        """The scheduler binds a pod to a node that has room."""
        waiting = [a for id, a in self.open.items() if id not in self.node_of]
        if not waiting or not self.up[node]:
            return
        admission = waiting[which % len(waiting)]
        if self.free(node) >= admission.devices:
            self.node_of[admission.id] = node
            self.tell(admission, node)

    def fail(self, which: int, twice: bool) -> None:
        """A start fails before its pod exists; the hub may say so twice."""
        waiting = [id for id in self.open if id not in self.node_of]
        if waiting:
            id = waiting[which % len(waiting)]
            for _ in range(1 + twice):
                self.run(self.book.end(id))
            del self.open[id]

    def finish(self, which: int, how: int) -> None:
        """A pod ends; told at once, told twice, or only by the next relist."""
        placed = [id for id in self.node_of if id not in self.late]
        if not placed:
            return
        id = placed[which % len(placed)]
        if how == 2:
            self.late.append(id)
        else:
            for _ in range(1 + how):
                self.gone(id)

    def relist(self) -> None:
        """The watch lists everything anew: what was missed is told now."""
        for id in self.late:
            self.gone(id)
        self.late.clear()
        for id, node in self.node_of.items():
            self.tell(self.open[id], node)

    def node(self, node: int, up: bool) -> None:
        """A node is lost, cordoned, or comes back; its pods are not gone by that."""
        self.up[node] = up
        self.show()

    def other(self, node: int, devices: int) -> None:
        """Another tenant's pods on a node now hold this many devices."""
        ours = sum(self.open[id].devices for id, n in self.node_of.items() if n == node)
        self.foreign[node] = min(devices, NODES[node] - ours)
        self.show()

    def edit(self, count: int | None, quotas: tuple[int, int, int]) -> None:
        """The campus file changes: caps and quotas may fall below use."""
        self.core.replace_campus(campus(count, quotas), self.core.refresher.sources)
        self.campus = self.core.campus

    def restart(self) -> None:
        """The hub is killed and starts again on the same store and the same pods."""
        lost = [id for id in self.open if id not in self.node_of]
        roll, clock = self.core.roll, self.core.clock
        self.book = self.core.book = Book(
            lambda: self.core.campus, roll, self.store, self.inventory, clock
        )
        self.run(self.inventory.start(self.book.sight))
        self.run(self.book.rebuild())
        for id in lost:
            del self.open[id]

    # -- the watch ---------------------------------------------------------------------------------------------

    def free(self, node: int) -> int:
        """Free devices of a node, in truth, as the scheduler sees it (pods that ended unseen still hold theirs)."""
        ours = sum(self.open[id].devices for id, n in self.node_of.items() if n == node)
        return NODES[node] - self.foreign[node] - ours

    def show(self) -> None:
        self.inventory.nodes["t4"] = {
            f"node{n}": self.free(n) for n in range(len(NODES)) if self.up[n]
        }

    def tell(self, admission: Admission, node: int) -> None:
        async def now() -> None:
            self.show()
            labels = {"jupyterhub-edu/course": admission.course, "jupyterhub-edu/flavor": "t4"}
            self.inventory.sight(
                PodSighting(
                    admission.id,
                    f"node{node}",
                    admission.reserved_at,
                    labels=labels,
                    devices={"nvidia.com/gpu": admission.devices},
                    hub_name=admission.hub_name,
                )
            )

        self.run(now())

    def gone(self, id: str) -> None:
        async def now() -> None:
            self.node_of.pop(id, None)
            self.open.pop(id, None)
            self.show()
            self.inventory.sight(PodSighting(id, None, None, gone=True))

        self.run(now())

    # -- the oracle --------------------------------------------------------------------------------------------

    def oracle(self, who: int, course: str, devices: int) -> bool:
        """Whether the policy page allows this start, from the truth alone."""
        if course == "intro" and self.clock() >= NOW + timedelta(hours=24):
            return False
        quota = {id: self.campus.courses[id].quota["t4"] for id in COURSES}
        count = self.campus.flavors["t4"].count
        mine = [a for a in self.open.values() if a.hub_name == PEOPLE[who]]
        here = [a for a in mine if a.course == course]
        if len(here) + 1 > 2 or len(mine) + 1 > 3:
            return False
        if sum(a.devices for a in here) + devices > 3:
            return False
        used = Counter(dict.fromkeys(COURSES, 0))
        for admission in self.open.values():
            used[admission.course] += admission.devices
        wanted, total = used[course] + devices, sum(used.values())
        free = [self.free(n) for n in range(len(NODES)) if self.up[n]]
        coming = [a.devices for id, a in self.open.items() if id not in self.node_of]
        room = sum(free) - sum(coming)
        if count is not None:
            room = min(room, count - total)
        room = max(room, 0)
        if wanted > quota[course].nominal:
            borrow = quota[course].borrow
            if borrow is not None and wanted > quota[course].nominal + borrow:
                return False
        return room >= devices and all(
            any(left >= devices for left in rest) for rest in placements(free, sum(coming))
        )

    def check(self) -> None:
        """The book's sums are the truth's."""
        assert {a.id for a in self.book.admissions()} == set(self.open)
        for course in COURSES:
            held = sum(a.devices for a in self.open.values() if a.course == course)
            assert self.book.used("t4", course) == held
        seen = {id: f"node{node}" for id, node in self.node_of.items()}
        state = self.book.state("t4")
        assert {id: h.node for id, h in state.holdings.items()} == {
            id: seen.get(id) for id in self.open
        }
        fresh = State.of(state.nodes, state.holdings.values(), state.shares)
        assert (state.unseen, state.used, state.away) == (fresh.unseen, fresh.used, fresh.away)

    def drain(self) -> None:
        """Everything ends: nothing is left, and what can start from idle can start."""
        for id in [id for id in self.open if id not in self.node_of]:
            self.run(self.book.end(id))
            del self.open[id]
        for id in list(self.node_of):
            self.gone(id)
        self.late.clear()
        self.edit(None, (2, 1, 2))
        self.clock.now = NOW
        for node in range(len(NODES)):
            self.up[node], self.foreign[node] = True, 0
        self.show()
        self.check()
        assert self.book.free("t4") == sum(NODES)
        assert not self.run(self.store.load_open_admissions())
        self.start(0, 0, 1)


def placements(free: list[int], coming: int) -> Iterator[tuple[int, ...]]:
    """Every way in which single devices on their way may take room on the nodes: what may be left of each."""
    for taken in product(*(range(min(room, coming) + 1) for room in free)):
        if sum(taken) == min(coming, sum(free)):
            yield tuple(room - gone for room, gone in zip(free, taken, strict=True))


ARGUMENTS: dict[str, Iterable[tuple[Any, ...]]] = {
    "start": product(range(4), range(3), range(2)),
    "place": product(range(6), range(len(NODES))),
    "fail": product(range(6), (False, True)),
    "finish": product(range(6), range(3)),
    "relist": [()],
    "node": product(range(len(NODES)), (False, True)),
    "other": product(range(len(NODES)), range(3)),
    "edit": product((None, 0, 2, 4, 9), product(range(3), repeat=3)),
    "restart": [()],
    "jump": product((-30, -1, 1, 30)),
    "unsaved": product(range(4), range(3)),
}
WEIGHTS = {"start": 5, "place": 4, "finish": 3, "fail": 2}
NAMES = [name for name in ARGUMENTS for _ in range(WEIGHTS.get(name, 1))]
CHOICES = {name: list(every) for name, every in ARGUMENTS.items()}


def read(drawn: bytes) -> list[tuple[str, tuple[Any, ...]]]:
    """Two bytes a step: drawing steps one by one would take longer than taking them."""
    found = []
    for kind, which in zip(drawn[::2], drawn[1::2], strict=True):
        name = NAMES[kind % len(NAMES)]
        found.append((name, CHOICES[name][which % len(CHOICES[name])]))
    return found


def many_steps(least: int, most: int) -> st.SearchStrategy[list[tuple[str, tuple[Any, ...]]]]:
    even = st.binary(min_size=2 * least, max_size=2 * most).map(lambda b: b[: len(b) // 2 * 2])
    return even.map(read)


def walk(world: World, steps: list[tuple[str, tuple[Any, ...]]]) -> None:
    for name, args in steps:
        getattr(world, name)(*args)
        world.check()
    world.drain()


@pytest.mark.hypothesis
def test_the_book_agrees_with_the_oracle_and_leaks_nothing() -> None:
    """At least 10^5 steps in ``make test``, 10^6 in ``make test-long``; how many is printed."""
    examples = 5 * settings().max_examples
    taken = 0

    @settings(max_examples=examples)
    @given(steps=many_steps(105, 125))
    def law(steps: list[tuple[str, tuple[Any, ...]]]) -> None:
        nonlocal taken
        with World() as world:
            walk(world, steps)
        taken += len(steps)

    law()
    print(f"{taken} steps, nothing over-admitted, nothing leaked")
    assert taken >= 100 * examples


def no_unseen(book: Book) -> None:
    book._open.tally("t4").unseen = 0


def forget_course(book: Book) -> None:
    book._open.tally("t4").by_course.clear()


@pytest.mark.parametrize("flaw", [no_unseen, forget_course])
def test_a_planted_flaw_is_caught(flaw: Callable[[Book], None]) -> None:
    attempts = [("start", (who, course, 1)) for who in range(4) for course in range(3)]
    with World() as world:
        world.start(0, 0, 0)
        flaw(world.book)
        with pytest.raises(AssertionError):
            walk(world, attempts)
