"""Who of a course is meant by a name: nobody outside it is found, so nobody learns of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from jupyterhub_edu.domain.people import person_key
from jupyterhub_edu.domain.words import Words, join_words, say

from .finding import fold, names_of
from .roll import Roll
from .slices import in_slices, slices

__all__ = [
    "Alike",
    "NotNamed",
    "find_called",
    "find_members",
    "member_keys",
    "member_sections",
    "say_alike",
]

_MOST: Final = 20
"""People who are told in one sentence."""


class Alike(NamedTuple):
    """One of several people of the course who may be meant.

    Attributes:
        login: with its source, by which they are told apart.
    """

    key: str
    login: str
    name: str


class NotNamed(Exception):
    """Names that mean nobody in the course, or several people.

    Attributes:
        alike: of the first name that several are called by, those who may be meant, by login.
    """

    def __init__(
        self, names: Iterable[str], alike: Mapping[str, list[Alike]] | None = None
    ) -> None:
        self.names, several = tuple(names), alike or {}
        self.alike = next(iter(several.values()), [])
        nobody = ", ".join(name for name in self.names if name not in several)
        told = [say("Not found: {names}.", names=nobody)] if nobody else []
        told += [say_alike(name, people) for name, people in several.items()]
        super().__init__(join_words(told, " "))


def say_alike(name: str, people: Sequence[Alike]) -> Words:
    """Who may be meant by a name that several people of the course have."""
    told = ", ".join(one.login for one in people[:_MOST])
    if len(people) <= _MOST:
        return say("Several people may be meant by {name}: {logins}.", name=name, logins=told)
    return say(
        "Several people may be meant by {name}: {logins} and others.", name=name, logins=told
    )


async def member_keys(roll: Roll, course: str) -> dict[str, tuple[str, ...]]:
    """Everybody whom any origin has in a course, once for each account, with the keys of all their identities.

    Returns:
        By the key that requests of theirs carry; of somebody who has never logged in the one that is known.
    """
    found: dict[str, tuple[str, ...]] = {}
    async for some in slices(sorted(roll.keys_in(course))):
        for key in some:
            keys = roll.keys_of(key)
            if len(keys) > 1 and (person := roll.person(key)) is not None:
                account = roll.by_hub_name(person.hub_name)
                found[account.key if account else key] = keys
            else:
                found[key] = keys
    return found


async def member_sections(roll: Roll, course: str) -> dict[str, frozenset[str]]:
    """The sections of everybody in a course, by keys as in ``member_keys``."""
    found: dict[str, frozenset[str]] = {}
    async for key, keys in in_slices((await member_keys(roll, course)).items()):
        found[key] = roll.sections_of(keys, course)
    return found


async def find_members(roll: Roll, course: str, names: Iterable[str]) -> dict[str, str]:
    """Keys of the people of a course by what was typed: hub account, key, login or number; also ``source:...``.

    What is none of these to anybody there may be the name that people know: it finds whoever alone is called so.

    Raises:
        NotNamed: some of them mean nobody there, or several.
    """
    typed = {name: fold(name) for name in names}
    wanted = set(typed.values())
    spoken = {_spoken(name): name for name in wanted if name}
    exactly, called = dict[str, set[str]](), dict[str, set[str]]()
    members = await member_keys(roll, course)
    async for key, keys in in_slices(members.items()):
        for name in wanted & set[str]().union(*(names_of(roll, one) for one in keys)):
            exactly.setdefault(name, set()).add(key)
        for words in spoken.keys() & set(map(_spoken, _called(roll, keys))):
            called.setdefault(spoken[words], set()).add(key)
    meant = {name: exactly.get(one) or called.get(one, set()) for name, one in typed.items()}
    wrong = [name for name, found in meant.items() if len(found) != 1]
    if wrong:
        alike = {name: _alike(roll, meant[name]) for name in wrong if meant[name]}
        raise NotNamed(wrong, alike)
    return {name: next(iter(found)) for name, found in meant.items()}


async def find_called(roll: Roll, course: str, name: str) -> list[Alike]:
    """Everybody of a course whom people know by this name, by login."""
    wanted, found = _spoken(name), set[str]()
    async for key, keys in in_slices((await member_keys(roll, course)).items()):
        if wanted and wanted in map(_spoken, _called(roll, keys)):
            found.add(key)
    return _alike(roll, found)


def _called(roll: Roll, keys: Iterable[str]) -> list[str]:
    """What people call somebody, by each of their identities."""
    known = map(roll.known, keys)
    return [one.name for one in known if one is not None]


def _alike(roll: Roll, keys: Iterable[str]) -> list[Alike]:
    found = []
    for key in keys:
        known = roll.known(key)
        source = key.partition(":")[0]
        login = person_key(source, known.login) if known is not None and known.login else key
        found.append(Alike(key, login, known.name if known is not None else ""))
    return sorted(found, key=lambda one: (one.login, one.key))


def _spoken(name: str) -> str:
    """A name as it is compared: blanks count once."""
    return " ".join(fold(name).split())
