"""P13, its second half: whether a hub grows with each log-in, start, stop and log-out. (Memory a running server: see P4.)

The same few hundred people come again and again, eight at a time, to a hub whose servers are nothing but entries: a plain
one with DummyAuthenticator, and ours with a real slapd, our admission before the same spawner, and the store. What is told is
the slope of the hub's resident memory over the second half of the cycles, when every account has been there; both hubs
have one, so look at the difference. Our store has sessions in it from before, as after a few weeks: in an empty one what SQLite
keeps of its pages, 2 MB at most, grows with each of the first four thousand sessions.

    python -m benchmarks memory                                          2,000 cycles a side (eight minutes)
    MEMORY_CYCLES=100000 python -m benchmarks memory                     the whole of it (six hours)
    MEMORY_CYCLES=80 MEMORY_PEOPLE=20 python -m benchmarks memory        that it runs (two minutes)
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from statistics import linear_regression
from typing import Any

from benchmarks.login_hubs import on_other_core
from benchmarks.p15_ledger import fill
from benchmarks.storm_bots import ask, browser, log_in, start, stop_all
from benchmarks.storm_hubs import ENTRIES, NOTHING_AT_ALL, World, open_world
from jupyterhub_edu.store import open_store
from tests.hub.server import Hub

CYCLES = int(os.environ.get("MEMORY_CYCLES", "2000"))
PEOPLE = int(os.environ.get("MEMORY_PEOPLE", "200"))
AT_ONCE = 8
_SESSIONS = 20_000
"""Sessions that had ended before."""
_LOOKS = 100
"""Times that memory is looked at."""


def run() -> dict[str, Any]:
    """Measure."""
    with on_other_core(), open_world(PEOPLE, cluster=False) as world:
        looks = {side: _live(world, side) for side in (NOTHING_AT_ALL, ENTRIES)}
    slopes = {side: _slope(told) for side, told in looks.items()}
    return {
        "name": f"P13 memory: {CYCLES:,} cycles of log-in, start, stop and log-out",
        "unit": "MiB; per 10,000 cycles",
        "baseline": NOTHING_AT_ALL,
        "rows": [
            {
                "side": side,
                "at first": told[0][1] / 1024,
                "at last": told[-1][1] / 1024,
                "slope": slopes[side],
                "more": slopes[side] - slopes[NOTHING_AT_ALL],
                "raw": told,
            }
            for side, told in looks.items()
        ],
    }


def _live(world: World, side: str) -> list[tuple[int, float]]:
    """Cycles so far, and resident memory in KiB."""
    looks: list[tuple[int, float]] = []
    with world.open_hub(side, _live_before if side == ENTRIES else _nothing) as hub:
        done = 0
        while done < CYCLES:
            # Nobody is there twice at a time.
            some = min(max(CYCLES // _LOOKS, AT_ONCE), CYCLES - done, PEOPLE)
            asyncio.run(_cycles(world, hub, done, some))
            done += some
            looks.append((done, asyncio.run(ask(hub))["memory"]))
    return looks


def _live_before(folder: Path) -> None:
    async def fill_store() -> None:
        store = open_store(f"sqlite:///{folder}/jupyterhub-edu.sqlite")
        await store.open()
        await fill(store, _SESSIONS)
        await store.close()

    asyncio.run(fill_store())


def _nothing(folder: Path) -> None:
    """Nothing was there before."""


async def _cycles(world: World, hub: Hub, first: int, count: int) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        login, password = world.people[number % PEOPLE]
        async with turns, browser(hub) as session:
            await log_in(session, login, password)
            await start(session, login, world.choice(login))
            await stop_all(hub, [login])
            async with session.get("/hub/logout") as answer:
                await answer.read()

    async with asyncio.TaskGroup() as group:
        for number in range(first, first + count):
            group.create_task(one(number))


def _slope(looks: list[tuple[int, float]]) -> float:
    """MiB in 10,000 cycles, over the second half."""
    late = looks[len(looks) // 2 :]
    if len(late) < 2:
        return 0.0
    cycles, memory = zip(*late, strict=True)
    return linear_regression(cycles, memory).slope * 10_000 / 1024
