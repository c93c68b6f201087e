"""Statements that SQLite and PostgreSQL take alike: read rows, insert or replace them, remove them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite

from .values import Row

__all__ = ["delete_all", "insert_into", "read", "upsert", "upsert_all"]

_T = TypeVar("_T")


def read(connection: Connection, query: Select[Any], value: Callable[[Row], _T]) -> list[_T]:
    """Read the rows that a query finds, each as a value."""
    return [value(dict(row)) for row in connection.execute(query).mappings()]


@cache
def insert_into(dialect: str, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases spell alike."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


@cache
def _replace(dialect: str, table: Table, where: ColumnElement[bool] | None = None) -> Any:
    """Made once: putting the statement together would cost more than carrying it out."""
    statement = insert_into(dialect, table)
    changes = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_=changes, where=where
    )


@cache
def _replace_and_tell(dialect: str, table: Table, where: ColumnElement[bool] | None) -> Any:
    return _replace(dialect, table, where).returning(next(iter(table.primary_key)))


def upsert(
    connection: Connection,
    table: Table,
    values: Row,
    where: ColumnElement[bool] | None = None,
) -> bool:
    """Insert or replace, but for rows outside ``where``; whether it was done."""
    done = connection.execute(_replace_and_tell(connection.dialect.name, table, where), values)
    return done.first() is not None


def upsert_all(connection: Connection, table: Table, values: Sequence[dict[str, Any]]) -> None:
    """Insert or replace rows of which no two are the same."""
    if values:
        connection.execute(_replace(connection.dialect.name, table), values)


def delete_all(connection: Connection, table: Table, values: Sequence[dict[str, Any]]) -> None:
    """Remove rows by their primary keys."""
    if values:
        same = (column == bindparam(f"its_{column.name}") for column in table.primary_key)
        keys = [{f"its_{c.name}": row[c.name] for c in table.primary_key} for row in values]
        connection.execute(delete(table).where(*same), keys)
