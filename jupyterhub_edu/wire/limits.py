"""Limits of a course: keys of the campus file with what the desk has set on top, and windows one at a time."""

from __future__ import annotations

import math
from typing import Annotated, Any

from .shapes import Instant, Rule, Text, TypedDict, strict

__all__ = ["Adjustment", "Limit", "LimitWish", "Limits", "Window", "WindowWish", "Windows"]

_DEEPEST = 6
_MOST = 1000
_LONGEST = 500
_LARGEST = 1_000_000_000


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether it is what a key of a course may be at most: small, and of text that somebody types."""
    match value:
        case None | bool():
            return True
        case str():
            return len(value) <= _LONGEST and value.isprintable()
        case int() | float():
            return math.isfinite(value) and abs(value) <= _LARGEST
        case list():
            inside = value
        case dict():
            inside = [*value, *value.values()]
        case _:
            return False
    return (
        depth < _DEEPEST
        and len(inside) <= _MOST
        and all(_is_plain(each, depth + 1) for each in inside)
    )


_Key = Annotated[Any, Rule(_is_plain, "not what a key of the campus file may be")]
_Window = Annotated[dict[str, Any], Rule(_is_plain, "not what a window of the campus file may be")]


class _Wished(TypedDict):
    field: Text
    value: _Key


@strict
class LimitWish(_Wished, total=False):
    """``field`` is a key of the course such as ``offers.student``, and ``value`` what the campus file would have there.

    Null: as if the course did not have the key. Without ``ends`` it is so until somebody changes it.
    """

    ends: Instant | None
    why: Text


class Adjustment(TypedDict):
    """What the desk has set; ``troubles`` says why it is not in force, and is empty once its time is over.

    ``approved``: an administrator has set it.
    """

    value: Any
    by: str
    at: Instant
    ends: Instant | None
    why: str
    approved: bool
    in_force: bool
    troubles: list[str]


class Limit(TypedDict):
    """One key of a course: what stands in the campus file, what is in force, and how far teachers go alone.

    ``may``: whoever asks may change it, if only up to the ceiling.
    """

    field: str
    file: Any
    value: Any
    adjustment: Adjustment | None
    ceiling: str
    locked: bool
    may: bool


class Limits(TypedDict):
    """Every key that the desk may set."""

    time_zone: str
    limits: list[Limit]


class _WishedWindow(TypedDict):
    window: _Window


@strict
class WindowWish(_WishedWindow, total=False):
    """``window`` is one of ``windows`` as the campus file would have it: ``days``, ``from``, ``until``, ``reserve`` and so on.

    ``instead_of``: the id of the one that it takes the place of; left out, it is one more.
    """

    instead_of: Text | None
    why: Text


class Window(TypedDict):
    """A window as the campus file would have it; ``in_file`` if it stands there, too."""

    id: str
    window: dict[str, Any]
    in_file: bool


class Windows(TypedDict):
    """The windows in force, in their order; ``reserve`` is what teachers reserve alone, by flavor."""

    time_zone: str
    locked: bool
    may: bool
    reserve: dict[str, int]
    windows: list[Window]
