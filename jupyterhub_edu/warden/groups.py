"""Keeping the hub's groups in step with the roll, for whoever reads them. Nothing is decided by them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.people import Person

__all__ = ["GroupKeeper"]

_EVERYBODY: Final = timedelta(days=1)


class GroupKeeper:
    """One round: write the groups of everybody whose enrolments changed.

    Always holds:
        - many changes of one person between two rounds are one write, of what holds at the write;
        - everybody is looked at when the hub starts (a killed hub may have left a change unwritten), when the campus
          file changed, when an enrolment begins or ends by date, and once a day;
        - a write that fails is repeated in the next round and holds up nobody else's.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._changed: dict[str, None] = {}
        self._written: dict[str, frozenset[str]] = {}
        self._campus: Campus | None = None
        self._next: datetime | None = None
        core.roll.on_change.append(lambda person: self._changed.setdefault(person.hub_name))

    async def __call__(self) -> None:
        """Write what is to be written.

        Raises:
            ExceptionGroup: writes that failed.
        """
        now = self._core.clock()
        if self._campus is not self._core.campus or self._next is None or now >= self._next:
            await self._look_at_everybody(now)
        failures: list[Exception] = []
        for hub_name in list(self._changed):
            self._changed.pop(hub_name, None)
            try:
                await self._write(hub_name)
            except Exception as error:
                error.add_note(f"while the groups of {hub_name} were written")
                self._changed[hub_name] = None
                failures.append(error)
        if failures:
            raise ExceptionGroup(f"{len(failures)} people's groups were not written", failures)

    async def _look_at_everybody(self, now: datetime) -> None:
        """Mark everybody, and find the next instant at which time alone changes something."""
        campus, following = self._core.campus, now + _EVERYBODY
        async for person in in_slices(list(self._core.roll.people())):
            self._changed[person.hub_name] = None
            following = min([following, *self._boundaries(person, now)])
        self._written.clear()
        self._campus, self._next = campus, following

    def _boundaries(self, person: Person, now: datetime) -> list[datetime]:
        enrolments = self._core.roll.enrolments(person)
        return [at for e in enrolments for at in (e.starts, e.ends) if at is not None and at > now]

    async def _write(self, hub_name: str) -> None:
        person = self._core.roll.by_hub_name(hub_name)
        if person is None:
            return
        groups = self._core.roll.hub_groups(person, self._core.clock())
        if self._written.get(hub_name) != groups:
            await self._core.groups.write(hub_name, groups)
            self._written[hub_name] = groups
            # The hub's side works in one step per account; others get their turn between two.
            await asyncio.sleep(0)
