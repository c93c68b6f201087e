"""The REST API for teachers: adding people to their courses by hand, and keeping them out."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import (
    ByHand,
    ChangedSince,
    NobodyKnown,
    NotYours,
    Several,
    TooMany,
)
from jupyterhub_edu.core.finding import Unreadable
from jupyterhub_edu.core.placing import NoSection, place, sections_tag
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import people as wire

from .api import API
from .members import member_json, members_json, pending_json
from .operations import operation
from .people_rows import MemberRow, find_row
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, instant

__all__ = ["PEOPLE_REFUSALS", "PeopleAPI", "PersonOfCourseAPI", "people_routes", "placed"]

_YEARS: Final = range(1900, 9001)
_ROLES: Final = {str(role): role for role in CourseRole}
PEOPLE_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    NotYours: Code.NOT_YOURS_TO_GIVE,
    ChangedSince: Code.STALE,
    NobodyKnown: Code.NO_SUCH_PERSON,
    Several: Code.SEVERAL_PEOPLE,
    TooMany: Code.TOO_MANY,
    Unreadable: Code.UNREADABLE,
    StoreError: Code.NOT_WRITTEN,
}
_PLACING: Final = frozenset(
    {Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_GIVE, Code.NOT_IN_COURSE, Code.STALE, Code.NOT_WRITTEN}
)


class _ByHandAPI(API):
    """Acts in one course, by whoever takes part in it; what they may there is looked up anew for each request."""

    async def staff(self, course_id: str) -> ByHand:
        core, viewer, course = await self.course_of(course_id)
        return ByHand(core, viewer, course.id, self.from_where)

    async def row_of(self, course_id: str, who: str) -> tuple[Core, Person, MemberRow]:
        """The core, who asks, and somebody in the course or kept out of it, by the key that the list of people has.

        Raises:
            DeskError: no such course for them, they add nobody to it, or there is nobody of this key.
        """
        core, viewer, course = await self.course_of(course_id)
        if not core.may(Act.ENROL, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_GIVE)
        row = await find_row(core, viewer, course.id, who)
        if row is None:
            raise DeskError(Code.NOT_IN_COURSE)
        return core, viewer, row


async def placed(act: Awaitable[None]) -> None:
    """Wait for somebody to be put into sections, its refusals in the desk's words.

    Raises:
        DeskError: it was refused.
    """
    try:
        await done(act, PEOPLE_REFUSALS)
    except NoSection as error:
        raise DeskError(Code.UNREADABLE, str(error)) from error


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
        core, viewer, course = await self.course_of(course_id)
        if not core.may(Act.ENROL, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_GIVE)
        self.show(await members_json(core, viewer, course.id, asked))

    @operation(
        MANAGE,
        does="Enrol somebody with a role, or exclude them: 201, or 202 with what waits until it is known who is meant.",
        takes=wire.PeopleWish,
        answers={201: wire.Done, 202: wire.Done},
        refuses={Code.NO_SUCH_COURSE, *PEOPLE_REFUSALS.values()},
        act=Act.ENROL,
    )
    async def post(self, course_id: str, *, wish: wire.PeopleWish) -> None:
        """Below one's own role, but for administrators."""
        staff = await self.staff(course_id)
        who, why = wish["person"], wish.get("why", "")
        starts, ends = _instant(wish.get("starts")), _instant(wish.get("ends"))
        if "exclude" in wish and not wish.keys() & {"role", "starts"}:
            act = staff.exclude(who, until=ends, why=why)
        elif "role" in wish and "exclude" not in wish:
            act = staff.enrol(who, _ROLES[wish["role"]], starts=starts, ends=ends, why=why)
        else:
            raise DeskError(Code.UNREADABLE, say("Say a role, or exclude."))
        found = await done(act, PEOPLE_REFUSALS)
        if isinstance(found, Pending):
            self.show({"person": None, "pending": pending_json(found)}, 202)
        else:
            self.show({"person": found.person}, 201)


