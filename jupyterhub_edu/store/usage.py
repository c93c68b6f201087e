"""The days of the ledger in a database: charged in the transaction of the end, made anew, and asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, delete, func, insert, select, text

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.usage import By, Usage, UsageQuery, charge, in_order

from . import admission_rows
from .statements import insert_into
from .tables import ADMISSIONS, LEDGER, USAGE

__all__ = ["charge_end", "find_usage", "keep_days"]

_AMOUNTS: Final = tuple(USAGE.c[name] for name in Usage._fields[len(By) :])
_AT_ONCE: Final = 2_000
"""Sessions that are read and charged at a time while all is made anew."""


def charge_end(connection: Connection, ended: Admission) -> None:
    """Charge an end that this transaction has written; where no days are kept yet, they will be made with it."""
    zone = connection.execute(select(LEDGER.c.zone)).scalar()
    if zone is not None:
        _add(connection, charge(ended, ZoneInfo(zone)))


def keep_days(connection: Connection, zone: ZoneInfo, *, anew: bool) -> bool:
    """Keep the days of this zone: make them anew from the sessions where they are another's, or none, or if told to.

    Returns:
        Whether they were made anew.
    """
    if not anew and connection.execute(select(LEDGER.c.zone)).scalar() == zone.key:
        return False
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    for table in (LEDGER, USAGE):
        connection.execute(delete(table))
    connection.execute(insert(LEDGER).values(one=1, zone=zone.key))
    last = ""
    while sessions := _ended_after(connection, last):
        last = sessions[-1].id
        _add(connection, [usage for session in sessions for usage in charge(session, zone)])
    return True


def find_usage(connection: Connection, query: UsageQuery) -> list[Usage]:
    """Answer a question, in the order of ``in_order``."""
    columns = [USAGE.c[word] for word in By if word in query.by]
    asked: Select[Any] = select(*columns, *(func.sum(c).label(c.name) for c in _AMOUNTS))
    for column, value in ((USAGE.c.person, query.person), (USAGE.c.course, query.course)):
        if value is not None:
            asked = asked.where(column == value)
    if query.first is not None:
        asked = asked.where(USAGE.c.day >= query.first)
    if query.last is not None:
        asked = asked.where(USAGE.c.day <= query.last)
    found = connection.execute(asked.group_by(*columns)).mappings()
    hidden: dict[str, Any] = {word.value: None for word in By}
    # Without columns to group by there is one row always, of nothing where nothing was found.
    return in_order(_usage({**hidden, **row}) for row in found if row["sessions"] is not None)


def _usage(row: dict[str, Any]) -> Usage:
    # PostgreSQL adds whole numbers up to a decimal.
    return Usage(**row | {column.name: int(row[column.name]) for column in _AMOUNTS})


def _ended_after(connection: Connection, id: str) -> Sequence[Admission]:
    page = (
        select(ADMISSIONS)
        .where(ADMISSIONS.c.id > id, ADMISSIONS.c.stage == Stage.ENDED.value)
        .order_by(ADMISSIONS.c.id)
        .limit(_AT_ONCE)
    )
    return [
        admission_rows.read_admission(dict(row)) for row in connection.execute(page).mappings()
    ]


def _add(connection: Connection, found: Iterable[Usage]) -> None:
    values = [usage._asdict() for usage in found]
    if values:
        connection.execute(_increase(connection.dialect.name), values)


@cache
def _increase(dialect: str) -> Any:
    statement = insert_into(dialect, USAGE)
    return statement.on_conflict_do_update(
        index_elements=list(USAGE.primary_key),
        set_={column.name: column + statement.excluded[column.name] for column in _AMOUNTS},
    )
