"""Those who follow how somebody stands in the line: told of each change, not all at once, and not too often."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from jupyterhub_edu.ports import Phase, Standing

__all__ = ["Followers"]

_PACE: Final = 1.0
"""Seconds between two standings told to one follower near the front."""
_NEAR: Final = 10
"""People before one with whom one is still near the front; with twice as many one is told half as often."""
_FAR: Final = 150
"""People before one from whom on nobody is told less often still."""
_chance: Final = random.SystemRandom()


@dataclass(slots=True, eq=False)
class _Follower:
    """One tab.

    Attributes:
        changed: something has changed since it was told.
        turned: the phase has.
    """

    phase: Phase | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    turned: asyncio.Event = field(default_factory=asyncio.Event)


class Followers:
    """Who follows whom, by account.

    Always holds:
        - a change of the phase is told within a moment, everything else at most about once a second;
        - those who follow a long line are told one after another, so that none of them holds up the loop.

    Args:
        standing: how somebody stands, worked out; may be costly.
        phase: the phase of that, which costs nothing.
    """

    def __init__(
        self, standing: Callable[[str], Standing | None], phase: Callable[[str], Phase | None]
    ) -> None:
        self._standing, self._phase = standing, phase
        self._of: dict[str, set[_Follower]] = {}

    def __len__(self) -> int:
        """Accounts that are followed."""
        return len(self._of)

    def tell(self, hub_name: str) -> None:
        """How somebody stands may have changed."""
        for follower in self._of.get(hub_name, ()):
            follower.changed.set()
            if self._phase(hub_name) is not follower.phase:
                follower.turned.set()

    async def follow(self, hub_name: str) -> AsyncGenerator[Standing | None, None]:
        """How somebody stands now, then at each change. Close it when nobody looks any more."""
        follower = _Follower()
        followers = self._of.setdefault(hub_name, set())
        followers.add(follower)
        try:
            told = self._standing(hub_name)
            follower.phase = told.phase if told is not None else None
            yield told
            while True:
                await follower.changed.wait()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_pause(told)):
                        await follower.turned.wait()
                follower.changed.clear()
                follower.turned.clear()
                if (standing := self._standing(hub_name)) != told:
                    told = standing
                    follower.phase = told.phase if told is not None else None
                    yield told
        finally:
            followers.discard(follower)
            if not followers and self._of.get(hub_name) is followers:
                del self._of[hub_name]


def _pause(told: Standing | None) -> float:
    """Seconds until another change of the same phase is told; by chance, so that not all of a line are told at once."""
    far = min(told.ahead, _FAR) / _NEAR if told is not None else 0
    return _PACE * max(1, far) * _chance.uniform(0.5, 1)
