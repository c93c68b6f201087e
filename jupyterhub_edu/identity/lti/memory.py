"""What launches have told and a restart must not forget: courses with their rosters' addresses, who was in which, our key.

All of it lies in the safe, under names that begin with the source's id; a person's part under the person's key.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.domain.people import person_key
from jupyterhub_edu.ports import Safe

from .claims import Context

__all__ = ["Memory", "Visit"]

_MOST_CONTEXTS: Final = 2_000
_MOST_VISITS: Final = 16
_MOST_PEOPLE: Final = 20_000
"""People whose visits are held in memory; those of others are read from the safe."""
_WORTH_WRITING: Final = timedelta(hours=1)
_INDEX: Final = ".contexts"


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody's last launch from one course.

    Attributes:
        instructor: whether the launch called them Instructor and nothing less.
    """

    context: str
    at: datetime
    instructor: bool


class Memory:
    """Courses and visits of one source.

    Always holds:
        - bounded: the newest 2,000 courses per platform, each person's newest 16;
        - what has not changed is not written again.
    """

    def __init__(self, source: str, safe: Safe) -> None:
        self._source, self._safe = source, safe
        self._contexts: dict[str, OrderedDict[str, Context]] = {}
        self._visits: OrderedDict[str, tuple[Visit, ...]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def contexts(self, platform: str) -> Mapping[str, Context]:
        """The courses of a platform that have been launched from, by id, the newest last."""
        async with self._lock:
            return dict(await self._load_contexts(platform))

    async def context(self, platform: str, id: str) -> Context | None:
        """One of them."""
        async with self._lock:
            return (await self._load_contexts(platform)).get(id)

    async def note_context(self, platform: str, context: Context) -> None:
        """Remember a course as the launch that has just been checked tells it.

        Raises:
            StoreError: it could not be kept.
        """
        async with self._lock:
            known = await self._load_contexts(platform)
            former = known.get(context.id)
            known[context.id] = context
            known.move_to_end(context.id)
            if former == context:
                return
            await self._safe.save(self._context_name(platform, context.id), _pack(context))
            if former is None:
                await self._write_index(platform, known)

    async def visits(self, subject: str) -> tuple[Visit, ...]:
        """A person's last launches, the newest last."""
        found = self._visits.get(subject)
        if found is None:
            kept = await self._safe.load(person_key(self._source, subject))
            found = _unpack_visits(kept or {})
            self._hold(subject, found)
        return found

    async def note_visit(self, subject: str, visit: Visit) -> None:
        """Remember a launch.

        Raises:
            StoreError: it could not be kept.
        """
        former = await self.visits(subject)
        same = next((one for one in former if one.context == visit.context), None)
        others = [one for one in former if one.context != visit.context]
        now = (*others, visit)[-_MOST_VISITS:]
        self._hold(subject, now)
        if (
            same is None
            or same.instructor != visit.instructor
            or visit.at - same.at >= _WORTH_WRITING
        ):
            await self._safe.save(person_key(self._source, subject), _pack_visits(now))

    async def load(self, name: str) -> Mapping[str, str] | None:
        """Something else that the source keeps (its key)."""
        return await self._safe.load(f"{self._source}:.{name}")

    async def save(self, name: str, secret: Mapping[str, str]) -> None:
        """Keep something else.

        Raises:
            StoreError: it could not be kept.
        """
        await self._safe.save(f"{self._source}:.{name}", secret)

    def _hold(self, subject: str, visits: tuple[Visit, ...]) -> None:
        self._visits[subject] = visits
        self._visits.move_to_end(subject)
        if len(self._visits) > _MOST_PEOPLE:
            self._visits.popitem(last=False)

    async def _load_contexts(self, platform: str) -> OrderedDict[str, Context]:
        found = self._contexts.get(platform)
        if found is None:
            found = OrderedDict()
            index = await self._safe.load(self._index_name(platform)) or {}
            for id in _ids(index):
                kept = await self._safe.load(self._context_name(platform, id))
                if kept is not None:
                    found[id] = _unpack(id, kept)
            self._contexts[platform] = found
        return found

    async def _write_index(self, platform: str, known: OrderedDict[str, Context]) -> None:
        dropped = [known.popitem(last=False)[0] for _ in range(len(known) - _MOST_CONTEXTS)]
        await self._safe.save(self._index_name(platform), {"ids": json.dumps(list(known))})
        for id in dropped:
            await self._safe.save(self._context_name(platform, id), None)

    def _index_name(self, platform: str) -> str:
        return f"{self._source}:{_INDEX}/{platform}"

    def _context_name(self, platform: str, id: str) -> str:
        return f"{self._source}:.context/{platform}/{id}"


def _pack(context: Context) -> dict[str, str]:
    return {"roster": context.roster, **dict(context.names)}


def _unpack(id: str, kept: Mapping[str, str]) -> Context:
    names = tuple((key, value) for key, value in kept.items() if key != "roster")
    return Context(id, names, kept.get("roster", ""))


def _pack_visits(visits: tuple[Visit, ...]) -> dict[str, str]:
    rows = [[visit.context, visit.at.isoformat(), visit.instructor] for visit in visits]
    return {"visits": json.dumps(rows)}


def _unpack_visits(kept: Mapping[str, str]) -> tuple[Visit, ...]:
    rows: list[Any] = json.loads(kept.get("visits", "[]"))
    return tuple(Visit(row[0], datetime.fromisoformat(row[1]), bool(row[2])) for row in rows)


def _ids(index: Mapping[str, str]) -> list[str]:
    ids: list[str] = json.loads(index.get("ids", "[]"))
    return ids
