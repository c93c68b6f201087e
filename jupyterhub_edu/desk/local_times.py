"""Times in forms: what the campus's clock on the wall shows."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.schedule import local_instant
from jupyterhub_edu.domain.words import say

__all__ = ["CannotRead", "local_text", "read_day", "read_local"]

_YEARS: Final = range(2000, 2101)


class CannotRead(Exception):
    """A field cannot be read; the text says why, for whoever typed it."""


def local_text(at: datetime, zone: ZoneInfo) -> str:
    """An instant as the value of a field for day and time."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def read_local(text: str, zone: ZoneInfo) -> datetime | None:
    """The instant (aware UTC) that a field for day and time shows; None for an empty one.

    Raises:
        CannotRead: it is anything else.
    """
    if not text.strip():
        return None
    at: datetime | None = None
    with suppress(ValueError):
        at = datetime.fromisoformat(text.strip())
    if at is None or at.tzinfo is not None or at.year not in _YEARS:
        raise CannotRead(
            say("Write day and time as 2026-12-10T09:00, and not {text}.", text=_short(text))
        )
    return local_instant(at.date(), at.time(), zone)


def read_day(text: str) -> date | None:
    """The day of a field; None for an empty one.

    Raises:
        CannotRead: it is anything else.
    """
    if not text.strip():
        return None
    with suppress(ValueError):
        day = date.fromisoformat(text.strip())
        if day.year in _YEARS:
            return day
    raise CannotRead(say("Write a day as 2026-12-10, and not {text}.", text=_short(text)))


def _short(text: str) -> str:
    return repr(text[:40])
