"""The REST API for requests: teachers ask, administrators answer."""

from __future__ import annotations

from collections.abc import Sequence

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.requesting import Requesting
from jupyterhub_edu.core.requests import Kind, Request
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.wire import requests as wire
from jupyterhub_edu.wire.shapes import Page, Paged

from .admins import Admins
from .api import API
from .operations import operation
from .paging import page_of
from .refusals import Code
from .requests import REFUSALS, carry, read_request, request_json
from .scopes import ADMIN, MANAGE, READ
from .wishes import done

__all__ = ["RequestAPI", "RequestsAPI", "WaitingAPI", "answered", "request_api_routes"]

_ASKING: frozenset[Code] = frozenset({Code.NO_SUCH_COURSE, Code.NOT_YOUR_REQUESTS})


class RequestsAPI(API):
    """``/hub/api/edu/courses/<course>/requests``."""

    @operation(
        READ,
        does="What the course's staff have asked of administrators, and the answers; newest first.",
        query=Paged,
        answers={200: Page[wire.Request]},
        refuses=_ASKING,
        act=Act.REQUEST,
    )
    async def get(self, course_id: str, *, asked: Paged) -> None:
        """For whoever may ask."""
        core, viewer, course = await self.course_of(course_id)
        await done(_allowed(Requesting(core, viewer), course.id), REFUSALS)
        self.show(_page(core, core.requests.of(course.id), asked))

    @operation(
        MANAGE,
        does="Ask an administrator for something above a ceiling.",
        takes=wire.RequestWish,
        answers={201: wire.Request},
        refuses=_ASKING | {Code.CANNOT_REQUEST, Code.NOT_IN_COURSE, Code.NOT_WRITTEN},
        act=Act.REQUEST,
    )
    async def post(self, course_id: str, *, wish: wire.RequestWish) -> None:
        """The body is the one that the act itself takes."""
        core, viewer, course = await self.course_of(course_id)
        requesting = Requesting(core, viewer, self.from_where)
        await done(_allowed(requesting, course.id), REFUSALS)
        kind = Kind(wish["kind"])
        read = read_request(kind, wish["wish"])
        asked = requesting.ask(course.id, kind, read, wish.get("why", ""))
        self.show(request_json(core, await done(asked, REFUSALS)), 201)


class RequestAPI(API):
    """``/hub/api/edu/courses/<course>/requests/<request>``."""

    @operation(
        MANAGE,
        does="Take a request back.",
        answers={200: wire.Request},
        refuses=_ASKING | {Code.NO_SUCH_REQUEST, Code.ALREADY_ANSWERED, Code.NOT_WRITTEN},
        act=Act.REQUEST,
    )
    async def delete(self, course_id: str, request: str) -> None:
        """It stays to be seen."""
        core, viewer, course = await self.course_of(course_id)
        requesting = Requesting(core, viewer, self.from_where)
        withdrawn = await done(requesting.withdraw(request, course.id), REFUSALS)
        self.show(request_json(core, withdrawn))


class WaitingAPI(Admins, API):
    """``/hub/api/edu/requests``."""

    @operation(
        ADMIN,
        does="The requests of all courses that wait for an answer, oldest first.",
        query=Paged,
        answers={200: Page[wire.Request]},
        refuses={Code.ADMINS_ONLY},
        act=Act.CONFIGURE,
    )
    async def get(self, *, asked: Paged) -> None:
        """For administrators."""
        core, _ = await self.admin_for()
        waiting, ahead = page_of(
            core.requests.waiting(), asked, lambda one: (one.at.isoformat(), one.id)
        )
        self.show({"items": [request_json(core, one) for one in waiting], "next": ahead})


class AnswerAPI(Admins, API):
    """``/hub/api/edu/requests/<request>``."""

    @operation(
        ADMIN,
        does="Answer a request; approving it does what it asks for.",
        takes=wire.RequestAnswer,
        answers={200: wire.Request},
        refuses={Code.ADMINS_ONLY, *REFUSALS.values()} - {Code.NOT_YOUR_REQUESTS},
        act=Act.CONFIGURE,
    )
    async def post(self, request: str, *, wish: wire.RequestAnswer) -> None:
        """What the act has against it is told, and leaves the request open."""
        core, admin = await self.admin_for()
        address = self.from_where
        told = await answered(
            core, admin, request, wish.get("words", ""), address, approve=wish["approve"]
        )
        self.show(request_json(core, told))


async def answered(
    core: Core, admin: Person, id: str, words: str, address: str, *, approve: bool
) -> Request:
    """A request, answered.

    Raises:
        DeskError: it cannot be answered, or what it asks for cannot be done.
    """
    requesting = Requesting(core, admin, address)
    if not approve:
        return await done(requesting.refuse(id, words), REFUSALS)
    return await done(requesting.approve(id, words, carry(core, admin, address)), REFUSALS)


async def _allowed(requesting: Requesting, course: str) -> None:
    requesting.require_may_ask(course)


def _page(core: Core, requests: Sequence[Request], asked: Paged) -> Page[wire.Request]:
    """Newest first: a cursor is the key of the last, counted from the far end of time."""

    def key(one: Request) -> tuple[str, ...]:
        return (f"{_FAR - int(one.at.timestamp() * 1_000_000):020}", one.id)

    found, ahead = page_of(requests, asked, key)
    return {"items": [request_json(core, one) for one in found], "next": ahead}


_FAR = 10**18
"""Microseconds since 1970; more than a datetime knows."""


def request_api_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/requests", RequestsAPI),
        (r"/api/edu/courses/([^/]+)/requests/([^/]+)", RequestAPI),
        (r"/api/edu/requests", WaitingAPI),
        (r"/api/edu/requests/([^/]+)", AnswerAPI),
    )
