"""The store in SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

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
    StoreError,
    utc_now,
)

from . import admission_rows, people_rows, record_rows, refusals
from .audit import find_audit
from .database import Backend, Database, Job
from .place import locate
from .postgres import PostgresBackend
from .sqlite import SqliteBackend
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
    USAGE,
)
from .usage import charge_end, find_usage, keep_days

__all__ = ["SqlStore", "open_store"]

_T = TypeVar("_T")
_UNENDED: Final = ADMISSIONS.c.stage != Stage.ENDED.value
_PERSON: Final = ENROLMENTS.c.person
_FORGET: Final = delete(MEMBERS).where(
    MEMBERS.c.key == bindparam("gone"), ~exists().where(MEMBERS.c.key == _PERSON)
)
_OF_A_KEY: Final = (
    PINS.c.person,
    ENROLMENTS.c.person,
    MEMBERS.c.key,
    EXCLUSIONS.c.person,
    SECRETS.c.name,
    SECRETS.c.whose,
    RECORDS.c.whose,
    PEOPLE.c.key,
)
"""Rows that are about one person alone, pins before the people that they refer to."""
_TABLES: Final[Mapping[type, Table]] = {
    Enrolment: ENROLMENTS,
    Exclusion: EXCLUSIONS,
    Pending: PENDING,
}
"""Where that lies which is changed by hand."""
_MOST_TOGETHER: Final = 200
"""Calls that share one transaction at most, so that the first of them does not wait long for the last."""


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

    One thread does all the work, in the order of the calls: a later state of an admission can never be overtaken by
    an earlier one. Calls that arrive while it is busy share the next transaction, so that a full lecture hall costs
    a few commits rather than hundreds.

    Always holds:
        - the event loop never waits for the database;
        - a caller who is cancelled leaves no half of a change: what had begun is completed, what had not is left out.
    """

    def __init__(
        self, backend: Backend, clock: Clock = utc_now, *, read_only: bool = False
    ) -> None:
        self._database = Database(backend, clock, read_only=read_only)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="edu-store")
        self._waiting: deque[Job] = deque()

    async def open(self) -> None:
        """Connect, take the one-hub lock, bring the schema up to date.

        Raises:
            StoreError: no database, another hub holds it, or the place would not survive a restart.
        """
        await asyncio.wrap_future(self._submit(self._database.open))

    async def close(self) -> None:
        """Finish what was begun and give the lock back; repeating it does nothing."""
        try:
            closed = self._thread.submit(self._database.close)
        except RuntimeError:
            return
        self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closed))

    async def load_people(self) -> Sequence[Person]:
        """Everybody ever linked."""
        query = select(PEOPLE).order_by(PEOPLE.c.key)
        return await self._do(lambda c: _read(c, query, people_rows.read_person))

    async def load_enrolments(self) -> Sequence[Enrolment]:
        """Every enrolment that was kept."""
        query = select(ENROLMENTS).order_by(*ENROLMENTS.primary_key)
        return await self._do(lambda c: _read(c, query, people_rows.read_enrolment))

    async def save_answer(
        self, person: Person, origin: str, enrolments: Iterable[Enrolment]
    ) -> None:
        """Keep the person and exactly these enrolments of this origin."""
        values = people_rows.person_row(person)
        told = people_rows.answer_rows(person, origin, enrolments)
        of_origin = and_(ENROLMENTS.c.person == person.key, ENROLMENTS.c.origin == origin)
        holder = select(PEOPLE.c.key).where(
            PEOPLE.c.hub_name == person.hub_name,
            PEOPLE.c.key != person.key,
            PEOPLE.c.linked_to.is_(None),
        )

        def save(connection: Connection) -> None:
            other = None if person.linked_to else connection.execute(holder).scalar()
            if other is not None:
                raise StoreError(refusals.name_taken(person, other))
            _upsert(connection, PEOPLE, values)
            connection.execute(delete(MEMBERS).where(MEMBERS.c.key == person.key))
            connection.execute(delete(ENROLMENTS).where(of_origin))
            if told:
                connection.execute(insert(ENROLMENTS), told)

        await self._do(save)

    async def load_listed(self) -> Sequence[Listed]:
        """Everybody whom a roster names and who has never logged in."""
        query = select(MEMBERS).order_by(MEMBERS.c.key)
        return await self._do(lambda c: _read(c, query, people_rows.read_listed))

    async def load_rosters(self) -> Mapping[tuple[str, str], datetime]:
        """When each roster was last complete."""
        return dict(await self._do(lambda c: _read(c, select(ROSTERS), people_rows.read_roster)))

    async def touch_roster(self, origin: str, course: str, at: datetime) -> None:
        """Keep that a roster was complete."""
        values = people_rows.roster_row(origin, course, at)
        await self._do(lambda c: _upsert(c, ROSTERS, values))

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
        same = and_(ENROLMENTS.c.origin == origin, ENROLMENTS.c.course == course)
        # Spelt on the thread as well: a large course would hold up the event loop.

        def save(connection: Connection) -> None:
            told = people_rows.roster_rows(origin, course, roster)
            _upsert(connection, ROSTERS, values)
            former = connection.execute(delete(ENROLMENTS).where(same).returning(_PERSON))
            gone = {row.person for row in former} - {row["person"] for row in told}
            if told:
                connection.execute(insert(ENROLMENTS), told)
            for name in map(people_rows.listed_row, names):
                if not _is_known(connection, name["key"]):
                    _upsert(connection, MEMBERS, name)
            for key in gone:
                connection.execute(_FORGET, {"gone": key})

        await self._do(save)

    async def load_exclusions(self) -> Sequence[Exclusion]:
        """Everybody kept out of a course."""
        query = select(EXCLUSIONS).order_by(*EXCLUSIONS.primary_key)
        return await self._do(lambda c: _read(c, query, people_rows.read_exclusion))

    async def add_exclusion(self, exclusion: Exclusion) -> None:
        """Add or replace one exclusion."""
        values = people_rows.exclusion_row(exclusion)
        await self._do(lambda c: _upsert(c, EXCLUSIONS, values))

    async def remove_exclusion(self, person: str, course: str) -> None:
        """Remove one exclusion, if it is there."""
        same = and_(EXCLUSIONS.c.person == person, EXCLUSIONS.c.course == course)
        await self._do(lambda c: c.execute(delete(EXCLUSIONS).where(same)))

    async def load_pending(self) -> Sequence[Pending]:
        """What was typed and says nobody yet, oldest first."""
        query = select(PENDING).order_by(PENDING.c.at, PENDING.c.id)
        return await self._do(lambda c: _read(c, query, people_rows.read_pending))

    async def save_pending(self, pending: Pending) -> None:
        """Insert or replace by id."""
        values = people_rows.pending_row(pending)
        await self._do(lambda c: _upsert(c, PENDING, values))

    async def remove_pending(self, id: str) -> None:
        """Remove one, if it is there."""
        await self._do(lambda c: c.execute(delete(PENDING).where(PENDING.c.id == id)))

    async def load_records(self, kind: str) -> Sequence[Record]:
        """All records of a kind, by id."""
        query = select(RECORDS).where(RECORDS.c.kind == kind).order_by(RECORDS.c.id)
        return await self._do(lambda c: _read(c, query, record_rows.read_record))

    async def load_records_of(self, keys: Collection[str]) -> Sequence[Record]:
        """All records about one of these people."""
        about = RECORDS.c.whose.in_(list(keys))
        query = select(RECORDS).where(about).order_by(RECORDS.c.kind, RECORDS.c.id)
        return await self._do(lambda c: _read(c, query, record_rows.read_record))

    async def save_records(
        self,
        put: Iterable[Record] = (),
        drop: Iterable[tuple[str, str]] = (),
        entry: AuditEntry | None = None,
    ) -> None:
        """Insert or replace some, remove others, write the entry down."""
        added = [record_rows.record_row(record) for record in put]
        removed = list(drop)
        audit = record_rows.audit_row(entry) if entry is not None else None

        def save(connection: Connection) -> None:
            for kind, id in removed:
                same = RECORDS.c.kind == kind, RECORDS.c.id == id
                connection.execute(delete(RECORDS).where(*same))
            for values in added:
                _upsert(connection, RECORDS, values)
            if audit is not None:
                connection.execute(AUDIT.insert().values(audit))

        await self._do(save)

    async def save_by_hand(self, changes: HandChanges) -> None:
        """Keep what was changed by hand."""
        # Spelt on the thread as well: thousands of rows would hold up the event loop.

        def save(connection: Connection) -> None:
            for kind, table in _TABLES.items():
                gone = [people_rows.by_hand_row(one) for one in changes.drop if type(one) is kind]
                new = [people_rows.by_hand_row(one) for one in changes.put if type(one) is kind]
                _delete_all(connection, table, gone)
                _upsert_all(connection, table, new)
            names = [people_rows.listed_row(one) for one in changes.listed]
            known = _known(connection, [one["key"] for one in names])
            _upsert_all(connection, MEMBERS, [one for one in names if one["key"] not in known])
            left = {one.person for one in changes.drop if isinstance(one, Enrolment)}
            if left:
                connection.execute(_FORGET, [{"gone": key} for key in left])
            forgotten = [{"kind": kind, "id": id} for kind, id in changes.forget]
            _delete_all(connection, RECORDS, forgotten)
            _upsert_all(connection, RECORDS, [*map(record_rows.record_row, changes.records)])
            if changes.entries:
                connection.execute(AUDIT.insert(), [*map(record_rows.audit_row, changes.entries)])

        await self._do(save)

    async def load_secret(self, name: str) -> bytes | None:
        """What was kept under this name, sealed."""
        query = select(SECRETS.c.sealed).where(SECRETS.c.name == name)
        found = await self._do(lambda c: c.execute(query).scalar())
        return None if found is None else bytes(found)

    async def save_secret(self, name: str, sealed: bytes | None, whose: str = "") -> None:
        """Keep sealed bytes; None forgets them."""
        if sealed is None:
            await self._do(lambda c: c.execute(delete(SECRETS).where(SECRETS.c.name == name)))
        else:
            values = record_rows.secret_row(name, sealed, whose)
            await self._do(lambda c: _upsert(c, SECRETS, values))

    async def add_enrolment(self, enrolment: Enrolment, listed: Listed | None = None) -> None:
        """Add or replace one manual enrolment."""
        values = people_rows.enrolment_row(enrolment)
        names = people_rows.listed_row(listed) if listed else None

        def add(connection: Connection) -> None:
            _upsert(connection, ENROLMENTS, values)
            if names and not _is_known(connection, names["key"]):
                _upsert(connection, MEMBERS, names)

        await self._do(add)

    async def remove_enrolment(self, enrolment: Enrolment) -> None:
        """Remove one manual enrolment, if it is there."""
        values = people_rows.enrolment_row(enrolment)
        same = and_(*(column == values[column.name] for column in ENROLMENTS.primary_key))

        def remove(connection: Connection) -> None:
            connection.execute(delete(ENROLMENTS).where(same))
            connection.execute(_FORGET, {"gone": enrolment.person})

        await self._do(remove)

    async def load_pins(self) -> Mapping[str, str]:
        """Entries of the campus file to people's keys."""
        return await self._do(lambda c: {row.entry: row.person for row in c.execute(select(PINS))})

    async def pin(self, entry: str, person: str) -> None:
        """Pin an entry; the first pin stays."""
        values = people_rows.pin_row(entry, person)

        def save(connection: Connection) -> None:
            _require_person(connection, person)
            statement = _insert(connection.dialect.name, PINS).on_conflict_do_nothing()
            connection.execute(statement, values)

        await self._do(save)

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        """Insert or replace by id, unless it has ended; charge an end to its days. Write the entry down with it."""
        values = admission_rows.admission_row(admission)
        audit = record_rows.audit_row(entry) if entry is not None else None

        def save(connection: Connection) -> None:
            kept = _upsert(connection, ADMISSIONS, values, _UNENDED)
            if kept and admission.stage is Stage.ENDED:
                charge_end(connection, admission)
            if audit is not None:
                connection.execute(AUDIT.insert().values(audit))

        await self._do(save)

    async def load_open_admissions(self) -> Sequence[Admission]:
        """Admissions not ended, oldest first."""
        query = (
            select(ADMISSIONS).where(_UNENDED).order_by(ADMISSIONS.c.reserved_at, ADMISSIONS.c.id)
        )
        return await self._do(lambda c: _read(c, query, admission_rows.read_admission))

    async def find_admission(self, id: str) -> Admission | None:
        """One admission, ended ones too."""
        query = select(ADMISSIONS).where(ADMISSIONS.c.id == id)

        found = await self._do(lambda c: _read(c, query, admission_rows.read_admission))
        return found[0] if found else None

    async def keep_days(self, zone: ZoneInfo, *, anew: bool = False) -> bool:
        """Charge ends to the days of this zone, made anew where that is needed."""
        return await self._do(lambda c: keep_days(c, zone, anew=anew))

    async def load_usage(self, query: UsageQuery) -> Sequence[Usage]:
        """What ended sessions used, from the days kept."""
        return await self._do(lambda c: find_usage(c, query))

    async def append_audit(self, entry: AuditEntry) -> None:
        """Append one entry."""
        values = record_rows.audit_row(entry)
        await self._do(lambda c: c.execute(insert(AUDIT), values))

    async def load_audit(
        self, course: str | None = None, limit: int = 200
    ) -> Sequence[AuditEntry]:
        """The newest entries first."""
        query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(max(limit, 0))
        if course is not None:
            query = query.where(AUDIT.c.course == course)
        return await self._do(lambda c: _read(c, query, record_rows.read_audit))

    async def find_audit(
        self, query: AuditQuery, *, before: int | None = None, limit: int = 200
    ) -> Sequence[Filed]:
        """The newest entries that are meant, newest first."""
        return await self._do(lambda c: find_audit(c, query, before, limit))

    async def load_admissions_of(self, hub_name: str) -> Sequence[Admission]:
        """All admissions of an account, oldest first."""
        query = (
            select(ADMISSIONS)
            .where(ADMISSIONS.c.hub_name == hub_name)
            .order_by(ADMISSIONS.c.reserved_at, ADMISSIONS.c.id)
        )
        return await self._do(lambda c: _read(c, query, admission_rows.read_admission))

    async def load_audit_of(self, hub_name: str) -> Sequence[AuditEntry]:
        """All entries by an account or about it, oldest first."""
        named = or_(AUDIT.c.actor == hub_name, AUDIT.c.target == hub_name)
        query = select(AUDIT).where(named).order_by(AUDIT.c.id)
        return await self._do(lambda c: _read(c, query, record_rows.read_audit))

    async def erase(
        self,
        keys: Collection[str],
        hub_name: str,
        stand_in: str,
        pending: Collection[str] = (),
    ) -> None:
        """Remove all that is kept of a person; what must stay has the stand-in for them."""
        refusals.require_stand_in(stand_in)
        running = select(ADMISSIONS.c.id).where(ADMISSIONS.c.hub_name == hub_name, _UNENDED)

        def erase(connection: Connection) -> None:
            if hub_name and connection.execute(running).first() is not None:
                raise StoreError(refusals.still_running(hub_name))
            for column in _OF_A_KEY:
                connection.execute(delete(column.table).where(column.in_(list(keys))))
            connection.execute(delete(PENDING).where(PENDING.c.id.in_(list(pending))))
            of_a_key = update(AUDIT).where(AUDIT.c.target.in_(list(keys)))
            connection.execute(of_a_key.values(target=stand_in))
            if hub_name:
                for statement in _without_name(hub_name, stand_in):
                    connection.execute(statement)

        await self._do(erase)

    # -- the thread ------------------------------------------------------------------------------------------------

    async def _do(self, work: Callable[[Connection], _T]) -> _T:
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


