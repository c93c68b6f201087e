"""Waiting for others counts their time, not that of a loop which is late."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyterhub_edu.core.patience import Patience


async def _stalled(seconds: float) -> None:
    """Let the loop stand still, once everything that was begun has begun."""
    await asyncio.sleep(0)
    time.sleep(seconds)  # noqa: ASYNC251


async def test_who_never_answers_is_waited_for_no_longer() -> None:
    with pytest.raises(TimeoutError):
        async with Patience(0.3):
            await asyncio.Event().wait()


async def test_an_answer_in_time_is_taken() -> None:
    async with Patience(60):
        answer = await asyncio.sleep(0.01, "yes")
    assert answer == "yes"


async def test_an_answer_that_came_while_the_loop_stood_still_is_taken() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as threads:
        # Shorter than a step, so that only the last step's being late can save the answer.
        async with Patience(0.05):
            asked = loop.run_in_executor(threads, lambda: "yes")
            stalled = asyncio.create_task(_stalled(0.5))
            assert await asked == "yes"
        await stalled


async def test_after_a_late_loop_there_is_time_for_a_second_question() -> None:
    async with Patience(0.4) as patience:
        await _stalled(1.0)
        await asyncio.sleep(0)
        assert patience.left() > 0.0
        assert patience.ends() > time.monotonic()
        await asyncio.sleep(0.01)


async def test_a_loop_that_is_always_late_ends_it_all_the_same() -> None:
    async def work() -> None:
        while True:
            time.sleep(0.05)  # noqa: ASYNC251
            await asyncio.sleep(0)

    busy = asyncio.create_task(work())
    try:
        with pytest.raises(TimeoutError):
            async with Patience(0.3):
                await asyncio.Event().wait()
    finally:
        busy.cancel()


async def test_what_fails_in_it_fails_with_its_own_error() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with Patience(60):
            raise ValueError("mine")


async def test_who_is_stopped_from_outside_is_stopped() -> None:
    async def wait() -> None:
        async with Patience(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
