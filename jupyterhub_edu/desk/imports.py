"""Lists of people for programs: hand one in, look at what it would do, apply exactly that, and undo it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.import_diff import Diff, Kind, Row
from jupyterhub_edu.core.importing import Importing, ListChanged, NoSuchList
from jupyterhub_edu.core.imports import UNDO_WITHIN, Applied, PeopleList
from jupyterhub_edu.core.people_file import Mistake, Sheet, read_people
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.pending import WORDS
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire import imports as wire

from .api import API
from .operations import operation
from .people import PEOPLE_REFUSALS
from .rates import Rate
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done

__all__ = [
    "IMPORT_REFUSALS",
    "UPLOADS",
    "ImportAPI",
    "ImportsAPI",
    "applied_json",
    "find",
    "import_routes",
    "read_off_loop",
]

IMPORT_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    **PEOPLE_REFUSALS,
    NoSuchList: Code.NO_SUCH_LIST,
}
UPLOADS: Final = Rate(20, timedelta(minutes=10))
"""Lists and calendars that one person hands in, on pages and by the API together."""
_PATIENCE: Final = 10.0
"""Seconds that whoever hands in a list waits for its people to be looked for; that goes on without them."""
_ROLES: Final = {str(role): role for role in CourseRole}
_ALL: Final = frozenset({Code.NO_SUCH_COURSE, *IMPORT_REFUSALS.values()})


class _ImportsAPI(API):
    async def staff(self, course_id: str) -> tuple[Core, Importing]:
        core, viewer, course = await self.course_of(course_id)
        if not core.may(Act.ENROL, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_GIVE)
        return core, Importing(core, viewer, course.id, self.from_where)

    async def shown(self, lists: Importing, listing: PeopleList) -> None:
        """Answer with a list as it stands: 202 while people are looked for."""
        if listing.failed:
            raise DeskError(Code.CANNOT_LOOK, listing.failed)
        if not listing.is_ready:
            self.show(_json(listing), 202)
            return
        diff = await lists.compare(listing)
        self._tag = f'"{diff.tag}"'
        self.set_header("ETag", self._tag)
        self.show(await _diff_json(listing, diff))


class ImportsAPI(_ImportsAPI):
    """``/hub/api/edu/courses/<course>/imports``."""

    @operation(
        READ,
        does="What lists have done in the course that can still be undone.",
        answers={200: wire.Applieds},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_GIVE},
        act=Act.ENROL,
    )
    async def get(self, course_id: str) -> None:
        """Newest first."""
        core, _ = await self.staff(course_id)
        self.show({"imports": [applied_json(one) for one in core.imports.of(course_id)]})

    @operation(
        MANAGE,
        does="Hand in a list of people as CSV: nothing is changed, everybody in it is looked for.",
        takes=wire.ImportWish,
        answers={200: wire.Import, 202: wire.Import, 422: wire.Mistakes},
        refuses=_ALL | {Code.CANNOT_LOOK},
        act=Act.ENROL,
        rate=UPLOADS,
    )
    async def post(self, course_id: str, *, wish: wire.ImportWish) -> None:
        """200 with what it would do; 202 while people are looked for; 422 with mistakes and their lines."""
        core, lists = await self.staff(course_id)
        data, role = (
            wish["csv"].encode("utf-8", "surrogatepass"),
            _ROLES[wish.get("role", "student")],
        )
        read = await read_off_loop(core, data, role)
        if not isinstance(read, Sheet):
            mistakes = [{"line": one.line, "what": one.what, "fix": one.fix} for one in read]
            self.show({"mistakes": mistakes}, 422)
            return
        remove = wish.get("missing") == "remove"
        listing = await done(lists.begin(read, remove=remove), IMPORT_REFUSALS)
        await listing.wait(_PATIENCE)
        await self.shown(lists, listing)


class ImportAPI(_ImportsAPI):
    """``/hub/api/edu/courses/<course>/imports/<import>``."""

    @operation(
        READ,
        does="What a list that one has handed in would do now, with the tag of it.",
        answers={200: wire.Import, 202: wire.Import},
        refuses={
            Code.NO_SUCH_COURSE,
            Code.NOT_YOURS_TO_GIVE,
            Code.NO_SUCH_LIST,
            Code.CANNOT_LOOK,
        },
        act=Act.ENROL,
    )
    async def get(self, course_id: str, id: str) -> None:
        """202 while people are looked for."""
        _, lists = await self.staff(course_id)
        await self.shown(lists, await find(lists, id))

    @operation(
        MANAGE,
        does="Apply a list, exactly as it was shown: If-Match has the tag.",
        answers={200: wire.Applied},
        refuses=_ALL | {Code.CANNOT_LOOK, Code.UNREADABLE},
        act=Act.ENROL,
    )
    async def post(self, course_id: str, id: str) -> None:
        """All of it, or nothing."""
        _, lists = await self.staff(course_id)
        listing = await find(lists, id)
        if not listing.is_ready:
            raise DeskError(
                Code.CANNOT_LOOK, listing.failed or say("People are still looked for.")
            )
        seen = self.request.headers.get("If-Match", "").strip().strip('"')
        if not seen:
            raise DeskError(Code.UNREADABLE, say("If-Match: the ETag of what was shown."))
        try:
            applied = await done(lists.apply(listing, seen), IMPORT_REFUSALS)
        except ListChanged as changed:
            current = await _diff_json(listing, changed.diff)
            raise DeskError(Code.STALE, current=current) from changed
        self.show(applied_json(applied))

    @operation(
        MANAGE,
        does="Undo what a list has done, within a day, where nothing else was done since.",
        answers={200: wire.Undone},
        refuses=_ALL,
        act=Act.ENROL,
    )
    async def delete(self, course_id: str, id: str) -> None:
        """By the id that applying it gave."""
        _, lists = await self.staff(course_id)
        undone = await done(lists.undo(id), IMPORT_REFUSALS)
        self.show({"undone": undone.undone, "left": undone.left})


async def find(lists: Importing, id: str) -> PeopleList:
    """A list of one's own.

    Raises:
        DeskError: there is none.
    """

    async def look() -> PeopleList:
        return lists.find(id)

    return await done(look(), IMPORT_REFUSALS)


async def read_off_loop(core: Core, data: bytes, role: CourseRole) -> Sheet | Sequence[Mistake]:
    """Read a file on a thread: a large one would hold up the event loop."""
    return await asyncio.to_thread(read_people, data, role, core.campus.zone)


def applied_json(applied: Applied) -> wire.Applied:
    """What a list has done."""
    return {
        "id": applied.id,
        "at": applied.at.isoformat(),
        "by": applied.by,
        "changes": len(applied.steps),
        "undo_until": (applied.at + UNDO_WITHIN).isoformat(),
    }


def _json(listing: PeopleList) -> wire.Import:
    return {
        "id": listing.id,
        "done": listing.done,
        "total": len(listing.sheet.wishes),
        "unread": list(listing.sheet.unread),
        "encoding": listing.sheet.encoding,
    }


async def _diff_json(listing: PeopleList, diff: Diff) -> wire.Import:
    return {
        **_json(listing),
        "counts": {str(kind): sum(row.kind is kind for row in diff.rows) for kind in Kind},
        "spares": diff.spares,
        "rows": [_row_json(row) async for row in in_slices(diff.rows)],
    }


def _row_json(row: Row) -> wire.ImportRow:
    return {
        "line": row.line,
        "typed": row.typed,
        "kind": str(row.kind),
        "person": row.key or None,
        "login": row.login or None,
        "name": row.name or None,
        "before": row.before.words,
        "after": row.after.words,
        "waits": WORDS[row.waits].sentence if row.waits else None,
    }


def import_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/imports", ImportsAPI),
        (r"/api/edu/courses/([^/]+)/imports/([^/]+)", ImportAPI),
    )