def _read(
    connection: Connection, query: Select[Any], read: Callable[[Mapping[str, Any]], _T]
) -> list[_T]:
    return [read(dict(row)) for row in connection.execute(query).mappings()]


@cache
def _insert(dialect: str, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases spell alike."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


@cache
def _replace(dialect: str, table: Table, where: ColumnElement[bool] | None) -> Any:
    """Made once: putting the statement together would cost more than carrying it out."""
    statement = _insert(dialect, table)
    changes = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_=changes, where=where
    ).returning(next(iter(table.primary_key)))


def _upsert(
    connection: Connection,
    table: Table,
    values: Mapping[str, Any],
    where: ColumnElement[bool] | None = None,
) -> bool:
    """Insert or replace, but for rows outside ``where``; whether it was done."""
    done = connection.execute(_replace(connection.dialect.name, table, where), values)
    return done.first() is not None


@cache
def _replace_many(dialect: str, table: Table) -> Any:
    """The same for many rows at once, of which nobody asks what was done."""
    statement = _insert(dialect, table)
    changes = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)


def _upsert_all(connection: Connection, table: Table, values: Sequence[dict[str, Any]]) -> None:
    """Insert or replace rows of which no two are the same."""
    if values:
        connection.execute(_replace_many(connection.dialect.name, table), values)


