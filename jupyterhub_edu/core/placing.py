"""Putting people of a course into sections by hand, by whoever may; written down with its entry in the audit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry

from .by_hand import ByHand, ChangedSince

if TYPE_CHECKING:
    from .app import Core

__all__ = ["NoSection", "place", "sections_tag"]

_MOST: Final = 20
_LONGEST: Final = 80


class NoSection(Exception):
    """No sections can be called so; the text says why."""


def sections_tag(core: Core, course: str, key: str) -> str:
    """Another one for any other sections by hand of somebody."""
    return ",".join(sorted(core.roll.placed.of(core.roll.keys_of(key), course)))


async def place(
    core: Core,
    actor: Person,
    course: str,
    key: str,
    sections: Iterable[str],
    *,
    seen: str | None = None,
    address: str = "",
) -> None:
    """Put somebody of a course into these sections and no others by hand; those of enrolments stay.

    Whoever may keep them out may do it.

    Args:
        key: of the person, by which the list of people has them.
        seen: ``sections_tag`` as the actor was shown it; None: nothing was.
        address: network address of the actor, for the audit.

    Raises:
        NotYours, ChangedSince, NoSection: see the classes.
        StoreError: it could not be written down; nothing has changed.
    """
    wanted, roll = _named(sections), core.roll
    async with roll.turn_by_hand(course):
        ByHand(core, actor, course).require_may_do(None, key)
        before = sections_tag(core, course, key)
        if seen is not None and seen != before:
            raise ChangedSince
        person, keys = roll.person(key), roll.keys_of(key)
        entry = AuditEntry(
            core.clock(),
            actor.hub_name,
            "sections",
            course=course,
            target=person.hub_name if person else key,
            address=address,
            details={"before": before, "after": ",".join(sorted(wanted))},
        )
        ordered = [key, *(one for one in keys if one != key)]
        await roll.placed.put(ordered, course, wanted, entry)


def _named(sections: Iterable[str]) -> frozenset[str]:
    found = frozenset(name for one in sections if (name := " ".join(one.split())))
    if len(found) > _MOST:
        raise NoSection(say("That is more than {most} sections.", most=_MOST))
    if any("," in one or len(one) > _LONGEST or not one.isprintable() for one in found):
        raise NoSection(
            say(
                "A section is called by at most {longest} letters, without a comma.",
                longest=_LONGEST,
            )
        )
    return found
