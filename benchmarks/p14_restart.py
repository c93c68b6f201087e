"""P14: a hub is killed and starts again while a thousand servers run: when it answers, and what it knows by then.

A hub with KubeSpawner and ours, each with so many servers of its own before the same real API server with simulated nodes (see
``storm_hubs.py``), are killed and started in turn; the other one is dead meanwhile. What is told is how long it takes until
``/hub/health`` answers, and the hub's processor time up to then, which hardly depends on what else the machine does. With ours
somebody presses Start from the first moment on: when that is answered, the devices that the book counts must be those of the
pods, and this one; ``exact`` says how often they were. People come as fast as the hub lets them, sixteen at a time; what it
grew by for each of them is told as well, without what the first hundred made it load (P13's first half).

    python -m benchmarks restart                                          five pairs, 1,000 servers (ten minutes)
    RESTART_SERVERS=30 RESTART_PAIRS=1 python -m benchmarks restart       that it runs (two minutes)
"""

from __future__ import annotations

import asyncio
import compileall
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx

from benchmarks.login_hubs import on_other_core
from benchmarks.storm_bots import Failed, ask, browser, log_in, start, stop_all
from benchmarks.storm_hubs import KUBE, OURS, World, open_world
from tests.hub.server import ROOT, Hub
from tests.no_tls import NO_TLS

SERVERS = int(os.environ.get("RESTART_SERVERS", "1000"))
PAIRS = int(os.environ.get("RESTART_PAIRS", "5"))
_AT_ONCE = 16
_FIRST = min(100, SERVERS // 2)
_TRIES = 60
_PATIENCE = 300.0


@dataclass(frozen=True)
class Restart:
    """One restart: seconds until the hub answered, its processor time by then, and how many devices the book had then.

    ``used`` is None for a hub that has no book.
    """

    healthy: float
    processor: float
    used: int | None


def run() -> dict[str, Any]:
    """Measure."""
    # As in an installed package; hubs of the checkout may not keep what they compile, and would do it at each start.
    compileall.compile_dir(ROOT / "jupyterhub_edu", quiet=1)
    with on_other_core(), open_world(SERVERS, at_once=2) as world, ExitStack() as opened:
        hubs = {side: opened.enter_context(world.open_hub(side)) for side in (KUBE, OURS)}
        memory = {}
        for side, hub in hubs.items():
            memory[side] = _fill(world, hub)
            hub.kill()
        pairs = [
            (_restart(world, hubs[KUBE], KUBE), _restart(world, hubs[OURS], OURS))
            for _ in range(PAIRS)
        ]
    return {
        "name": f"P14 restart: {SERVERS:,} servers, real API server, simulated nodes",
        "unit": "s; KiB a server",
        "baseline": KUBE,
        "pairs": PAIRS,
        "rows": list(_rows(pairs, memory)),
    }


def _fill(world: World, hub: Hub) -> float:
    """Let everybody start, and one more log in; what the hub grew by for each, KiB."""
    asyncio.run(_come(world, hub, world.people[:_FIRST]))
    before = asyncio.run(ask(hub))["memory"]
    asyncio.run(_come(world, hub, world.people[_FIRST:SERVERS]))
    after = asyncio.run(ask(hub))["memory"]
    asyncio.run(_log_in(hub, *world.people[SERVERS]))
    return (after - before) / (SERVERS - _FIRST)


async def _come(world: World, hub: Hub, people: list[tuple[str, str]]) -> None:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(login: str, password: str) -> None:
        async with turns, browser(hub) as session:
            # On a busy machine the directory may be late, and the cluster may lose sight of its nodes.
            await _until_done(lambda: log_in(session, login, password))
            await _until_done(lambda: start(session, login, world.choice(login)))

    async with asyncio.TaskGroup() as group:
        for login, password in people:
            group.create_task(one(login, password))


async def _until_done(act: Callable[[], Awaitable[None]]) -> None:
    for left in reversed(range(_TRIES)):
        try:
            await act()
        except Failed:
            if not left:
                raise
            await asyncio.sleep(1)
        else:
            return


async def _log_in(hub: Hub, login: str, password: str) -> None:
    async with browser(hub) as session:
        await log_in(session, login, password)


def _restart(world: World, hub: Hub, side: str) -> Restart:
    """Start the hub, measure, kill it."""
    began = time.perf_counter()
    hub.launch()
    login, _ = world.people[SERVERS]
    used: int | None = None
    with httpx.Client(verify=NO_TLS, timeout=_PATIENCE) as client:
        _until_healthy(hub, client)
        healthy = time.perf_counter() - began
        processor = asyncio.run(ask(hub))["processor"]
        if side == OURS:
            used = _start_one_more(world, hub, login)
    hub.kill()
    return Restart(healthy, processor, used)


def _until_healthy(hub: Hub, client: httpx.Client) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            if client.get(f"{hub.url}/hub/health").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert hub.returncode is None, hub.tail()
        time.sleep(0.02)
    raise TimeoutError(hub.tail())


def _start_one_more(world: World, hub: Hub, login: str) -> int:
    """Start one more server, and ask what is used as soon as that is answered; the server goes again."""
    course, _, profile = world.choice(login).partition("/")
    wish = {"course": course, "profile": profile}
    answer = hub.api(f"users/{login}/server", method="POST", json=wish)
    assert answer.status_code in {201, 202}, answer.text
    told = hub.api("../metrics").text
    found = re.findall(r'^jupyterhub_edu_devices_used\{.*flavor="gpu".*\} ([0-9.]+)$', told, re.M)
    asyncio.run(stop_all(hub, [login]))
    return round(sum(map(float, found)))


def _rows(
    pairs: list[tuple[Restart, Restart]], memory: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    base, ours = zip(*pairs, strict=True)
    for side, mine in ((KUBE, base), (OURS, ours)):
        ratios = sorted(m.healthy / b.healthy for b, m in zip(base, mine, strict=True))
        exact = [one.used == SERVERS + 1 for one in mine if one.used is not None]
        yield {
            "side": side,
            "healthy": median(one.healthy for one in mine),
            "ratio": median(ratios),
            "range": f"{ratios[0]:.3g}-{ratios[-1]:.3g}",
            "CPU": median(one.processor for one in mine),
            "CPU ratio": median(
                m.processor / b.processor for b, m in zip(base, mine, strict=True)
            ),
            "KiB a server": memory[side],
            "exact": f"{sum(exact)} of {len(exact)}" if exact else "",
            "raw": [vars(one) for one in mine],
        }
