"""Days as people write them, in the language of the page; times of day are digits everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final

from jupyterhub_edu.domain.words import Words, say

__all__ = ["WEEKDAYS", "dated"]

WEEKDAYS: Final = (
    say("Mon"),
    say("Tue"),
    say("Wed"),
    say("Thu"),
    say("Fri"),
    say("Sat"),
    say("Sun"),
)
"""From Monday, as people read them; in English as the campus file has them."""
_WEEKDAY_NAMES: Final = (
    say("Monday"),
    say("Tuesday"),
    say("Wednesday"),
    say("Thursday"),
    say("Friday"),
    say("Saturday"),
    say("Sunday"),
)
_MONTHS: Final = (
    say("Jan"),
    say("Feb"),
    say("Mar"),
    say("Apr"),
    say("May"),
    say("Jun"),
    say("Jul"),
    say("Aug"),
    say("Sep"),
    say("Oct"),
    say("Nov"),
    say("Dec"),
)
_MONTH_NAMES: Final = (
    say("January"),
    say("February"),
    say("March"),
    say("April"),
    say("May"),
    say("June"),
    say("July"),
    say("August"),
    say("September"),
    say("October"),
    say("November"),
    say("December"),
)
_PARTS: Final[Mapping[str, Callable[[date], object]]] = MappingProxyType(
    {
        "{day}": lambda at: at.day,
        "{month}": lambda at: _MONTHS[at.month - 1],
        "{month_name}": lambda at: _MONTH_NAMES[at.month - 1],
        "{year}": lambda at: at.year,
        "{weekday}": lambda at: WEEKDAYS[at.weekday()],
        "{weekday_name}": lambda at: _WEEKDAY_NAMES[at.weekday()],
        "{time}": lambda at: f"{at:%H:%M}",
        "{seconds}": lambda at: f"{at:%H:%M:%S}",
    }
)


def dated(at: date, message: str) -> Words:
    """A day or an instant, in its own zone.

    Args:
        message: with any of ``day``, ``month``, ``month_name``, ``year``, ``weekday``, ``weekday_name``, ``time`` and
            ``seconds`` in braces; a literal, so that translators can say in which order they stand.
    """
    return say(message, **{name: read(at) for name, read in _read_by(message)})


@cache
def _read_by(message: str) -> tuple[tuple[str, Callable[[date], object]], ...]:
    return tuple((part.strip("{}"), read) for part, read in _PARTS.items() if part in message)
