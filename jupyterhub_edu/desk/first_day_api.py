"""The REST API for the first day of a course: its link, who asks to join, the join code, starting the class, who has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.doorkeeping import (
    CannotCode,
    CodeChanged,
    Doorkeeper,
    JoinNotYours,
    NoSuchJoin,
)
from jupyterhub_edu.core.starting_class import CannotStart, StartingClass
from jupyterhub_edu.core.starting_for import StartingNotYours
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import joining as wire
from jupyterhub_edu.wire.shapes import Page, Paged

from .api import API
from .base import Desk
from .first_day import arrivals, class_start_json, code_json, request_json
from .links import course_link, qr_code
from .operations import Media, operation
from .paging import page_of
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, instant

__all__ = ["REFUSALS", "at_the_door", "first_day_api_routes", "starting_class"]

REFUSALS: Final[Mapping[type[Exception], Code]] = {
    JoinNotYours: Code.NOT_YOUR_DOOR,
    NoSuchJoin: Code.NO_SUCH_JOIN,
    CannotCode: Code.CANNOT_MAKE_CODE,
    CodeChanged: Code.STALE,
    StartingNotYours: Code.NOT_YOURS_TO_START,
    CannotStart: Code.CANNOT_START_CLASS,
    StoreError: Code.NOT_WRITTEN,
}
_DOOR: Final = frozenset({Code.NO_SUCH_COURSE, Code.NOT_YOUR_DOOR})
_START: Final = frozenset({Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_START})


async def at_the_door(desk: Desk, course_id: str) -> tuple[Core, Course, Doorkeeper]:
    """Who asks, at the door of a course of theirs.

    Raises:
        DeskError: no such course for them, or they let nobody in.
    """
    core, viewer, course = await desk.course_of(course_id)
    try:
        return core, course, Doorkeeper(core, viewer, course, desk.from_where)
    except JoinNotYours as error:
        raise DeskError(Code.NOT_YOUR_DOOR) from error


async def starting_class(desk: Desk, course_id: str) -> tuple[Core, Course, StartingClass]:
    """Who asks, about the class start of a course of theirs.

    Raises:
        DeskError: no such course for them, or they start nobody's servers there.
    """
    core, viewer, course = await desk.course_of(course_id)
    try:
        return core, course, StartingClass(core, viewer, course.id, desk.from_where)
    except StartingNotYours as error:
        raise DeskError(Code.NOT_YOURS_TO_START) from error


class FirstDayAPI(API):
    """``/hub/api/edu/courses/<course>/first-day``."""

    @operation(
        READ,
        does="How people join the course, how many are in it, have ever logged in, and ask to join.",
        answers={200: wire.FirstDay},
        refuses=_DOOR,
        act=Act.ENROL,
    )
    async def get(self, course_id: str) -> None:
        """Sums alone."""
        core, course, door = await at_the_door(self, course_id)
        found = await arrivals(core, course.id)
        answer: wire.FirstDay = {
            "joining": sorted(map(str, course.joining)),
            "enrolled": found.enrolled,
            "logged_in": found.logged_in,
            "requests": len(door.waiting()),
        }
        self.show(answer)


class MissingAPI(API):
    """``/hub/api/edu/courses/<course>/never-logged-in``."""

    @operation(
        READ,
        does="Who is in the course and has never logged in.",
        answers={200: Page[wire.CameRow]},
        query=Paged,
        refuses=_DOOR,
        act=Act.ENROL,
    )
    async def get(self, course_id: str, *, asked: Paged) -> None:
        """By key, so that nobody is left out when people come meanwhile."""
        core, course, _ = await at_the_door(self, course_id)
        found = await arrivals(core, course.id)
        items, following = page_of(found.missing, asked, lambda row: (row["person"],))
        self.show({"items": items, "next": following})


async def _link(desk: Desk, course_id: str, asked: wire.LinkWish) -> str:
    core, course, _ = await at_the_door(desk, course_id)
    return course_link(desk, core, course, asked.get("profile", ""), asked.get("path", ""))


class LinkAPI(API):
    """``/hub/api/edu/courses/<course>/link``."""

    @operation(
        READ,
        does="The course's link, which chooses a profile and opens a path in Lab.",
        answers={200: wire.Link},
        query=wire.LinkWish,
        refuses={*_DOOR, Code.UNREADABLE},
        act=Act.ENROL,
    )
    async def get(self, course_id: str, *, asked: wire.LinkWish) -> None:
        """It lets nobody in who is not in the course."""
        answer: wire.Link = {"url": await _link(self, course_id, asked)}
        self.show(answer)


class QRCodeAPI(API):
    """``/hub/api/edu/courses/<course>/link.svg``."""

    @operation(
        READ,
        does="The same as a QR code.",
        answers={200: Media("image/svg+xml")},
        query=wire.LinkWish,
        refuses={*_DOOR, Code.UNREADABLE},
        act=Act.ENROL,
    )
    async def get(self, course_id: str, *, asked: wire.LinkWish) -> None:
        """To be shown or printed."""
        drawn = qr_code(await _link(self, course_id, asked))
        self.set_header("Content-Type", "image/svg+xml")
        self.write(drawn)


class JoinRequestsAPI(API):
    """``/hub/api/edu/courses/<course>/join-requests``."""

    @operation(
        READ,
        does="Who waits to be let into the course, oldest first.",
        answers={200: wire.JoinRequests},
        refuses=_DOOR,
        act=Act.ENROL,
    )
    async def get(self, course_id: str) -> None:
        """At most 500."""
        core, _, door = await at_the_door(self, course_id)
        answer: wire.JoinRequests = {
            "requests": [request_json(core, one) for one in door.waiting()]
        }
        self.show(answer)


class JoinRequestAPI(API):
    """``/hub/api/edu/courses/<course>/join-requests/<request>``."""

    @operation(
        MANAGE,
        does="Let somebody in as a student, or not.",
        takes=wire.AnswerWish,
        answers={200: wire.Answer},
        refuses={*_DOOR, Code.NO_SUCH_JOIN, Code.NOT_WRITTEN},
        act=Act.ENROL,
    )
    async def post(self, course_id: str, id: str, *, wish: wire.AnswerWish) -> None:
        """Who is refused learns it, and may ask again a day later."""
        _, _, door = await at_the_door(self, course_id)
        person = None
        if wish["approve"]:
            act = door.approve(
                id,
                section=wish.get("section", ""),
                starts=instant(wish.get("starts")),
                ends=instant(wish.get("ends")),
            )
            person = (await done(act, REFUSALS)).person
        else:
            await done(door.refuse(id, wish.get("words", "")), REFUSALS)
        answer: wire.Answer = {"person": person}
        self.show(answer)


def _code(core: Core, door: Doorkeeper) -> wire.JoinCode | None:
    return code_json(core, door.code) if door.code is not None else None


class JoinCodeAPI(API):
    """``/hub/api/edu/courses/<course>/join-code``."""

    @operation(
        READ,
        does="The course's join code, or null.",
        answers={200: wire.JoinCode | None},
        refuses=_DOOR,
        act=Act.ENROL,
    )
    async def get(self, course_id: str) -> None:
        """Also one that is over."""
        core, _, door = await at_the_door(self, course_id)
        shown = _code(core, door)
        self.tag(shown)
        self.show(shown)

    @operation(
        MANAGE,
        does="Make a join code, in the place of the one that there is.",
        takes=wire.JoinCodeWish,
        answers={200: wire.JoinCode},
        refuses={*_DOOR, Code.CANNOT_MAKE_CODE, Code.STALE, Code.NOT_WRITTEN},
        act=Act.ENROL,
    )
    async def put(self, course_id: str, *, wish: wire.JoinCodeWish) -> None:
        """It lets in by the right of whoever makes it, as long as they have it."""
        core, _, door = await at_the_door(self, course_id)
        ends, most, section = instant(wish["ends"]), wish["most"], wish.get("section", "")
        act = door.make_code(ends, most, section, seen=self._seen(core, door))
        self.show(code_json(core, await done(act, REFUSALS)))

    @operation(
        MANAGE,
        does="Let the course have no join code.",
        answers={204: None},
        refuses={*_DOOR, Code.STALE, Code.NOT_WRITTEN},
        act=Act.ENROL,
    )
    async def delete(self, course_id: str) -> None:
        """Who is in by it stays."""
        core, _, door = await at_the_door(self, course_id)
        await done(door.end_code(self._seen(core, door)), REFUSALS)
        self.set_status(204)

    def _seen(self, core: Core, door: Doorkeeper) -> str | None:
        """The code that whoever asks was shown, if they say so.

        Raises:
            DeskError: it is another by now.
        """
        self.require_unchanged(_code(core, door))
        if "If-Match" not in self.request.headers:
            return None
        return door.code.text if door.code is not None else ""


class ClassStartAPI(API):
    """``/hub/api/edu/courses/<course>/class-start``."""

    @operation(
        READ,
        does="The class start of the course that is planned, under way or was the last one, or null.",
        answers={200: wire.ClassStart | None},
        refuses=_START,
        act=Act.START_FOR,
    )
    async def get(self, course_id: str) -> None:
        """With what has become of each student's server, and why not."""
        core, course, _ = await starting_class(self, course_id)
        start = core.class_starts.of(course.id)
        self.show(await class_start_json(core, start) if start is not None else None)

    @operation(
        MANAGE,
        does="Start the servers of all students, or of a section, now or at a time.",
        takes=wire.ClassStartWish,
        answers={202: wire.ClassStart},
        refuses={*_START, Code.CANNOT_START_CLASS, Code.NOT_WRITTEN},
        act=Act.START_FOR,
    )
    async def put(self, course_id: str, *, wish: wire.ClassStartWish) -> None:
        """By the ordinary rules, one after another."""
        core, _, staff = await starting_class(self, course_id)
        at = instant(wish.get("at"))
        act = staff.plan(wish.get("profile"), wish.get("section", ""), at)
        self.show(await class_start_json(core, await done(act, REFUSALS)), 202)

    @operation(
        MANAGE,
        does="Ask for no more servers; those that were asked for stay.",
        answers={204: None},
        refuses={*_START, Code.NOT_WRITTEN},
        act=Act.START_FOR,
    )
    async def delete(self, course_id: str) -> None:
        """Nothing happens if none are asked for."""
        _, _, staff = await starting_class(self, course_id)
        await done(staff.call_off(), REFUSALS)
        self.set_status(204)


def first_day_api_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    course = r"/api/edu/courses/([^/]+)"
    return (
        (rf"{course}/first-day", FirstDayAPI),
        (rf"{course}/never-logged-in", MissingAPI),
        (rf"{course}/link", LinkAPI),
        (rf"{course}/link\.svg", QRCodeAPI),
        (rf"{course}/join-requests", JoinRequestsAPI),
        (rf"{course}/join-requests/([^/]+)", JoinRequestAPI),
        (rf"{course}/join-code", JoinCodeAPI),
        (rf"{course}/class-start", ClassStartAPI),
    )
