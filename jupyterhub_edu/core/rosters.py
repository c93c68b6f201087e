"""Complete rosters: what they would change, and taking them in. Large ones leave the event loop to others in between."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from jupyterhub_edu.domain.people import (
    CourseRole,
    Enrolment,
    Listed,
    Member,
    Person,
    Roster,
    person_key,
    source_origin,
)
from jupyterhub_edu.ports import Store

from .slices import in_slices
from .taken import Taken, TakenRosters
from .told import Told

__all__ = ["Comparison", "Move", "Rosters", "Standing"]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_KEEP_AGE: Final = timedelta(hours=1)
"""How far the kept age of an unchanged roster may lie behind; a source is silent for longer before that matters."""

Standing = frozenset[tuple[CourseRole, frozenset[str]]]
"""What somebody is in a course: roles, each with its sections."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a roster changes for one person. Login and name are hostile text.

    Attributes:
        before, after: empty for somebody who was not, or will not be, in the course.
    """

    key: str
    login: str
    name: str
    before: Standing
    after: Standing


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a roster would change in one course.

    Attributes:
        before: how many people the source had in the course.
        after: how many it has now.
    """

    moves: tuple[Move, ...]
    before: int
    after: int

    @property
    def added(self) -> tuple[Move, ...]:
        """Who was not in the course."""
        return tuple(move for move in self.moves if not move.before)

    @property
    def gone(self) -> tuple[Move, ...]:
        """Who is no longer in the course."""
        return tuple(move for move in self.moves if not move.after)

    @property
    def changed(self) -> tuple[Move, ...]:
        """Who has other roles or sections."""
        return tuple(move for move in self.moves if move.before and move.after)


class Rosters:
    """Rosters of all sources, and the names of those in them who have never logged in.

    Args:
        people: those who have logged in, by key.
        changed: told the key of everybody for whom something changed.
    """

    def __init__(
        self,
        told: Told,
        people: dict[str, Person],
        store: Store,
        changed: Callable[[str], None],
    ) -> None:
        self._told, self._people, self._store, self._changed = told, people, store, changed
        self._listed: dict[str, Listed] = {}
        self._kept_at: dict[tuple[str, str], datetime] = {}
        self._unkept: set[tuple[str, str]] = set()
        self._taken = TakenRosters()

    async def load(self) -> None:
        """Read ages and names; before the enrolments are read."""
        self._kept_at = dict(await self._store.load_rosters())
        self._told.rosters |= self._kept_at
        async for entry in in_slices(await self._store.load_listed()):
            self._listed[entry.key] = entry

    @property
    def complete(self) -> Mapping[tuple[str, str], datetime]:
        """When the roster of each origin and course was last complete."""
        return self._told.rosters

    def count(self, origin: str, course: str) -> int:
        """How many people an origin has in a course."""
        return len(self._told.keys(origin, course))

    def as_of(self, enrolment: Enrolment) -> Enrolment:
        """An enrolment with the age that the roster gives it which said the same again."""
        at = self._told.rosters.get((enrolment.origin, enrolment.course))
        answered = enrolment.answered_at
        if at is None or answered is None or at <= answered:
            return enrolment
        return replace(enrolment, answered_at=at)

    def listed(self, key: str) -> Listed | None:
        """Somebody whom a roster names and who has never logged in."""
        return self._listed.get(key)

    def everybody_listed(self) -> Iterable[Listed]:
        """All of them."""
        return self._listed.values()

    def name(self, entry: Listed) -> None:
        """Somebody added by hand who has never logged in is called so."""
        if entry.key not in self._people:
            self._listed[entry.key] = entry

    def arrived(self, key: str) -> None:
        """Their source has answered about them: a person from now on."""
        self._listed.pop(key, None)
        self._taken.hear(key)

    async def compare(self, source: str, course: str, roster: Roster) -> Comparison:
        """Say what a roster would change, in no certain order; changes nothing."""
        origin = source_origin(source)
        news, before = await self._news(source, (origin, course), roster)
        said = await _read(source, course, news)
        everybody = self.count(origin, course)
        moves: list[Move] = []
        after = 0
        async for key, enrolments in _everybody(said, before):
            then = self._told.after_roster(key, origin, course, enrolments, roster.at)
            now = self._now(key, origin, course)
            after += 1 if then else 0
            if _standing(then) != _standing(now):
                login, name = said.names(key) or self._names(key)
                moves.append(Move(key, login, name, _standing(now), _standing(then)))
        return Comparison(tuple(moves), everybody, everybody - len(before) + after)

    async def take(self, source: str, course: str, roster: Roster) -> None:
        """Take a complete roster in.

        Always holds:
            - only what this source said of this course is replaced; nobody is seen half-way;
            - an answer about one person that is newer than the roster stands;
            - a roster that says what it said before writes nothing but, once an hour, its age;
            - one that has the very members of the last one costs no more than their new age, and a look at those of whom
              something else was heard since.

        Raises:
            StoreError: it holds in memory and could not be kept; the next roster is kept as a whole.
        """
        place = (source_origin(source), course)
        last = self._taken.same(place, roster)
        with self._taken.listening() as heard_of:
            news, before = await self._news(source, place, roster)
            self._taken.forget(place)
            said = await _read(source, course, news)
            self._told.rosters[place] = max(roster.at, self._told.rosters.get(place, roster.at))
            async for member in in_slices(news.members):
                key = person_key(source, member.subject)
                self._list(Listed(key, member.login, member.name), place)
            async for key, enrolments in _everybody(said, before):
                self._take_person(key, place, enrolments, roster.at)
                if (answer := self._told.answer(key)) is not None and answer.at >= roster.at:
                    heard_of.add(key)  # the same roster, asked for later, may count against it
            if last is not None:
                await self._confirm(place, before, last, roster.at)
            await self._keep(place, roster.at)
            self._taken.note(place, roster, heard_of)

    def forget(self, key: str) -> None:
        """Take away the name of somebody."""
        self._listed.pop(key, None)
        self._taken.hear(key)

    async def _news(
        self, source: str, place: tuple[str, str], roster: Roster
    ) -> tuple[Roster, set[str]]:
        """What a roster may say that is new, and who was in the course of whom it may say it.

        All of it; or where it has the very members of the last one, whom something else was heard of since.
        """
        before, last = self._told.keys(*place), self._taken.same(place, roster)
        if last is None:
            return roster, set(before)
        heard_of = frozenset(last.heard_of)
        among = roster.members if heard_of else ()
        members = [
            one async for one in in_slices(among) if person_key(source, one.subject) in heard_of
        ]
        return replace(roster, members=tuple(members)), before & heard_of

    async def _confirm(
        self, place: tuple[str, str], looked_at: set[str], last: Taken, at: datetime
    ) -> None:
        """Give all others of a course whose roster has not changed its new age."""
        async for key in in_slices(self._told.keys(*place) - looked_at):
            self._told.confirm(key, *place, last.at, at)

    def _take_person(
        self, key: str, place: tuple[str, str], said: Iterable[Enrolment], at: datetime
    ) -> None:
        now = self._now(key, *place)
        then = self._told.after_roster(key, *place, said, at)
        self._told.take_roster_of(key, *place, then)
        if _standing(then) != _standing(now):
            self._unkept.add(place)
            self._changed(key)
        if not self._told.of(key):
            self._listed.pop(key, None)

    def _list(self, entry: Listed, place: tuple[str, str]) -> None:
        if entry.key not in self._people and self._listed.get(entry.key) != entry:
            self._listed[entry.key] = entry
            self._unkept.add(place)

    async def _keep(self, place: tuple[str, str], at: datetime) -> None:
        kept = self._kept_at.get(place)
        if place in self._unkept or kept is None:
            listed, enrolments = await self._all_of(place)
            await self._store.save_roster(*place, at, listed, enrolments)
            self._unkept.discard(place)
        elif at - kept >= _KEEP_AGE:
            await self._store.touch_roster(*place, at)
        else:
            return
        self._kept_at[place] = at

    async def _all_of(self, place: tuple[str, str]) -> tuple[list[Listed], list[Enrolment]]:
        """A roster to be kept, as it is when this returns: what others changed meanwhile is gathered once more."""
        listed: list[Listed] = []
        enrolments: list[Enrolment] = []

        def gather(key: str) -> None:
            enrolments.extend(self._now(key, *place))
            if (entry := self._listed.get(key)) is not None:
                listed.append(entry)

        with self._taken.listening() as meanwhile:
            async for key in in_slices(list(self._told.keys(*place))):
                gather(key)
        if meanwhile:
            listed = [one for one in listed if one.key not in meanwhile]
            enrolments = [one for one in enrolments if one.person not in meanwhile]
            for key in meanwhile & self._told.keys(*place):
                gather(key)
        return listed, enrolments

    def _now(self, key: str, origin: str, course: str) -> list[Enrolment]:
        return [e for e in self._told.of(key) if (e.origin, e.course) == (origin, course)]

    def _names(self, key: str) -> tuple[str, str]:
        known = self._people.get(key) or self._listed.get(key)
        return (known.login, known.name) if known else (key, "")


