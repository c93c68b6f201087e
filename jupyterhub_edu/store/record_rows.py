"""Records, secrets and the audit to rows and back.

Always holds:
    - what is read equals what was written;
    - nothing is guessed: a row with an unknown word or a wrong type is a StoreError that names the row.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

from jupyterhub_edu.ports import AuditEntry, Record

from .values import Row, an_object, instant, micros, reading, text, writing

__all__ = [
    "audit_row",
    "read_audit",
    "read_record",
    "record_row",
    "secret_row",
]


def record_row(record: Record) -> dict[str, Any]:
    """Spell a record."""
    with writing(record.kind, record.id):
        try:
            body = json.dumps(dict(record.body), sort_keys=True, allow_nan=False)
        except TypeError as error:
            raise ValueError(str(error)) from None
        return {
            "kind": text(record.kind),
            "id": text(record.id),
            "body": text(body),
            "whose": text(record.whose),
            "by": text(record.by),
        }


def read_record(row: Row) -> Record:
    """Read a record; what its body means is its owner's business.

    Raises:
        StoreError: the body is no JSON object.
    """
    with reading("edu_records", row, "kind", "id"):
        body = MappingProxyType(an_object(json.loads(row["body"])))
        return Record(row["kind"], row["id"], body, row["whose"], row["by"])


def secret_row(name: str, sealed: bytes, whose: str) -> dict[str, Any]:
    """Spell a sealed secret."""
    with writing("secret", name):
        return {"name": text(name), "sealed": sealed, "whose": text(whose)}


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """Spell an audit entry."""
    with writing("audit entry by", entry.actor):
        return {
            "at": micros(entry.at),
            "actor": text(entry.actor),
            "act": text(str(entry.act)),
            "course": text(entry.course),
            "target": text(entry.target),
            "address": text(entry.address),
            "details": json.dumps(dict(entry.details)),
        }


def read_audit(row: Row) -> AuditEntry:
    """Read an audit entry.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_audit", row, "id"):
        return AuditEntry(
            at=instant(row["at"]),
            actor=row["actor"],
            act=row["act"],
            course=row["course"],
            target=row["target"],
            address=row["address"],
            details=MappingProxyType(an_object(json.loads(row["details"]))),
        )
