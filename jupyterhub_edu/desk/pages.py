"""The pages: *My courses*, *Course: now*, and the question before a stop. Everything works without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import Person, SiteRole
from jupyterhub_edu.ports import StoreError

from . import views
from .base import STOPS
from .frame import DeskFiles, Page
from .mine import my_parts
from .refusals import Code, DeskError
from .scopes import MANAGE, READ

__all__ = ["CoursePage", "CoursesPage", "StopPage", "page_routes"]

_ID: Final = re.compile("[0-9a-f]{32}", re.ASCII)


class CoursesPage(Page):
    """``GET /hub/edu/``: the courses of whoever asks."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """Everybody's own courses; all of them for site admins."""
        core = await self.ready_core()
        person = self.find_person(core)
        await self.show(
            "courses.html",
            person=person,
            courses=await views.my_courses(core, person) if person else [],
            mine=my_parts(core, person) if person else {},
            is_admin=person is not None and core.roll.site_role(person) is SiteRole.ADMIN,
            notice=core.refresher.notice(person) if person else "",
            campus=core.campus.name,
            contact=core.campus.contact,
        )


class CoursePage(Page):
    """``GET /hub/edu/courses/<course>``: who is on now."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Everybody for those who may see it, else one's own sessions."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        course = self.require_course(core, viewer, course_id)
        stopped = await self._stopped(core, viewer, course_id)
        await self.show_tab(
            "now",
            "now.html",
            course,
            row=views.course_row(core, viewer, course),
            sessions=await views.sessions(core, viewer, course_id, STOPS.is_stopping),
            stopped=stopped,
            notice=core.refresher.notice(viewer),
            now=core.clock().astimezone(core.campus.zone),
            zone=str(core.campus.zone),
        )

    async def _stopped(
        self, core: Core, viewer: Person, course_id: str
    ) -> views.SessionRow | None:
        """The session that a stop was about, as it stands now: the banner tells what is, not what an address claims."""
        id = self.get_query_argument("stopped", "")
        if not _ID.fullmatch(id):
            return None
        try:
            found = core.book.admission(id) or await core.store.find_admission(id)
        except StoreError:
            return None
        if found is None or found.course != course_id:
            return None
        if not core.may(Act.SEE, viewer, course_id, about=found.person):
            return None
        return views.session_row(core, viewer, found, STOPS.is_stopping)


class StopPage(Page):
    """``/hub/edu/courses/<course>/stop/<user>[/<server>]``: ask first, then stop."""

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """The question."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        admission = self.require_stoppable(core, viewer, course_id, hub_name, server or "")
        await self._ask(core, viewer, admission)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """The stop, of the session that was asked about and no other."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        asked = self.get_body_argument("session", "")
        try:
            admission = self.require_stoppable(core, viewer, course_id, hub_name, server or "")
        except DeskError as error:
            if error.code is not Code.NO_SUCH_SESSION:
                raise
            self._back(course_id, asked)
            return
        if admission.id != asked:
            self._back(course_id, asked)
            return
        try:
            await self.stop_session(core, viewer, admission)
        except DeskError as error:
            self.set_status(error.status_code)
            await self._ask(core, viewer, admission, error.row.sentence)
            return
        self._back(course_id, admission.id)

    async def _ask(
        self, core: Core, viewer: Person, admission: Admission, failed: str = ""
    ) -> None:
        await self.show(
            "stop.html",
            course=core.campus.courses[admission.course],
            session=views.session_row(core, viewer, admission, STOPS.is_stopping),
            failed=failed,
        )

    def _back(self, course_id: str, session: str) -> None:
        self.redirect(self.address("courses", course_id, stopped=session), status=303)


def page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/?", CoursesPage),
        (r"/edu/courses/([^/]+)", CoursePage),
        (r"/edu/courses/([^/]+)/stop/([^/]+)(?:/([^/]+))?", StopPage),
        (r"/edu/static/((?:lib/)?[a-z]+\.(?:css|js))", DeskFiles),
    )
