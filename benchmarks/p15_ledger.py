"""P15: what is left of somebody's week, after years of sessions: from memory, from the store, and from the sessions.

Goals, at 5,000,000 sessions: 1 ms from memory, 50 ms rebuilt from the store. Filling as many takes long, so that
LEDGER_SESSIONS says how many there are; left out: 500,000. At a million a year these are the last half year.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from types import MappingProxyType
from typing import Any

from sqlalchemy import insert, select

from jupyterhub_edu.core.ledger import Ledger
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Amounts, Granted
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.domain.schedule import Period, period_span
from jupyterhub_edu.domain.usage import By, UsageQuery, charge
from jupyterhub_edu.store import SqlStore, open_store
from jupyterhub_edu.store.admission_rows import admission_row, read_admission
from jupyterhub_edu.store.tables import ADMISSIONS
from tests.postgres.server import database_url, find_binaries, running_postgres

from .campuses import NOW, a_campus
from .pairs import percentile

_SESSIONS = int(os.environ.get("LEDGER_SESSIONS", "500000"))
_A_YEAR, _PEOPLE, _COURSES, _AT_ONCE = 1_000_000, 5_000, 300, 20_000
_ASKED, _ENDS = 300, 200
_GRANTED = Granted(
    "gpu",
    "t4",
    Amounts(Cpu(1000), Cpu(2000), Memory(2**30), Memory(2**32), devices=1),
    "lab:1",
    MappingProxyType({}),
)


def run() -> dict[str, Any]:
    """The same on SQLite and, where there are binaries of it, on PostgreSQL."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        places = {"SQLite": f"sqlite:///{folder}/edu.sqlite"}
        if (binaries := find_binaries()) is not None:
            server = stack.enter_context(running_postgres(binaries))
            places["PostgreSQL"] = database_url(server.host, "postgres")
        found = [row for name, url in places.items() for row in asyncio.run(_measure(name, url))]
    return {
        "name": f"P15 usage of a week among {_SESSIONS:,} sessions",
        "unit": "ms; of our process alone (CPU), and as waited for (wall)",
        "baseline": "adding up the sessions",
        "rows": found,
    }


async def _measure(name: str, url: str) -> list[dict[str, Any]]:
    campus, store = a_campus(_COURSES), open_store(url)
    await store.open()
    await fill(store, _SESSIONS)
    ledger = Ledger(lambda: campus, store, lambda: NOW, _nothing_to_settle)
    week = period_span(Period.WEEK, NOW, campus.zone, None)
    since = week.starts.astimezone(campus.zone).date()
    chance = random.Random(7)
    asked = [(_course(p := chance.randrange(_PEOPLE), chance), f"p{p}") for _ in range(_ASKED)]

    async def from_store(course: str, person: str) -> int:
        query = UsageQuery(first=since, person=person, course=course)
        return sum(usage.used for usage in await store.load_usage(query))

    async def from_memory(course: str, person: str) -> int:
        return ledger.used(course, Period.WEEK, NOW, person)

    async def from_sessions(course: str, person: str) -> int:
        query = (
            select(ADMISSIONS)
            .where(ADMISSIONS.c.hub_name == person, ADMISSIONS.c.course == course)
            .where(ADMISSIONS.c.ended_at >= int(week.starts.timestamp() * 1_000_000))
        )
        found = await store._thread.do(
            lambda c: [dict(row) for row in c.execute(query).mappings()]
        )
        days = [u for row in found for u in charge(read_admission(row), campus.zone)]
        return sum(usage.used for usage in days if usage.day and usage.day >= since)

    async def whole_month() -> Any:
        month = since - timedelta(days=30)
        return await store.load_usage(UsageQuery(frozenset({By.COURSE}), first=month))

    told = [
        await _time(
            f"{name}: all days made anew", lambda: store.keep_days(campus.zone, anew=True)
        ),
        await _time(f"{name}: ledger read at the start", ledger.load),
    ]
    sums = []
    for what, ask, times in (
        ("from memory", from_memory, asked),
        ("from the store", from_store, asked),
        ("from the sessions", from_sessions, asked[:10]),
    ):
        line, answers = await _each(f"{name}: one person's week {what}", ask, times)
        told.append(line)
        sums.append(answers[:10])
    assert sums[0] == sums[1] == sums[2], "the three do not agree"
    assert any(sums[0])
    told.append(await _time(f"{name}: a month by course", whole_month))
    told.append(await _ends(name, store))
    await store.close()
    return told


