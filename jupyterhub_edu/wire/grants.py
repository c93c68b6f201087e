"""Grants: what staff give to people of their course beside what the campus file says."""

from __future__ import annotations

from typing import Annotated, NotRequired

from .shapes import Count, Instant, Minutes, Named, Rule, Text, TypedDict, strict

__all__ = ["Ceilings", "Grant", "GrantWish", "Grants"]

_Hours = Annotated[
    float,
    Rule(
        lambda hours: 0 <= hours <= 1_000_000 and round(hours, 3) == hours,
        "0 to 1000000 hours with at most three decimals",
        minimum=0,
        maximum=1_000_000,
    ),
]


@strict
class GrantWish(TypedDict, total=False):
    """One thing to give: ``hours``, ``offer``, ``servers``, ``devices`` with ``flavor``, or ``longest`` with ``profile``.

    To a ``person``, a ``section``, or with neither to everybody; from now to the course's end where nothing else is said.
    """

    hours: _Hours
    offer: Text
    servers: Count
    devices: Count
    flavor: Text
    longest: Minutes
    profile: Text
    person: Text | None
    section: Text | None
    starts: Instant | None
    ends: Instant | None
    why: Text


class Grant(TypedDict):
    """A grant, what it gives in words and under the key by which it was given.

    ``taken`` is of hours: used and reserved, the most of all it is for.
    """

    id: str
    what: str
    hours: NotRequired[float]
    offer: NotRequired[str]
    servers: NotRequired[int]
    devices: NotRequired[int]
    flavor: NotRequired[str]
    longest: NotRequired[int]
    profile: NotRequired[str]
    taken: NotRequired[float]
    person: Named | None
    section: str | None
    starts: Instant
    ends: Instant
    by: str
    why: str
    approved: bool


class Ceilings(TypedDict):
    """What teachers give alone; ``longest`` is in minutes, null for nothing."""

    hours: float
    offer: list[str]
    servers: int
    devices: dict[str, int]
    longest: int | None


class Grants(TypedDict):
    """Grants of a course by their start, ended ones too; ``next`` is null at the end of the list."""

    time_zone: str
    ceilings: Ceilings
    grants: list[Grant]
    next: str | None
