"""P13, its second half: whether a hub grows with each log-in, start, stop and log-out. (Memory a running server: see P4.)

The same few hundred people come again and again, eight at a time, to a hub whose servers are nothing but entries: a plain
one with DummyAuthenticator, and ours with a real slapd, our admission before the same spawner, and the store. Both hubs run
at the same time and take turns of forty cycles. What is told is the slope of the hub's resident memory, garbage collected,
from when every account has been there three times: with twice its standard error, and beside it the slope of the
number of Python's blocks in use, which knows no pages and so shows what is really kept. A plain hub grows too, so look at the
difference. Our store has sessions in it from before, as after a few weeks: in an empty one what SQLite keeps of its
pages, 2 MB at most, grows with each of the first four thousand sessions.

It may run beside other work, which makes it slower and changes no memory. Each look is printed at once, and whoever ends
it early (``kill``) gets the figures so far after the turn that runs. A few hundred cycles tell nothing of pages: what
SQLite and the allocator keep still fills then; look at the blocks.

    python -m benchmarks memory                                                  twenty minutes, both sides
    MEMORY_MINUTES=1500 MEMORY_CYCLES=100000 python -m benchmarks memory         the whole of it (most of a day)
    MEMORY_CYCLES=160 MEMORY_PEOPLE=20 python -m benchmarks memory               that it runs (two minutes)
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from statistics import linear_regression, mean
from typing import Any

from aiohttp import ClientError

from benchmarks.login_hubs import on_other_core
from benchmarks.p15_ledger import fill
from benchmarks.storm_bots import Failed, ask, browser, log_in, start, stop_all
from benchmarks.storm_hubs import ENTRIES, NOTHING_AT_ALL, World, open_world
from jupyterhub_edu.store import open_store
from tests.hub.server import Hub

MINUTES = float(os.environ.get("MEMORY_MINUTES", "20"))
CYCLES = int(os.environ.get("MEMORY_CYCLES", "100000"))
"""Whichever is over first."""
PEOPLE = int(os.environ.get("MEMORY_PEOPLE", "200"))
AT_ONCE, TURN = 8, 40
_VISITS = 3
"""So often everybody has been there before growth counts."""
_SESSIONS = 20_000
"""Sessions that had ended before."""


@dataclass(frozen=True)
class Look:
    """A hub's resident memory in KiB and Python's blocks in use, after so many cycles."""

    cycles: int
    memory: float
    blocks: float


@dataclass
class Side:
    """One hub, what was seen of it, and how many cycles failed."""

    name: str
    hub: Hub
    looks: list[Look] = field(default_factory=list)
    failed: int = 0

    def __str__(self) -> str:
        last = self.looks[-1]
        return f"{self.name}: {last.memory / 1024:.1f} MiB, {last.blocks:,.0f} blocks, {self.failed} failed"


def run() -> dict[str, Any]:
    """Measure."""
    with (
        on_other_core(),
        open_world(PEOPLE, cluster=False) as world,
        ExitStack() as opened,
        _cut() as is_cut,
    ):
        befores = {NOTHING_AT_ALL: _nothing, ENTRIES: _live_before}
        sides = [
            Side(name, opened.enter_context(world.open_hub(name, before)))
            for name, before in befores.items()
        ]
        _measure(world, sides, is_cut)
    slopes = {side.name: _slopes(side.looks) for side in sides}
    return {
        "name": f"P13 memory: {sides[-1].looks[-1].cycles:,} cycles of log-in, start, stop and log-out",
        "unit": "MiB, and thousands of Python's blocks; slopes per 10,000 cycles",
        "baseline": NOTHING_AT_ALL,
        "rows": [_row(side, slopes) for side in sides],
    }


def _measure(world: World, sides: Sequence[Side], is_cut: Callable[[], bool]) -> None:
    """Let people come to both in turn until it is over or somebody ends it."""
    until, done = time.monotonic() + MINUTES * 60, 0
    while not done or (done < CYCLES and time.monotonic() < until and not is_cut()):
        some = min(TURN, CYCLES - done, PEOPLE)  # nobody is there twice at a time
        try:
            for side in sides:
                side.failed += asyncio.run(_cycles(world, side.hub, done, some))
                side.looks.append(asyncio.run(_look(side.hub, done + some)))
        except ClientError as error:
            if not done:
                raise
            print(f"a hub does not answer, so this is the end: {error}")
            return
        done += some
        print(f"{done:,} cycles: {'; '.join(map(str, sides))}", flush=True)


async def _look(hub: Hub, cycles: int) -> Look:
    told = await ask(hub, settled=True)
    return Look(cycles, told["memory"], told["blocks"])


@contextmanager
def _cut() -> Iterator[Callable[[], bool]]:
    """Whether somebody wants the end; a turn that runs is not disturbed by it."""
    wanted: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: wanted.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(wanted)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _row(side: Side, slopes: Mapping[str, tuple[float, float, float]]) -> dict[str, Any]:
    slope, error, blocks = slopes[side.name]
    plain, plain_error, plain_blocks = slopes[NOTHING_AT_ALL]
    is_plain = side.name == NOTHING_AT_ALL
    return {
        "side": side.name,
        "failed": side.failed,
        "at first": side.looks[0].memory / 1024,
        "at last": side.looks[-1].memory / 1024,
        "slope": slope,
        "± slope": 2 * error,
        "more": slope - plain,
        "± more": 0.0 if is_plain else 2 * (error**2 + plain_error**2) ** 0.5,
        "blocks": blocks,
        "more blocks": blocks - plain_blocks,
        "raw": [astuple(look) for look in side.looks],
    }


def _live_before(folder: Path) -> None:
    async def fill_store() -> None:
        store = open_store(f"sqlite:///{folder}/jupyterhub-edu.sqlite")
        await store.open()
        await fill(store, _SESSIONS)
        await store.close()

    asyncio.run(fill_store())


def _nothing(folder: Path) -> None:
    """Nothing was there before."""


async def _cycles(world: World, hub: Hub, first: int, count: int) -> int:
    """Let so many come; how many of them failed."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> bool:
        login, password = world.people[number % PEOPLE]
        async with turns, browser(hub) as session:
            try:
                await log_in(session, login, password)
                await start(session, login, world.choice(login))
                await stop_all(hub, [login])
                async with session.get("/hub/logout") as answer:
                    await answer.read()
            except (ClientError, TimeoutError, Failed):
                return True
        return False

    return sum(await asyncio.gather(*map(one, range(first, first + count))))


def _slopes(looks: Sequence[Look]) -> tuple[float, float, float]:
    """MiB in 10,000 cycles, its standard error, and thousands of blocks; zeros where too few looks are late enough."""
    late = [look for look in looks if look.cycles > _VISITS * PEOPLE]
    if len(late) < 3:
        return 0.0, 0.0, 0.0
    cycles = [look.cycles / 10_000 for look in late]
    memory = [look.memory / 1024 for look in late]
    slope, intercept = linear_regression(cycles, memory)
    off = sum((y - intercept - slope * x) ** 2 for x, y in zip(cycles, memory, strict=True))
    middle = mean(cycles)
    spread = sum((x - middle) ** 2 for x in cycles)
    blocks = linear_regression(cycles, [look.blocks / 1000 for look in late]).slope
    return slope, (off / (len(late) - 2) / spread) ** 0.5, blocks
