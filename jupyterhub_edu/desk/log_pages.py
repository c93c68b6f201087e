"""*Course: log*: what was done in a course, by whom and to whom, for its teachers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditQuery, Filed, StoreError
from jupyterhub_edu.wire import counts as wire
from jupyterhub_edu.wire.shapes import Page as PageOf

from .api import API
from .audit import row_of
from .base import Desk
from .frame import Page
from .operations import operation
from .refusals import Code, DeskError
from .scopes import READ
from .views import Moment

__all__ = ["LogAPI", "LogTab", "log_routes"]

_PAGE: Final = 50
_LONGEST: Final = 200
_DIGITS: Final = 18
_ID: Final = re.compile(r"[0-9a-f]{32}")
"""Tells people nothing; files and programs have it."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One entry.

    Attributes:
        actor, target: hub accounts; the actor ``""`` is the hub itself.
        actor_name, target_name: of people that are known, or ``""``.
    """

    at: Moment
    actor: str
    actor_name: str
    act: str
    target: str
    target_name: str
    details: Sequence[tuple[str, str]]


class _Log(Desk):
    """Whose log may be read, and its entries."""

    async def course_for(self, course_id: str) -> tuple[Core, Course]:
        """The core, and a course whose log whoever asks may read.

        Raises:
            DeskError: no such course for them, or they are no teacher of it.
        """
        core, viewer, course = await self.course_of(course_id)
        if not core.may(Act.LOG, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_SEE)
        return core, course

    @staticmethod
    async def entries(
        core: Core, course: Course, act: str, about: str, cursor: str, size: int
    ) -> tuple[Sequence[Filed], str | None]:
        """Entries of this course, newest first, and the cursor of those after them.

        Raises:
            DeskError: the cursor is none, or the store does not answer.
        """
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _DIGITS):
            raise DeskError(Code.UNREADABLE, say("cursor: take the next of an answer."))
        query = AuditQuery(course=course.id, act=act or None, about=about or None)
        before = int(cursor) if cursor else None
        try:
            found = await core.store.find_audit(query, before=before, limit=size + 1)
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error
        return found[:size], str(found[size - 1].number) if len(found) > size else None


class LogTab(_Log, Page):
    """``/hub/edu/courses/<course>/log``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Filter and page stand in the address."""
        core, course = await self.course_for(course_id)
        act, about = (
            self.get_query_argument(name, "").strip()[:_LONGEST] for name in ("act", "about")
        )
        cursor = self.get_query_argument("before", "")
        found, older = await self.entries(core, course, act, _account(core, about), cursor, _PAGE)
        wanted = {name: value for name, value in (("act", act), ("about", about)) if value}
        rows = [_row(core, filed) for filed in found]
        await self.show_tab(
            "log",
            "log.html",
            course,
            rows=rows,
            act=act,
            about=about,
            acts=sorted({row.act for row in rows}),
            newest=self.address("courses", course.id, "log", **wanted) if cursor else "",
            older=self.address("courses", course.id, "log", **wanted, before=older)
            if older
            else "",
            zone=str(core.campus.zone),
        )


class LogAPI(_Log, API):
    """``/hub/api/edu/courses/<course>/log``."""

    @operation(
        READ,
        does="What was done in a course, newest first.",
        query=wire.LogQuery,
        answers={200: PageOf[wire.LogEntry]},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_SEE},
        act=Act.LOG,
    )
    async def get(self, course_id: str, *, asked: wire.LogQuery) -> None:
        """Page by page."""
        core, course = await self.course_for(course_id)
        found, older = await self.entries(
            core,
            course,
            asked.get("act", ""),
            asked.get("about", ""),
            asked.get("cursor", ""),
            asked.get("limit", _PAGE),
        )
        answer: PageOf[wire.LogEntry] = {"items": [*map(_entry_json, found)], "next": older}
        self.show(answer)


def _entry_json(filed: Filed) -> wire.LogEntry:
    entry = filed.entry
    return {
        "number": filed.number,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "act": str(entry.act),
        "target": entry.target,
        "details": dict(entry.details),
    }


def _row(core: Core, filed: Filed) -> _Row:
    row = row_of(core, filed)
    return _Row(
        row.at,
        row.actor,
        _name(core, row.actor),
        row.act,
        row.target,
        _name(core, row.target),
        [(key, value) for key, value in row.details if value and not _ID.fullmatch(value)],
    )


def _account(core: Core, typed: str) -> str:
    """The account of somebody who was typed as an account, in whatever case."""
    person = core.roll.by_hub_name(typed) or core.roll.by_hub_name(typed.casefold())
    return person.hub_name if person is not None else typed


def _name(core: Core, account: str) -> str:
    """Of an account, or of somebody who has none yet."""
    person = (core.roll.by_hub_name(account) or core.roll.person(account)) if account else None
    return person.name if person is not None else ""


def log_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)/log", LogTab),
        (r"/api/edu/courses/([^/]+)/log", LogAPI),
    )
