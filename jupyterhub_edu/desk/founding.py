"""Courses as a whole: the administrators' list, making, copying and archiving; pages and API by the same acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.founding import (
    CannotFound,
    CopyNotYours,
    CopyWish,
    Founding,
    FoundingNotYours,
    NotOurs,
    State,
)
from jupyterhub_edu.core.own_courses import OwnCourse
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import founding as wire
from jupyterhub_edu.wire.shapes import Page as Part
from jupyterhub_edu.wire.shapes import Paged

from .admins import AdminPage, Admins
from .api import API
from .frame import Page
from .operations import operation
from .paging import page_of
from .refusals import Code, DeskError
from .scopes import ADMIN, MANAGE, READ
from .views import Moment, instant
from .wishes import done, iso, text

__all__ = [
    "CopyAPI",
    "CopyPage",
    "FoundingAPI",
    "FoundingPage",
    "StateAPI",
    "founding_routes",
    "list_courses",
]

REFUSALS: Final[Mapping[type[Exception], Code]] = {
    FoundingNotYours: Code.ADMINS_ONLY,
    CopyNotYours: Code.NOT_YOURS_TO_COPY,
    NotOurs: Code.NOT_OUR_COURSE,
    CannotFound: Code.CANNOT_MAKE_COURSE,
    StoreError: Code.NOT_WRITTEN,
}
_STATES: Final[tuple[State, ...]] = get_args(State)
_TYPED: Final = ("key", "title", "term", "starts", "until")


@dataclass(frozen=True, slots=True)
class _Row:
    """One course for the administrators' page; all of it is plain, hostile text.

    Attributes:
        own: made at the desk, so that its state can be changed here.
        troubles: why it is not in force.
    """

    id: str
    key: str
    title: str
    term: str
    state: str
    starts: Moment | None
    ends: Moment | None
    own: bool
    by: str
    copied_from: str
    troubles: Sequence[str]


async def list_courses(core: Core) -> list[wire.CampusCourse]:
    """Every course in force, in the file's order, then those of the desk's own that are not."""
    own, out = core.own_courses, core.adjustments.out_courses
    found = []
    async for course in in_slices(list(core.campus.courses.values())):
        made = own.find(course.id)
        found.append(_in_force(course, None if made is None or made.key in out else made))
    return found + [_left_out(core, one) for one in own.all() if one.key in out]


def _in_force(course: Course, own: OwnCourse | None) -> wire.CampusCourse:
    return {
        "id": course.id,
        "key": course.key,
        "title": course.title,
        "term": course.term,
        "state": course.state.value,
        "starts": iso(course.starts),
        "ends": iso(course.ends),
        "origin": "file" if own is None else "desk",
        "by": own.by if own is not None else None,
        "at": iso(own.at) if own is not None else None,
        "copied_from": (own.copied_from or None) if own is not None else None,
        "troubles": [],
    }


def _left_out(core: Core, own: OwnCourse) -> wire.CampusCourse:
    written = own.written
    return {
        "id": own.id,
        "key": own.key,
        "title": str(written.get("title") or own.key),
        "term": written.get("term"),
        "state": own.state,
        "starts": None,
        "ends": None,
        "origin": "desk",
        "by": own.by,
        "at": iso(own.at),
        "copied_from": own.copied_from or None,
        "troubles": [one.words for one in core.adjustments.out_courses[own.key]],
    }


def _row(core: Core, course: wire.CampusCourse) -> _Row:
    known = core.campus.courses.get(course["id"]) if not course["troubles"] else None
    return _Row(
        id=course["id"],
        key=course["key"],
        title=course["title"],
        term=course["term"] or "",
        state=course["state"],
        starts=instant(known.starts, core) if known is not None and known.starts else None,
        ends=instant(known.ends, core) if known is not None and known.ends else None,
        own=course["origin"] == "desk",
        by=course["by"] or "",
        copied_from=course["copied_from"] or "",
        troubles=course["troubles"],
    )


# -- pages ---------------------------------------------------------------------------------------------------------


class FoundingPage(AdminPage):
    """``/hub/edu/campus/courses``: all courses, and a form for one more."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """In the campus file's order."""
        core, _ = await self.admin_for()
        await self._show(core)

    @web.authenticated
    @needs_scope(ADMIN)
    async def post(self) -> None:
        """Make one (``key``, ``title``, ``term``, ``starts``, ``until``), or set the ``state`` of ``course``."""
        core, admin = await self.admin_for()
        founding = Founding(core, admin, self.from_where)
        typed = {name: self.get_body_argument(name, "").strip() for name in _TYPED}
        course = self.get_body_argument("course", "")
        try:
            if course:
                state = _state(self.get_body_argument("state", ""))
                await done(founding.set_state(course, state), REFUSALS)
            else:
                await done(founding.create(text(typed["key"]), _written(typed)), REFUSALS)
        except DeskError as error:
            self.set_status(error.status_code)
            await self._show(core, typed, error.jupyterhub_message)
            return
        self.redirect(self.address("campus", "courses"), status=303)

    async def _show(
        self, core: Core, typed: Mapping[str, str] | None = None, refused: str = ""
    ) -> None:
        rows = [_row(core, one) async for one in in_slices(await list_courses(core))]
        await self.show_campus(
            "courses",
            "campus_courses.html",
            rows=rows,
            terms=list(core.campus.terms),
            typed=typed or dict.fromkeys(_TYPED, ""),
            refused=refused,
        )


