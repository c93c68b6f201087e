"""The REST API for teachers: adding people to their courses by hand, and keeping them out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from jupyterhub.scopes import needs_scope

from jupyterhub_edu.core.by_hand import ByHand, NobodyKnown, NotYours, Several, TooMany
from jupyterhub_edu.core.finding import Unreadable
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import StoreError

from .api import API
from .members import members_json, pending_json
from .refusals import Code, DeskError
from .scopes import MANAGE, READ

__all__ = ["PeopleAPI", "PersonOfCourseAPI", "people_routes"]

_T = TypeVar("_T")
_ROLES: Final = {str(role): role for role in CourseRole}
_KEYS: Final = frozenset({"person", "role", "exclude", "starts", "ends", "why"})
_LONGEST: Final = 500
_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    NotYours: Code.NOT_YOURS_TO_GIVE,
    NobodyKnown: Code.NO_SUCH_PERSON,
    Several: Code.SEVERAL_PEOPLE,
    TooMany: Code.TOO_MANY,
    Unreadable: Code.UNREADABLE,
    StoreError: Code.NOT_WRITTEN,
}


class _ByHandAPI(API):
    """Acts in one course, by whoever takes part in it; what they may there is looked up anew for each request."""

    async def staff(self, course_id: str) -> ByHand:
        core = await self.ready_core()
        viewer = self.require_person(core)
        course = self.require_course(core, viewer, course_id)
        return ByHand(core, viewer, course.id, self.request.remote_ip or "")

    @staticmethod
    async def done(act: Awaitable[_T]) -> _T:
        """Wait for an act, its refusals in the desk's words."""
        try:
            return await act
        except tuple(_REFUSALS) as error:
            code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
            raise DeskError(code) from error


class PeopleAPI(_ByHandAPI):
    """``/hub/api/edu/courses/<course>/people``."""

    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Who is in the course and what waits, for whoever may add people to it."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        course = self.require_course(core, viewer, course_id)
        if not core.may(Act.ENROL, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_GIVE)
        self.write(json.dumps(await members_json(core, course.id)))

    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Enrol somebody with a role, or exclude them; 201 with the person's key, 202 with what waits."""
        staff = await self.staff(course_id)
        wish = self._wish()
        who, why = _text(wish.get("person")), _text(wish.get("why", ""))
        starts, ends = _instant(wish.get("starts")), _instant(wish.get("ends"))
        if wish.get("exclude") is True and not wish.keys() & {"role", "starts"}:
            done = await self.done(staff.exclude(who, until=ends, why=why))
        elif "exclude" not in wish and wish.get("role") in _ROLES:
            role = _ROLES[wish["role"]]
            act = staff.enrol(who, role, starts=starts, ends=ends, why=why)
            done = await self.done(act)
        else:
            raise DeskError(Code.UNREADABLE)
        if isinstance(done, Pending):
            self.set_status(202)
            self.write(json.dumps({"person": None, "pending": pending_json(done)}))
        else:
            self.set_status(201)
            self.write(json.dumps({"person": done.person}))

    def _wish(self) -> dict[str, Any]:
        try:
            wish = json.loads(self.request.body)
        except ValueError:
            wish = None
        if not isinstance(wish, dict) or not wish.keys() <= _KEYS:
            raise DeskError(Code.UNREADABLE)
        return wish


class PersonOfCourseAPI(_ByHandAPI):
    """``/hub/api/edu/courses/<course>/people/<person>``."""

    @needs_scope(MANAGE)
    async def delete(self, course_id: str, who: str) -> None:
        """Take back what was done by hand for one person, and what waits under the same; 204."""
        staff = await self.staff(course_id)
        await self.done(staff.take_back(who))
        self.set_status(204)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
        raise DeskError(Code.UNREADABLE)
    return value


def _instant(value: object) -> datetime | None:
    """An instant of ISO 8601 with its zone."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        raise DeskError(Code.UNREADABLE) from None
    if at.tzinfo is None:
        raise DeskError(Code.UNREADABLE)
    return at


def people_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/people", PeopleAPI),
        (r"/api/edu/courses/([^/]+)/people/([^/]+)", PersonOfCourseAPI),
    )
