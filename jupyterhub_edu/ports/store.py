"""What must survive a restart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import Enrolment, Exclusion, Listed, Person
from jupyterhub_edu.domain.usage import Usage, UsageQuery

__all__ = ["AuditEntry", "AuditQuery", "Filed", "HandChanges", "Record", "Store", "StoreError"]


class StoreError(Exception):
    """The store could not do it; nothing of the call has been kept. Its text names the fix where there is one.

    One exception, which the text then states: the connection to a database server broke in the very commit, so that it is
    not known whether the call was kept.
    """


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to whom, when, from where. Append-only.

    Attributes:
        actor: hub account name, or ``""`` for the system itself.
        act: machine word, as in the table of acts.
        address: network address of the actor, or ``""``.
        details: small JSON values.
    """

    at: datetime
    actor: str
    act: str
    course: str = ""
    target: str = ""
    address: str = ""
    details: Mapping[str, str | int | None] = field(default_factory=dict)


class AuditQuery(NamedTuple):
    """Which entries of the audit are meant; what is None restricts nothing.

    Attributes:
        course: its id; ``""``: those that are about no course.
        act: the machine word.
        actor: hub account; ``""``: the system itself.
        about: hub account that did it, or to whom it was done.
        since, until: aware UTC instants, the first that counts and the first that no longer does.
    """

    course: str | None = None
    act: str | None = None
    actor: str | None = None
    about: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, entry: AuditEntry) -> bool:
        """Whether an entry is meant."""
        wanted = ((self.course, entry.course), (self.act, entry.act), (self.actor, entry.actor))
        return (
            all(wish is None or wish == found for wish, found in wanted)
            and (self.about is None or self.about in {entry.actor, entry.target})
            and (self.since is None or self.since <= entry.at)
            and (self.until is None or entry.at < self.until)
        )


class Filed(NamedTuple):
    """An entry of the audit with its number; later entries have higher ones."""

    number: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class Record:
    """Something small that its owner in the core keeps all of in memory, and reads once at the start.

    Attributes:
        kind: whose it is, a lower-case word.
        id: distinct within its kind.
        body: JSON; only the owner knows what it means.
        whose: key of the person whom it is about alone, and with whom it is erased, or ``""``.
        by: hub account of its author, or ``""``.
    """

    kind: str
    id: str
    body: Mapping[str, Any]
    whose: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class HandChanges:
    """What is changed by hand in one step: all of it, with its entries in the audit, or nothing.

    Attributes:
        put: inserted, or replaced by what makes them distinct; enrolments are manual ones.
        drop: removed; nothing happens for one that is not there.
        listed: names of those in ``put`` who have never logged in.
        records, forget: as ``put`` and ``drop`` of ``Store.save_records``.
        entries: in this order.
    """

    put: Sequence[Enrolment | Exclusion | Pending] = ()
    drop: Sequence[Enrolment | Exclusion | Pending] = ()
    listed: Sequence[Listed] = ()
    records: Sequence[Record] = ()
    forget: Sequence[tuple[str, str]] = ()
    entries: Sequence[AuditEntry] = ()


