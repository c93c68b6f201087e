"""Whether a claim that is missing would be empty, or is no longer put into tokens at all."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from jupyterhub_edu.core.patience import Patience

__all__ = ["Witnesses"]

_MOST: Final = 200
_MOST_ASKED: Final = 4


class Witnesses:
    """People whose tokens carry which claims.

    Keycloak leaves out a claim that would be an empty list, so that the last group of somebody and a mapper that an
    administrator removed look the same in one person's token. Other people's tokens tell them apart.

    Always holds:
        - a missing claim is believed to be empty only if a token that is newer than the one without it carries it;
        - of whom it was once proven, it is believed on, at no cost: there is nothing left to lose.
    """

    def __init__(self, read_again: Callable[[str], Awaitable[None]], patience: float) -> None:
        """Know nobody yet.

        Args:
            read_again: reads a person (by subject) again, and calls ``note``; never raises for a fault.
            patience: seconds that proof may take.
        """
        self._read_again, self._patience = read_again, patience
        self._seen_at: dict[str, float] = {}
        self._without: defaultdict[str, set[str]] = defaultdict(set)
        self._known: defaultdict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def note(self, subject: str, keys: Iterable[str]) -> None:
        """Somebody's token carries these claims now."""
        for key in keys:
            self._without[key].discard(subject)
            self._seen_at[key] = time.monotonic()
            known = self._known[key]
            known[subject] = None
            known.move_to_end(subject)
            if len(known) > _MOST:
                known.popitem(last=False)

    async def is_empty(self, key: str, subject: str) -> bool:
        """Whether a claim that is missing from a token just now would be empty; False also where that stays unknown."""
        if subject in self._without[key]:
            return True
        asked_at = time.monotonic()
        try:
            async with Patience(self._patience), self._turns[key]:
                await self._seek(key, subject, asked_at)
        except TimeoutError:
            return False
        if not self._is_proven(key, asked_at):
            return False
        self._without[key].add(subject)
        return True

    async def _seek(self, key: str, subject: str, asked_at: float) -> None:
        """Read those again whose tokens carried the claim, the latest first, until one does now."""
        known = self._known[key]
        for other in [one for one in reversed(known) if one != subject][:_MOST_ASKED]:
            if self._is_proven(key, asked_at):
                return
            known.pop(other, None)
            await self._read_again(other)

    def _is_proven(self, key: str, asked_at: float) -> bool:
        return self._seen_at.get(key, 0.0) >= asked_at
