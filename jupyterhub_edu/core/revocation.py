"""What becomes of an account whose last way in has been closed for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import Accounts, Servers, ServersError

from .book import Book
from .roll import Roll

__all__ = ["Revocation"]

_log = logging.getLogger(__name__)
_PAUSE: Final = 10.0


class Revocation:
    """Closes an account when a source has said that its person is gone, disabled or locked out.

    Always holds:
        - only a complete negative answer does it; a source that is silent closes nothing;
        - an account that another identity still may use stays open;
        - cookies and tokens end first, then the servers are stopped, each once in the audit;
        - what fails is tried again until it is done or somebody may use the account again.

    Args:
        stop: stops a server in the system's name and writes it down first.
        pause: seconds between two tries.
    """

    def __init__(
        self,
        roll: Roll,
        book: Book,
        accounts: Accounts,
        servers: Servers,
        stop: Callable[[Admission], Awaitable[None]],
        pause: float = _PAUSE,
    ) -> None:
        self._roll, self._book, self._accounts, self._servers = roll, book, accounts, servers
        self._stop, self._pause = stop, pause
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._audited: set[str] = set()
        self._one_account = (
            asyncio.Lock()
        )  # the hub's side works in one step; others get their turn between two
        roll.on_change.append(self._look)

    def catch_up(self) -> None:
        """Look at whoever has a server when the hub starts: it may have been killed halfway."""
        for key in {admission.person for admission in self._book.admissions()}:
            if (person := self._roll.person(key)) is not None:
                self._look(person)

    async def settle(self) -> None:
        """Wait until every account that is being closed is closed."""
        await asyncio.gather(*self._closing.values(), return_exceptions=True)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._closing.values():
            task.cancel()
        await self.settle()

    def _look(self, person: Person) -> None:
        name = person.hub_name
        if person.active:
            if (task := self._closing.pop(name, None)) is not None:
                task.cancel()
        elif name not in self._closing and not any(
            p.active for p in self._roll.identities(person)
        ):
            self._closing[name] = asyncio.get_running_loop().create_task(self._close(name))

    async def _close(self, name: str) -> None:
        _log.info("%s is gone at the source: sessions end, servers stop", name)
        while not await self._try(name):  # noqa: ASYNC110 - the hub's state, which nobody announces
            await asyncio.sleep(self._pause)

    async def _try(self, name: str) -> bool:
        """One try; whether nothing is left."""
        try:
            async with self._one_account:
                await self._accounts.end_sessions(name)
        except Exception:
            _log.exception("the sessions of %s have not ended; trying again", name)
            return False
        left = [a for a in self._book.admissions() if a.hub_name == name]
        ends = await asyncio.gather(*map(self._end, left), return_exceptions=True)
        failures = [str(end) for end in ends if end is not None]
        if failures:
            _log.warning("servers of %s run on; trying again: %s", name, "; ".join(failures))
        return not failures

    async def _end(self, admission: Admission) -> None:
        if admission.id in self._audited:
            await self._servers.stop(admission.hub_name, admission.server)
            return
        try:
            await self._stop(admission)
        except ServersError:
            self._audited.add(admission.id)
            raise