async def _nothing_to_settle() -> None:
    """No session ends meanwhile."""


async def _ends(name: str, store: SqlStore) -> dict[str, Any]:
    """Ends one after another, each durable when it returns."""
    ended = [replace(_session(number), id=f"{number:032x}") for number in range(_ENDS)]
    for one in ended:
        await store.save_admission(replace(one, stage=Stage.RUNNING, ended_at=None))
    line, _ = await _each(
        f"{name}: an end, kept and charged", store.save_admission, [(e,) for e in ended]
    )
    return line


async def _time(what: str, do: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    line, _ = await _each(what, do, [()])
    return line


async def _each(
    what: str, ask: Callable[..., Awaitable[Any]], times: list[Any]
) -> tuple[dict[str, Any], list[Any]]:
    answers, cpu, wall = [], [], []
    for one in times:
        began, began_wall = time.process_time(), time.perf_counter()
        answers.append(await ask(*one))
        cpu.append((time.process_time() - began) * 1000)
        wall.append((time.perf_counter() - began_wall) * 1000)
    cpu.sort()
    wall.sort()
    line = {
        "what": what,
        "times": len(times),
        "CPU p50": median(cpu),
        "CPU p99": percentile(cpu, 99),
        "wall p50": median(wall),
        "wall p99": percentile(wall, 99),
    }
    return line, answers


async def fill(store: SqlStore, sessions: int) -> None:
    """Keep so many ended sessions in a new store."""
    for page in _pages(sessions):
        await store._thread.do(lambda c, page=page: c.execute(insert(ADMISSIONS), page))  # type: ignore[misc]


def _pages(sessions: int) -> Iterator[list[dict[str, Any]]]:
    """Rows of ended sessions, spread evenly over the time until now."""
    page: list[dict[str, Any]] = []
    for number in range(sessions):
        page.append(_row(number))
        if len(page) == _AT_ONCE:
            yield page
            page = []
    if page:
        yield page


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _row(number: int) -> dict[str, Any]:
    """As ``admission_row`` would write it, from one that it wrote."""
    begins = _begins(number)
    person = number * 7919 % _PEOPLE
    micros = (begins - _EPOCH) // timedelta(microseconds=1)
    hub_name = f"p{person}"
    return {
        **_TEMPLATE,
        "id": f"{random.Random(number).getrandbits(128):032x}",
        "person": f"ad:{hub_name}",
        "hub_name": hub_name,
        "course": _course(person, random.Random(number)),
        "reserved_at": micros,
        "running_at": micros + 20_000_000,
        "ended_at": micros + (1 + number % 5) * 3_600_000_000,
    }


def _begins(number: int) -> datetime:
    return NOW - timedelta(days=365) / _A_YEAR * (number + 1) - timedelta(hours=6)


def _course(person: int, chance: random.Random) -> str:
    """Everybody is in three courses."""
    return f"c{(person * 3 + chance.randrange(3)) % _COURSES}"


def _session(number: int) -> Admission:
    begins = _begins(number)
    return Admission(
        id="0" * 32,
        person="ad:p1",
        hub_name="p1",
        server="",
        course="c1",
        role=CourseRole.STUDENT,
        granted=_GRANTED,
        own=True,
        reserved_at=begins,
        ends_at=None,
        ends_by=None,
        stage=Stage.ENDED,
        running_at=begins,
        ended_at=begins + timedelta(hours=3),
    )


_TEMPLATE = admission_row(_session(0))