@dataclass(frozen=True, slots=True)
class _Said:
    """What a roster says, by key; enrolments are made one person at a time.

    Made for everybody at once they would set off Python's collection of garbage, which holds everything up longer than
    all of this takes.
    """

    origin: str
    course: str
    at: datetime
    members: dict[str, Member]
    again: dict[str, list[Member]]

    def names(self, key: str) -> tuple[str, str] | None:
        """Login and name, as the roster has them."""
        member = self.members.get(key)
        return (member.login, member.name) if member else None

    def of(self, key: str) -> tuple[Enrolment, ...]:
        """Somebody's enrolments; who stands there twice has all of it."""
        own: dict[CourseRole, frozenset[str]] = {}
        for member in (self.members[key], *self.again.get(key, ())):
            for role in member.roles:
                own[role] = own[role] | member.sections if role in own else member.sections
        return tuple(
            Enrolment(key, self.course, role, self.origin, answered_at=self.at, sections=own[role])
            for role in sorted(own)
        )


async def _read(source: str, course: str, roster: Roster) -> _Said:
    said = _Said(source_origin(source), course, roster.at, {}, {})
    async for member in in_slices(roster.members):
        key = person_key(source, member.subject)
        if said.members.setdefault(key, member) is not member:
            said.again.setdefault(key, []).append(member)
    return said


async def _everybody(
    said: _Said, before: set[str]
) -> AsyncIterator[tuple[str, tuple[Enrolment, ...]]]:
    """Who is in a course and who was, with what is said of each; in slices."""
    left = set(before)
    async for key in in_slices(said.members):
        left.discard(key)
        yield key, said.of(key)
    async for key in in_slices(left):
        yield key, ()


def _standing(enrolments: Iterable[Enrolment]) -> Standing:
    return frozenset((e.role, e.sections) for e in enrolments)
