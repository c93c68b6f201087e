"""What the hub's store remembers, looked at beside a hub that may run: for questions that change nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.campus import Loaded
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import CourseRole, Enrolment, Exclusion, Listed, Person
from jupyterhub_edu.domain.usage import By, Usage, UsageQuery, sum_usage
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store import MemoryStore, open_store

__all__ = ["Snapshot", "look"]

_BY: Final = frozenset({By.PERSON, By.COURSE, By.DAY})
_KINDS: Final = ("grant", "exam", "sitter", "spared")


class Snapshot(MemoryStore):
    """What a store held when it was looked at; what is written to it ends with the process.

    What sources have said counts as said at one instant, for a hub asks them again before a start; when they really said
    it is told by ``heard``.
    """

    def __init__(
        self,
        at: datetime,
        people: Sequence[Person] = (),
        enrolments: Sequence[Enrolment] = (),
        listed: Sequence[Listed] = (),
        rosters: Mapping[tuple[str, str], datetime] | None = None,
        exclusions: Sequence[Exclusion] = (),
        pins: Mapping[str, str] | None = None,
        open_admissions: Sequence[Admission] = (),
        usage: Sequence[Usage] = (),
        records: Mapping[str, Sequence[Record]] | None = None,
    ) -> None:
        super().__init__()
        self._at, self._held, self._said = at, people, enrolments
        self._named, self._read_at, self._kept_out = listed, rosters or {}, exclusions
        self._spelt, self._on, self._used = pins or {}, open_admissions, usage
        self._given = records or {}
        self._heard = {_key(e): e.answered_at for e in enrolments}

    async def load_people(self) -> Sequence[Person]:
        """Everybody ever linked."""
        return [replace(person, answered_at=self._at) for person in self._held]

    async def load_enrolments(self) -> Sequence[Enrolment]:
        """Every enrolment that was kept."""
        return [replace(e, answered_at=self._at) if e.answered_at else e for e in self._said]

    async def load_listed(self) -> Sequence[Listed]:
        """Everybody whom a roster names and who has never logged in."""
        return self._named

    async def load_exclusions(self) -> Sequence[Exclusion]:
        """Everybody kept out of a course."""
        return self._kept_out

    async def load_pins(self) -> Mapping[str, str]:
        """Entries of the campus file to people's keys."""
        return self._spelt

    async def load_open_admissions(self) -> Sequence[Admission]:
        """Admissions not ended."""
        return self._on

    async def load_records(self, kind: str) -> Sequence[Record]:
        """Grants, exams and what budgets do not pay; of other kinds nothing is asked."""
        return self._given.get(kind, ())

    async def keep_days(self, zone: ZoneInfo, *, anew: bool = False) -> bool:
        """The days are those of the store, however old their zone is."""
        return False

    async def load_usage(self, query: UsageQuery) -> Sequence[Usage]:
        """What ended sessions used in the course that was asked about."""
        return sum_usage(filter(query.takes, self._used), query.by)

    def heard(self, enrolment: Enrolment) -> datetime | None:
        """When the source last said so, of this person or of the whole course; None of what no source says."""
        told = self._heard.get(_key(enrolment))
        roster = self._read_at.get((enrolment.origin, enrolment.course))
        return max(told, roster) if told and roster else told

    def heard_of(self, key: str) -> datetime | None:
        """When the source last answered about somebody; None: never."""
        return next((person.answered_at for person in self._held if person.key == key), None)


async def look(loaded: Loaded, at: datetime, course: str) -> tuple[Snapshot, str]:
    """Look into the store; takes no lock, so a hub may run.

    Args:
        at: when what sources have said counts as said.
        course: whose usage is asked for, by id.

    Returns:
        What it holds; or nothing, and why it cannot be looked at.
    """
    try:
        return await _look(loaded, at, course), ""
    except StoreError as error:
        return Snapshot(at), str(error)


async def _look(loaded: Loaded, at: datetime, course: str) -> Snapshot:
    store = open_store(
        loaded.settings.store_url,
        on_kubernetes="KUBERNETES_SERVICE_HOST" in os.environ,
        read_only=True,
    )
    try:
        await store.open()
        return Snapshot(
            at,
            await store.load_people(),
            await store.load_enrolments(),
            await store.load_listed(),
            await store.load_rosters(),
            await store.load_exclusions(),
            await store.load_pins(),
            await store.load_open_admissions(),
            await store.load_usage(UsageQuery(_BY, course=course)),
            {kind: await store.load_records(kind) for kind in _KINDS},
        )
    finally:
        await store.close()


def _key(enrolment: Enrolment) -> tuple[str, str, CourseRole, str]:
    return enrolment.person, enrolment.course, enrolment.role, enrolment.origin
