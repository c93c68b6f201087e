"""The audit: who did what to whom, when, from where."""

from __future__ import annotations

from typing import Literal

from .shapes import Instant, Paged, Text, TypedDict, strict

__all__ = ["AuditAsked", "AuditEntry", "AuditExport"]


class AuditEntry(TypedDict):
    """One entry. ``number`` grows; ``actor`` is empty for the system itself, and so is ``course`` where it is about none."""

    number: int
    at: Instant
    actor: str
    act: str
    course: str
    target: str
    address: str
    details: dict[str, str | int | None]


@strict
class AuditAsked(Paged, total=False):
    """Which entries: of a course, an act, an account that did it, one that did it or to whom it was done, since and until."""

    course: Text
    act: Text
    actor: Text
    about: Text
    since: Instant
    until: Instant


@strict
class AuditExport(AuditAsked, total=False):
    """The same for a file, of all of them; left out ``format``: JSON, one entry a line."""

    format: Literal["json", "csv"]
