"""The one thread on which a database is used, so that the event loop never waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import Connection

from jupyterhub_edu.ports import StoreError

from .database import Database, Job

__all__ = ["StoreThread"]

_T = TypeVar("_T")
_MOST_TOGETHER: Final = 200
"""Calls that share one transaction at most, so that the first of them does not wait long for the last."""


class StoreThread:
    """Carries out calls, in their order.

    Those that arrive while it is busy share the next transaction, so that a full lecture hall costs a few commits
    rather than hundreds.

    Always holds:
        - a caller who is cancelled leaves no half of a change: what had begun is completed, what had not is left out.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="edu-store")
        self._waiting: deque[Job] = deque()

    async def open(self) -> None:
        """Open the database.

        Raises:
            StoreError: it cannot be used.
        """
        await asyncio.wrap_future(self._submit(self._database.open))

    async def close(self) -> None:
        """Finish what was begun and close the database; repeating it does nothing."""
        try:
            closed = self._thread.submit(self._database.close)
        except RuntimeError:
            return
        self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closed))

    async def do(self, work: Callable[[Connection], _T]) -> _T:
        """Carry out a call; its answer comes after the commit.

        Raises:
            StoreError: it was not kept, or the store is closed.
        """
        future: Future[_T] = Future()
        self._waiting.append((work, future))
        self._submit(self._flush)
        return await asyncio.wrap_future(future)

    def _submit(self, call: Callable[[], None]) -> Future[None]:
        try:
            return self._thread.submit(call)
        except RuntimeError:
            raise StoreError("The store is closed.") from None

    def _flush(self) -> None:
        jobs: list[Job] = []
        while self._waiting and len(jobs) < _MOST_TOGETHER:
            job = self._waiting.popleft()
            if job[1].set_running_or_notify_cancel():
                jobs.append(job)
        if jobs:
            self._database.perform(jobs)