class CopyPage(Page):
    """``/hub/edu/courses/<course>/copy``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The form; administrators say more in it."""
        core, founding, course = await self._course(course_id)
        await self._show(core, founding, course, dict.fromkeys(_TYPED, ""))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Copy it; then the page of the copy."""
        core, founding, course = await self._course(course_id)
        typed = {name: self.get_body_argument(name, "").strip() for name in _TYPED}
        wish = CopyWish(
            term=typed["term"] or None,
            key=typed["key"] or None,
            title=typed["title"] or None,
            starts=typed["starts"] or None,
            ends=typed["until"] or None,
            staff=self.get_body_argument("staff", "") == "yes",
        )
        try:
            for value in typed.values():
                text(value)
            made = await done(founding.copy(course.id, wish), REFUSALS)
        except DeskError as error:
            self.set_status(error.status_code)
            await self._show(core, founding, course, typed, error.jupyterhub_message)
            return
        self.redirect(self.address("courses", made.id), status=303)

    async def _course(self, course_id: str) -> tuple[Core, Founding, Course]:
        core, viewer, course = await self.course_of(course_id)
        founding = Founding(core, viewer, self.from_where)
        if not founding.may_copy(course.id):
            raise DeskError(Code.NOT_YOURS_TO_COPY)
        return core, founding, course

    async def _show(
        self,
        core: Core,
        founding: Founding,
        course: Course,
        typed: Mapping[str, str],
        refused: str = "",
    ) -> None:
        now = core.clock()
        terms = [key for key, span in core.campus.terms.items() if now < span.ends]
        await self.show_tab(
            "copy",
            "copy.html",
            course,
            terms=[key for key in terms if key != course.term],
            typed=typed,
            is_admin=founding.is_admin,
            refused=refused,
        )


def _written(typed: Mapping[str, str]) -> dict[str, Any]:
    """What stands below the key of a course that is made by the form."""
    named = {"title": "title", "term": "term", "starts": "from", "until": "until"}
    return {key: text(typed[name]) for name, key in named.items() if typed[name]}


def _state(value: str) -> State:
    for state in _STATES:
        if state == value:
            return state
    raise DeskError(Code.UNREADABLE)


# -- programs ------------------------------------------------------------------------------------------------------


class FoundingAPI(Admins, API):
    """``/hub/api/edu/campus/courses``."""

    @operation(
        ADMIN,
        does="Every course, of the campus file and of the desk's own, those not in force too.",
        query=Paged,
        answers={200: Part[wire.CampusCourse]},
        refuses={Code.ADMINS_ONLY},
        act=Act.CONFIGURE,
    )
    async def get(self, *, asked: Paged) -> None:
        """By id, one of the file before one of the desk's that is not in force."""
        core, _ = await self.admin_for()
        courses = await list_courses(core)
        found, ahead = page_of(courses, asked, lambda one: (one["id"], str(len(one["troubles"]))))
        self.show({"items": found, "next": ahead})

    @operation(
        ADMIN,
        does="Make a course.",
        takes=wire.CourseWish,
        answers={201: wire.CampusCourse},
        refuses={Code.ADMINS_ONLY, Code.CANNOT_MAKE_COURSE, Code.NOT_WRITTEN},
        act=Act.CONFIGURE,
    )
    async def post(self, *, wish: wire.CourseWish) -> None:
        """What the campus file could not hold is refused."""
        core, admin = await self.admin_for()
        founding = Founding(core, admin, self.from_where)
        made = await done(founding.create(wish["key"], wish["course"]), REFUSALS)
        self.show(_in_force(core.campus.courses[made.id], made), 201)