def _delete_all(connection: Connection, table: Table, values: Sequence[dict[str, Any]]) -> None:
    """Remove rows by their primary keys."""
    if values:
        same = (column == bindparam(f"its_{column.name}") for column in table.primary_key)
        keys = [{f"its_{c.name}": row[c.name] for c in table.primary_key} for row in values]
        connection.execute(delete(table).where(*same), keys)


def _known(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Those of these keys whose people have logged in."""
    found: set[str] = set()
    for first in range(0, len(keys), _MOST_TOGETHER):
        some = select(PEOPLE.c.key).where(PEOPLE.c.key.in_(keys[first : first + _MOST_TOGETHER]))
        found.update(connection.execute(some).scalars())
    return found


def _without_name(hub_name: str, stand_in: str) -> Iterable[Update]:
    """Statements that put the stand-in for an account's name wherever a row must stay."""
    own = ADMISSIONS.c.hub_name == hub_name
    yield update(ADMISSIONS).where(own).values(person=stand_in, hub_name=stand_in, server="")
    yield update(USAGE).where(USAGE.c.person == hub_name).values(person=stand_in)
    yield update(AUDIT).where(AUDIT.c.actor == hub_name).values(actor=stand_in, address=stand_in)
    yield update(AUDIT).where(AUDIT.c.target == hub_name).values(target=stand_in)
    for table in (ENROLMENTS, EXCLUSIONS, PENDING, RECORDS):
        yield update(table).where(table.c.by == hub_name).values(by=stand_in)


def _is_known(connection: Connection, key: str) -> bool:
    return connection.execute(select(PEOPLE.c.key).where(PEOPLE.c.key == key)).first() is not None


def _require_person(connection: Connection, key: str) -> None:
    if not _is_known(connection, key):
        raise StoreError(refusals.unknown_person(key))
