"""What was typed and says nobody yet: in memory and in the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Store

__all__ = ["PendingEntries"]


class PendingEntries:
    """Enrolments and exclusions of all courses that wait for the person whom they mean."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_id: dict[str, Pending] = {}

    async def load(self) -> None:
        """Read the store."""
        for pending in await self._store.load_pending():
            self._by_id[pending.id] = pending

    def everything(self) -> list[Pending]:
        """All that waits, oldest first."""
        return sorted(self._by_id.values(), key=_age)

    def in_course(self, course: str) -> list[Pending]:
        """What waits in one course, oldest first."""
        return sorted((one for one in self._by_id.values() if one.course == course), key=_age)

    def by_id(self, course: str, id: str) -> Pending | None:
        """What waits in a course under an id."""
        found = self._by_id.get(id)
        return found if found is not None and found.course == course else None

    def find(self, course: str, typed: str, role: CourseRole | None) -> Pending | None:
        """What waits in a course under what was typed, in any case, to become the same."""
        wanted = (course, typed.casefold(), role)
        for one in self._by_id.values():
            if (one.course, one.typed.casefold(), one.role) == wanted:
                return one
        return None

    def has(self, pending: Pending) -> bool:
        """Whether exactly this still waits."""
        return self._by_id.get(pending.id) is pending

    def note(self, pending: Pending, *, there: bool) -> None:
        """It waits, in the place of what has its id, or no longer; the store has it so."""
        if there:
            self._by_id[pending.id] = pending
        else:
            self._by_id.pop(pending.id, None)

    async def save(self, pending: Pending) -> None:
        """Keep something, or in the place of what has its id.

        Raises:
            StoreError: it waits in memory and could not be kept.
        """
        self._by_id[pending.id] = pending
        await self._store.save_pending(pending)

    def take(self, pending: Pending) -> bool:
        """Take it to be settled, once; ``put_back`` or ``remove`` follows."""
        return self.has(pending) and self._by_id.pop(pending.id) is pending

    def put_back(self, pending: Pending) -> None:
        """It was not settled."""
        self._by_id[pending.id] = pending

    async def remove(self, id: str) -> None:
        """It waits no longer; nothing happens if it did not.

        Raises:
            StoreError: as for ``save``.
        """
        self._by_id.pop(id, None)
        await self._store.remove_pending(id)

    def forget(self, ids: Collection[str]) -> None:
        """Take away what waited for a person; ``store.erase`` has made it so for good."""
        for id in ids:
            self._by_id.pop(id, None)

    def rename_author(self, name: str, stand_in: str) -> None:
        """Put a stand-in for whoever typed."""
        for id, one in self._by_id.items():
            if one.by == name:
                self._by_id[id] = replace(one, by=stand_in)


def _age(pending: Pending) -> tuple[datetime, str]:
    return pending.at, pending.id
