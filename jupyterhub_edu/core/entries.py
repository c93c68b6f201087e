"""Entries of the campus file that name people: pinned to whoever first logs in with that login."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from jupyterhub_edu.domain.campus import Campus, FilePerson
from jupyterhub_edu.domain.people import FROM_FILE, Enrolment, Person
from jupyterhub_edu.ports import Store

__all__ = ["Entries"]


class Entries:
    """Which entries are which people, by pin alone: a login handed on to somebody else hands nothing on."""

    def __init__(self, campus: Callable[[], Campus], store: Store) -> None:
        self._campus, self._store = campus, store
        self._pins: dict[str, str] = {}
        self._pinned: dict[str, tuple[FilePerson, ...]] = {}
        self._unkept: set[str] = set()

    async def load(self) -> None:
        """Read the pins."""
        for entry, key in (await self._store.load_pins()).items():
            self._pin(entry, key)

    def meet(self, person: Person) -> None:
        """Pin the entry that names this person, if nobody else has it; ``keep`` makes that durable."""
        who = FilePerson(person.source, person.login.casefold())
        entry = _spelt(who)
        campus = self._campus()
        if (who in campus.admins or who in campus.people) and entry not in self._pins:
            self._pin(entry, person.key)
            self._unkept.add(entry)

    async def keep(self, key: str) -> None:
        """Keep what has been pinned to this person and is not kept yet; the person must be.

        Raises:
            StoreError: it holds in memory and is kept the next time.
        """
        for entry in [e for e in self._unkept if self._pins[e] == key]:
            await self._store.pin(entry, key)
            self._unkept.discard(entry)

    def has(self, key: str) -> bool:
        """Whether an entry, present or former, is pinned to this person."""
        return key in self._pinned

    def is_one_of(self, key: str, entries: frozenset[FilePerson]) -> bool:
        """Whether one of these entries is this person."""
        return any(entry in entries for entry in self._pinned.get(key, ()))

    def enrolments(self, key: str) -> Iterable[Enrolment]:
        """What the file says of this person's courses."""
        people = self._campus().people
        for entry in self._pinned.get(key, ()):
            for enrolment in people.get(entry, ()):
                yield replace(enrolment, person=key, origin=FROM_FILE)

    def keys_in(self, course: str) -> set[str]:
        """Keys of the people whom the file has in a course."""
        return {
            key for key in self._pinned if any(e.course == course for e in self.enrolments(key))
        }

    def of(self, keys: Iterable[str]) -> list[str]:
        """Entries of the campus file, present or former, that are these people, as ``source:login``."""
        return [_spelt(entry) for key in keys for entry in self._pinned.get(key, ())]

    def present(self, keys: Iterable[str]) -> list[str]:
        """Of those the ones that stand in the file now."""
        campus = self._campus()
        now = {_spelt(entry) for entry in (*campus.admins, *campus.people)}
        return [entry for entry in self.of(keys) if entry in now]

    def forget(self, key: str) -> None:
        """Take the pins of a person away."""
        for entry in self.of([key]):
            self._pins.pop(entry, None)
            self._unkept.discard(entry)
        self._pinned.pop(key, None)

    def _pin(self, entry: str, key: str) -> None:
        source, _, login = entry.partition(":")
        self._pins[entry] = key
        self._pinned[key] = (*self._pinned.get(key, ()), FilePerson(source, login))


def _spelt(entry: FilePerson) -> str:
    return f"{entry.source}:{entry.login}"