class PersonOfCourseAPI(_ByHandAPI):
    """``/hub/api/edu/courses/<course>/people/<person>``."""

    @operation(
        READ,
        does="One person in the course, or kept out of it, with the tag of what stands of them by hand.",
        answers={200: wire.Member},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_GIVE, Code.NOT_IN_COURSE},
        act=Act.ENROL,
    )
    async def get(self, course_id: str, who: str) -> None:
        """By the key that the list of people has."""
        _, _, row = await self.row_of(course_id, who)
        self.tag(row.hand.as_json())
        self.show(member_json(row))

    @operation(
        MANAGE,
        does="Put a role, or an exclusion, in the place of what stands of somebody by hand; honours If-Match.",
        takes=wire.PersonWish,
        answers={200: wire.Member},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_IN_COURSE, *PEOPLE_REFUSALS.values()},
        act=Act.ENROL,
    )
    async def put(self, course_id: str, who: str, *, wish: wire.PersonWish) -> None:
        """By the key that the list of people has: nobody is looked for."""
        core, viewer, row = await self.row_of(course_id, who)
        starts, ends, why = (
            _instant(wish.get("starts")),
            _instant(wish.get("ends")),
            wish.get("why", ""),
        )
        if ("exclude" in wish) is ("role" in wish) or ("exclude" in wish and "starts" in wish):
            raise DeskError(Code.UNREADABLE, say("Say a role, or exclude."))
        if starts is not None and ends is not None and ends <= starts:
            raise DeskError(Code.UNREADABLE, say("It ends before it begins."))
        self.require_unchanged(row.hand.as_json())
        staff = ByHand(core, viewer, course_id, self.from_where, row.hand.tag)
        role = _ROLES[wish["role"]] if "role" in wish else None
        act = staff.change(row.key, role, starts=starts, ends=ends, why=why)
        await done(act, PEOPLE_REFUSALS)
        _, _, now = await self.row_of(course_id, who)
        self.tag(now.hand.as_json())
        self.show(member_json(now))

    @operation(
        MANAGE,
        does="Take back what was done by hand for one person, and what waits under the same.",
        answers={204: None},
        refuses={Code.NO_SUCH_COURSE, *PEOPLE_REFUSALS.values()},
        act=Act.ENROL,
    )
    async def delete(self, course_id: str, who: str) -> None:
        """By a name of any kind, or the id of what waits."""
        staff = await self.staff(course_id)
        await done(staff.take_back(who), PEOPLE_REFUSALS)
        self.set_status(204)


class SectionsAPI(_ByHandAPI):
    """``/hub/api/edu/courses/<course>/people/<person>/sections``."""

    @operation(
        READ,
        does="The sections of one person in the course: those by hand, and those of enrolments.",
        answers={200: wire.PersonSections},
        refuses=_PLACING - {Code.STALE, Code.NOT_WRITTEN},
        act=Act.ENROL,
    )
    async def get(self, course_id: str, who: str) -> None:
        """By the key that the list of people has."""
        core, _, row = await self.row_of(course_id, who)
        self._show_sections(core, course_id, row)

    @operation(
        MANAGE,
        does="Put one person of the course into these sections by hand, and no others; honours If-Match.",
        takes=wire.SectionsWish,
        answers={200: wire.PersonSections},
        refuses=_PLACING,
        act=Act.ENROL,
    )
    async def put(self, course_id: str, who: str, *, wish: wire.SectionsWish) -> None:
        """Those of enrolments stay; nobody comes into the course by it, or stays in it."""
        core, viewer, row = await self.row_of(course_id, who)
        self.require_unchanged(_sections_json(core, course_id, row))
        seen = sections_tag(core, course_id, row.key)
        act = place(
            core, viewer, course_id, row.key, wish["sections"], seen=seen, address=self.from_where
        )
        await placed(act)
        _, _, now = await self.row_of(course_id, who)
        self._show_sections(core, course_id, now)

    def _show_sections(self, core: Core, course: str, row: MemberRow) -> None:
        shown = _sections_json(core, course, row)
        self.tag(shown)
        self.show(shown)


def _sections_json(core: Core, course: str, row: MemberRow) -> wire.PersonSections:
    placed = core.roll.placed.find(core.roll.keys_of(row.key), course)
    told = (one.told.sections for one in row.whys)
    return {
        "by_hand": list(row.placed),
        "by": placed[0].by if placed else None,
        "of_enrolments": sorted(frozenset[str]().union(*told)),
    }


def _instant(value: object) -> datetime | None:
    """An instant that every time zone can show; None for null.

    Raises:
        DeskError: it is anything else.
    """
    at = instant(value)
    if at is not None and at.year not in _YEARS:
        raise DeskError(Code.UNREADABLE, say("That is too far away."))
    return at


def people_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/people", PeopleAPI),
        (r"/api/edu/courses/([^/]+)/people/([^/]+)", PersonOfCourseAPI),
        (r"/api/edu/courses/([^/]+)/people/([^/]+)/sections", SectionsAPI),
    )