class StateAPI(Admins, API):
    """``/hub/api/edu/campus/courses/<course>``."""

    @operation(
        ADMIN,
        does="Archive a course of the desk's own, suspend it, or open it again.",
        takes=wire.StateWish,
        answers={200: wire.CampusCourse},
        refuses={
            Code.ADMINS_ONLY,
            Code.NO_SUCH_COURSE,
            Code.NOT_OUR_COURSE,
            Code.CANNOT_MAKE_COURSE,
            Code.NOT_WRITTEN,
        },
        act=Act.CONFIGURE,
    )
    async def patch(self, course_id: str, *, wish: wire.StateWish) -> None:
        """Nothing is deleted."""
        core, admin = await self.admin_for()
        if course_id not in core.campus.courses and core.own_courses.find(course_id) is None:
            raise DeskError(Code.NO_SUCH_COURSE)
        founding = Founding(core, admin, self.from_where)
        changed = await done(founding.set_state(course_id, wish["state"]), REFUSALS)
        if changed.key in core.adjustments.out_courses:
            self.show(_left_out(core, changed))
        else:
            self.show(_in_force(core.campus.courses[changed.id], changed))


class CopyAPI(API):
    """``/hub/api/edu/courses/<course>/copy``."""

    @operation(
        MANAGE,
        does="Copy a course into another term.",
        takes=wire.CopyWish,
        answers={201: wire.CampusCourse},
        refuses={
            Code.NO_SUCH_COURSE,
            Code.NOT_YOURS_TO_COPY,
            Code.CANNOT_MAKE_COURSE,
            Code.NOT_WRITTEN,
        },
        act=Act.COPY,
    )
    async def post(self, course_id: str, *, wish: wire.CopyWish) -> None:
        """Its people stay behind, but for whoever copies it, and staff where that is asked for."""
        core, viewer, course = await self.course_of(course_id)
        founding = Founding(core, viewer, self.from_where)
        asked = CopyWish(
            wish.get("term"),
            wish.get("key"),
            wish.get("title"),
            wish.get("starts"),
            wish.get("until"),
            staff=wish.get("staff", False),
        )
        made = await done(founding.copy(course.id, asked), REFUSALS)
        self.show(_in_force(core.campus.courses[made.id], made), 201)


def founding_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/campus/courses", FoundingPage),
        (r"/edu/courses/([^/]+)/copy", CopyPage),
        (r"/api/edu/campus/courses", FoundingAPI),
        (r"/api/edu/campus/courses/([^/]+)", StateAPI),
        (r"/api/edu/courses/([^/]+)/copy", CopyAPI),
    )
