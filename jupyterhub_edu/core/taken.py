"""Which rosters are the very ones that were taken in last, and of whom something else was heard since."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from jupyterhub_edu.domain.people import Member, Roster

__all__ = ["Taken", "TakenRosters"]

_Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """A roster as it was taken in.

    Attributes:
        at: the instant of the roster.
        heard_of: keys of those of whom something was told since then by other means than a roster.
    """

    members: tuple[Member, ...]
    at: datetime
    heard_of: set[str]


class TakenRosters:
    """The last roster of each course whose source keeps the members that it tells."""

    def __init__(self) -> None:
        self._last: dict[_Place, Taken] = {}
        self._listening: dict[int, set[str]] = {}

    def hear(self, key: str) -> None:
        """Something was told of somebody by other means than a roster."""
        for heard_of in (
            *self._listening.values(),
            *(one.heard_of for one in self._last.values()),
        ):
            heard_of.add(key)

    @contextmanager
    def listening(self) -> Iterator[set[str]]:
        """The keys of those of whom something is told while this goes on."""
        heard_of: set[str] = set()
        self._listening[id(heard_of)] = heard_of
        try:
            yield heard_of
        finally:
            del self._listening[id(heard_of)]

    def same(self, place: _Place, roster: Roster) -> Taken | None:
        """The last roster of an origin and a course, if this one has the very same members in memory, and is no older."""
        last = self._last.get(place)
        if last is None or last.at > roster.at or len(last.members) != len(roster.members):
            return None
        return last if all(map(operator.is_, last.members, roster.members)) else None

    def forget(self, place: _Place) -> None:
        """The next roster is to be looked at as a whole."""
        self._last.pop(place, None)

    def note(self, place: _Place, roster: Roster, heard_of: set[str]) -> None:
        """A roster was taken in, and this was heard while it was."""
        if roster.kept:
            self._last[place] = Taken(roster.members, roster.at, set(heard_of))
