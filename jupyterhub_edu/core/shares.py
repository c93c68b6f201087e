"""What each course has of a flavor now: its own devices and what is reserved for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.promises import Promises

__all__ = ["opening", "reserved_until", "shares"]

_NOTHING: Final = Promises((), "")
"""Of a flavor that the campus file names no longer."""


def shares(campus: Campus, flavor: str, now: datetime) -> Mapping[str, Share]:
    """Each course's share of a flavor with devices, by course id; who is not in it has ``Share()``.

    Always holds:
        - the same mapping comes back, the very object, until something changes in it: whoever works something out of it
          may compare with ``is``;
        - between two changes a question costs a comparison.

    Args:
        now: aware UTC.
    """
    return _promises(campus, flavor).at(now)


def reserved_until(campus: Campus, flavor: str, but: str, now: datetime) -> datetime | None:
    """When the first reservation of another course than ``but`` ends, or None if there is none."""
    return _promises(campus, flavor).reserved_until(but, now)


def opening(campus: Campus, flavor: str, now: datetime, grace: timedelta) -> Mapping[str, int]:
    """By course, what those of its reservations hold that have begun to be used, or will be within ``grace``."""
    return _promises(campus, flavor).opening(now, grace)


def _promises(campus: Campus, flavor: str) -> Promises:
    return campus.promises.get(flavor, _NOTHING)
