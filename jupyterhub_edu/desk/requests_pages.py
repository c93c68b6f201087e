"""The pages of requests: a course's own, where its staff see state and answer, and the administrators' with two buttons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.core.requesting import Requesting, RequestNotYours
from jupyterhub_edu.core.requests import Kind
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import Person

from .admins import AdminPage, is_admin
from .frame import Page
from .refusals import Code, DeskError
from .requests import REFUSALS, read_request, row_of
from .requests_api import answered
from .scopes import ADMIN, MANAGE, READ
from .wishes import done, text

__all__ = ["CampusRequestsPage", "CourseRequestsPage", "campus_note", "request_page_routes"]

_LATELY: Final = 50
"""Answered requests that administrators are shown."""


class CourseRequestsPage(Page):
    """``/hub/edu/courses/<course>/requests``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Every request of the course, newest first."""
        core, _, course = await self._course(course_id)
        await self._show(core, course)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Ask (``kind``, ``wish`` as JSON, ``why``), or take one back (``withdraw``)."""
        core, viewer, course = await self._course(course_id)
        requesting = Requesting(core, viewer, self.from_where)
        withdraw = self.get_body_argument("withdraw", "")
        try:
            if withdraw:
                await done(requesting.withdraw(withdraw, course.id), REFUSALS)
            else:
                kind, wish = self._wish()
                why = text(self.get_body_argument("why", "").strip())
                await done(requesting.ask(course.id, kind, wish, why), REFUSALS)
        except DeskError as error:
            self.set_status(error.status_code)
            await self._show(core, course, error.jupyterhub_message)
            return
        self.redirect(self.address("courses", course.id, "requests"), status=303)

    def _wish(self) -> tuple[Kind, dict[str, Any]]:
        try:
            kind = Kind(self.get_body_argument("kind", ""))
            wish = json.loads(self.get_body_argument("wish", ""))
        except (ValueError, RecursionError):
            raise DeskError(Code.UNREADABLE) from None
        if not isinstance(wish, dict):
            raise DeskError(Code.UNREADABLE)
        return kind, read_request(kind, wish)

    async def _course(self, course_id: str) -> tuple[Core, Person, Course]:
        core, viewer, course = await self.course_of(course_id)
        try:
            Requesting(core, viewer).require_may_ask(course.id)
        except RequestNotYours as error:
            raise DeskError(Code.NOT_YOUR_REQUESTS) from error
        return core, viewer, course

    async def _show(self, core: Core, course: Course, refused: str = "") -> None:
        rows = [row_of(core, one) for one in core.requests.of(course.id)]
        await self.show_tab("requests", "requests.html", course, rows=rows, refused=refused)


class CampusRequestsPage(AdminPage):
    """``/hub/edu/campus/requests``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """What waits, oldest first, and what was answered lately."""
        core, _ = await self.admin_for()
        await self._show(core)

    @web.authenticated
    @needs_scope(ADMIN)
    async def post(self) -> None:
        """``request``, ``answer`` (``yes`` or ``no``) and ``words``."""
        core, admin = await self.admin_for()
        answer = self.get_body_argument("answer", "")
        try:
            if answer not in ("yes", "no"):
                raise DeskError(Code.UNREADABLE)
            await answered(
                core,
                admin,
                self.get_body_argument("request", ""),
                text(self.get_body_argument("words", "").strip()),
                self.from_where,
                approve=answer == "yes",
            )
        except DeskError as error:
            self.set_status(error.status_code)
            await self._show(core, error.jupyterhub_message)
            return
        self.redirect(self.address("campus", "requests"), status=303)

    async def _show(self, core: Core, refused: str = "") -> None:
        lately = [one for one in core.requests.everything() if not one.waits][:_LATELY]
        await self.show_campus(
            "requests",
            "campus_requests.html",
            rows=[row_of(core, one) for one in core.requests.waiting()],
            lately=[row_of(core, one) for one in lately],
            refused=refused,
        )


def campus_note(user: User | None) -> int | None:
    """How many requests wait, for administrators; None for everybody else. For the frame of every page of the hub.

    Args:
        user: the hub's account, or None.
    """
    if user is None:
        return None
    core = current_core()
    person = core.roll.by_hub_name(user.name)
    if person is None or not is_admin(core, person):
        return None
    return len(core.requests.waiting())


def request_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)/requests", CourseRequestsPage),
        (r"/edu/campus/requests", CampusRequestsPage),
    )
