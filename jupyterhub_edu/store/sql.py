"""The store in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, or_, select

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import Enrolment, Exclusion, Listed, Person
from jupyterhub_edu.domain.usage import Usage, UsageQuery
from jupyterhub_edu.ports import (
    AuditEntry,
    AuditQuery,
    Clock,
    Filed,
    HandChanges,
    Record,
    utc_now,
)

from . import admission_rows, enrolling, people_rows, record_rows, refusals
from .audit import find_audit
from .database import Backend, Database
from .erasing import erase
from .place import locate
from .postgres import PostgresBackend
from .sqlite import SqliteBackend
from .statements import read, upsert
from .tables import (
    ADMISSIONS,
    AUDIT,
    ENROLMENTS,
    EXCLUSIONS,
    MEMBERS,
    PENDING,
    PEOPLE,
    PINS,
    RECORDS,
    ROSTERS,
    SECRETS,
)
from .thread import StoreThread
from .usage import charge_end, find_usage, keep_days

__all__ = ["SqlStore", "open_store"]

_UNENDED: Final = ADMISSIONS.c.stage != Stage.ENDED.value


def open_store(
    url: str | None = None,
    *,
    hub_db_url: str | None = None,
    on_kubernetes: bool = False,
    read_only: bool = False,
    clock: Clock = utc_now,
) -> SqlStore:
    """Make the store for this hub; ``await store.open()`` connects.

    Args:
        url: ``postgresql://...``, ``sqlite:////path``, or ``sqlite://`` (in memory, for tests); None: a SQLite file
            beside the hub's.
        hub_db_url: ``c.JupyterHub.db_url``; None: JupyterHub's default.
        on_kubernetes: the hub runs in a pod, so that what lies on no volume is lost with it.
        read_only: look at it beside a hub that uses it; whatever would change it fails.

    Raises:
        StoreError: no such place may be used; the text says what to write.
    """
    place = locate(url, hub_db_url, on_kubernetes=on_kubernetes)
    backend: Backend
    if place.get_backend_name() == "postgresql":
        backend = PostgresBackend(place, read_only=read_only)
    else:
        backend = SqliteBackend(place, on_kubernetes=on_kubernetes, read_only=read_only)
    return SqlStore(backend, clock, read_only=read_only)


class SqlStore:
    """Implements ``ports.Store``.

    Always holds:
        - calls are carried out in their order: a later state of an admission is never overtaken by an earlier one;
        - the event loop never waits for the database;
        - a caller who is cancelled leaves no half of a change: what had begun is completed, what had not is left out.
    """

    def __init__(
        self, backend: Backend, clock: Clock = utc_now, *, read_only: bool = False
    ) -> None:
        self._thread = StoreThread(Database(backend, clock, read_only=read_only))

    async def open(self) -> None:
        """Connect, take the one-hub lock, bring the schema up to date.

        Raises:
            StoreError: no database, another hub holds it, or the place would not survive a restart.
        """
        await self._thread.open()

    async def close(self) -> None:
        """Finish what was begun and give the lock back; repeating it does nothing."""
        await self._thread.close()

    async def load_people(self) -> Sequence[Person]:
        """Everybody ever linked."""
        query = select(PEOPLE).order_by(PEOPLE.c.key)
        return await self._thread.do(lambda c: read(c, query, people_rows.read_person))

    async def load_enrolments(self) -> Sequence[Enrolment]:
        """Every enrolment that was kept."""
        query = select(ENROLMENTS).order_by(*ENROLMENTS.primary_key)
        return await self._thread.do(lambda c: read(c, query, people_rows.read_enrolment))

    async def save_answer(
        self, person: Person, origin: str, enrolments: Iterable[Enrolment]
    ) -> None:
        """Keep the person and exactly these enrolments of this origin."""
        values = people_rows.person_row(person)
        told = people_rows.answer_rows(person, origin, enrolments)
        await self._thread.do(lambda c: enrolling.keep_answer(c, person, values, origin, told))

    async def load_listed(self) -> Sequence[Listed]:
        """Everybody whom a roster names and who has never logged in."""
        query = select(MEMBERS).order_by(MEMBERS.c.key)
        return await self._thread.do(lambda c: read(c, query, people_rows.read_listed))

    async def load_rosters(self) -> Mapping[tuple[str, str], datetime]:
        """When each roster was last complete."""
        return dict(
            await self._thread.do(lambda c: read(c, select(ROSTERS), people_rows.read_roster))
        )

    async def touch_roster(self, origin: str, course: str, at: datetime) -> None:
        """Keep that a roster was complete."""
        values = people_rows.roster_row(origin, course, at)
        await self._thread.do(lambda c: upsert(c, ROSTERS, values))

    async def save_roster(
        self,
        origin: str,
        course: str,
        at: datetime,
        listed: Iterable[Listed],
        enrolments: Iterable[Enrolment],
    ) -> None:
        """Keep exactly these enrolments of this origin in this course."""
        names, roster = list(listed), list(enrolments)
        values = people_rows.roster_row(origin, course, at)
        # The rest is spelt on the thread: a large course would hold up the event loop.
        await self._thread.do(lambda c: enrolling.keep_roster(c, values, names, roster))

    async def load_exclusions(self) -> Sequence[Exclusion]:
        """Everybody kept out of a course."""
        query = select(EXCLUSIONS).order_by(*EXCLUSIONS.primary_key)
        return await self._thread.do(lambda c: read(c, query, people_rows.read_exclusion))

    async def load_pending(self) -> Sequence[Pending]:
        """What was typed and says nobody yet, oldest first."""
        query = select(PENDING).order_by(PENDING.c.at, PENDING.c.id)
        return await self._thread.do(lambda c: read(c, query, people_rows.read_pending))

    async def save_pending(self, pending: Pending) -> None:
        """Insert or replace by id."""
        values = people_rows.pending_row(pending)
        await self._thread.do(lambda c: upsert(c, PENDING, values))

    async def remove_pending(self, id: str) -> None:
        """Remove one, if it is there."""
        await self._thread.do(lambda c: c.execute(delete(PENDING).where(PENDING.c.id == id)))

    async def load_records(self, kind: str) -> Sequence[Record]:
        """All records of a kind, by id."""
        query = select(RECORDS).where(RECORDS.c.kind == kind).order_by(RECORDS.c.id)
        return await self._thread.do(lambda c: read(c, query, record_rows.read_record))

    async def load_records_of(self, keys: Collection[str]) -> Sequence[Record]:
        """All records about one of these people."""
        about = RECORDS.c.whose.in_(list(keys))
        query = select(RECORDS).where(about).order_by(RECORDS.c.kind, RECORDS.c.id)
        return await self._thread.do(lambda c: read(c, query, record_rows.read_record))

    async def save_records(
        self,
        put: Iterable[Record] = (),
        drop: Iterable[tuple[str, str]] = (),
        entry: AuditEntry | None = None,
        before: Sequence[AuditEntry] = (),
    ) -> None:
        """Insert or replace some, remove others, write the entries down."""
        added, removed = list(put), list(drop)
        entries = [*before, entry] if entry is not None else [*before]
        audit = [record_rows.audit_row(one) for one in entries]

        def save(connection: Connection) -> None:
            for kind, id in removed:
                same = RECORDS.c.kind == kind, RECORDS.c.id == id
                connection.execute(delete(RECORDS).where(*same))
            for record in added:  # spelt here: thousands would hold up the event loop
                upsert(connection, RECORDS, record_rows.record_row(record))
            for row in audit:
                connection.execute(AUDIT.insert().values(row))

        await self._thread.do(save)

    async def save_by_hand(self, changes: HandChanges) -> None:
        """Keep what was changed by hand."""
        # Spelt on the thread: thousands of rows would hold up the event loop.
        await self._thread.do(lambda c: enrolling.keep_by_hand(c, changes))

    async def load_secret(self, name: str) -> bytes | None:
        """What was kept under this name, sealed."""
        query = select(SECRETS.c.sealed).where(SECRETS.c.name == name)
        found = await self._thread.do(lambda c: c.execute(query).scalar())
        return None if found is None else bytes(found)

    async def save_secret(self, name: str, sealed: bytes | None, whose: str = "") -> None:
        """Keep sealed bytes; None forgets them."""
        if sealed is None:
            await self._thread.do(
                lambda c: c.execute(delete(SECRETS).where(SECRETS.c.name == name))
            )
        else:
            values = record_rows.secret_row(name, sealed, whose)
            await self._thread.do(lambda c: upsert(c, SECRETS, values))

    async def load_pins(self) -> Mapping[str, str]:
        """Entries of the campus file to people's keys."""
        return await self._thread.do(
            lambda c: {row.entry: row.person for row in c.execute(select(PINS))}
        )

    async def pin(self, entry: str, person: str) -> None:
        """Pin an entry; the first pin stays."""
        values = people_rows.pin_row(entry, person)
        await self._thread.do(lambda c: enrolling.keep_pin(c, values))

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        """Insert or replace by id, unless it has ended; charge an end to its days. Write the entry down with it."""
        values = admission_rows.admission_row(admission)
        audit = record_rows.audit_row(entry) if entry is not None else None

        def save(connection: Connection) -> None:
            kept = upsert(connection, ADMISSIONS, values, _UNENDED)
            if kept and admission.stage is Stage.ENDED:
                charge_end(connection, admission)
            if audit is not None:
                connection.execute(AUDIT.insert().values(audit))

        await self._thread.do(save)

    async def load_open_admissions(self) -> Sequence[Admission]:
        """Admissions not ended, oldest first."""
        query = (
            select(ADMISSIONS).where(_UNENDED).order_by(ADMISSIONS.c.reserved_at, ADMISSIONS.c.id)
        )
        return await self._thread.do(lambda c: read(c, query, admission_rows.read_admission))

    async def find_admission(self, id: str) -> Admission | None:
        """One admission, ended ones too."""
        query = select(ADMISSIONS).where(ADMISSIONS.c.id == id)
        found = await self._thread.do(lambda c: read(c, query, admission_rows.read_admission))
        return found[0] if found else None

    async def keep_days(self, zone: ZoneInfo, *, anew: bool = False) -> bool:
        """Charge ends to the days of this zone, made anew where that is needed."""
        return await self._thread.do(lambda c: keep_days(c, zone, anew=anew))

    async def load_usage(self, query: UsageQuery) -> Sequence[Usage]:
        """What ended sessions used, from the days kept."""
        return await self._thread.do(lambda c: find_usage(c, query))

    async def append_audit(self, entry: AuditEntry) -> None:
        """Append one entry."""
        values = record_rows.audit_row(entry)
        await self._thread.do(lambda c: c.execute(insert(AUDIT), values))

    async def find_audit(
        self, query: AuditQuery, *, before: int | None = None, limit: int = 200
    ) -> Sequence[Filed]:
        """The newest entries that are meant, newest first."""
        return await self._thread.do(lambda c: find_audit(c, query, before, limit))

    async def load_admissions_of(self, hub_name: str) -> Sequence[Admission]:
        """All admissions of an account, oldest first."""
        query = (
            select(ADMISSIONS)
            .where(ADMISSIONS.c.hub_name == hub_name)
            .order_by(ADMISSIONS.c.reserved_at, ADMISSIONS.c.id)
        )
        return await self._thread.do(lambda c: read(c, query, admission_rows.read_admission))

    async def load_audit_of(self, hub_name: str) -> Sequence[AuditEntry]:
        """All entries by an account or about it, oldest first."""
        named = or_(AUDIT.c.actor == hub_name, AUDIT.c.target == hub_name)
        query = select(AUDIT).where(named).order_by(AUDIT.c.id)
        return await self._thread.do(lambda c: read(c, query, record_rows.read_audit))

    async def erase(
        self,
        keys: Collection[str],
        hub_name: str,
        stand_in: str,
        pending: Collection[str] = (),
    ) -> None:
        """Remove all that is kept of a person; what must stay has the stand-in for them."""
        refusals.require_stand_in(stand_in)
        await self._thread.do(lambda c: erase(c, keys, hub_name, stand_in, pending))
