"""*Course: exams*: prepare, rehearse, begin, give extra time, end; who started when from where. Works without scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.exam_records import Prepared, tag_of
from jupyterhub_edu.core.examining import ExamChanged, Examining, ExaminingNotYours
from jupyterhub_edu.core.rehearsing import rehearse
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.exams import Exam, Phase
from jupyterhub_edu.wire import exams as wire

from .exam_forms import (
    Fields,
    blank_fields,
    fields_of,
    profiles_of,
    read_fields,
    sections_of,
    wish_of,
)
from .exam_views import exam_row, protocol_sheet, rehearsal_row, seat_rows
from .exams import EXAM_REFUSALS, read_wish
from .frame import Page
from .local_times import CannotRead
from .paging import numbered_page
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .sheets import sheet
from .wishes import done

__all__ = [
    "ChangeExamPage",
    "ExamPage",
    "ExamsPage",
    "NewExamPage",
    "ProtocolSheet",
    "exam_page_routes",
]

_AT_ONCE: Final = 200
"""People on one page of an exam."""
_STATES: Final = ("absent", "starting", "on", "ended")
_SHOWN_AGAIN: Final = frozenset(
    {Code.ABOVE_CEILING, Code.CANNOT_EXAMINE, Code.NOT_IN_COURSE, Code.NOT_WRITTEN}
)
"""Refusals that are told on the page from which it was asked, with what was typed."""
_MINUTE: Final = timedelta(minutes=1)


class _Exams(Page):
    """Pages of one course's exams, for whoever holds them; others are told so, and outsiders that there is no course."""

    async def examining(self, course_id: str) -> tuple[Core, Course, Examining]:
        core, viewer, course = await self.course_of(course_id)
        examining = Examining(core, viewer, course.id, self.from_where)
        try:
            examining.require_may()
        except ExaminingNotYours as error:
            raise DeskError(Code.NOT_YOUR_EXAMS) from error
        return core, course, examining

    async def found(self, examining: Examining, id: str) -> Prepared:
        async def find() -> Prepared:
            return examining.find(id)

        return await done(find(), EXAM_REFUSALS)

    def told(self, error: Exception) -> str:
        """What is wrong with what was asked, for the page from which it was; anything else is no page's to tell."""
        if isinstance(error, CannotRead):
            self.set_status(400)
            return str(error)
        if isinstance(error, DeskError) and error.code in _SHOWN_AGAIN:
            self.set_status(error.status_code)
            return error.jupyterhub_message
        raise error

    def typed(self, before: Fields) -> Fields:
        """What stands in the form; of a field that the form does not have, what was before."""
        return read_fields(before, self.get_body_argument)

    async def show_exam(
        self, core: Core, course: Course, examining: Examining, known: Prepared, wrong: str = ""
    ) -> None:
        """The page of an exam: what would happen, or what happens and has happened."""
        rehearsal, seats = None, []
        if known.exam.phase(core.clock()) is Phase.BEFORE:
            rehearsal = await rehearsal_row(core, await rehearse(core, known.exam))
        else:
            sat = await done(examining.protocol(known.exam.id), EXAM_REFUSALS)
            seats = await seat_rows(core, known.exam, sat)
        listed: Sequence[Any] = rehearsal.people if rehearsal is not None else seats
        page = numbered_page(self.get_query_argument("page", ""), _AT_ONCE, listed)
        await self.show_tab(
            "exams",
            "exam.html",
            course,
            exam=exam_row(core, known),
            rehearsal=rehearsal,
            counted={state: sum(one.state == state for one in seats) for state in _STATES},
            people=listed[page.rows],
            total=len(listed),
            page=page.number,
            more=page.more,
            seen=tag_of(known),
            wrong=wrong,
            warning=min(core.campus.warn_at, default=timedelta(0)) // _MINUTE,
            zone=str(core.campus.zone),
        )

    async def show_form(
        self,
        core: Core,
        course: Course,
        typed: Fields,
        known: Prepared | None = None,
        *,
        tried: Exam | None = None,
        wrong: str = "",
        is_late: bool = False,
        ask: Mapping[str, str] | None = None,
    ) -> None:
        """The form, with what was typed.

        Args:
            known: the exam that is changed; None: a new one is prepared.
            tried: the exam that what was typed makes, to be rehearsed.
            is_late: somebody else has changed it since it was looked at.
            ask: what an administrator may be asked for.
        """
        rehearsal = await rehearsal_row(core, await rehearse(core, tried)) if tried else None
        await self.show_tab(
            "exams",
            "exam_form.html",
            course,
            fields=typed,
            exam=exam_row(core, known) if known is not None else None,
            has_begun=known is not None and known.exam.phase(core.clock()) is not Phase.BEFORE,
            seen=tag_of(known) if known is not None else "",
            now=fields_of(core, course, known.exam) if known is not None and is_late else None,
            profiles=profiles_of(core, course),
            sections=await sections_of(core, course),
            rehearsal=rehearsal,
            people=rehearsal.people[:_AT_ONCE] if rehearsal is not None else [],
            wrong=wrong,
            ask=ask,
            longest=core.campus.ceilings.exam // _MINUTE,
            zone=str(core.campus.zone),
        )

    def go_to(self, course: Course, known: Prepared) -> None:
        """Lead to the page of an exam."""
        path = self.address("courses", course.id, "exams", known.exam.id)
        self.redirect(path, status=303)


class ExamsPage(_Exams):
    """``GET /hub/edu/courses/<course>/exams``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Every exam of the course, those first that are to come."""
        core, course, _ = await self.examining(course_id)
        rows = [exam_row(core, one) for one in core.exams.of(course.id)]
        ahead = [one for one in rows if one.phase != Phase.OVER]
        over = [one for one in reversed(rows) if one.phase == Phase.OVER]
        page = numbered_page(self.get_query_argument("page", ""), _AT_ONCE, ahead, over)
        await self.show_tab(
            "exams",
            "exams.html",
            course,
            ahead=ahead[page.rows],
            over=over[page.rows],
            page=page.number,
            more=page.more,
            zone=str(core.campus.zone),
        )