class Store(Protocol):
    """Durable state; every method is off the event loop, atomic, and durable when it returns."""

    async def open(self) -> None:
        """Connect, take the one-hub lock, bring the schema up to date.

        Raises:
            StoreError: no database, another hub holds it, or the place would not survive a restart.
        """
        ...

    async def close(self) -> None:
        """Give the lock back."""
        ...

    async def load_people(self) -> Sequence[Person]:
        """Everybody ever linked."""
        ...

    async def load_enrolments(self) -> Sequence[Enrolment]:
        """Enrolments of origins ``source:...`` and ``manual``."""
        ...

    async def save_answer(
        self, person: Person, origin: str, enrolments: Iterable[Enrolment]
    ) -> None:
        """Keep a complete answer: the person as now known, and exactly these enrolments of this origin.

        Raises:
            StoreError: among others when ``person.hub_name`` is another person's own (``linked_to`` None for both).
        """
        ...

    async def load_listed(self) -> Sequence[Listed]:
        """Everybody whom a roster names and who has never logged in."""
        ...

    async def load_rosters(self) -> Mapping[tuple[str, str], datetime]:
        """When each roster was last complete, by origin and course."""
        ...

    async def touch_roster(self, origin: str, course: str, at: datetime) -> None:
        """Keep that a roster was complete and said what it had said before."""
        ...

    async def save_roster(
        self,
        origin: str,
        course: str,
        at: datetime,
        listed: Iterable[Listed],
        enrolments: Iterable[Enrolment],
    ) -> None:
        """Keep a complete roster: exactly these enrolments of this origin in this course.

        Args:
            at: aware UTC instant of the roster.
            listed: those of them who have never logged in; who is in no course any more is forgotten.
        """
        ...

    async def load_exclusions(self) -> Sequence[Exclusion]:
        """Everybody kept out of a course, those whose time is over too."""
        ...

    async def load_pending(self) -> Sequence[Pending]:
        """What was typed and says nobody yet, oldest first."""
        ...

    async def save_pending(self, pending: Pending) -> None:
        """Insert or replace by id."""
        ...

    async def remove_pending(self, id: str) -> None:
        """Remove one; nothing happens if it is not there."""
        ...

    async def load_records(self, kind: str) -> Sequence[Record]:
        """All records of a kind, by id."""
        ...

    async def load_records_of(self, keys: Collection[str]) -> Sequence[Record]:
        """All records of every kind that are about one of these people alone, by kind and id."""
        ...

    async def save_records(
        self,
        put: Iterable[Record] = (),
        drop: Iterable[tuple[str, str]] = (),
        entry: AuditEntry | None = None,
        before: Sequence[AuditEntry] = (),
    ) -> None:
        """Insert or replace some by kind and id, remove others, and write the entry down: all or nothing.

        Args:
            drop: kind and id; nothing happens for one that is not there.
            before: entries in front of ``entry``, of what led to it.
        """
        ...

    async def save_by_hand(self, changes: HandChanges) -> None:
        """Keep what was changed by hand. Who never logged in and is in no course any more is forgotten."""
        ...

    async def load_secret(self, name: str) -> bytes | None:
        """What was kept under this name, as it was sealed; None if nothing was."""
        ...

    async def save_secret(self, name: str, sealed: bytes | None, whose: str = "") -> None:
        """Keep sealed bytes in the place of what was there; None forgets them.

        Args:
            whose: key of the person with whom they are erased, where the name is not that key.
        """
        ...

    async def load_pins(self) -> Mapping[str, str]:
        """People whom the campus file names: ``source:login`` of the file to the person's key."""
        ...

    async def pin(self, entry: str, person: str) -> None:
        """Pin an entry of the file to the person who first logged in with it; the first pin stays."""
        ...

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        """Insert or replace by id, with an entry of the audit. A row that has ended is never changed again.

        The end is charged to its days in the same step, exactly once however often it is kept (see ``keep_days``).
        """
        ...

    async def load_open_admissions(self) -> Sequence[Admission]:
        """Admissions not ended."""
        ...

    async def find_admission(self, id: str) -> Admission | None:
        """One admission, ended ones too."""
        ...

    async def keep_days(self, zone: ZoneInfo, *, anew: bool = False) -> bool:
        """From now on charge ends to the days of this zone; until first called, nothing is charged.

        Where the days kept are of another zone, or none, or if ``anew``, all are made from the admissions first.

        Returns:
            Whether they were made anew.
        """
        ...

    async def load_usage(self, query: UsageQuery) -> Sequence[Usage]:
        """What ended sessions used, by day, person, course, flavor and profile as asked, ascending."""
        ...

    async def append_audit(self, entry: AuditEntry) -> None:
        """Append one entry."""
        ...

    async def find_audit(
        self, query: AuditQuery, *, before: int | None = None, limit: int = 200
    ) -> Sequence[Filed]:
        """The newest entries that are meant, newest first, of those whose number is below ``before``."""
        ...

    async def load_admissions_of(self, hub_name: str) -> Sequence[Admission]:
        """All admissions of an account, ended ones too, oldest first."""
        ...

    async def load_audit_of(self, hub_name: str) -> Sequence[AuditEntry]:
        """All entries by an account or about it, oldest first."""
        ...

    async def erase(
        self,
        keys: Collection[str],
        hub_name: str,
        stand_in: str,
        pending: Collection[str] = (),
    ) -> None:
        """Remove all that is kept of a person; sessions and the audit stay, with a stand-in for name and keys.

        Args:
            keys: of all identities of the account.
            hub_name: the account, or ``""`` for somebody who never had one.
            stand_in: begins with ``erased-``; the audit takes nothing else in the place of a name.
            pending: ids of what waits for them.

        Raises:
            StoreError: among others when a session of the account has not ended.
        """
        ...
