"""Helping somebody in their own server, as pages: ask first, then be let in; ended by a click of either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.helping import LASTS
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import Person

from . import views
from .frame import Page
from .helps import HELPING, help_rows, helping, require_help
from .refusals import DeskError
from .scopes import MANAGE
from .wishes import done

__all__ = ["help_page_routes"]


class HelpPage(Page):
    """``/hub/edu/courses/<course>/help/<user>[/<server>]``."""

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """What it means, or the way in while it goes on."""
        core, viewer, admission = await self._asked(course_id, hub_name, server)
        await self._show(core, viewer, admission)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """Be let in; the page then has the way."""
        core, viewer, admission = await self._asked(course_id, hub_name, server)
        try:
            await done(core.helps.open(viewer, admission, self.from_where), HELPING)
        except DeskError as error:
            self.set_status(error.status_code)
            await self._show(core, viewer, admission, failed=str(error.jupyterhub_message))
            return
        parts = [server] if server else []
        self.redirect(self.address("courses", course_id, "help", hub_name, *parts), status=303)

    async def _asked(
        self, course_id: str, hub_name: str, server: str | None
    ) -> tuple[Core, Person, Admission]:
        core, viewer = await helping(self, course_id)
        found = self.require_session(core, viewer, course_id, hub_name, server or "")
        return core, viewer, found

    async def _show(self, core: Core, viewer: Person, admission: Admission, **more: Any) -> None:
        mine = [
            one for one in core.helps.of_session(admission.id) if one.helper == viewer.hub_name
        ]
        await self.show(
            "help.html",
            **{"failed": "", **more},
            course=core.campus.courses[admission.course],
            session=views.session_row(core, viewer, admission, core.stops.is_stopping),
            rows=help_rows(core, mine),
            are_offered=core.helps.are_offered,
            minutes=int(LASTS.total_seconds()) // 60,
        )


class EndHelpPage(Page):
    """``POST /hub/edu/helps/<help>/end``."""

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, help: str) -> None:
        """End it, then back: whoever helps to the course, whoever is helped to their courses; over already is well."""
        core, viewer = await self.who_asks()
        try:
            found = require_help(core, viewer, help)
        except DeskError:
            self.redirect(self.address(), status=303)
            return
        await done(core.helps.end(viewer, found, self.from_where), HELPING)
        back = ("courses", found.course) if viewer.hub_name == found.helper else ()
        self.redirect(self.address(*back), status=303)


def help_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)/help/([^/]+)(?:/([^/]+))?", HelpPage),
        (r"/edu/helps/([^/]+)/end", EndHelpPage),
    )
