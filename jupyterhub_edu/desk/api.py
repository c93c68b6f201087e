"""The REST API: what the pages show and do, for scripts. A token's scopes limit it on top of its owner's rights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from jupyterhub.apihandlers.base import APIHandler

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.hub import refusal_json
from jupyterhub_edu.wire import courses as wire
from jupyterhub_edu.wire.shapes import Page, Paged
from jupyterhub_edu.wire.tags import tag_of

from . import views
from .base import Desk
from .models import course_json, session_json
from .operations import operation
from .paging import page_of
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import instant

__all__ = ["API", "CourseAPI", "CoursesAPI", "ServerAPI", "ServersAPI", "api_routes"]

_NO_SESSION: Final = frozenset(
    {Code.NO_SUCH_COURSE, Code.NO_SUCH_SESSION, Code.NOT_ALLOWED, Code.NOT_WRITTEN}
)


class API(Desk, APIHandler):
    """JSON in the hub's style; our refusals carry their reasons."""

    _tag: str | None = None

    def show(self, answer: object, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.write(json.dumps(self.tell(answer)))

    def tell(self, answer: object) -> object:
        """An answer as whoever asks reads it: programs read English."""
        return answer

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
        self.finish(json.dumps(self.tell(answer)))


class CoursesAPI(API):
    """``/hub/api/edu/courses``."""

    @operation(
        READ,
        does="One's own courses, by id; all of them for administrators of the site.",
        query=Paged,
        answers={200: Page[wire.Course]},
    )
    async def get(self, *, asked: Paged) -> None:
        """Those that begin later too."""
        core, viewer = await self.who_asks()
        rows, more = page_of(await views.my_courses(core, viewer), asked, lambda row: (row.id,))
        self.show({"items": [course_json(row) for row in rows], "next": more})


class CourseAPI(API):
    """``/hub/api/edu/courses/<course>``."""

    @operation(
        READ,
        does="One course.",
        answers={200: wire.Course},
        refuses={Code.NO_SUCH_COURSE},
        act=Act.SEE,
    )
    async def get(self, course_id: str) -> None:
        """As whoever asks sees it."""
        core, viewer, course = await self.course_of(course_id)
        self.show(course_json(views.course_row(core, viewer, course)))


class ServersAPI(API):
    """``/hub/api/edu/courses/<course>/servers``."""

    @operation(
        READ,
        does="Who is on, oldest first: everybody for those who may see it, else one's own.",
        query=Paged,
        answers={200: Page[wire.Session]},
        refuses={Code.NO_SUCH_COURSE},
        act=Act.SEE,
    )
    async def get(self, course_id: str, *, asked: Paged) -> None:
        """Sessions that start or end meanwhile move nobody to another page."""
        core, viewer, _ = await self.course_of(course_id)
        found = await views.sessions(core, viewer, course_id, core.stops.is_stopping)
        rows, more = page_of(found, asked, lambda row: (row.since.iso, row.admission))
        self.show({"items": [session_json(row) for row in rows], "next": more})


class ServerAPI(API):
    """``/hub/api/edu/courses/<course>/servers/<user>[/<server>]``."""

    @operation(
        MANAGE,
        does="Stop a server: 204 when it has stopped, 202 while that goes on. Nothing is ever deleted.",
        answers={202: None, 204: None},
        refuses=_NO_SESSION | {Code.NOT_STOPPED},
        act=Act.STOP,
    )
    async def delete(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """It goes on whoever waits for it."""
        core, viewer = await self.who_asks()
        admission = self.require_stoppable(core, viewer, course_id, hub_name, server or "")
        stopped = await self.stop_session(core, viewer, admission)
        self.set_status(204 if stopped else 202)

    @operation(
        MANAGE,
        does="Let somebody's session go on until an instant, or the reasons against it.",
        takes=wire.ExtendWish,
        answers={200: wire.Session},
        refuses=_NO_SESSION,
        decides=True,
        act=Act.EXTEND,
    )
    async def patch(
        self,
        course_id: str,
        hub_name: str,
        server: str | None = None,
        *,
        wish: wire.ExtendWish,
    ) -> None:
        """Up to the campus's ceiling."""
        core, viewer = await self.who_asks()
        admission = self.require_session(core, viewer, course_id, hub_name, server or "")
        # What a student may do with their own session is asked for by the session's own address.
        if not core.may(Act.EXTEND, viewer, course_id, within_ceiling=True):
            raise DeskError(Code.NOT_ALLOWED)
        until = instant(wish["until"])
        asked = core.extending.extend_for(viewer, admission, until, self.from_where)
        longer = await self.require_extended(core, admission, asked)
        row = views.session_row(core, viewer, longer, core.stops.is_stopping)
        self.show(session_json(row))


def api_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses", CoursesAPI),
        (r"/api/edu/courses/([^/]+)", CourseAPI),
        (r"/api/edu/courses/([^/]+)/servers", ServersAPI),
        (r"/api/edu/courses/([^/]+)/servers/([^/]+)(?:/([^/]*))?", ServerAPI),
    )
