"""Long lists a slice at a time, so that nothing holds up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, TypeVar

__all__ = ["in_slices", "slices"]

_T = TypeVar("_T")
_SLICE: Final = 100
"""People looked at before others get their turn on the event loop: well below a millisecond each."""
_LARGE: Final = 500
"""The same of what takes a microsecond: a turn of the loop costs some tens of them itself."""


async def in_slices(items: Iterable[_T], size: int = _SLICE) -> AsyncIterator[_T]:
    """Go through items, letting others have their turn after each slice.

    Args:
        size: items in a slice; fewer where each takes longer than to look at a person.
    """
    for place, item in enumerate(items, start=1):
        yield item
        if place % size == 0:
            await asyncio.sleep(0)


async def slices(items: Sequence[_T], size: int = _LARGE) -> AsyncIterator[Sequence[_T]]:
    """The slices themselves, with others' turns in between: for items that take next to nothing, or are asked about together.

    Args:
        size: items in a slice; fewer where each takes longer than a microsecond.
    """
    for first in range(0, len(items), size):
        yield items[first : first + size]
        await asyncio.sleep(0)
