"""Joining a course by oneself: the page with the courses that one may ask and the field for a join code, and a course's own."""

from __future__ import annotations

from collections.abc import Sequence

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.joining import Newcomer, NothingToJoin
from jupyterhub_edu.domain.courses import Course

from . import views
from .frame import Page
from .join import REFUSALS, asked_json, newcomer
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, text

__all__ = ["JoinCoursePage", "JoinPage", "join_page_routes"]


class JoinPage(Page):
    """``/hub/edu/join``: which courses one may ask to join, and a join code to type."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """The page."""
        _, asking = await newcomer(self)
        await self._show(asking)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self) -> None:
        """Come in by a code, and go on to the course."""
        _, asking = await newcomer(self)
        typed = self.get_body_argument("code", "")
        try:
            course = await done(asking.enter(text(typed)), REFUSALS)
        except DeskError as error:
            self.set_status(error.status_code)
            await self._show(asking, error.jupyterhub_message, typed)
            return
        self.redirect(self.address("courses", course.id), status=303)

    async def _show(self, asking: Newcomer, refused: str = "", typed: str = "") -> None:
        await self.show(
            "join.html",
            courses=[asked_json(asking, course) for course in asking.courses()],
            takes_codes=asking.takes_codes,
            refused=refused,
            typed=typed,
        )


class JoinCoursePage(Page):
    """``/hub/edu/join/<course>``: ask to join one course, and how that stands."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The page; who is in the course is taken to it."""
        core, asking = await newcomer(self)
        if views.may_look_in(core, self.require_person(core), course_id):
            self.redirect(self.address("courses", course_id))
            return
        await self._show(core, asking, self._require(asking, course_id))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Ask, or ask no more."""
        core, asking = await newcomer(self)
        course = self._require(asking, course_id)
        why = self.get_body_argument("why", "")
        try:
            if self.get_body_argument("do", "") == "withdraw":
                await done(asking.withdraw(course.id), REFUSALS)
            else:
                await done(asking.ask(course.id, text(why)), REFUSALS)
        except DeskError as error:
            self.set_status(error.status_code)
            await self._show(core, asking, course, error.jupyterhub_message, why)
            return
        self.redirect(self.address("join", course.id), status=303)

    @staticmethod
    def _require(asking: Newcomer, course_id: str) -> Course:
        try:
            return asking.require_course(course_id)
        except NothingToJoin as error:
            raise DeskError(Code.NO_SUCH_COURSE) from error

    async def _show(
        self, core: Core, asking: Newcomer, course: Course, refused: str = "", why: str = ""
    ) -> None:
        request = asking.asked(course.id)
        again_at = request.again_at if request is not None else None
        await self.show(
            "join_course.html",
            asked=asked_json(asking, course),
            since=views.instant(request.at, core) if request is not None else None,
            again=views.instant(again_at, core) if again_at is not None else None,
            refused=refused,
            why=why,
        )


def join_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/edu/join/?", JoinPage), (r"/edu/join/([^/]+)", JoinCoursePage))
