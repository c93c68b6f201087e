"""From a turn that has come to a server that the hub starts."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.ports import (
    Phase,
    Servers,
    ServersBusy,
    ServersError,
    ServersSilent,
    StoreError,
)

from .book import Book
from .waiters import Waiter, Waiters

__all__ = ["Starter"]

_log = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 10.0
"""Seconds between two questions to a hub that starts as many servers as it may, whoever they are for."""
_chance: Final = random.SystemRandom()


class Starter:
    """Asks the hub to start what a turn has reserved.

    Always holds:
        - nothing is asked before reservation and place are durable;
        - a hub that starts as many servers as it may is asked again and again, and the reservation stays: for one after
          another, in the order in which it was busy for them, so that hundreds who wait do not keep it busy by asking;
        - whatever else goes wrong is told once, by ``failed``, and the reservation is given back.

    Args:
        changed: called when a place waits for the hub.
        failed: called with the place and its admission; no matter if more than once.
    """

    def __init__(
        self,
        book: Book,
        servers: Servers,
        waiters: Waiters,
        changed: Callable[[Waiter], None],
        failed: Callable[[Waiter, str], None],
    ) -> None:
        self._book, self._servers, self._waiters = book, servers, waiters
        self._changed, self._failed = changed, failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asking: set[str] = set()
        self._gate = asyncio.Lock()
        self._first = ""
        """The admission that the hub is asked for first, as long as it is busy."""
        self._pause = _FIRST_PAUSE

    def begin(self, waiter: Waiter, admission: Admission) -> None:
        """Start it in the background."""
        task = asyncio.get_running_loop().create_task(self._start(waiter, admission))
        self._tasks[admission.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(admission.id, None))

    def is_under_way(self, id: str) -> bool:
        """Whether this admission's start is being asked for, or will be."""
        return id in self._tasks

    def begun(self, id: str) -> None:
        """The hub has begun to start this: it may take more."""
        self._pause = 0.0
        self._let_next(id)

    async def take_back(self, id: str) -> bool:
        """Give back what a turn has reserved; False: the hub starts it already."""
        if id in self._asking or not self._book.is_held(id):
            return False
        if (task := self._tasks.get(id)) is not None:
            task.cancel()
        await self._give_back(id)
        return True

    async def close(self) -> None:
        """Ask no more; what is reserved is given back when the hub starts again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _start(self, waiter: Waiter, admission: Admission) -> None:
        try:
            await self._book.keep(admission)
            await self._waiters.keep(waiter)
            await self._ask(waiter, admission.id)
        except ServersError as error:
            _log.warning("%s's turn has come, but: %s", waiter.hub_name, error)
            waiter.spared = isinstance(error, ServersSilent)
            await self._give_up(waiter, admission.id)
        except StoreError:
            _log.exception("%s's turn has come, but that could not be kept", waiter.hub_name)
            waiter.spared = True
            await self._give_up(waiter, admission.id)
        except Exception:
            _log.exception("%s's turn has come, and something is wrong here", waiter.hub_name)
            await self._give_up(waiter, admission.id)

    async def _ask(self, waiter: Waiter, id: str) -> None:
        if not self._gate.locked() and await self._ask_once(waiter, id):
            return
        if not self._book.is_held(id):
            return  # they have started it by themselves meanwhile, or something else in its place
        waiter.phase = Phase.SOON
        self._changed(waiter)
        await self._gate.acquire()
        self._first = id
        try:
            while self._book.is_held(id):
                await asyncio.sleep(self._pause * _chance.uniform(0.5, 1))
                if await self._ask_once(waiter, id):
                    return
        finally:
            self._let_next(id)

    async def _ask_once(self, waiter: Waiter, id: str) -> bool:
        """Ask the hub; False: it is busy."""
        self._asking.add(id)
        try:
            await self._servers.start(waiter.hub_name, waiter.server, _options(waiter))
        except ServersBusy:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            return False
        finally:
            self._asking.discard(id)
        return True

    def _let_next(self, id: str) -> None:
        if self._first == id:
            self._first = ""
            self._gate.release()

    async def _give_up(self, waiter: Waiter, id: str) -> None:
        """A start that the spawner has begun goes on, whatever the hub's answer was: the book tells how it ends."""
        if self._book.is_held(id) or self._book.admission(id) is None:
            await self._give_back(id)
            self._failed(waiter, id)

    async def _give_back(self, id: str) -> None:
        try:
            await self._book.end(id)
        except StoreError:
            _log.exception("admission %s was given back, which is kept another time", id)


def _options(waiter: Waiter) -> dict[str, Any]:
    request = waiter.place.request
    return {
        "course": request.course,
        "profile": request.profile,
        "options": dict(request.options),
    }
