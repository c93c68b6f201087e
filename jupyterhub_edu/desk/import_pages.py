"""Lists of people on pages: hand one in, look at its diff, apply it, undo it; and the people of a course as a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import count
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.import_diff import Diff, Kind, Row
from jupyterhub_edu.core.importing import Importing, ListChanged
from jupyterhub_edu.core.imports import PeopleList
from jupyterhub_edu.core.people_file import MOST_BYTES, MOST_ROWS, Mistake, Sheet
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.pending import WORDS
from jupyterhub_edu.domain.people import CourseRole, Enrolment, Person

from .imports import IMPORT_REFUSALS, UPLOADS, find, read_off_loop
from .people_pages import PeopleTab, day_text, role_of
from .people_rows import MemberRow, Wanted, people_part
from .refusals import DeskError
from .scopes import MANAGE, READ
from .sheets import sheet
from .wishes import done

__all__ = ["ImportPage", "NewImportPage", "PeopleSheet", "import_page_routes"]

_AT_ONCE: Final = 200
"""Lines of a diff on one page, of each kind."""
_AT_A_TIME: Final = 50
"""Lines that are written before others get their turn on the event loop."""
_PATIENCE: Final = 3.0
"""Seconds that whoever hands in a list waits for its people to be looked for; that goes on without them."""
_SHOWN: Final = tuple(Kind)


class _Lists(PeopleTab):
    def lists(self, core: Core, viewer: Person, course: Course) -> Importing:
        return Importing(core, viewer, course.id, self.from_where)


class NewImportPage(_Lists):
    """``/hub/edu/courses/<course>/people/import``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The form."""
        core, viewer, course = await self.staff(course_id)
        await self._show(core, viewer, course)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Read the file; its mistakes are shown with their lines, else what it would do."""
        core, viewer, course = await self.staff(course_id)
        try:
            UPLOADS.require(viewer.hub_name)
            read = await self._read(core)
            if isinstance(read, Sheet):
                remove = self.get_body_argument("missing", "") == "remove"
                begun = self.lists(core, viewer, course).begin(read, remove=remove)
                listing = await done(begun, IMPORT_REFUSALS)
                await listing.wait(_PATIENCE)
                path = self.people_address(course, "import", listing.id)
                self.redirect(path, status=303)
                return
            self.set_status(422)
            await self._show(core, viewer, course, mistakes=read)
        except DeskError as error:
            await self._show(core, viewer, course, wrong=self.told(error))

    async def _read(self, core: Core) -> Sheet | Sequence[Mistake]:
        files = self.request.files.get("file", [])
        data = files[0]["body"] if files else b""
        text = self.get_body_argument("text", "", strip=False)
        role = role_of(self.get_body_argument("role", "") or str(CourseRole.STUDENT))
        return await read_off_loop(core, data or text.encode("utf-8", "surrogatepass"), role)

    async def _show(
        self,
        core: Core,
        viewer: Person,
        course: Course,
        mistakes: Sequence[Mistake] = (),
        wrong: str = "",
    ) -> None:
        await self.show_tab(
            "people",
            "import.html",
            course,
            mistakes=mistakes,
            wrong=wrong,
            text=self.get_body_argument("text", "", strip=False),
            role=self.get_body_argument("role", str(CourseRole.STUDENT)),
            missing=self.get_body_argument("missing", ""),
            may_give=self.roles_below(core, viewer, course),
            most_rows=MOST_ROWS,
            most_mib=MOST_BYTES // 2**20,
        )


