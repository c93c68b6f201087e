"""How much may be asked of Graph: one budget for everything that one source asks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from jupyterhub_edu.identity.web import NoAnswer

__all__ = ["Budget"]

_PERIOD: Final = 10.0
_LONGEST_PAUSE: Final = 60.0
_SHARE_ASIDE: Final = 0.5
"""What rosters may use of the budget; the rest is kept for people who wait."""


class Budget:
    """Graph's resource units over any ten seconds.

    Always holds:
        - no more than ``units`` are spent within any ten seconds, by all callers together;
        - nothing is sent while Graph wants to be left alone.

    Source:
        throttling-limits.md, "Identity and access service limits".
    """

    def __init__(self, units: int, now: Callable[[], float] = time.monotonic) -> None:
        self._units, self._now = units, now
        self._spent: deque[tuple[float, int]] = deque()
        self._in_use = 0
        self._quiet_until = 0.0
        self._refusals = 0

    async def take(self, units: int, patience: float, *, aside: bool = False) -> None:
        """Spend units as soon as there are any.

        Args:
            patience: seconds that the caller can wait.
            aside: nobody waits for this; it leaves half of the budget to others.

        Raises:
            NoAnswer: it would take longer; known at once.
        """
        give_up = self._now() + patience
        while wait := self._wait(units, aside=aside):
            if self._now() + wait > give_up:
                raise NoAnswer("Graph is asked as much as it allows; this has to wait")
            await asyncio.sleep(wait)
        self._spent.append((self._now(), units))
        self._in_use += units

    def heard(self) -> None:
        """Graph has answered; what it refused before is over."""
        self._refusals = 0

    def refused(self, retry_after: str | None) -> None:
        """Graph says that it is too much.

        Args:
            retry_after: the header, if there is one; else every refusal in a row doubles the pause, from a second.
        """
        try:
            pause = float(retry_after or "")
        except ValueError:
            pause = 2.0**self._refusals
        self._refusals = min(self._refusals + 1, 10)
        pause = min(max(1.0, pause), _LONGEST_PAUSE)  # in this order: a header may say nan
        self._quiet_until = max(self._quiet_until, self._now() + pause)

    def _wait(self, units: int, *, aside: bool) -> float:
        """Seconds until so many units may be spent; 0 for now."""
        now = self._now()
        while self._spent and self._spent[0][0] <= now - _PERIOD:
            self._in_use -= self._spent.popleft()[1]
        if now < self._quiet_until:
            return self._quiet_until - now
        allowed = self._units * (_SHARE_ASIDE if aside else 1)
        excess = self._in_use + units - allowed
        for at, spent in self._spent:
            if excess <= 0:
                break
            excess -= spent
            if excess <= 0:
                return max(at + _PERIOD - now, 0.001)
        return 0.0
