"""Asking an administrator for what lies above a ceiling, and answering; nothing is changed that is not in the audit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_edu.domain.acts import Act, decide_act
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry

from .along import Along
from .named import find_members
from .requests import ACTS, Answer, Kind, Request, State, names_in, with_names

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "AlreadyAnswered",
    "CannotRequest",
    "Carry",
    "NoSuchRequest",
    "RequestNotYours",
    "Requesting",
]

Carry = Callable[[Request, Along], Awaitable[None]]
"""Does what a request asks for, by the ordinary act of whoever answers, and keeps the approval in the same step; raises the
act's own refusals."""
_MOST: Final = 50
"""Requests of one course that wait."""
_KEPT: Final = 200
"""Answered requests that a course keeps."""
_LARGEST: Final = 64 * 1024
"""Characters of a wish as JSON."""


class RequestNotYours(Exception):
    """Who asks may not ask for this in the course, or may not answer."""


class NoSuchRequest(Exception):
    """There is none with this id, or none for whoever asks."""


class AlreadyAnswered(Exception):
    """Somebody has answered it, or it was taken back."""


class CannotRequest(Exception):
    """It is too much; the text says of what."""


class Requesting:
    """What one person asks of administrators, or answers as one.

    Always holds:
        - who asks may ask in this course (``Act.REQUEST``); who answers may do the act itself above its ceiling;
        - what is approved is done by the ordinary act, with the right of whoever approves, and once: the approval, what it
          does and the audit of both are kept in one step, so that an act that is refused, or a hub that ends meanwhile,
          leaves the request open and nothing done;
        - people whom a wish names are of the course.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, address: str = "") -> None:
        self._core, self._actor, self._address = core, actor, address

    def require_may_ask(self, course: str) -> None:
        """Make sure that the actor may ask for anything here.

        Raises:
            RequestNotYours: they may not.
        """
        if not self._core.may(Act.REQUEST, self._actor, course):
            raise RequestNotYours

    def may_answer(self, request: Request) -> bool:
        """Whether the actor may do above the ceiling what is asked for; of a course that is gone, whether they could."""
        act = ACTS[request.kind]
        if request.course in self._core.campus.courses:
            return self._core.may(act, self._actor, request.course)
        return decide_act(act, None, self._core.roll.site_role(self._actor))

    async def ask(
        self, course: str, kind: Kind, wish: Mapping[str, Any], why: str = ""
    ) -> Request:
        """Ask for something; the same again, by the same person while it waits, changes nothing.

        Args:
            wish: the body of the act as the API takes it, which the caller has read.

        Raises:
            RequestNotYours, CannotRequest: see the classes.
            NotNamed: names that mean nobody in the course, or several.
            StoreError: it could not be kept; nothing has changed.
        """
        self.require_may_ask(course)
        core = self._core
        if len(json.dumps(dict(wish))) > _LARGEST:
            raise CannotRequest(say("It is too long."))
        found = await find_members(core.roll, course, names_in(kind, wish))
        by, at = self._actor.hub_name, core.clock()
        asked = with_names(kind, wish, found)
        request = Request(uuid.uuid4().hex, course, kind, asked, by, at, why)
        async with core.requests.turn:
            known = core.requests.of(course)
            for one in known:
                if one.waits and replace(one, id=request.id, at=at) == request:
                    return one
            if sum(one.waits for one in known) >= _MOST:
                raise CannotRequest(say("{most} requests of the course wait already.", most=_MOST))
            answered = [one for one in known if not one.waits]
            await core.requests.add(request, self._entry("ask", request), answered[_KEPT - 1 :])
        return request

    async def withdraw(self, id: str, course: str) -> Request:
        """Take a request of this course back; whoever may ask in it may.

        Raises:
            NoSuchRequest, AlreadyAnswered: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        async with self._core.requests.turn:
            request = self._core.requests.find(id)
            if request is None or request.course != course:
                raise NoSuchRequest(id)
            if not self._core.may(Act.REQUEST, self._actor, course):
                raise NoSuchRequest(id)
            return await self._answer(request, State.WITHDRAWN, "", "withdraw-request")

    async def refuse(self, id: str, words: str) -> Request:
        """Refuse one.

        Raises:
            NoSuchRequest, AlreadyAnswered, StoreError: as for ``withdraw``.
        """
        async with self._core.requests.turn:
            request = self._answerable(id)
            return await self._answer(request, State.REFUSED, words, "refuse-request")

    async def approve(self, id: str, words: str, carry: Carry) -> Request:
        """Approve one: do what it asks for.

        Raises:
            NoSuchRequest, AlreadyAnswered, StoreError: as for ``withdraw``.
            Exception: what the act has against it; the request is open as before.
        """
        async with self._core.requests.turn:
            request = self._answerable(id)
            answer = self._said(request, State.APPROVED, words)
            entry = self._entry("approve-request", request)
            await carry(request, self._core.requests.answering(request, answer, entry))
            return replace(request, answer=answer)

    # -- inside ------------------------------------------------------------------------------------------------

    def _answerable(self, id: str) -> Request:
        request = self._core.requests.find(id)
        if request is None or not self.may_answer(request):
            raise NoSuchRequest(id)
        return request

    async def _answer(self, request: Request, state: State, words: str, act: str) -> Request:
        answer = self._said(request, state, words)
        return await self._core.requests.answer(request, answer, self._entry(act, request))

    def _said(self, request: Request, state: State, words: str) -> Answer:
        if not request.waits:
            raise AlreadyAnswered
        return Answer(state, self._actor.hub_name, self._core.clock(), words)

    def _entry(self, act: str, request: Request) -> AuditEntry:
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=request.course,
            target=request.by,
            address=self._address,
            details={"request": request.id, "kind": str(request.kind)},
        )