class NewExamPage(_Exams):
    """``/hub/edu/courses/<course>/exams/new``: prepare one, or only rehearse it."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The empty form."""
        core, course, _ = await self.examining(course_id)
        await self.show_form(core, course, blank_fields(core, course))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """``do``: rehearse, or prepare."""
        core, course, examining = await self.examining(course_id)
        typed, asked = blank_fields(core, course), wire.ExamWish()
        try:
            typed = self.typed(typed)
            asked = wish_of(core, typed, None)
            wish = read_wish(asked)
            if self.get_body_argument("do", "") == "prepare":
                self.go_to(course, await done(examining.prepare(wish), EXAM_REFUSALS))
                return
            tried = await done(examining.draft(wish), EXAM_REFUSALS)
        except (CannotRead, DeskError) as error:
            wrong, ask = self.told(error), None
            if isinstance(error, DeskError) and error.code is Code.ABOVE_CEILING:
                ask = {"kind": "exam", "wish": json.dumps(asked)}
            await self.show_form(core, course, typed, wrong=wrong, ask=ask)
            return
        await self.show_form(core, course, typed, tried=tried)


class ChangeExamPage(_Exams):
    """``/hub/edu/courses/<course>/exams/<exam>/change``: change one, or only rehearse it so."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str, id: str) -> None:
        """The form, as the exam is."""
        core, course, examining = await self.examining(course_id)
        known = await self.found(examining, id)
        await self.show_form(core, course, fields_of(core, course, known.exam), known)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, id: str) -> None:
        """``do``: rehearse, or change; who has seen an older exam is shown how it is now, with what they typed."""
        core, course, examining = await self.examining(course_id)
        known = await self.found(examining, id)
        typed = before = fields_of(core, course, known.exam)
        try:
            typed = self.typed(before)
            wish = read_wish(wish_of(core, typed, before))
            if self.get_body_argument("do", "") == "change":
                seen = self.get_body_argument("seen", "")
                self.go_to(course, await done(examining.change(id, wish, seen), EXAM_REFUSALS))
                return
            tried = await done(examining.changed(id, wish), EXAM_REFUSALS)
        except ExamChanged as changed:
            self.set_status(409)
            wrong = str(changed)
            await self.show_form(core, course, typed, changed.now, wrong=wrong, is_late=True)
            return
        except (CannotRead, DeskError) as error:
            await self.show_form(core, course, typed, known, wrong=self.told(error))
            return
        await self.show_form(core, course, typed, known, tried=tried)


class ExamPage(_Exams):
    """``/hub/edu/courses/<course>/exams/<exam>``: one exam, as it will go, goes, or has gone."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str, id: str) -> None:
        """Before it begins what would happen to whom, from then on the protocol."""
        core, course, examining = await self.examining(course_id)
        await self.show_exam(core, course, examining, await self.found(examining, id))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, id: str) -> None:
        """``do``: begin it now, end it, call it off, or give somebody extra time."""
        core, course, examining = await self.examining(course_id)
        known = await self.found(examining, id)
        seen = self.get_body_argument("seen", "")
        try:
            match self.get_body_argument("do", ""):
                case "begin":
                    await done(examining.begin(id, seen), EXAM_REFUSALS)
                case "end":
                    await done(examining.end(id, seen), EXAM_REFUSALS)
                case "call-off":
                    await done(examining.call_off(id, seen), EXAM_REFUSALS)
                    self.redirect(self.address("courses", course.id, "exams"), status=303)
                    return
                case "extra":
                    await done(examining.change(id, self._extra(core)), EXAM_REFUSALS)
                case _:
                    raise DeskError(Code.UNREADABLE)
        except ExamChanged as changed:
            self.set_status(409)
            await self.show_exam(core, course, examining, changed.now, str(changed))
            return
        except (CannotRead, DeskError) as error:
            await self.show_exam(core, course, examining, known, self.told(error))
            return
        self.go_to(course, known)

    def _extra(self, core: Core) -> Any:
        """Extra time for one person; nobody else's is touched, so it matters to nobody what has changed meanwhile."""
        name = " ".join(self.get_body_argument("name", "").split())
        minutes = self.get_body_argument("minutes", "").strip()
        line = {"extra": f"{name} {minutes}"}
        return read_wish(wish_of(core, {**_NO_FIELDS, **line}, _NO_FIELDS))


class ProtocolSheet(_Exams):
    """``GET /hub/edu/courses/<course>/exams/<exam>/protocol.csv``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str, id: str) -> None:
        """Who started when from where, and who has not."""
        core, _, examining = await self.examining(course_id)
        known = await self.found(examining, id)
        sat = await done(examining.protocol(id), EXAM_REFUSALS)
        rows = protocol_sheet(core, sat, await examining.absent(id, sat))
        day = known.exam.starts.astimezone(core.campus.zone).date()
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="exam-{day}.csv"')
        self.set_header("Cache-Control", "no-store")
        self.finish(sheet(rows))


_NO_FIELDS: Final[Fields] = {"profile": "", "extra": ""}


def exam_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    exams, one = r"/edu/courses/([^/]+)/exams", r"([0-9a-f]{32})"
    return (
        (exams, ExamsPage),
        (rf"{exams}/new", NewExamPage),
        (rf"{exams}/{one}", ExamPage),
        (rf"{exams}/{one}/change", ChangeExamPage),
        (rf"{exams}/{one}/protocol\.csv", ProtocolSheet),
    )
