"""The audit in a database, searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, or_, select

from jupyterhub_edu.ports import AuditQuery, Filed

from .record_rows import read_audit
from .tables import AUDIT
from .values import micros

__all__ = ["find_audit"]


def find_audit(
    connection: Connection, query: AuditQuery, before: int | None, limit: int
) -> Sequence[Filed]:
    """The newest entries that are meant, newest first, of those whose number is below ``before``."""
    asked = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(max(limit, 0))
    if before is not None:
        asked = asked.where(AUDIT.c.id < before)
    found = connection.execute(asked.where(*_meant(query))).mappings()
    return [Filed(row["id"], read_audit(dict(row))) for row in found]


def _meant(query: AuditQuery) -> Iterator[ColumnElement[bool]]:
    for name in ("course", "act", "actor"):
        if (value := getattr(query, name)) is not None:
            yield AUDIT.c[name] == value
    if query.about is not None:
        yield or_(AUDIT.c.actor == query.about, AUDIT.c.target == query.about)
    if query.since is not None:
        yield AUDIT.c.at >= micros(query.since)
    if query.until is not None:
        yield AUDIT.c.at < micros(query.until)
