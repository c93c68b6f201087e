"""Who of a course is meant by a name: nobody outside it is found, so nobody learns of others."""

from __future__ import annotations

from collections.abc import Iterable

from jupyterhub_edu.domain.words import say

from .finding import fold, names_of
from .roll import Roll
from .slices import in_slices, slices

__all__ = ["NotNamed", "find_members", "member_keys", "member_sections"]


class NotNamed(Exception):
    """Names that mean nobody in the course, or several people."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(say("Not found: {names}.", names=", ".join(self.names)))


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

    Raises:
        NotNamed: some of them mean nobody there, or several.
    """
    typed = {name: fold(name) for name in names}
    wanted, meant = set(typed.values()), dict[str, set[str]]()
    members = await member_keys(roll, course)
    async for key, keys in in_slices(members.items()):
        called = set[str]().union(*(names_of(roll, one) for one in keys))
        for name in called & wanted:
            meant.setdefault(name, set()).add(key)
    wrong = [name for name, folded in typed.items() if len(meant.get(folded, ())) != 1]
    if wrong:
        raise NotNamed(wrong)
    return {name: next(iter(meant[folded])) for name, folded in typed.items()}
