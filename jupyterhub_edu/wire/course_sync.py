"""Reading the rosters of a course now."""

from __future__ import annotations

from .shapes import Instant, TypedDict

__all__ = ["CourseSync", "SourceRead"]


class SourceRead(TypedDict):
    """What came of asking one source: ``same``, ``changed``, ``held``, ``silent`` or ``not-there``.

    ``held``: so many people would be lost that an administrator must decide; nothing has changed.
    """

    source: str
    came: str
    people: int
    added: list[str]
    gone: list[str]
    changed: list[str]


class CourseSync(TypedDict):
    """One reading; ``over_at`` is null while it goes on. People are told by their logins."""

    by: str
    at: Instant
    over_at: Instant | None
    sources: list[SourceRead]
