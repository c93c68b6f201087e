"""How rosters stand: of one of our courses at a source, and of a source as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .held import Held
from .rosters import Comparison

__all__ = ["CourseSync", "LastChange", "SourceSync"]


class LastChange(NamedTuple):
    """What the last reading that changed something changed: numbers only.

    Attributes:
        at: when (aware UTC).
    """

    at: datetime
    added: int
    gone: int
    changed: int


@dataclass(frozen=True, slots=True)
class CourseSync:
    """How the roster of one of our courses stands at one source.

    Attributes:
        complete_at: when it was last read and taken in, or None.
        running: it is being read now.
        held: what the guard holds back of the last reading, or None.
        error: why the last reading gave nothing, or ``""``.
        people: how many the source has in the course.
        comparison: what a reading changed, or would have; told once, to whoever asked for it.
        last: the last change since the hub started, or None.
    """

    source: str
    course: str
    complete_at: datetime | None = None
    running: bool = False
    held: Held | None = None
    error: str = ""
    people: int = 0
    comparison: Comparison | None = None
    last: LastChange | None = None


@dataclass(frozen=True, slots=True)
class SourceSync:
    """How a source's rosters stand.

    Attributes:
        began_at: when the sync that is running, or the last one, began; None: not since the hub started.
        error: why the source did not even say its courses, or ``""``.
        unmapped: how many of its courses are none of ours.
    """

    source: str
    running: bool = False
    began_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""
    unmapped: int = 0
