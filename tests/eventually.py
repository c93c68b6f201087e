"""Wait for something that happens by itself; how long it takes is not asserted."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 120.0


async def eventually(condition: Callable[[], object]) -> None:
    """Return when the condition holds; fail if it does not within ``PATIENCE_SECONDS``."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 what is waited for has no event
            await asyncio.sleep(0.005)
