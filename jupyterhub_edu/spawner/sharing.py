"""The hub's own sharing of servers, which stops at exams: a server of one is its person's alone.

The hub keeps one share for an owner and a visitor, whoever made it: what owners share with somebody who helps them is noted,
so that it does not end with the help.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from jupyterhub import apihandlers
from jupyterhub.apihandlers.shares import ServerShareAPIHandler, ServerShareCodeAPIHandler
from jupyterhub.handlers import pages
from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu import hub
from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.ports import StoreError

from .admission import ready_core

__all__ = [
    "ExamShareAPIHandler",
    "ExamShareCodeAPIHandler",
    "NotedAcceptShareHandler",
    "sharing_routes",
]

_log = logging.getLogger(__name__)
_NOT_SHARED: Final = Decision(None, (Reason(Code.EXAM_RUNNING, "shared"),))


async def _require_shareable(user_name: str, server_name: str | None) -> Core:
    """Make sure that a server is not one of an exam now; what was shared before has been taken back at its start."""
    core = await ready_core()
    held = core.book.of_server(user_name, server_name or "")
    if any(admission.exam is not None for admission in held):
        raise hub.refusal(_NOT_SHARED)
    return core


async def _leave(core: Core, visitor: str, owner: str, server: str) -> None:
    """Let what was just shared outlast a help; who shared it has their answer by now."""
    try:
        await core.helps.leave(visitor, owner, server)
    except StoreError:
        _log.exception("%s's share with %s ends with a help after a restart", owner, visitor)


class ExamShareAPIHandler(ServerShareAPIHandler):
    """The hub's shares of one server."""

    @needs_scope("shares")
    async def post(self, user_name: str, server_name: str | None = None) -> None:
        """Share it, unless it is a server of an exam."""
        core = await _require_shareable(user_name, server_name)
        await super().post(user_name, server_name)
        wish = self.get_json_body()
        if wish.get("user") and (not wish.get("scopes") or hub.lets_in(wish["scopes"])):
            await _leave(core, wish["user"], user_name, server_name or "")


class ExamShareCodeAPIHandler(ServerShareCodeAPIHandler):
    """The hub's codes with which others get at one server."""

    @needs_scope("shares")
    async def post(self, user_name: str, server_name: str | None = None) -> None:
        """Make a code, unless it is a server of an exam."""
        await _require_shareable(user_name, server_name)
        await super().post(user_name, server_name)


class NotedAcceptShareHandler(pages.AcceptShareHandler):
    """The hub's page on which a code becomes a share."""

    @web.authenticated
    async def post(self) -> None:
        """Take it."""
        core = await ready_core()
        opened = hub.opened_by(self.get_argument("code"))
        super().post()
        if opened is not None:
            await _leave(core, self.current_user.name, *opened)


def sharing_routes() -> list[tuple[str, type]]:
    """The hub's own patterns with our handlers, for ``hub.add_routes``."""
    ours: dict[Any, type] = {
        ServerShareAPIHandler: ExamShareAPIHandler,
        ServerShareCodeAPIHandler: ExamShareCodeAPIHandler,
        pages.AcceptShareHandler: NotedAcceptShareHandler,
    }
    return [
        (pattern, ours[handler])
        for pattern, handler, *_ in [*apihandlers.default_handlers, *pages.default_handlers]
        if handler in ours
    ]
