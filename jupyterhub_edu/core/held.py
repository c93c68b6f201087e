"""What the guard holds back, remembered until somebody lets it through or it passes; numbers only, and nobody's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jupyterhub_edu.ports import Record, Store

from .kept import instant, number, reading, text

__all__ = ["Held", "HeldBack"]

_KIND: Final = "held"
_Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """A reading of a roster that would have taken away too many people, as it last was.

    Attributes:
        since: when the guard first held it.
    """

    would_add: int
    would_lose: int
    since: datetime


class HeldBack:
    """What is held, by source and course, in memory and in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[_Place, Held] = {}
        self._kept: dict[_Place, Held] = {}

    async def load(self) -> Mapping[_Place, Held]:
        """Read what was held when the hub ended.

        Raises:
            StoreError: it cannot be read.
        """
        self._held = dict(map(_read, await self._store.load_records(_KIND)))
        self._kept = dict(self._held)
        return self._held

    def of(self, source: str, course: str) -> Held | None:
        """What is held of a course."""
        return self._held.get((source, course))

    def courses(self, source: str) -> set[str]:
        """The courses of which something is held."""
        return {course for from_, course in self._held if from_ == source}

    async def hold(self, source: str, course: str, held: Held) -> None:
        """Hold this, in the place of what was held before.

        Raises:
            StoreError: it is held, and could not be kept; tried again with the next reading.
        """
        place = (source, course)
        self._held[place] = held
        if self._kept.get(place) != held:
            await self._store.save_records([_record(place, held)])
            self._kept[place] = held

    async def release(self, source: str, course: str) -> None:
        """Hold nothing of a course any more.

        Raises:
            StoreError: nothing is held, and that could not be kept; tried again with the next reading.
        """
        place = (source, course)
        self._held.pop(place, None)
        if place in self._kept:
            await self._store.save_records((), [(_KIND, _id(place))])
            del self._kept[place]


def _id(place: _Place) -> str:
    return " ".join(place)


def _record(place: _Place, held: Held) -> Record:
    body = {
        "source": place[0],
        "course": place[1],
        "would_add": held.would_add,
        "would_lose": held.would_lose,
        "since": held.since.isoformat(),
    }
    return Record(_KIND, _id(place), body)


def _read(record: Record) -> tuple[_Place, Held]:
    with reading(record):
        body = record.body
        place = text(body["source"]), text(body["course"])
        return place, Held(
            number(body["would_add"]), number(body["would_lose"]), instant(body["since"])
        )
