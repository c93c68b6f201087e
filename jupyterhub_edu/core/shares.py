"""What each course, and each exam, has of a flavor now: its own devices and what is reserved for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.promises import Promises

__all__ = ["Shares", "Sitters", "shares"]

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


class Sitters(Protocol):
    """Exams as the shares know them; each is a course of its own."""

    def with_exams(
        self, shares: Mapping[str, Share], flavor: str, now: datetime
    ) -> Mapping[str, Share]:
        """The shares of courses with those of exams; the same object until something changes."""
        ...

    def reserved_until(self, flavor: str, but: str, now: datetime) -> datetime | None:
        """When the first exam but this one that holds devices now is over, or None."""
        ...

    def opening(self, flavor: str, now: datetime, grace: timedelta) -> Mapping[str, int]:
        """By key, what exams hold that have begun, or begin within ``grace``."""
        ...


class Shares:
    """The shares of the campus file in force, and of exams.

    Attributes:
        exams: None until there are any to know.
    """

    def __init__(self, campus: Callable[[], Campus]) -> None:
        self._campus = campus
        self.exams: Sitters | None = None

    def of(self, flavor: str, now: datetime) -> Mapping[str, Share]:
        """As ``shares``, with exams among them."""
        found = shares(self._campus(), flavor, now)
        return found if self.exams is None else self.exams.with_exams(found, flavor, now)

    def reserved_until(self, flavor: str, but: str, now: datetime) -> datetime | None:
        """When the first reservation ends of those that are not of this course or exam; None if there is none."""
        ends = [_promises(self._campus(), flavor).reserved_until(but, now)]
        if self.exams is not None:
            ends.append(self.exams.reserved_until(flavor, but, now))
        return min((at for at in ends if at is not None), default=None)

    def opening(self, flavor: str, now: datetime, grace: timedelta) -> Mapping[str, int]:
        """What is reserved by windows and exams that have begun, or begin within ``grace``."""
        found = _promises(self._campus(), flavor).opening(now, grace)
        if self.exams is None:
            return found
        return {**found, **self.exams.opening(flavor, now, grace)}


def _promises(campus: Campus, flavor: str) -> Promises:
    return campus.promises.get(flavor, _NOTHING)
