"""Lists of people: handed in, looked at, applied and undone."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NotRequired

from .shapes import Instant, Rule, TypedDict, strict

__all__ = [
    "Applied",
    "Applieds",
    "Import",
    "ImportRow",
    "ImportWish",
    "Mistake",
    "Mistakes",
    "Undone",
]

_MOST: Final = 2**20
_File = Annotated[str, Rule(lambda text: len(text) <= _MOST, "more than a MiB", maxLength=_MOST)]


@strict
class ImportWish(TypedDict):
    """A list as ``csv``; ``role`` of the lines that say none, and what happens to whoever was added by hand and is missing."""

    csv: _File
    role: NotRequired[Literal["student", "observer", "assistant", "teacher"]]
    missing: NotRequired[Literal["keep", "remove"]]


class ImportRow(TypedDict):
    """What a line would do; ``line`` is null of whoever is missing in the list. What stands by hand is in words."""

    line: int | None
    typed: str
    kind: str
    person: str | None
    login: str | None
    name: str | None
    before: str
    after: str
    waits: str | None


class Import(TypedDict):
    """A list that is looked at: ``done`` of ``total`` people have been looked for; with all of them, what it would do.

    ``spares``: nobody is taken back, because some lines do not say for certain whom they mean.
    """

    id: str
    done: int
    total: int
    unread: list[str]
    encoding: str
    counts: NotRequired[dict[str, int]]
    spares: NotRequired[bool]
    rows: NotRequired[list[ImportRow]]


class Mistake(TypedDict):
    """What cannot be read, and how to mend it."""

    line: int
    what: str
    fix: str


class Mistakes(TypedDict):
    """Why a list cannot be read."""

    mistakes: list[Mistake]


class Applied(TypedDict):
    """What a list has done, and until when it can be undone."""

    id: str
    at: Instant
    by: str
    changes: int
    undo_until: Instant


class Applieds(TypedDict):
    """Those of a course, newest first."""

    imports: list[Applied]


class Undone(TypedDict):
    """What was put back, and what was left because something else was done since."""

    undone: int
    left: int
