"""How long somebody else's answer is waited for, on a loop that may itself be late."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

__all__ = ["Patience"]

_STEP_SECONDS: Final = 0.1
_LATE_SECONDS: Final = 0.01


class Patience:
    """A limit of time like ``asyncio.timeout`` that counts no time in which the loop itself was late.

    At nine o'clock a hub's loop may be busy for seconds. An answer that came meanwhile is not an answer that did not come,
    and whoever must ask twice has not lost the time for the second question. So time is counted in steps of the loop: one
    that comes late counts as a step and no more.

    Guarantees:
        - on a loop that keeps up it ends after ``seconds``, by ``TimeoutError``; on a late loop later, but it ends;
        - what was ready while the loop stood still is taken.

    Example:
        ``async with Patience(2.5) as patience: ...``
    """

    def __init__(self, seconds: float) -> None:
        """Of this many seconds."""
        self._steps = max(1, round(seconds / _STEP_SECONDS))
        self._step = seconds / self._steps
        self._limit = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._count_on()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._next.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def ends(self) -> float:
        """The instant of ``time.monotonic()`` at which it ends if the loop keeps up from now on."""
        now = asyncio.get_running_loop().time()
        return max(self._next.when(), now) + (self._steps - 1) * self._step

    def left(self) -> float:
        """Seconds that are left, from 0."""
        return max(0.0, self.ends() - asyncio.get_running_loop().time())

    def _count_on(self) -> None:
        loop = asyncio.get_running_loop()
        self._next = loop.call_at(loop.time() + self._step, self._counted)

    def _counted(self) -> None:
        now = asyncio.get_running_loop().time()
        self._steps -= 1
        # A last step that comes late may come with the answer: that one has its turn first.
        late = now - self._next.when() > _LATE_SECONDS
        if self._steps < 0 or (self._steps == 0 and not late):
            self._limit.reschedule(now)
        else:
            self._count_on()
