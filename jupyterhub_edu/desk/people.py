"""The REST API for teachers: adding people to their courses by hand, and keeping them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jupyterhub_edu.core.by_hand import ByHand, NobodyKnown, NotYours, Several, TooMany
from jupyterhub_edu.core.finding import Unreadable
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import people as wire

from .api import API
from .members import members_json, pending_json
from .operations import operation
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, instant

__all__ = ["PeopleAPI", "PersonOfCourseAPI", "people_routes"]

_ROLES: Final = {str(role): role for role in CourseRole}
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


class PeopleAPI(_ByHandAPI):
    """``/hub/api/edu/courses/<course>/people``."""

    @operation(
        READ,
        does="Who is in the course, who is kept out, and what waits.",
        query=wire.MembersQuery,
        answers={200: wire.Members},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_GIVE},
        act=Act.ENROL,
    )
    async def get(self, course_id: str, *, asked: wire.MembersQuery) -> None:
        """For whoever may add people to it."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        course = self.require_course(core, viewer, course_id)
        if not core.may(Act.ENROL, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_GIVE)
        self.show(await members_json(core, course.id, asked))

    @operation(
        MANAGE,
        does="Enrol somebody with a role, or exclude them: 201, or 202 with what waits until it is known who is meant.",
        takes=wire.PeopleWish,
        answers={201: wire.Done, 202: wire.Done},
        refuses={Code.NO_SUCH_COURSE, *_REFUSALS.values()},
        act=Act.ENROL,
    )
    async def post(self, course_id: str, *, wish: wire.PeopleWish) -> None:
        """Below one's own role, but for administrators."""
        staff = await self.staff(course_id)
        who, why = wish["person"], wish.get("why", "")
        starts, ends = instant(wish.get("starts")), instant(wish.get("ends"))
        if "exclude" in wish and not wish.keys() & {"role", "starts"}:
            act = staff.exclude(who, until=ends, why=why)
        elif "role" in wish and "exclude" not in wish:
            act = staff.enrol(who, _ROLES[wish["role"]], starts=starts, ends=ends, why=why)
        else:
            raise DeskError(Code.UNREADABLE, "Say a role, or exclude.")
        found = await done(act, _REFUSALS)
        if isinstance(found, Pending):
            self.show({"person": None, "pending": pending_json(found)}, 202)
        else:
            self.show({"person": found.person}, 201)


class PersonOfCourseAPI(_ByHandAPI):
    """``/hub/api/edu/courses/<course>/people/<person>``."""

    @operation(
        MANAGE,
        does="Take back what was done by hand for one person, and what waits under the same.",
        answers={204: None},
        refuses={Code.NO_SUCH_COURSE, *_REFUSALS.values()},
        act=Act.ENROL,
    )
    async def delete(self, course_id: str, who: str) -> None:
        """By a name of any kind, or the id of what waits."""
        staff = await self.staff(course_id)
        await done(staff.take_back(who), _REFUSALS)
        self.set_status(204)


def people_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/people", PeopleAPI),
        (r"/api/edu/courses/([^/]+)/people/([^/]+)", PersonOfCourseAPI),
    )
