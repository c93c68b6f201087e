"""The audit for administrators: which entries are meant, rows for a page, and files of any length."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.dates import dated
from jupyterhub_edu.domain.schedule import local_instant
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditQuery, Filed
from jupyterhub_edu.wire import audit as wire

from .refusals import Code, DeskError
from .sheets import sheet
from .views import Moment
from .wishes import instant

__all__ = ["AuditRow", "Filter", "entry_json", "lines", "read_asked", "read_filter", "row_of"]

_AT_ONCE: Final = 1_000
"""Entries of an export that are in memory at a time."""
_COLUMNS: Final = ("number", "at", "actor", "act", "course", "target", "address", "details")
_LONGEST: Final = 200
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
"""An instant as entries write it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What was typed into the page's form, to be shown in it again; days are those of the campus's time zone."""

    course: str = ""
    act: str = ""
    about: str = ""
    first: str = ""
    last: str = ""
    is_wrong: bool = False

    @property
    def arguments(self) -> dict[str, str]:
        """The same as arguments of an address."""
        named = {
            "course": self.course,
            "act": self.act,
            "about": self.about,
            "from": self.first,
            "until": self.last,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry for a page; all of it is plain, hostile text."""

    number: int
    at: Moment
    actor: str
    act: str
    course: str
    course_title: str
    target: str
    address: str
    details: Sequence[tuple[str, str]]


def read_asked(asked: wire.AuditAsked) -> tuple[AuditQuery, int | None]:
    """What the API is asked for, and the number below which the entries lie.

    Raises:
        DeskError: the cursor is none.
    """
    cursor = asked.get("cursor")
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise DeskError(Code.UNREADABLE, say("cursor: take the next of an answer."))
    query = AuditQuery(
        course=asked.get("course"),
        act=asked.get("act"),
        actor=asked.get("actor"),
        about=asked.get("about"),
        since=instant(asked.get("since")),
        until=instant(asked.get("until")),
    )
    return query, int(cursor) if cursor is not None else None


def read_filter(core: Core, arguments: Mapping[str, str]) -> tuple[Filter, AuditQuery]:
    """What the page's form says; days that are none restrict nothing, and the filter says so."""
    typed = {key: value.strip()[:_LONGEST] for key, value in arguments.items()}
    zone, days, is_wrong = core.campus.zone, dict[str, date](), False
    for name in ("from", "until"):
        try:
            if typed.get(name):
                days[name] = date.fromisoformat(typed[name])
        except ValueError:
            is_wrong = True
    midnight, until = time(), days.get("until")
    since = local_instant(days["from"], midnight, zone) if "from" in days else None
    # The day after the last that there is is none.
    after = until + timedelta(days=1) if until is not None and until < date.max else None
    course, act, about = (typed.get(name, "") for name in ("course", "act", "about"))
    return (
        Filter(course, act, about, typed.get("from", ""), typed.get("until", ""), is_wrong),
        AuditQuery(
            course=course or None,
            act=act or None,
            about=about or None,
            since=since,
            until=local_instant(after, midnight, zone) if after is not None else None,
        ),
    )


def row_of(core: Core, filed: Filed) -> AuditRow:
    """An entry for the page, with its time to the second."""
    entry = filed.entry
    there = entry.at.astimezone(core.campus.zone)
    return AuditRow(
        number=filed.number,
        at=Moment(entry.at.isoformat(), dated(there, "{day} {month} {year} {seconds}")),
        actor=entry.actor,
        act=str(entry.act),
        course=entry.course,
        course_title=core.campus.title_of(entry.course) if entry.course else "",
        target=entry.target,
        address=entry.address,
        details=[
            (key.replace("_", " "), _shown(value, core.campus.zone))
            for key, value in entry.details.items()
            if value is not None
        ],
    )


def _shown(value: object, zone: ZoneInfo) -> str:
    """A detail as text, instants by the campus's clock like the entry's own."""
    text = str(value)
    if not _INSTANT.fullmatch(text):
        return text
    with suppress(ValueError, OverflowError):
        return dated(
            datetime.fromisoformat(text).astimezone(zone), "{day} {month} {year} {seconds}"
        )
    return text


def entry_json(filed: Filed) -> wire.AuditEntry:
    """An entry for programs."""
    entry = filed.entry
    return {
        "number": filed.number,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "act": str(entry.act),
        "course": entry.course,
        "target": entry.target,
        "address": entry.address,
        "details": dict(entry.details),
    }


async def lines(core: Core, query: AuditQuery, *, as_csv: bool) -> AsyncIterator[str]:
    """All entries that are meant, newest first, as text of a file, a part at a time.

    Always holds:
        - what is in memory does not grow with the audit;
        - no cell of a table is a formula.

    Raises:
        StoreError: the audit cannot be read.
    """
    before = None
    if as_csv:
        yield sheet([_COLUMNS])
    while page := await core.store.find_audit(query, before=before, limit=_AT_ONCE):
        for at in range(0, len(page), 100):
            yield (_table if as_csv else _objects)(page[at : at + 100])
        before = page[-1].number


def _objects(page: Sequence[Filed]) -> str:
    return "".join(f"{json.dumps(entry_json(one))}\n" for one in page)


def _table(page: Sequence[Filed]) -> str:
    rows = [{**entry_json(one), "details": json.dumps(dict(one.entry.details))} for one in page]
    return sheet([list(row.values()) for row in rows])
