"""*Course: first day*: the link, who asks to join, the join code, starting the class, and who has ever logged in."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.class_starts import ClassStart
from jupyterhub_edu.core.doorkeeping import Doorkeeper
from jupyterhub_edu.domain.courses import Course, Joining
from jupyterhub_edu.domain.joining import JoinRequest
from jupyterhub_edu.domain.schedule import local_instant
from jupyterhub_edu.domain.words import say

from . import views
from .first_day import arrivals, class_start_json, code_json, profiles_of, request_json
from .first_day_api import REFUSALS, at_the_door, starting_class
from .frame import Page
from .links import course_link, qr_code
from .local_times import CannotRead, read_day, read_local
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, text

__all__ = ["first_day_page_routes"]

_TAB: Final = "first-day"
_FEW: Final = 100
"""People of one page of those who have never logged in."""
_USUALLY: Final = timedelta(days=14)
_DAY: Final = timedelta(days=1)
_FIELDS: Final = ("section", "until", "words", "most", "profile", "at")
_NOTHING: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})
_NUMBER: Final = re.compile("[0-9]{1,6}", re.ASCII)


class FirstDayPage(Page):
    """``/hub/edu/courses/<course>/first-day``; its forms lead to addresses below it and back."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The page; ``profile`` and ``path`` make its link."""
        core, course, door = await at_the_door(self, course_id)
        wanted = {name: self.get_query_argument(name, "") for name in ("profile", "path")}
        try:
            link, refused = course_link(self, core, course, **wanted), ""
        except DeskError as error:
            self.set_status(error.status_code)
            link, refused = course_link(self, core, course), error.jupyterhub_message
        await self._show(core, course, door, link, wanted, refused)

    async def refused(self, course_id: str, error: DeskError) -> None:
        """The page again, with what was refused, and what was typed in the form that it came from."""
        core, course, door = await at_the_door(self, course_id)
        self.set_status(error.status_code)
        link, wanted = course_link(self, core, course), {"profile": "", "path": ""}
        typed = {name: self.get_body_argument(name, "") for name in _FIELDS}
        here = self.request.path.rpartition("/")[2]
        await self._show(core, course, door, link, wanted, error.jupyterhub_message, {here: typed})

    async def act(self, course_id: str, act: Awaitable[Any], *parts: str, **told: str) -> None:
        """Do something and go back to the page, or to one below it.

        Args:
            parts: of the address below the page's.
            told: what the page shall say it of.
        """
        try:
            await done(act, REFUSALS)
        except DeskError as error:
            await self.refused(course_id, error)
            return
        self.redirect(self.address("courses", course_id, _TAB, *parts, **told), status=303)

    async def _show(
        self,
        core: Core,
        course: Course,
        door: Doorkeeper,
        link: str,
        wanted: dict[str, str],
        refused: str = "",
        typed: Mapping[str, Mapping[str, str]] = _NOTHING,
    ) -> None:
        came, code = await arrivals(core, course.id), door.code
        start = core.class_starts.of(course.id)
        zone, now = core.campus.zone, core.clock()
        until = now + _USUALLY if course.ends is None else min(now + _USUALLY, course.ends - _DAY)
        chosen = {name: value for name, value in wanted.items() if value}
        await self.show_tab(
            _TAB,
            "first_day.html",
            course,
            refused=refused,
            answered=None if refused else self._answered(core, course),
            typed=typed,
            link=link,
            wanted=wanted,
            qr=self.address("courses", course.id, _TAB, "link.svg", **({} if refused else chosen)),
            profiles=profiles_of(core, course),
            asks=Joining.ASK in course.joining,
            codes=Joining.CODE in course.joining,
            waiting=[_waiting(core, one) for one in door.waiting()],
            code=code_json(core, code) if code is not None else None,
            code_ends=views.instant(code.ends, core) if code is not None else None,
            until=max(until, now).astimezone(zone).date().isoformat(),
            start=start,
            start_at=views.instant(start.at, core) if start is not None else None,
            came=came,
            zone=str(zone),
        )

    def _answered(self, core: Core, course: Course) -> tuple[str, str] | None:
        """Whose request was answered, and their role or ``""``: the page tells what is, not what an address claims."""
        person = core.roll.person(self.get_query_argument("answered", ""))
        if person is None:
            return None
        role, _ = core.roles(person, course.id)
        requests = core.joins.in_course(course.id)
        if role is None and not any(
            one.person == person.key and one.refused_at for one in requests
        ):
            return None
        return person.name or person.hub_name, str(role or "")


class AnswerPage(FirstDayPage):
    """``POST /hub/edu/courses/<course>/first-day/requests/<request>``: let somebody in, or not."""

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, id: str) -> None:
        """One click; with a section and a last day if wanted."""
        core, _, door = await at_the_door(self, course_id)
        try:
            words = text(self.get_body_argument("words", ""))
            section = text(self.get_body_argument("section", "").strip())
            ends = _after(core, self.get_body_argument("until", ""))
        except DeskError as error:
            await self.refused(course_id, error)
            return
        asked = core.joins.find(course_id, id)
        if self.get_body_argument("do", "") == "refuse":
            act: Awaitable[Any] = door.refuse(id, words)
        else:
            act = door.approve(id, section=section, ends=ends)
        await self.act(course_id, act, answered=asked.person if asked is not None else "")


