"""Looking again for those for whom something waits, and bounding how much anybody types."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.pending import Pending, Waits
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.ports import AuditEntry, Clock, StoreError

from .by_hand import ByHand, NotYours
from .finding import Found, names_in

if TYPE_CHECKING:
    from .app import Core

__all__ = ["Settler", "Tries"]

_log = logging.getLogger(__name__)
_LONGEST: Final = timedelta(days=180)
"""How long something waits; a login may be somebody else's after that."""
_PATIENCE_SECONDS: Final = 0.7
"""How long a log-in waits for what is settled by it; that goes on without it."""
_HOUR: Final = timedelta(hours=1)
_MOST_AN_HOUR: Final = 300
_MANY: Final = 10_000
"""With so many who tried, those who did not within the hour are forgotten."""


class Tries:
    """What one person, or whoever has one address, may try within an hour.

    Args:
        most: tries within an hour; left out: as many people as one member of staff may name by hand, which is enough for a
            course and too few to go through a campus.
    """

    def __init__(self, clock: Clock, most: int = _MOST_AN_HOUR) -> None:
        self._clock, self._most = clock, most
        self._of: dict[str, deque[datetime]] = {}

    def take(self, who: str) -> bool:
        """Count one; False if that is too many."""
        now = self._clock()
        if len(self._of) >= _MANY:
            self._of = {key: own for key, own in self._of.items() if now - own[-1] < _HOUR}
        own = self._of.get(who) or deque()
        while own and now - own[0] >= _HOUR:
            own.popleft()
        if len(own) >= self._most:
            return False
        own.append(now)
        self._of[who] = own
        return True

    def give_back(self, who: str) -> None:
        """The last one shall not count."""
        own = self._of.get(who)
        if own:
            own.pop()
            if not own:
                del self._of[who]


class Settler:
    """Settles what waits: when somebody logs in, after each sync, and now and then.

    Always holds:
        - nothing is settled that its author may not do at that moment;
        - what has waited for half a year, or whose time is over, is dropped and written down;
        - of two settlings of the same at one time, one does it.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()

    async def arrived(self, identity: Identity) -> None:
        """Settle what waits for somebody who has just logged in; waits a moment for it at most."""
        mine = self._may_concern(identity)
        if not mine:
            return
        task = asyncio.create_task(self._settle(mine, identity))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)

    async def retry(self) -> None:
        """Look for everybody again, one look at a time; and forget which lists can no longer be undone."""
        async with self._turn:
            await self._settle(await self._drop_old())
            try:
                await self._core.imports.drop_old()
            except StoreError:
                _log.exception(
                    "lists that can no longer be undone are tried again to be forgotten"
                )

    async def close(self) -> None:
        """Stop what is under way; it goes on waiting."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    def _may_concern(self, identity: Identity) -> list[Pending]:
        """What waits under the identity's login, number or key; who is meant is decided after that."""
        names = names_in(identity)
        waiting = self._core.roll.pending.everything()
        return [one for one in waiting if one.typed.casefold() in names]

    async def _settle(self, waiting: Iterable[Pending], arrived: Identity | None = None) -> None:
        finder, silent = self._core.finder, set[str]()
        typed = {one: finder.read(one.typed) for one in waiting}
        known = await finder.known(typed.values(), waiting=True)
        try:
            for pending, its in typed.items():
                found = await finder.decide(its, known[its], silent, arrived)
                await self._settle_one(pending, found)
        except StoreError:
            _log.exception("what waits goes on waiting: it could not be kept")

    async def _settle_one(self, pending: Pending, found: Found | Waits) -> None:
        entries = self._core.roll.pending
        if not entries.has(pending):
            return
        waits = await self._do(pending, found) if isinstance(found, Found) else found
        if waits is not None and waits is not pending.waits and entries.has(pending):
            await entries.save(replace(pending, waits=waits))

    async def _do(self, pending: Pending, found: Found) -> Waits | None:
        """Settle it, or say why it waits on."""
        author = self._core.roll.by_hub_name(pending.by)
        if author is None:
            return Waits.NOT_YOURS
        try:
            await ByHand(self._core, author, pending.course).settle(pending, found)
        except NotYours:
            return Waits.NOT_YOURS
        return None

    async def _drop_old(self) -> list[Pending]:
        """What is left when what is too old, or over, has been dropped."""
        entries, now = self._core.roll.pending, self._core.clock()
        left = []
        for one in entries.everything():
            if now - one.at < _LONGEST and (one.ends is None or one.ends > now):
                left.append(one)
                continue
            details = {"pending": one.id}
            entry = AuditEntry(now, "", "lapse", course=one.course, details=details)
            try:
                await self._core.store.append_audit(entry)
                await entries.remove(one.id)
            except StoreError:
                _log.exception("what waits goes on waiting: it could not be kept")
        return left
