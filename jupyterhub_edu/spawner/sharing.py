"""The hub's own sharing of servers, which stops at exams: a server of one is its person's alone."""

from __future__ import annotations

from typing import Any, Final

from jupyterhub import apihandlers
from jupyterhub.apihandlers.shares import ServerShareAPIHandler, ServerShareCodeAPIHandler
from jupyterhub.scopes import needs_scope

from jupyterhub_edu import hub
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.reasons import Code, Reason

from .admission import ready_core

__all__ = ["ExamShareAPIHandler", "ExamShareCodeAPIHandler", "sharing_routes"]

_NOT_SHARED: Final = Decision(None, (Reason(Code.EXAM_RUNNING, "shared"),))


async def _require_shareable(user_name: str, server_name: str | None) -> None:
    """Make sure that a server is not one of an exam now; what was shared before has been taken back at its start."""
    core = await ready_core()
    held = core.book.of_server(user_name, server_name or "")
    if any(admission.exam is not None for admission in held):
        raise hub.refusal(_NOT_SHARED)


class ExamShareAPIHandler(ServerShareAPIHandler):
    """The hub's shares of one server."""

    @needs_scope("shares")
    async def post(self, user_name: str, server_name: str | None = None) -> None:
        """Share it, unless it is a server of an exam."""
        await _require_shareable(user_name, server_name)
        await super().post(user_name, server_name)


class ExamShareCodeAPIHandler(ServerShareCodeAPIHandler):
    """The hub's codes with which others get at one server."""

    @needs_scope("shares")
    async def post(self, user_name: str, server_name: str | None = None) -> None:
        """Make a code, unless it is a server of an exam."""
        await _require_shareable(user_name, server_name)
        await super().post(user_name, server_name)


def sharing_routes() -> list[tuple[str, type]]:
    """The hub's own patterns with our handlers, for ``hub.add_routes``."""
    ours: dict[Any, type] = {
        ServerShareAPIHandler: ExamShareAPIHandler,
        ServerShareCodeAPIHandler: ExamShareCodeAPIHandler,
    }
    return [
        (pattern, ours[handler])
        for pattern, handler, *_ in apihandlers.default_handlers
        if handler in ours
    ]
