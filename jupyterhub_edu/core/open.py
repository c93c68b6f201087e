"""The admissions that have not ended, in memory, with everything that is counted over them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.ports import Clock, Store

from .budgets import Purses
from .listeners import call_all
from .tally import Tally

__all__ = ["Open"]

_log = logging.getLogger(__name__)


class Open:
    """What is open; ``Book`` decides about it, ``Sightings`` tells it of pods.

    Always holds:
        - each change is one step without an await, and leaves every sum as though it had been worked out anew;
        - an admission ends once, and its listeners hear of it once; of a leftover nobody hears.

    Attributes:
        purses: what open admissions have reserved of budgets.
        held: by account and server, what a turn of the line has reserved, and for which request, until the spawner takes
            it.
        on_run: called with an admission once its server answers.
        on_end: called with an admission once it has ended.
        on_change: called with an admission whenever it is counted, is another than it was, or is counted no longer.
    """

    def __init__(self, store: Store, clock: Clock, purses: Purses) -> None:
        self._store, self._clock, self.purses = store, clock, purses
        self._by_id: dict[str, Admission] = {}
        self._of_account: dict[str, set[str]] = {}
        self._tallies: dict[str, Tally] = {}
        self._leftovers: set[str] = set()
        self._events: dict[str, asyncio.Event] = {}
        self._unsaved: set[asyncio.Task[None]] = set()
        self.held: dict[tuple[str, str], tuple[StartRequest, str]] = {}
        self.on_run: list[Callable[[Admission], None]] = []
        self.on_end: list[Callable[[Admission], None]] = []
        self.on_change: list[Callable[[Admission], None]] = []

    # -- questions -------------------------------------------------------------------------------------------------

    def admission(self, id: str) -> Admission | None:
        """An admission that has not ended."""
        return self._by_id.get(id)

    def __getitem__(self, id: str) -> Admission:
        """The same where it is sure that there is one."""
        return self._by_id[id]

    def admissions(self, course: str | None = None) -> list[Admission]:
        """Admissions that have not ended, of one course or all, oldest first."""
        found = [a for a in self._by_id.values() if course is None or a.course == course]
        return sorted(found, key=lambda a: (a.reserved_at, a.id))

    def held_by(self, hub_name: str) -> list[Admission]:
        """Admissions of an account that have not ended."""
        return [self._by_id[id] for id in sorted(self._of_account.get(hub_name, ()))]

    def tally(self, flavor: str) -> Tally:
        """The sums of one flavor."""
        tally = self._tallies.get(flavor)
        if tally is None:
            tally = self._tallies[flavor] = Tally(flavor)
        return tally

    def is_leftover(self, id: str) -> bool:
        """Whether nothing is known of it but its pod."""
        return id in self._leftovers

    def is_held(self, id: str) -> bool:
        """Whether what the line has reserved still waits for its spawner."""
        return any(held == id for _, held in self.held.values())

    # -- changes, each in one step ---------------------------------------------------------------------------------

    def add(self, admission: Admission, avoids: frozenset[str] = frozenset()) -> None:
        """Count an admission from now on.

        Args:
            avoids: nodes that its server must keep off.
        """
        self._by_id[admission.id] = admission
        self._of_account.setdefault(admission.hub_name, set()).add(admission.id)
        self.tally(admission.flavor).add(admission, avoids)
        self.purses.add(admission)
        self._changed(admission)

    def adopt(self, admission: Admission) -> None:
        """Count a leftover: it has no row, and nobody will hear of its end."""
        self._leftovers.add(admission.id)
        self.add(admission)

    def change(self, admission: Admission) -> None:
        """Put another state of an open admission in its place, of the same devices."""
        self.purses.remove(self._by_id[admission.id])
        self.purses.add(admission)
        self._by_id[admission.id] = admission
        self.tally(admission.flavor).plan(admission)
        self._changed(admission)

    def run(self, admission: Admission, at: datetime) -> Admission:
        """Its session has begun."""
        running = replace(admission, stage=Stage.RUNNING, running_at=at)
        self._by_id[admission.id] = running
        self._changed(running)
        call_all(self.on_run, running, f"admission {admission.id}")
        return running

    def end(self, id: str, at: datetime | None, *, estimated: bool = False) -> Admission | None:
        """It has ended.

        Args:
            at: None for now.

        Returns:
            The row to keep, or None: it had ended before, or it was a leftover.
        """
        admission = self._by_id.get(id)
        if admission is None:
            return None
        ended = replace(
            admission, stage=Stage.ENDED, ended_at=at or self._clock(), estimated=estimated
        )
        self.drop(admission)
        if id in self._leftovers:
            self._leftovers.discard(id)
            return None
        call_all(self.on_end, ended, f"admission {id}")
        return ended

    def drop(self, admission: Admission) -> None:
        """Count it no longer, and tell no listener."""
        if (held := self._by_id.pop(admission.id, None)) is None:
            return
        self.purses.remove(held)
        if self.is_held(admission.id):
            del self.held[admission.hub_name, admission.server]
        ids = self._of_account[admission.hub_name]
        ids.discard(admission.id)
        if not ids:
            del self._of_account[admission.hub_name]
        self.tally(admission.flavor).remove(admission)
        if (event := self._events.pop(admission.id, None)) is not None:
            event.set()
        self._changed(admission)

    def _changed(self, admission: Admission) -> None:
        call_all(self.on_change, admission, f"admission {admission.id}")

    # -- waiting ---------------------------------------------------------------------------------------------------

    async def wait_ended(self, ids: Iterable[str], within: float) -> bool:
        """Wait until these admissions are open no longer, at most ``within`` seconds; whether they are not."""
        events = [self._events.setdefault(id, asyncio.Event()) for id in ids if id in self._by_id]
        try:
            async with asyncio.timeout(within):
                for event in events:
                    await event.wait()
        except TimeoutError:
            return False
        return True

    def save_later(self, admission: Admission) -> None:
        """Keep a change of which nobody waits to hear; the warden's reconciliation repeats what fails."""

        async def save() -> None:
            try:
                # As it is by now: an older state must not be written over a newer one.
                await self._store.save_admission(self._by_id.get(admission.id, admission))
            except Exception:
                _log.exception("could not keep admission %s", admission.id)

        task = asyncio.get_running_loop().create_task(save())
        self._unsaved.add(task)
        task.add_done_callback(self._unsaved.discard)

    async def settle(self) -> None:
        """Wait for writes that are under way."""
        while self._unsaved:
            await asyncio.gather(*self._unsaved, return_exceptions=True)
