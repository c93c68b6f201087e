"""How often one person may ask for what is expensive, or may guess."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from .refusals import Code, DeskError

__all__ = ["EXPENSIVE", "Rate"]

_MOST_PEOPLE: Final = 20_000
"""Kept at a time; the one who asked longest ago is forgotten first."""


class Rate:
    """At most so many calls of one person within a length of time; known to this process alone.

    Always holds:
        - a call that is refused does not count;
        - what is kept does not grow with the number of people who have ever asked.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(
        self, most: int, within: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most, self.within = most, within
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}

    def require(self, who: str) -> None:
        """Count a call.

        Raises:
            DeskError: it is one too many; with the seconds until the next may come.
        """
        now, length = self._clock(), self.within.total_seconds()
        # Whoever asks goes to the end, so those at the front asked longest ago.
        calls = self._calls.pop(who, deque())
        self._calls[who] = calls
        while calls and calls[0] <= now - length:
            calls.popleft()
        while len(self._calls) > _MOST_PEOPLE:
            del self._calls[next(iter(self._calls))]
        if len(calls) >= self.most:
            raise DeskError(Code.TOO_OFTEN, wait=calls[0] + length - now)
        calls.append(now)


EXPENSIVE: Final = Rate(60, timedelta(minutes=1))
"""Of everything together that takes a long time to answer."""
