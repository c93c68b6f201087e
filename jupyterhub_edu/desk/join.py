"""Joining a course by oneself, for programs: what one may ask, asking, and join codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.joining import (
    Newcomer,
    NoSuchCode,
    NotAgainYet,
    NothingToJoin,
    TooManyJoins,
)
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import joining as wire

from .api import API
from .base import Desk
from .operations import operation
from .refusals import Code
from .scopes import MANAGE, READ
from .wishes import done, iso

__all__ = ["REFUSALS", "AskAPI", "JoinAPI", "asked_json", "join_api_routes", "newcomer"]

REFUSALS: Final[Mapping[type[Exception], Code]] = {
    NothingToJoin: Code.NO_SUCH_COURSE,
    NotAgainYet: Code.NOT_AGAIN_YET,
    TooManyJoins: Code.TOO_MANY_JOINS,
    NoSuchCode: Code.NO_SUCH_CODE,
    StoreError: Code.NOT_WRITTEN,
}


async def newcomer(desk: Desk) -> tuple[Core, Newcomer]:
    """Who asks, at the doors of courses.

    Raises:
        DeskError: a service, or an account that no source has vouched for.
    """
    core, person = await desk.who_asks()
    return core, Newcomer(core, person, desk.from_where)


class JoinAPI(API):
    """``/hub/api/edu/join``."""

    @operation(
        READ,
        does="The courses that one may ask to join, and how that stands.",
        answers={200: wire.Joinable},
    )
    async def get(self) -> None:
        """Of others nothing is told."""
        _, asking = await newcomer(self)
        courses = [asked_json(asking, course) for course in asking.courses()]
        answer: wire.Joinable = {"courses": courses, "takes_codes": asking.takes_codes}
        self.show(answer)

    @operation(
        MANAGE,
        does="Come into a course by its join code.",
        takes=wire.CodeWish,
        answers={200: wire.Joined},
        refuses={Code.NO_SUCH_CODE, Code.TOO_MANY_JOINS, Code.NOT_WRITTEN},
    )
    async def post(self, *, wish: wire.CodeWish) -> None:
        """Every code that does not let in gets the same answer; ten wrong ones within an hour, and none does."""
        _, asking = await newcomer(self)
        course = await done(asking.enter(wish["code"]), REFUSALS)
        answer: wire.Joined = {"course": course.id, "title": course.title}
        self.show(answer)


class AskAPI(API):
    """``/hub/api/edu/join/<course>``."""

    @operation(
        READ,
        does="How one's request to join a course stands.",
        answers={200: wire.Asked},
        refuses={Code.NO_SUCH_COURSE},
    )
    async def get(self, course_id: str) -> None:
        """Only of courses that one may ask."""
        _, asking = await newcomer(self)
        course = await done(_course(asking, course_id), REFUSALS)
        self.show(asked_json(asking, course))

    @operation(
        MANAGE,
        does="Ask the course's teachers to be let in; asking again while that waits changes nothing.",
        takes=wire.AskWish,
        answers={200: wire.Asked},
        refuses={
            Code.NO_SUCH_COURSE,
            Code.NOT_AGAIN_YET,
            Code.TOO_MANY_JOINS,
            Code.NOT_WRITTEN,
        },
    )
    async def post(self, course_id: str, *, wish: wire.AskWish) -> None:
        """As a student."""
        _, asking = await newcomer(self)
        await done(asking.ask(course_id, wish.get("why", "")), REFUSALS)
        self.show(asked_json(asking, asking.require_course(course_id)))

    @operation(
        MANAGE,
        does="Ask no more.",
        answers={204: None},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_WRITTEN},
    )
    async def delete(self, course_id: str) -> None:
        """Nothing happens if nothing waits."""
        _, asking = await newcomer(self)
        await done(asking.withdraw(course_id), REFUSALS)
        self.set_status(204)


async def _course(asking: Newcomer, id: str) -> Course:
    return asking.require_course(id)


def asked_json(asking: Newcomer, course: Course) -> wire.Asked:
    """A course that somebody may ask, and how that stands; the words are hostile text."""
    request = asking.asked(course.id)
    state = "open" if request is None else "waits" if request.waits else "refused"
    return {
        "course": course.id,
        "title": course.title,
        "state": state,
        "asked_at": iso(request.at) if request is not None else None,
        "again_at": iso(request.again_at) if request is not None else None,
        "words": request.words if request is not None else "",
    }


def join_api_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/join", JoinAPI),
        (r"/api/edu/join/([^/]+)", AskAPI),
    )