class ImportPage(_Lists):
    """``/hub/edu/courses/<course>/people/import/<import>``: what a list would do; apply it, or undo it."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str, id: str) -> None:
        """The diff, or how far the look for everybody is."""
        core, viewer, course = await self.staff(course_id)
        lists = self.lists(core, viewer, course)
        listing = await find(lists, id)
        diff = await lists.compare(listing) if listing.is_ready else None
        await self._show(core, course, listing, diff)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, id: str) -> None:
        """``do``: apply what was seen, or undo what was applied."""
        core, viewer, course = await self.staff(course_id)
        lists = self.lists(core, viewer, course)
        if self.get_body_argument("do", "") == "undo":
            await done(lists.undo(id), IMPORT_REFUSALS)
            self.redirect(self.people_address(course, undone=id), status=303)
            return
        listing = await find(lists, id)
        if not listing.is_ready:
            self.redirect(self.people_address(course, "import", id), status=303)
            return
        try:
            await done(lists.apply(listing, self.get_body_argument("seen", "")), IMPORT_REFUSALS)
        except ListChanged as changed:
            self.set_status(412)
            await self._show(core, course, listing, changed.diff, is_late=True)
            return
        except DeskError as error:
            wrong = self.told(error)
            await self._show(core, course, listing, await lists.compare(listing), wrong)
            return
        self.redirect(self.people_address(course), status=303)

    async def _show(
        self,
        core: Core,
        course: Course,
        listing: PeopleList,
        diff: Diff | None,
        wrong: str = "",
        *,
        is_late: bool = False,
    ) -> None:
        of: dict[Kind, list[Row]] = {}
        for row in diff.rows if diff is not None else ():
            of.setdefault(row.kind, []).append(row)
        await self.show_tab(
            "people",
            "import_diff.html",
            course,
            listing=listing,
            total=len(listing.sheet.wishes),
            diff=diff,
            does=len(diff.does) if diff is not None else 0,
            kinds=[
                (str(kind), len(of[kind]), of[kind][:_AT_ONCE]) for kind in _SHOWN if kind in of
            ],
            waits=lambda row: WORDS[row.waits].sentence if row.waits else "",
            wrong=wrong,
            is_late=is_late,
            here=self.people_address(course, "import", listing.id),
        )


class PeopleSheet(PeopleTab):
    """``GET /hub/edu/courses/<course>/people.csv``: everybody in the course, as a list that can be handed in again."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """A part of them at a time."""
        core, viewer, course = await self.staff(course_id)
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="people.csv"')
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write("\ufeff" + sheet([_HEAD]))
        async for rows in _all(core, viewer, course.id):
            for first in range(0, len(rows), _AT_A_TIME):
                part = rows[first : first + _AT_A_TIME]
                self.write(sheet(line for row in part for line in _lines(core, row)))
                await self.flush()


_HEAD: Final = (
    *("person", "role", "exclude", "starts", "ends", "why"),
    *("name", "login", "account", "origin", "sections", "added by", "logged in", "asked"),
)


async def _all(core: Core, viewer: Person, course: str) -> AsyncIterator[Sequence[MemberRow]]:
    """Everybody in the course, then those who are only kept out."""
    for show in ("", "out"):
        cursor = ""
        for _ in count():
            asked: Any = {"limit": 500, **({"cursor": cursor} if cursor else {})}
            part = await people_part(core, viewer, course, Wanted(show=show), asked)
            yield [row for row in part.rows if not (show and row.whys)]
            if part.next is None:
                break
            cursor = part.next


def _lines(core: Core, row: MemberRow) -> Iterator[Sequence[object]]:
    """One line for each enrolment that is not over, or one for whoever is kept out."""
    zone = core.campus.zone
    names = row.name, row.login, row.user
    here = "yes" if row.user else "no"
    if row.out is not None and not row.out.over:
        one = row.hand.exclusions[0]
        until = day_text(one.until, zone, last=True)
        yield row.key, "", "yes", "", until, one.why, *names, "manual", "", one.by, here, ""
        return
    live: list[Enrolment] = [why.told for why in row.whys if not why.over]
    strongest = max(live, key=lambda one: (one.role, one.origin == "manual"), default=None)
    if strongest is not None:
        yield (
            row.key,
            strongest.role,
            "",
            day_text(strongest.starts, zone),
            day_text(strongest.ends, zone, last=True),
            strongest.why,
            *names,
            ", ".join(sorted({one.origin for one in live})),
            ", ".join(row.sections),
            strongest.by,
            here,
            row.asked.iso if row.asked else "",
        )


def import_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)/people\.csv", PeopleSheet),
        (r"/edu/courses/([^/]+)/people/import", NewImportPage),
        (r"/edu/courses/([^/]+)/people/import/([0-9a-f]{32})", ImportPage),
    )
