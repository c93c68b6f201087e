"""The pages: *My courses*, and the question before a stop. Everything works without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.joining import Newcomer
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import Person, SiteRole

from . import views
from .frame import DeskFiles, Page
from .helps import help_rows, helped_rows
from .mine import my_parts
from .refusals import Code, DeskError
from .scopes import MANAGE, READ

__all__ = ["CoursesPage", "StopPage", "page_routes"]


class CoursesPage(Page):
    """``GET /hub/edu/``: the courses of whoever asks."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """Everybody's own courses; all of them for site admins."""
        core = await self.ready_core()
        person = self.find_person(core)
        asking = Newcomer(core, person) if person is not None else None
        await self.show(
            "courses.html",
            person=person,
            may_join=asking is not None and bool(asking.takes_codes or asking.courses()),
            courses=await views.my_courses(core, person) if person else [],
            mine=my_parts(core, person) if person else {},
            helped=help_rows(core, core.helps.of_owner(person.hub_name)) if person else [],
            past_helps=helped_rows(core, person) if person else [],
            is_admin=person is not None and core.roll.site_role(person) is SiteRole.ADMIN,
            notice=core.refresher.notice(person) if person else "",
            campus=core.campus.name,
            contact=core.campus.contact,
        )


class StopPage(Page):
    """``/hub/edu/courses/<course>/stop/<user>[/<server>]``: ask first, then stop."""

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """The question."""
        core, viewer = await self.who_asks()
        admission = self.require_stoppable(core, viewer, course_id, hub_name, server or "")
        await self._ask(core, viewer, admission)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """The stop, of the session that was asked about and no other."""
        core, viewer = await self.who_asks()
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
            session=views.session_row(core, viewer, admission, core.stops.is_stopping),
            failed=failed,
        )

    def _back(self, course_id: str, session: str) -> None:
        self.redirect(self.address("courses", course_id, stopped=session), status=303)


def page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/?", CoursesPage),
        (r"/edu/courses/([^/]+)/stop/([^/]+)(?:/([^/]+))?", StopPage),
        (r"/edu/static/((?:lib/)?[a-z]+\.(?:css|js))", DeskFiles),
    )
