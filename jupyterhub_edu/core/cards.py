"""One profile as the start page shows it to one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from jupyterhub_edu.domain.decide import Decision, StartRequest
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.profiles import Profile

from .glance import Glance

__all__ = ["Card", "card_of"]


class Card(NamedTuple):
    """One profile on the start page: what it is, what would happen, how much is free now.

    Attributes:
        decision: on the profile's defaults, or on ``options`` where those alone are refused and these are not.
        options: choices other than the defaults with which it may start (two GPUs by default, one free).
        free: devices of its flavor that its course could take now, and of how many; None where it needs none or that is
            not known.
    """

    profile: Profile
    decision: Decision
    free: tuple[int, int] | None
    options: Mapping[str, str] = MappingProxyType({})


def card_of(glance: Glance, person: Person, course: str, profile: Profile) -> Card:
    """The card of one profile.

    Args:
        glance: at this person in this course, of the same step.
    """
    free = glance.free(profile)
    decision = glance.decide(StartRequest(person.key, course, profile.key))
    if not decision.allowed:
        for options in _fewer_devices(profile):
            other = glance.decide(StartRequest(person.key, course, profile.key, options))
            if other.allowed:
                return Card(profile, other, free, options)
    return Card(profile, decision, free)


def _fewer_devices(profile: Profile) -> Iterator[dict[str, str]]:
    for option in profile.options.values():
        for choice in option.choices.values():
            if choice.devices is not None and choice.key != option.default:
                yield {option.key: choice.key}
