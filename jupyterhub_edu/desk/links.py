"""The course's link: whoever follows it logs in, finds course and profile chosen, and goes on to a file in Lab."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import segno
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.joining import Newcomer
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import public_address

from . import views
from .frame import Page
from .refusals import Code, DeskError
from .scopes import READ

__all__ = ["GoPage", "course_link", "lab_path", "link_routes", "qr_code"]

_LONGEST: Final = 500


def lab_path(typed: str) -> str:
    """What follows the address of a server so that Lab opens this file or folder there; ``""`` for nothing.

    Always holds:
        - what is given back begins with ``lab/tree/`` and stays below it, however a browser reads it.

    Args:
        typed: a path in somebody's home folder, such as ``week 1/intro.ipynb``; hostile text.

    Raises:
        DeskError: it is none.

    Example:
        >>> lab_path("week 1/intro.ipynb")
        'lab/tree/week%201/intro.ipynb'
    """
    parts = typed.strip("/").split("/") if typed.strip("/") else []
    wrong = any(part in {"", ".", ".."} or "\\" in part for part in parts)
    if wrong or len(typed) > _LONGEST or not typed.isprintable():
        raise DeskError(Code.UNREADABLE, say("path: it names no file in somebody's home folder."))
    return "/".join(["lab/tree", *(quote(part, safe="") for part in parts)]) if parts else ""


def course_link(
    handler: Any, core: Core, course: Course, profile: str = "", path: str = ""
) -> str:
    """The course's link as browsers see it.

    Raises:
        DeskError: the course does not offer this profile to its students, or the path is none.
    """
    if profile and profile not in course.offers.get(CourseRole.STUDENT, ()):
        raise DeskError(
            Code.UNREADABLE, say("profile: the course offers its students no such one.")
        )
    lab_path(path)
    wanted = {"profile": profile, "path": path.strip("/")}
    query = urlencode({name: value for name, value in wanted.items() if value})
    address: str = public_address(handler, f"edu/go/{quote(course.id, safe='')}")
    return f"{address}?{query}" if query else address


def qr_code(address: str) -> bytes:
    """An address as a QR code: SVG without scripts, styles and text of its own, black on white."""
    drawn = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(drawn, kind="svg", scale=8, border=4, light="#fff", svgns=True, nl=False)
    return drawn.getvalue()


class GoPage(Page):
    """``GET /hub/edu/go/<course>?profile=...&path=...``: on to the start page, and from there into Lab."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Who is not in the course may ask to join it, where it takes requests; to others it does not exist."""
        core, person = await self.who_asks()
        course = core.campus.courses.get(course_id)
        if course is not None and not views.may_look_in(core, person, course_id):
            asked = [one.id for one in Newcomer(core, person).courses()]
            if course_id in asked:
                self.redirect(self.address("join", course_id))
                return
        course = self.require_course(core, person, course_id)
        path = lab_path(self.get_query_argument("path", ""))
        other = self._other_course(core, person, course_id)
        if other is not None:
            await self.show("go.html", course=course, other=other)
            return
        self.redirect(self._start_page(core, course, path))

    def _other_course(self, core: Core, person: Person, course_id: str) -> str | None:
        """Title of another course whose session bears the person's default server now."""
        newest = views.newest(core, person.hub_name, "")
        if newest is None or newest.course == course_id:
            return None
        return core.campus.title_of(newest.course)

    def _start_page(self, core: Core, course: Course, path: str) -> str:
        """Where the hub goes on to the server at once if it runs already."""
        profile = self.get_query_argument("profile", "")
        chosen = f"{course.id}/{profile}" if profile in core.campus.profiles else course.id
        query = {"chosen": chosen}
        if path:
            query["next"] = url_path_join(self.current_user.base_url, path)
        return f"{url_path_join(self.hub.base_url, 'spawn')}?{urlencode(query)}"


def link_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/edu/go/([^/]+)", GoPage),)
