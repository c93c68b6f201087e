"""The streams of a course's board: fragments of the page, and JSON, as server-sent events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Hashable
from contextlib import suppress
from typing import Any, Final

from jupyterhub.user import User
from tornado.iostream import StreamClosedError

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act

from .api import API
from .board_html import HtmlFace
from .board_json import JsonFace
from .frame import Page
from .live import LIVE, Face, Rights, Viewer, rights_of
from .operations import Media, operation
from .refusals import Code, DeskError
from .scopes import READ

__all__ = ["BoardStream", "BoardStreamAPI", "html_face", "require_rights"]

_STREAMS_EACH: Final = 4
"""Open streams of one person: a browser opens six connections to one host, and pages need some of them too."""
_AT_MOST: Final = 300.0
"""Seconds of one stream: the browser then comes anew, and shows that it is still logged in."""
_COME_AGAIN: Final = (1.0, 4.0)
"""Seconds after which a browser comes anew; spread, so that all do not come at once."""
_COME_SELDOM: Final = (15.0, 25.0)
"""The same for streams above the bound, which tell how things are and end."""


class _Stream:
    """Mixed in before a handler of the hub: sends what changes of one course to one browser.

    Always holds:
        - only who sees everybody in the course is told anything, and is asked for anew before each event;
        - one person has a few streams open; more of them tell how things are and end, and the browser comes again later;
        - a stream whose browser has gone ends at once and leaves nothing behind; all end with the hub.
    """

    request: Any

    def initialize(self) -> None:
        """Be ready to learn that the browser has gone."""
        super().initialize()  # type: ignore[misc]
        self._viewer: Viewer | None = None
        self._gone = False

    def on_connection_close(self) -> None:
        """The browser has gone."""
        super().on_connection_close()  # type: ignore[misc]
        self._gone = True
        if self._viewer is not None:
            self._viewer.end()

    async def follow(
        self, core: Core, name: str, course: str, key: Hashable, face: Any, rights: Rights | None
    ) -> None:
        """Send what changes until the browser goes, the right to look ends, or minutes have passed."""
        handler: Any = self
        handler.set_header("Content-Type", "text/event-stream")
        handler.set_header("Cache-Control", "no-store")
        handler.set_header("X-Accel-Buffering", "no")  # nginx would gather events
        too_many = LIVE.open[name] >= _STREAMS_EACH
        LIVE.open[name] += 1
        try:
            with suppress(StreamClosedError):
                async with LIVE.looking(core, course) as board:
                    shown = await board.shown_as(key, face)
                    known = shown.version_of(self._known())
                    handler.write(_retry(_COME_SELDOM if too_many else _COME_AGAIN))
                    self._viewer = viewer = Viewer(name, shown, known, rights, self._send)
                    board.tell(viewer, core.clock(), always=True)
                    if not (too_many or self._gone or board.over):
                        await _until_ended(board.viewers, viewer)
        finally:
            LIVE.open[name] -= 1
            if not LIVE.open[name]:
                del LIVE.open[name]

    def _known(self) -> str:
        """The last event that the browser has had, or what its page began with."""
        handler: Any = self
        told: str = self.request.headers.get("Last-Event-ID", "")
        return told or str(handler.get_query_argument("since", ""))

    def _send(self, text: str) -> Awaitable[None]:
        handler: Any = self
        handler.write(text)
        sent: Awaitable[None] = handler.flush()
        return sent


async def _until_ended(viewers: set[Viewer], viewer: Viewer) -> None:
    viewers.add(viewer)
    try:
        async with asyncio.timeout(_AT_MOST * random.uniform(0.8, 1)):  # noqa: S311 - no secret
            await viewer.ended
    except TimeoutError:
        pass
    finally:
        viewers.discard(viewer)


def _retry(again: tuple[float, float]) -> str:
    """The first line of the first event."""
    return f"retry: {round(random.uniform(*again) * 1000)}\n"  # noqa: S311 - no secret


class BoardStream(_Stream, Page):
    """``/hub/edu/courses/<course>/now/stream``: fragments for the page, as htmx takes them."""

    async def get(self, course_id: str) -> None:
        """Follow a course."""
        if not isinstance(self.current_user, User) or READ not in self.parsed_scopes:
            raise DeskError(Code.NO_ACCOUNT)
        core, viewer, _ = await self.course_of(course_id)
        rights = require_rights(core, viewer.hub_name, course_id)
        key, make = html_face(self, core, course_id, rights)
        await self.follow(core, viewer.hub_name, course_id, key, make, rights)


class BoardStreamAPI(_Stream, API):
    """``/hub/api/edu/courses/<course>/now/stream``."""

    @operation(
        READ,
        does="Follow a course: events named board, each with what has changed, until over.",
        answers={200: Media("text/event-stream")},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOUR_BOARD},
        act=Act.SEE,
    )
    async def get(self, course_id: str) -> None:
        """The first event has everything, unless ``Last-Event-ID`` says what is known."""
        core, viewer, _ = await self.course_of(course_id)
        require_rights(core, viewer.hub_name, course_id)
        await self.follow(core, viewer.hub_name, course_id, "json", JsonFace, None)


def require_rights(core: Core, hub_name: str, course_id: str) -> Rights:
    """What somebody may do on a board.

    Raises:
        DeskError: they do not see it.
    """
    rights = rights_of(core, hub_name, course_id)
    if rights is None:
        raise DeskError(Code.NOT_YOUR_BOARD)
    return rights


def html_face(page: Page, core: Core, course_id: str, rights: Rights) -> tuple[Hashable, Any]:
    """The face of a board on somebody's page: its key, and how it is made."""
    language = page.language

    def make() -> Face:
        return HtmlFace(page, course_id, rights, core.campus.zone, language)

    return (language, rights), make
