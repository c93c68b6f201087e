"""Lists of people that were handed in: those that are looked at, and what those did that can still be undone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.domain.pending import Waits
from jupyterhub_edu.ports import Clock, Record, Store

from .finding import Found
from .hands import NOTHING, Hand, read_hand
from .kept import instant, reading, text
from .people_file import Sheet
from .slices import in_slices

__all__ = [
    "KIND",
    "UNDO_WITHIN",
    "Applied",
    "Imports",
    "PeopleList",
    "Step",
    "Undone",
    "records_of",
]

KIND: Final = "import"
UNDO_WITHIN: Final = timedelta(days=1)
_FORGET_AFTER: Final = timedelta(minutes=30)
_MOST_OPEN: Final = 20
"""Lists that are looked at, at a time: of each person one in a course, the oldest gives way."""
_MOST_NAMED: Final = 7200
"""People whom one member of staff may name in lists within a day: what they could name one by one in that time."""


@dataclass(slots=True)
class PeopleList:
    """A list that somebody has handed in and that is looked at.

    Attributes:
        by: hub account of whoever handed it in, and who alone sees it.
        remove: whoever was added by hand and is not in it is to be taken back.
        found: by what was typed, as far as it has been looked for.
        failed: why nothing came of it, in a sentence, or ``""``.
    """

    id: str
    course: str
    by: str
    at: datetime
    sheet: Sheet
    remove: bool
    found: dict[str, Found | Waits] = field(default_factory=dict)
    done: int = 0
    failed: str = ""
    task: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Everybody in it has been looked for."""
        return self.done == len(self.sheet.wishes) and not self.failed

    async def wait(self, seconds: float) -> None:
        """Wait until everybody has been looked for, so long at most; it goes on without whoever waits."""
        if self.task is not None:
            await asyncio.wait({self.task}, timeout=seconds)


@dataclass(frozen=True, slots=True)
class Step:
    """What a list has changed for one person, or that something waits since.

    Attributes:
        key: of the person, or ``""``.
        pending: id of what waits, or ``""``.
    """

    key: str = ""
    before: Hand = NOTHING
    after: Hand = NOTHING
    pending: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a list has done.

    Attributes:
        by: hub account of whoever applied it.
        steps: by the id of their record.
    """

    id: str
    course: str
    by: str
    at: datetime
    steps: dict[str, Step]


@dataclass(frozen=True, slots=True)
class Undone:
    """What was put back, and how many things were left because something else was done since."""

    undone: int
    left: int


class Imports:
    """Lists of all courses: looked at in memory alone, what they did for a day in the store too."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._open: dict[str, PeopleList] = {}
        self._applied: dict[str, Applied] = {}
        self._undone: dict[str, tuple[str, Undone]] = {}
        self._named: dict[str, dict[str, datetime]] = {}

    async def load(self) -> None:
        """Read what can still be undone, and drop what cannot.

        Raises:
            StoreError: it cannot be read.
        """
        async for record in in_slices(await self._store.load_records(KIND)):
            with reading(record):
                self._take(record)
        await self.drop_old()

    async def close(self) -> None:
        """Look at nothing any more."""
        tasks = [one.task for one in self._open.values() if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- looked at ---------------------------------------------------------------------------------------------

    def open(self, one: PeopleList) -> None:
        """Keep a list to be looked at, in the place of a former one of the same person in the course."""
        for former in list(self._open.values()):
            if (former.by, former.course) == (one.by, one.course):
                self.shut(former)
        while len(self._open) >= _MOST_OPEN:
            self.shut(min(self._open.values(), key=lambda each: each.at))
        self._open[one.id] = one

    def find_open(self, course: str, id: str, by: str) -> PeopleList | None:
        """Somebody's own list in a course."""
        for old in [o for o in self._open.values() if self._clock() - o.at > _FORGET_AFTER]:
            self.shut(old)
        found = self._open.get(id)
        return found if found and (found.course, found.by) == (course, by) else None

    def shut(self, one: PeopleList) -> None:
        """Forget a list."""
        self._open.pop(one.id, None)
        if one.task is not None:
            one.task.cancel()

    def may_name(self, hub_name: str, names: Iterable[str]) -> bool:
        """Count those whom somebody names; False if they are too many within a day. Naming somebody again counts once."""
        now = self._clock()
        named = self._named.get(hub_name, {})
        kept = {name: at for name, at in named.items() if now - at < UNDO_WITHIN}
        kept |= {name: now for name in names if name not in kept}
        if len(kept) > _MOST_NAMED:
            return False
        self._named[hub_name] = kept
        return True

    # -- done --------------------------------------------------------------------------------------------------

    def of(self, course: str) -> list[Applied]:
        """What can still be undone in a course, the last first."""
        now = self._clock()
        found = [
            one
            for one in self._applied.values()
            if one.course == course and now - one.at < UNDO_WITHIN
        ]
        return sorted(found, key=lambda one: one.at, reverse=True)

    def note(self, applied: Applied) -> None:
        """It was done; the store has it so."""
        self._applied[applied.id] = applied

    def note_undone(self, applied: Applied, undone: Undone) -> None:
        """It was undone; the store has it so."""
        self._applied.pop(applied.id, None)
        self._undone[applied.id] = applied.course, undone
        while len(self._undone) > _MOST_OPEN:
            del self._undone[next(iter(self._undone))]

    def find_undone(self, course: str, id: str) -> Undone | None:
        """What undoing a list of a course came to, of the last few."""
        of, found = self._undone.get(id, ("", None))
        return found if of == course else None

    async def drop_old(self) -> None:
        """Forget what can no longer be undone.

        Raises:
            StoreError: it is tried again.
        """
        now = self._clock()
        old = [one for one in self._applied.values() if now - one.at >= UNDO_WITHIN]
        if old:
            drop = [(KIND, id) for one in old for id in one.steps]
            await self._store.save_records(drop=drop)
        for one in old:
            self._applied.pop(one.id, None)

    def forget(self, keys: Collection[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        for one in list(self._applied.values()):
            steps = {id: step for id, step in one.steps.items() if step.key not in keys}
            by = stand_in if hub_name and one.by == hub_name else one.by
            self._applied[one.id] = replace(one, steps=steps, by=by)
        for listing in list(self._open.values()):
            self.shut(listing)  # whom it names is looked for anew
        self._named.pop(hub_name, None)

    def _take(self, record: Record) -> None:
        body = record.body
        id, course = text(body["import"]), text(body["course"])
        new = Applied(id, course, record.by, instant(body["at"]), {})
        applied = self._applied.setdefault(id, new)
        step = Step(
            record.whose,
            read_hand(body["before"], course),
            read_hand(body["after"], course),
            text(body["pending"]),
        )
        applied.steps[record.id] = step


def records_of(applied: Applied) -> Iterator[Record]:
    """What is to be kept of it; one record for each person, with whom it is erased."""
    for id, step in applied.steps.items():
        body = {
            "import": applied.id,
            "course": applied.course,
            "at": applied.at.isoformat(),
            "before": step.before.as_json(),
            "after": step.after.as_json(),
            "pending": step.pending,
        }
        yield Record(KIND, id, body, whose=step.key, by=applied.by)
