"""P1 and P2: sixty people log in at once; how long the hub's loop stands still, and how many it lets in a second.

Real hubs before a real slapd that is 0 and 20 ms away, with twenty courses; everybody has logged in before. The baseline
is DummyAuthenticator, which asks nobody: the most that a hub can. Beside ours stands LDAPAuthenticator at its best (a DN
from a template, one group) and as usual (look-up, a group for each course). A login is the form and its submission;
meanwhile somebody asks for ``/hub/health`` every 50 ms. Hub on one core, everything else on another; without TLS. On a
machine with nothing else to do it takes ten minutes.

Sixty requests that are ready at once are one turn of the loop: part of what is called a stall is mere queueing, with
DummyAuthenticator too, so look at what ours has more. The hub's processor time for a login is told beside the rates: it
hardly depends on what else the machine does. Ratios above 1 speak for the side, below 1 for the baseline. For the first
logins, when the hub has an account to make for everybody and, with courses, to put them into groups, processor time is
told by itself.

    python -m benchmarks login_storm
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from aiohttp import ClientSession, ClientTimeout, CookieJar, TCPConnector

from benchmarks.login_hubs import (
    COURSES,
    DUMMY,
    OURS,
    SIDES,
    on_other_core,
    open_directory,
    open_hub,
    open_line,
    round_trip,
)
from benchmarks.pairs import percentile
from benchmarks.ticker import PATH
from tests.directories.slapd import Slapd
from tests.hub.server import Hub

PAIRS = 7
ROUND_TRIPS = (0.0, 0.020)
_HEALTH_EVERY = 0.05
_LONGEST = ClientTimeout(total=600)
_AS_A_BROWSER = {"Sec-Fetch-Mode": "navigate"}

People = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Storm:
    """One storm.

    Attributes:
        rate: logins a second.
        stall: the longest that the hub's loop stood still, ms.
        processor: the hub's processor time for a login, ms.
        logins, health: how long each login and each look at the health took, ms.
    """

    rate: float
    stall: float
    processor: float
    logins: list[float]
    health: list[float]


def run() -> dict[str, Any]:
    """Measure."""
    with on_other_core(), open_directory() as slapd:
        rows = [row for seconds in ROUND_TRIPS for row in _rows(slapd, seconds)]
    return {
        "name": "p1_p2_login_storm",
        "unit": "ms; logins a second",
        "baseline": DUMMY,
        "pairs": PAIRS,
        "rows": rows,
    }


def _rows(slapd: Slapd, seconds: float) -> Iterator[dict[str, Any]]:
    people = [(person.login, person.password) for person in slapd.campus.people.values()]
    with open_line(slapd, seconds) as port, open_hub(DUMMY, slapd, port) as baseline:
        away = round_trip(slapd, port)
        base_first = asyncio.run(_storm(baseline, people)).processor
        for side in SIDES:
            if side == DUMMY:
                continue
            with open_hub(side, slapd, port) as hub:
                first = asyncio.run(_storm(hub, people)).processor
                _require_the_same(side, hub, people)
                asyncio.run(_storm(baseline, people))
                asyncio.run(_storm(hub, people))
                pairs = [
                    (asyncio.run(_storm(baseline, people)), asyncio.run(_storm(hub, people)))
                    for _ in range(PAIRS)
                ]
            yield {
                "round trip": f"{seconds * 1000:.0f} ms",
                **_row(side, pairs),
                "first": first,
                "base first": base_first,
                "raw away": away,
            }


def _row(side: str, pairs: Sequence[tuple[Storm, Storm]]) -> dict[str, Any]:
    theirs, ours = zip(*pairs, strict=True)
    more = sorted(mine.stall - base.stall for base, mine in pairs)
    ratios = sorted(mine.rate / base.rate for base, mine in pairs)
    spent = median(base.processor / mine.processor for base, mine in pairs)
    return {
        "side": side,
        "stall": median(storm.stall for storm in ours),
        "more": median(more),
        "more, range": f"{more[0]:.0f} to {more[-1]:.0f}",
        "health p99": _p99(storm.health for storm in ours),
        "logins/s": median(storm.rate for storm in ours),
        "base/s": median(storm.rate for storm in theirs),
        "ratio": median(ratios),
        "ratio, range": f"{ratios[0]:.3g}-{ratios[-1]:.3g}",
        "p99": _p99(storm.logins for storm in ours),
        "added p99": _p99(s.logins for s in ours) - _p99(s.logins for s in theirs),
        "CPU a login": median(storm.processor for storm in ours),
        "base": median(storm.processor for storm in theirs),
        "CPU ratio": spent,
        "raw": [(asdict(base), asdict(mine)) for base, mine in pairs],
    }


def _p99(storms: Iterator[list[float]]) -> float:
    return percentile(sorted(ms for storm in storms for ms in storm), 99)


async def _storm(hub: Hub, people: People) -> Storm:
    """Everybody at once, each with a browser of their own."""
    async with ClientSession(
        hub.url, connector=TCPConnector(limit=0), timeout=_LONGEST
    ) as watcher:
        before = await _ask(watcher)
        health: list[float] = []
        over = asyncio.Event()
        watching = asyncio.create_task(_watch(watcher, health, over))
        began = time.perf_counter()
        logins = await asyncio.gather(*(_log_in(hub, *person) for person in people))
        seconds = time.perf_counter() - began
        over.set()
        await watching
        after = await _ask(watcher)
    assert None not in logins, "everybody gets in"
    return Storm(
        rate=len(people) / seconds,
        stall=after["ms"],
        processor=(after["processor"] - before["processor"]) * 1000 / len(people),
        logins=[ms for ms in logins if ms is not None],
        health=health,
    )


async def _log_in(hub: Hub, login: str, password: str) -> float | None:
    """Milliseconds until somebody is in; None if the hub does not let them in."""
    jar = CookieJar(unsafe=True, quote_cookie=False)  # an address without a name is unsafe
    async with ClientSession(
        hub.url, cookie_jar=jar, headers=_AS_A_BROWSER, timeout=_LONGEST
    ) as browser:
        began = time.perf_counter()
        async with browser.get("/hub/login") as page:
            await page.read()
        fields = {"username": login, "password": password}
        fields["_xsrf"] = next(cookie.value for cookie in jar if cookie.key == "_xsrf")
        async with browser.post("/hub/login", data=fields, allow_redirects=False) as answer:
            await answer.read()
        took = (time.perf_counter() - began) * 1000
    return took if answer.status == 302 else None


async def _watch(watcher: ClientSession, took: list[float], over: asyncio.Event) -> None:
    """Look at the health until the storm is over, whether or not the last look was answered; wait for every answer."""

    async def look() -> None:
        began = time.perf_counter()
        async with watcher.get("/hub/health") as answer:
            await answer.read()
        took.append((time.perf_counter() - began) * 1000)

    async with asyncio.TaskGroup() as looks:
        while not over.is_set():
            looks.create_task(look())
            await asyncio.sleep(_HEALTH_EVERY)


async def _ask(watcher: ClientSession) -> dict[str, float]:
    """Ask the ticker in the hub."""
    async with watcher.get(f"/hub{PATH}") as answer:
        found: dict[str, float] = await answer.json()
        return found


def _require_the_same(side: str, hub: Hub, people: People) -> None:
    """Whoever has the password gets in and nobody else; ours knows every course of theirs."""
    login, password = people[0]
    assert asyncio.run(_log_in(hub, login, password)) is not None, hub.tail()
    assert asyncio.run(_log_in(hub, login, "not the password")) is None
    if side == OURS:
        groups = hub.api(f"users/{login}").json()["groups"]
        assert len(groups) >= COURSES, groups