class CodePage(FirstDayPage):
    """``POST /hub/edu/courses/<course>/first-day/code``: make a join code, or end it."""

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """The code that was shown is changed, and no other."""
        core, _, door = await at_the_door(self, course_id)
        seen = self.get_body_argument("seen", "")
        try:
            if self.get_body_argument("do", "") == "end":
                act: Awaitable[Any] = door.end_code(seen)
            else:
                section = text(self.get_body_argument("section", "").strip())
                ends = _after(core, self.get_body_argument("until", ""))
                most = _number(self.get_body_argument("most", ""))
                if ends is None:
                    raise DeskError(Code.UNREADABLE, say("Say until when it is good."))
                act = door.make_code(ends, most, section, seen=seen)
        except DeskError as error:
            await self.refused(course_id, error)
            return
        await self.act(course_id, act)


class ClassStartPage(FirstDayPage):
    """``/hub/edu/courses/<course>/first-day/class-start``: start the class, and how that goes."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Everybody's server, those that were refused first."""
        core, course, _ = await starting_class(self, course_id)
        start = core.class_starts.of(course.id)
        if start is None:
            self.redirect(self.address("courses", course.id, _TAB))
            return
        shown = await class_start_json(core, start)
        await self.show_tab(
            _TAB,
            "class_start.html",
            course,
            start=shown,
            goes_on=start.goes_on,
            moves=start.goes_on or not all(one["settled"] for one in shown["outcomes"]),
            stage=start.stage,
            profile=_title(core, start),
            at=views.instant(start.at, core),
            now=core.clock().astimezone(core.campus.zone),
        )

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Plan it, or call it off."""
        core, course, staff = await starting_class(self, course_id)
        if self.get_body_argument("do", "") == "call-off":
            await self.act(course.id, staff.call_off(), "class-start")
            return
        try:
            section = text(self.get_body_argument("section", "").strip())
            profile = text(self.get_body_argument("profile", "")) or None
            at = _at(core, self.get_body_argument("at", ""))
        except DeskError as error:
            await self.refused(course.id, error)
            return
        await self.act(course.id, staff.plan(profile, section, at), "class-start")


class MissingPage(Page):
    """``GET /hub/edu/courses/<course>/first-day/missing``: who has never logged in."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """A hundred at a time, by name."""
        core, course, _ = await at_the_door(self, course_id)
        came = await arrivals(core, course.id)
        asked = self.get_query_argument("from", "0")
        first = int(asked) if _NUMBER.fullmatch(asked) else 0
        rows = came.missing[first : first + _FEW]
        await self.show_tab(
            _TAB, "missing.html", course, came=came, first=first, few=_FEW, rows=rows
        )


class AsStudentPage(Page):
    """``GET /hub/edu/courses/<course>/first-day/as-student``: the start page as a student would see it."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Read-only; the cards come from whoever draws the start page."""
        core, course, _ = await at_the_door(self, course_id)
        await self.show_tab(_TAB, "as_student.html", course, core=core)


class QRCodePage(Page):
    """``GET /hub/edu/courses/<course>/first-day/link.svg``: the course's link as a QR code."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """To be shown, or kept as a file."""
        core, course, _ = await at_the_door(self, course_id)
        wanted = {name: self.get_query_argument(name, "") for name in ("profile", "path")}
        drawn = qr_code(course_link(self, core, course, **wanted))
        self.set_header("Content-Type", "image/svg+xml")
        self.set_header("Cache-Control", "no-store")
        self.finish(drawn)


def _waiting(core: Core, request: JoinRequest) -> dict[str, Any]:
    return {**request_json(core, request), "at": views.instant(request.at, core)}


def _title(core: Core, start: ClassStart) -> str:
    profile = core.campus.profiles.get(start.profile or "")
    return profile.title if profile is not None else start.profile or ""


def _after(core: Core, typed: str) -> datetime | None:
    """The first instant after a day of the campus's time zone; None for none."""
    try:
        day = read_day(typed)
    except CannotRead as error:
        raise DeskError(Code.UNREADABLE, str(error)) from error
    return local_instant(day + _DAY, time(), core.campus.zone) if day is not None else None


def _at(core: Core, typed: str) -> datetime | None:
    """An instant by the campus's clock; None for now."""
    try:
        return read_local(typed, core.campus.zone)
    except CannotRead as error:
        raise DeskError(Code.UNREADABLE, str(error)) from error


def _number(typed: str) -> int:
    if not _NUMBER.fullmatch(typed):
        raise DeskError(Code.UNREADABLE, say("It is no number."))
    return int(typed)


def first_day_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    page = r"/edu/courses/([^/]+)/first-day"
    return (
        (page, FirstDayPage),
        (rf"{page}/requests/([^/]+)", AnswerPage),
        (rf"{page}/code", CodePage),
        (rf"{page}/class-start", ClassStartPage),
        (rf"{page}/missing", MissingPage),
        (rf"{page}/as-student", AsStudentPage),
        (rf"{page}/link\.svg", QRCodePage),
    )
