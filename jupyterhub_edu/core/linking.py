"""Which identities of several sources are one person with one hub account, by the link rules of the campus file."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from jupyterhub_edu.domain.people import Identity, LinkRule, Person

__all__ = ["compared", "find_linked"]

_log = logging.getLogger(__name__)


def find_linked(
    rules: Sequence[LinkRule], identity: Identity, people: Collection[Person]
) -> Person | None:
    """Whose hub account somebody shares who comes for the first time: one person, or nobody.

    Always holds:
        - only equal, non-empty attributes link, and only to somebody whom their own source still knows;
        - where two people would do, neither does.

    Args:
        people: everybody known.
    """
    found = {
        person.hub_name: person
        for rule in rules
        for here, mine, there, theirs in rule.sides()
        if here == identity.source and (value := identity.attributes.get(mine))
        for person in people
        if person.source == there and person.active and person.attributes.get(theirs) == value
    }
    if len(found) > 1:
        _log.warning("%s could be linked to several people and is linked to none", identity.key)
    return next(iter(found.values())) if len(found) == 1 else None


def compared(rules: Sequence[LinkRule], identity: Identity) -> Mapping[str, str]:
    """Of an identity's attributes, those that link rules compare: nothing else is kept."""
    sides = {side[:2] for rule in rules for side in rule.sides()}
    kept = {k: v for k, v in identity.attributes.items() if (identity.source, k) in sides}
    return MappingProxyType(kept)
