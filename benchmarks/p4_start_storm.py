"""P4: a thousand people log in and start a server within a minute, before a real Kubernetes API; also memory a server.

Real hubs, real log-in at a slapd, policy and quota; a real API server, scheduler and simulated nodes (kwok) on which pods run
at once, and one stub that answers for all of them: nothing here says how long an image takes. Beside ours stand a hub that
does nothing at a start (the most that a hub can), KubeSpawner with DummyAuthenticator on the same API, and the same with
everybody in a group of the hub, as ours has them: groups cost the hub at each of its requests. All have a start page. Of the
bots 80 % never log out, 10 % lose their connection and come again, 10 % press Start twice. Each storm meets a new hub, fifteen
seconds old. Hub on one core, everything else on another: the cluster's programs share that one, so look at the ratios.

Memory is what the hub grew by from before the first log-in to the last server, for each server (P13's first half).

    python -m benchmarks start_storm                                      one storm of 60 s a side (fifteen minutes)
    STORM_SECONDS=60,300 STORM_PAIRS=3 python -m benchmarks start_storm   three of each (two hours)
    STORM_PEOPLE=40 STORM_SECONDS=5 python -m benchmarks start_storm      that it runs (two minutes)
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.login_hubs import on_other_core
from benchmarks.pairs import percentile
from benchmarks.storm_bots import Crowd, ask
from benchmarks.storm_hubs import NOTHING_AT_ALL, SIDES, World, open_world

PEOPLE = int(os.environ.get("STORM_PEOPLE", "1000"))
SECONDS = [float(word) for word in os.environ.get("STORM_SECONDS", "60").split(",")]
ROUNDS = int(os.environ.get("STORM_PAIRS", "1"))
_SETTLES = 15.0
"""Seconds that a hub which has just started is left alone: what it does then is no part of a start."""


@dataclass(frozen=True)
class Storm:
    """One storm.

    Attributes:
        wall: seconds until everybody had a server.
        ready: seconds of each until theirs was ready.
        failed: who got none, and why.
        processor: the hub's processor time, ms a person.
        stall: the longest that the hub's loop stood still, ms.
        memory: what the hub grew by, KiB a server.
    """

    wall: float
    ready: list[float]
    failed: list[str]
    processor: float
    stall: float
    memory: float


def run() -> dict[str, Any]:
    """Measure."""
    with on_other_core(), open_world(PEOPLE) as world:
        rows = [row for within in SECONDS for row in _rows(world, within)]
    return {
        "name": f"P4 storm: {PEOPLE:,} people, real API server, simulated nodes",
        "unit": "s; ms of the hub's processor a person; KiB a server",
        "baseline": NOTHING_AT_ALL,
        "rounds": ROUNDS,
        "rows": rows,
    }


def _rows(world: World, within: float) -> list[dict[str, Any]]:
    storms: dict[str, list[Storm]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS):
        for side in SIDES:
            storms[side].append(_storm(world, side, within))
    base = storms[NOTHING_AT_ALL]
    return [_row(side, within, base, storms[side]) for side in SIDES]


def _storm(world: World, side: str, within: float) -> Storm:
    people = world.people[:PEOPLE]
    with world.open_hub(side) as hub:
        time.sleep(_SETTLES)
        before = asyncio.run(ask(hub))
        crowd = Crowd(people, within)
        asyncio.run(crowd.come(hub, {login: world.choice(login) for login, _ in people}))
        after = asyncio.run(ask(hub))
        got = len(hub.api("users?state=ready&limit=1").json())
        assert got or not crowd.ready, hub.tail()
        if side != NOTHING_AT_ALL:
            assert world.pods() >= len(crowd.ready), hub.tail()
    return Storm(
        wall=crowd.seconds,
        ready=sorted(crowd.ready),
        failed=crowd.failed,
        processor=(after["processor"] - before["processor"]) * 1000 / len(people),
        stall=after["ms"],
        memory=(after["memory"] - before["memory"]) / max(len(crowd.ready), 1),
    )


def _row(side: str, within: float, base: Sequence[Storm], ours: Sequence[Storm]) -> dict[str, Any]:
    walls = [mine.wall / theirs.wall for theirs, mine in zip(base, ours, strict=True)]
    late = [_p99(mine) / _p99(theirs) for theirs, mine in zip(base, ours, strict=True)]
    return {
        "within": f"{within:g} s",
        "side": side,
        "failed": sum(len(storm.failed) for storm in ours),
        "wall": median(storm.wall for storm in ours),
        "ratio": median(walls),
        "p50 ready": median(percentile(storm.ready or [0.0], 50) for storm in ours),
        "p99 ready": median(map(_p99, ours)),
        "p99 ratio": median(late),
        "CPU": median(storm.processor for storm in ours),
        "stall ms": median(storm.stall for storm in ours),
        "KiB a server": median(storm.memory for storm in ours),
        "raw": [vars(storm) for storm in ours],
        "raw why": sorted({why for storm in ours for why in storm.failed})[:20],
    }


def _p99(storm: Storm) -> float:
    return percentile(storm.ready or [float("nan")], 99)
