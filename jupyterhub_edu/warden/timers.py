"""Timers that cannot die in silence: a crash is logged, counted, and followed by another try."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry

from jupyterhub_edu.core import Core

from .metrics import metrics_in

__all__ = ["Timer", "TimerState", "Warden"]

_log = logging.getLogger(__name__)
_LONGEST_BACK_OFF: Final = 60.0
_FIRST: Final = 30.0
"""The longest pause before the first run: a hub that has just begun does not answer its own API yet."""
_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to be done again and again.

    Attributes:
        name: lower-case word, the metrics' label ``timer``.
        every: seconds between the end of one run and the beginning of the next.
        act: one run.
        jitter: the pause is longer by a random part of up to this fraction, so that hubs do not beat in time.
        within: seconds after which a run is cancelled and counts as failed.
    """

    name: str
    every: float
    act: Callable[[], Awaitable[None]]
    jitter: float = 0.1
    within: float = 600


@dataclass(slots=True)
class TimerState:
    """How a timer has been doing since the hub started.

    Attributes:
        last_run: end of the last run, or None.
        last_error: the last failure's type and text, or ``""``.
        in_a_row: failures since the last good run.
    """

    timer: Timer
    runs: int = 0
    failures: int = 0
    last_run: datetime | None = None
    last_error: str = ""
    in_a_row: int = 0

    def pause(self) -> float:
        """Seconds until the next run: the period; after a failure 1, 2, 4 ... up to a minute or the period."""
        every = self.timer.every
        if self.in_a_row:
            base = min(2.0 ** min(self.in_a_row - 1, 32), max(every, _LONGEST_BACK_OFF))
        else:
            base = every if self.runs else min(every, _FIRST)
        return base + _chance.uniform(0, self.timer.jitter * every)


class Warden:
    """Runs timers.

    Always holds:
        - a timer never runs twice at once, and none waits for another;
        - nothing runs before the core is ready;
        - a run that fails, hangs or is cancelled from inside is logged with its traceback, counted, and tried again.

    Args:
        registry: where the timers' metrics go.
        sleep: how to wait; tests hand in their own.
    """

    def __init__(
        self,
        core: Core,
        timers: Iterable[Timer],
        *,
        registry: CollectorRegistry = REGISTRY,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._core, self._sleep, self._metrics = core, sleep, metrics_in(registry)
        self.states = {timer.name: TimerState(timer) for timer in timers}
        self._own = frozenset(self.states)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._began = False

    def start(self) -> None:
        """Begin, on the running loop; repeating it does nothing."""
        if self._began:
            return
        self._began = True
        for state in self.states.values():
            self._begin(state)

    def keep_beside(self, timers: Iterable[Timer]) -> None:
        """Run these too from now on, in the place of those given here before; one of the same name and period goes on."""
        wanted = {timer.name: timer for timer in timers}
        for name in self.states.keys() - self._own:
            if name not in wanted or wanted[name].every != self.states[name].timer.every:
                del self.states[name]
                self._metrics.forget(name)
                if (task := self._tasks.pop(name, None)) is not None:
                    task.cancel()
        for name in [name for name in wanted if name not in self.states]:
            self.states[name] = TimerState(wanted[name])
            if self._began:
                self._begin(self.states[name])

    async def close(self) -> None:
        """Cancel what runs and wait until it has stopped."""
        tasks, self._tasks, self._began = list(self._tasks.values()), {}, False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, state: TimerState) -> None:
        name = state.timer.name
        self._metrics.know(name, state.timer.every)
        self._tasks[name] = asyncio.create_task(self._keep(state), name=f"warden-{name}")

    async def _keep(self, state: TimerState) -> None:
        while True:
            await self._sleep(state.pause())
            await self._run(state)

    async def _run(self, state: TimerState) -> None:
        timer = state.timer
        try:
            async with asyncio.timeout(timer.within):
                await self._core.ready()
                await timer.act()
        except asyncio.CancelledError as error:
            if _is_being_cancelled():
                raise
            # Something inside was cancelled and took the run with it; the timer itself goes on.
            self._failed(state, error)
        except Exception as error:
            self._failed(state, error)
        else:
            state.in_a_row = 0
        state.runs += 1
        state.last_run = self._core.clock()
        self._metrics.runs.labels(timer.name).inc()
        self._metrics.last_run.labels(timer.name).set(state.last_run.timestamp())

    def _failed(self, state: TimerState, error: BaseException) -> None:
        state.failures += 1
        state.in_a_row += 1
        state.last_error = f"{type(error).__name__}: {error}"
        name = state.timer.name
        self._metrics.failures.labels(name).inc()
        self._metrics.last_failure.labels(name).set(self._core.clock().timestamp())
        _log.error(
            "timer %s failed (%d in a row); it will be tried again",
            name,
            state.in_a_row,
            exc_info=error,
        )


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
