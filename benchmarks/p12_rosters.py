"""P12: 300 courses with 20,000 enrolments read by syncs: memory, writes, and the longest step on the event loop.

The same for one course of 20,000 people; also where the source says that its members are the very same (``Roster.kept``).

Goals: 40 MB in the hub; no step longer than 10 ms; nothing written for a roster that says what it said before.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from jupyterhub_edu.core import Roll
from jupyterhub_edu.core.sync import Syncer
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Identity, Member, Roster
from jupyterhub_edu.store import SqlStore, open_store

from .campuses import NOW, a_campus

_COURSES, _PEOPLE, _EACH = 300, 5_000, 4  # each person in every 75th course
_ACTIVE = 1_000
_LARGE = 20_000  # people in one course
_MIB = 1024 * 1024


class _Lms:
    """A source whose people are in so many courses each; every answer is made anew, as from a wire."""

    def __init__(self) -> None:
        self.minutes = 0
        self.absent = 0

    async def courses(self) -> list[CourseRef]:
        return [CourseRef(f"c{number}") for number in range(_COURSES)]

    async def roster(self, course: CourseRef) -> Roster:
        number = int(course.id.removeprefix("c"))
        members = [_member(one) for one in range(number % 75, _PEOPLE, 75)]
        return Roster(course, tuple(members[self.absent :]), NOW + timedelta(minutes=self.minutes))


class _Large:
    """A source with one large course."""

    def __init__(self, people: int) -> None:
        self.minutes, self.kept, self.members = 0, False, tuple(map(_member, range(people)))

    async def courses(self) -> list[CourseRef]:
        return [CourseRef("c0")]

    async def roster(self, course: CourseRef) -> Roster:
        return Roster(course, self.members, NOW + timedelta(minutes=self.minutes), self.kept)


def _member(number: int) -> Member:
    role = frozenset({_role(number)})
    return Member(f"id-{number}", f"login{number}", f"Person Number {number}", role)


def _role(person: int) -> CourseRole:
    return CourseRole.TEACHER if person % 50 == 0 else CourseRole.STUDENT


def run() -> dict[str, Any]:
    """Sync into a SQLite store, again unchanged, again with changes, and start anew from the store."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> dict[str, Any]:
    campus = a_campus(_COURSES)
    source = next(iter(campus.sources))
    lms = _Lms()
    sources: Any = {source: lms}
    store = open_store(f"sqlite:///{folder}/edu.sqlite")
    writes = _count_writes(store)
    await store.open()
    tracemalloc.start()
    before = _traced()
    roll = Roll(lambda: campus, store)
    syncer = Syncer(lambda: sources, lambda: campus, roll, store, lambda: NOW)
    rows = []

    async def sync() -> None:
        lms.minutes += 15
        await syncer.run(source)

    def row(what: str, longest: dict[str, float]) -> None:
        rows.append(
            {"what": what, "writes": writes(), "memory MiB": _traced() - before, **longest}
        )

    await syncer.run(source)
    row("after the first sync (memory traced)", {})
    await asyncio.gather(*(_log_in(roll, source, number) for number in range(_ACTIVE)))
    row(f"after {_ACTIVE} people have logged in (memory traced)", {})
    again = Roll(lambda: campus, store)
    del roll, syncer
    before_load = _traced()
    await again.load()
    rows.append({"what": "a roll read from the store", "memory MiB": _traced() - before_load})
    tracemalloc.stop()

    roll = Roll(lambda: campus, store)
    row("reading the store", await _watched(roll.load))
    syncer = Syncer(lambda: sources, lambda: campus, roll, store, lambda: NOW)
    writes()
    row("a sync that changes nothing", await _watched(sync))
    lms.absent = 5
    row("a sync that changes every course", await _watched(sync))
    await store.close()
    keys = [f"{source}:id-{number}" for number in range(_PEOPLE)]
    assert len(roll.told_of(keys)) == sum(
        len(range(n % 75, _PEOPLE, 75)) - lms.absent for n in range(_COURSES)
    )
    for one in rows:
        if "memory MiB" in one and "longest ms" in one:
            del one["memory MiB"]
    rows += await _large(folder)
    return {
        "name": f"P12 rosters: {_COURSES} courses, {_PEOPLE * _EACH:,} enrolments",
        "unit": "",
        "baseline": "",
        "rows": rows,
    }


async def _large(folder: Path) -> list[dict[str, Any]]:
    campus = a_campus(1)
    source = next(iter(campus.sources))
    lms = _Large(_LARGE)
    sources: Any = {source: lms}
    store = open_store(f"sqlite:///{folder}/large.sqlite")
    await store.open()
    roll = Roll(lambda: campus, store)
    syncer = Syncer(lambda: sources, lambda: campus, roll, store, lambda: NOW)
    rows = []

    async def sync(what: str) -> None:
        lms.minutes += 15
        rows.append({"what": what, **await _watched(lambda: syncer.run(source, lately=True))})

    await sync(f"{_LARGE:,} people in one course, the first time")
    await sync("the same, nothing has changed")
    lms.members = lms.members[_LARGE // 10 :] + tuple(map(_member, range(_LARGE, _LARGE + 2_000)))
    await sync("the same, 2,000 have gone and 2,000 have come")
    lms.kept = True
    await sync("the same, nothing has changed and the members are kept from now on")
    await sync("the same, nothing has changed and the members are the very same")
    assert roll.rosters.count(f"source:{source}", "c0") == _LARGE
    await store.close()
    return rows


async def _log_in(roll: Roll, source: str, number: int) -> None:
    login = f"login{number}"
    name = f"Person Number {number}"
    await roll.learn(Identity(source, f"id-{number}", login, name, NOW, covers=frozenset()), login)


async def _watched(act: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Run something beside a task that asks for every turn of the loop; its longest waits, in milliseconds."""
    gaps: list[float] = []

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            gaps.append(now - last)
            last = now

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    began = time.perf_counter()
    await act()
    seconds = time.perf_counter() - began
    watcher.cancel()
    gaps.sort()
    return {
        "seconds": seconds,
        "longest ms": gaps[-1] * 1000,
        "99.9 % ms": gaps[int(len(gaps) * 0.999)] * 1000,
    }


def _count_writes(store: SqlStore) -> Callable[[], int]:
    """How many rosters were written since it was last asked."""
    count = 0
    kept = store.save_roster, store.touch_roster

    async def save_roster(*args: Any) -> None:
        nonlocal count
        count += 1
        await kept[0](*args)

    async def touch_roster(*args: Any) -> None:
        nonlocal count
        count += 1
        await kept[1](*args)

    store.save_roster, store.touch_roster = save_roster, touch_roster  # type: ignore[method-assign, assignment]

    def since() -> int:
        nonlocal count
        found, count = count, 0
        return found

    return since


def _traced() -> float:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / _MIB
