"""The REST API: what the pages show and do, for scripts. A token's scopes limit it on top of its owner's rights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.hub import refusal_json
from jupyterhub_edu.wire.tags import tag_of

from . import views
from .base import STOPS, Desk
from .models import course_json, session_json
from .refusals import Code, DeskError
from .scopes import MANAGE, READ

__all__ = ["API", "CourseAPI", "CoursesAPI", "ServerAPI", "ServersAPI", "api_routes"]


class API(Desk, APIHandler):
    """JSON in the hub's style; our refusals carry their reasons."""

    _tag: str | None = None

    def show(self, answer: object, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.write(json.dumps(answer))

    def tag(self, shown: object) -> None:
        """Give the answer the ``ETag`` of what it shows, for whatever two people may edit."""
        self._tag = f'"{tag_of(shown)}"'
        self.set_header("ETag", self._tag)

    def compute_etag(self) -> str | None:
        """Only what ``tag`` was called for has one."""
        return self._tag

    def require_unchanged(self, shown: object) -> None:
        """Honour ``If-Match``.

        Args:
            shown: what ``tag`` would be given now.

        Raises:
            DeskError: whoever asks was shown something else.
        """
        seen = self.request.headers.get("If-Match")
        if seen is None or seen.strip() == "*":
            return
        if f'"{tag_of(shown)}"' not in {one.strip() for one in seen.split(",")}:
            raise DeskError(Code.STALE, current=shown)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """``{"status", "message", "reasons": [{"code", "sentence", "who", "retry_at"}]}``."""
        error: Any = (kwargs.get("exc_info") or (None, None))[1]
        decision = getattr(error, "edu_decision", None)
        if isinstance(error, DeskError):
            answer = error.as_json()
        elif isinstance(decision, Decision):
            answer = refusal_json(decision)
        else:
            super().write_error(status_code, **kwargs)
            return
        self.set_header("Content-Type", "application/json")
        for name, value in error.headers.items():
            self.set_header(name, value)
        self.finish(json.dumps(answer))


class CoursesAPI(API):
    """``/hub/api/edu/courses``."""

    @needs_scope(READ)
    async def get(self) -> None:
        """The courses of whoever asks; all of them for site admins."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        rows = await views.my_courses(core, viewer)
        self.write(json.dumps([course_json(row) for row in rows]))


class CourseAPI(API):
    """``/hub/api/edu/courses/<course>``."""

    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """One course."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        course = self.require_course(core, viewer, course_id)
        self.write(json.dumps(course_json(views.course_row(core, viewer, course))))


class ServersAPI(API):
    """``/hub/api/edu/courses/<course>/servers``."""

    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Who is on, oldest first: everybody for those who may see it, else one's own."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        self.require_course(core, viewer, course_id)
        rows = await views.sessions(core, viewer, course_id, STOPS.is_stopping)
        self.write(json.dumps([session_json(row) for row in rows]))


class ServerAPI(API):
    """``/hub/api/edu/courses/<course>/servers/<user>[/<server>]``."""

    @needs_scope(MANAGE)
    async def delete(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """Stop one: 204 when it has stopped, 202 while it goes on. Nothing is ever deleted."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        admission = self.require_stoppable(core, viewer, course_id, hub_name, server or "")
        stopped = await self.stop_session(core, viewer, admission)
        self.set_status(204 if stopped else 202)

    @needs_scope(MANAGE)
    async def patch(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """Let somebody's session go on until an instant: 200 with the session, or the reasons against it."""
        core = await self.ready_core()
        viewer = self.require_person(core)
        admission = self.require_session(core, viewer, course_id, hub_name, server or "")
        # What a student may do with their own session is asked for by the session's own address.
        if not core.may(Act.EXTEND, viewer, course_id, within_ceiling=True):
            raise DeskError(Code.NOT_ALLOWED)
        until = _until(self.get_json_body())
        asked = core.extending.extend_for(viewer, admission, until, self.request.remote_ip or "")
        longer = await self.require_extended(core, admission, asked)
        row = views.session_row(core, viewer, longer, STOPS.is_stopping)
        self.write(json.dumps(session_json(row)))


def _until(body: object) -> datetime:
    """``{"until": instant}``, with its zone.

    Raises:
        DeskError: it is anything else.
    """
    text = body.get("until") if isinstance(body, dict) and body.keys() == {"until"} else None
    try:
        until = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise DeskError(Code.UNREADABLE)
    return until.astimezone(UTC)


def api_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses", CoursesAPI),
        (r"/api/edu/courses/([^/]+)", CourseAPI),
        (r"/api/edu/courses/([^/]+)/servers", ServersAPI),
        (r"/api/edu/courses/([^/]+)/servers/([^/]+)(?:/([^/]*))?", ServerAPI),
    )
