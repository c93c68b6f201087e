"""What no session tells of a course's days, and what was done in it."""

from __future__ import annotations

from .shapes import Day, Instant, Paged, Text, TypedDict, strict

__all__ = ["Counted", "CountsAnswer", "CountsQuery", "LogEntry", "LogQuery"]

# `from` is a word of Python.
CountsQuery = TypedDict("CountsQuery", {"from": Day, "until": Day}, total=False)
strict(CountsQuery)
"""From which day until which, both inclusive."""


class Counted(TypedDict):
    """One day.

    Starts refused by reason, what those let in on devices had waited in the line, and for how much of the time of devices
    that was looked at nobody used them.
    """

    day: Day
    refused: dict[str, int]
    starts: int
    waited_ms: int
    longest_ms: int
    looked_ms: int
    idle_ms: int


class CountsAnswer(TypedDict):
    """The days on which anything was counted, ascending."""

    time_zone: str
    course: str
    days: list[Counted]


@strict
class LogQuery(Paged, total=False):
    """Which entries: of an act, of an account that did it or to whom it was done."""

    act: Text
    about: Text


class LogEntry(TypedDict):
    """One entry; ``actor`` is empty for the hub itself."""

    number: int
    at: Instant
    actor: str
    act: str
    target: str
    details: dict[str, str | int | None]
