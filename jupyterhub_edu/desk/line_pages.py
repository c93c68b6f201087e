"""The waiting line for people: one page, and the stream of events that keeps it fresh.

The page works without scripts: it is loaded again every few seconds. With them it follows the stream.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web
from tornado.iostream import StreamClosedError

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.words import speaking
from jupyterhub_edu.hub.languages import catalog, text_of
from jupyterhub_edu.ports import Phase, Standing, StoreError

from .frame import Page
from .line import line_view, way_on
from .line_api import LineAPI
from .refusals import Code, DeskError
from .scopes import MANAGE, READ

__all__ = ["LineEvents", "LinePage", "line_routes"]

_STREAMS_EACH: Final = 3
"""Open streams of one person: a browser opens six connections to one host, and pages need some of them too."""
_KEEP_ALIVE: Final = 15.0
"""Seconds after which something is sent, so that neither the browser nor what is between takes the stream for dead."""
_QUIET_AFTER: Final = 2.5
"""So many of them without a word, and the browser takes it for dead; more than the longest of the pauses below."""
_AT_MOST: Final = 300.0
"""Seconds of one stream: the browser then comes anew, and shows that it is still logged in."""
_LOOK_AGAIN: Final = 0.5
"""Seconds after which the hub is asked once more whether the server of a turn has begun to start."""
_COME_AGAIN: Final = (2.0, 6.0)
"""Seconds after which a browser comes anew; spread, so that all do not come at once."""
_COME_SELDOM: Final = (15.0, 25.0)
"""The same for streams above the bound, which tell how things are and end."""

_open: Final[Counter[str]] = Counter()
"""Open streams by account."""


class _LineWords(Page):
    """What page and stream share."""

    def where_on(self, standing: Standing | None, *, ready: bool = False) -> str:
        """Address on this hub where one's server is seen to start, with ``next`` if the page was given one; or ``""``.

        Args:
            ready: only if the server answers already.
        """
        path = way_on(self.current_user, standing, self.hub.base_url, ready=ready)
        onwards = self.get_query_argument("next", "")
        # The hub's own page checks where it leads.
        return f"{path}?{urlencode({'next': onwards})}" if path and onwards else path


class LinePage(_LineWords):
    """``/hub/edu/line/``: how one stands, and the button to leave."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """The page; where the server starts already, the hub's own page of that.

        ``plain=1`` says that the browser runs no scripts: it stays here until the server answers.
        """
        core, person = await self.who_asks()
        standing = core.line.standing(person.hub_name)
        plain = self.get_query_argument("plain", "") == "1"
        if on := self.where_on(standing, ready=plain):
            self.redirect(on)
            return
        onwards = self.get_query_argument("next", "")
        arguments = {"next": onwards} if onwards else {}
        await self.show(
            "line.html",
            line=line_view(core, standing),
            edu_line="",  # the page itself says it
            stream=self.address("line", "events", **arguments),
            quiet=round(_KEEP_ALIVE * _QUIET_AFTER * 1000),
            here=f"{self.address('line')}/?{urlencode({**arguments, 'plain': '1'})}",
        )

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self) -> None:
        """Leave; the page then tells what is."""
        core, person = await self.who_asks()
        try:
            await core.line.leave(person.hub_name)
        except StoreError as error:
            self.log.error("%s could not leave the line: %s", person.hub_name, error)
            raise DeskError(Code.NOT_READY) from error
        self.redirect(f"{self.address('line')}/", status=303)


class LineEvents(_LineWords):
    """``/hub/edu/line/events``: how one stands now and at each change, as server-sent events.

    Always holds:
        - only one's own place is told, and only to whom a cookie of the hub belongs: it is looked at anew for each
          stream, which lasts five minutes at most;
        - one person has a few streams open; more of them tell how things are and end, and the browser comes again later;
        - a stream whose browser has gone ends at once and leaves nothing behind.

    Events: ``line`` (JSON: ``phase``, ``title``, ``html``, ``go``: where the server is, ``done``: nothing more comes),
    ``still`` while nothing changes, and ``login``: nobody is logged in any more.
    """

    def initialize(self) -> None:
        """Be ready to learn that the browser has gone."""
        super().initialize()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_connection_close(self) -> None:
        """The browser has gone."""
        super().on_connection_close()
        if not self._gone.done():
            self._gone.set_result(None)

    async def get(self) -> None:
        """Follow one's place."""
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header(
            "X-Accel-Buffering", "no"
        )  # nginx would gather events before it passes them on
        with suppress(StreamClosedError):
            await self._answer()

    async def _answer(self) -> None:
        if not isinstance(self.current_user, User) or READ not in self.parsed_scopes:
            await self._send("login", "{}", _COME_SELDOM)
            return
        core, person = await self.who_asks()
        name = person.hub_name
        if _open[name] >= _STREAMS_EACH:
            event, _ = self._event(core, core.line.standing(name))
            await self._send("line", event, _COME_SELDOM)
            return
        _open[name] += 1
        try:
            async with aclosing(core.line.follow(name)) as changes:
                await self._follow(core, changes)
        finally:
            _open[name] -= 1
            if not _open[name]:
                del _open[name]

    async def _follow(self, core: Core, changes: AsyncGenerator[Standing | None, None]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _AT_MOST * random.uniform(0.8, 1)  # noqa: S311 - no secret
        coming = asyncio.ensure_future(anext(changes, None))
        standing, told = None, ""
        try:
            while loop.time() < end:
                starts = standing is not None and standing.phase is Phase.STARTING
                either: set[asyncio.Future[Any]] = {coming, self._gone}
                done, _ = await asyncio.wait(
                    either,
                    timeout=_LOOK_AGAIN if starts else _KEEP_ALIVE,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if self._gone in done:
                    return
                if coming in done:
                    standing = coming.result()
                    coming = asyncio.ensure_future(anext(changes, None))
                event, is_last = self._event(core, standing)
                if event == told:
                    await self._send("still", "{}", None)
                else:
                    await self._send("line", event, None if told else _COME_AGAIN)
                told = event
                if is_last:
                    return
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    @cached_property
    def _now(self) -> Any:
        """The part of the page that changes."""
        return self.get_template("edu/line_now.html", sync=True)

    def _event(self, core: Core, standing: Standing | None) -> tuple[str, bool]:
        """What is told of a standing, and whether nothing more will be."""
        view, on = line_view(core, standing), self.where_on(standing)
        is_last = bool(on) or view.again
        tongue = catalog(self.language)
        with speaking(tongue):
            html = self._now.render(line=view, base_url=self.hub.base_url, **self.words)
        told = {
            "phase": view.phase,
            "title": text_of(tongue)(view.heading),
            "html": html,
            "leave": view.may_leave,
            "go": on,
            "done": is_last,
        }
        return json.dumps(told), is_last

    async def _send(self, event: str, data: str, again: tuple[float, float] | None) -> None:
        """Send one event.

        Args:
            again: seconds, from and to, after which a browser whose stream has ended shall come anew.
        """
        retry = f"retry: {round(random.uniform(*again) * 1000)}\n" if again else ""  # noqa: S311 - no secret
        self.write(f"{retry}event: {event}\ndata: {data}\n\n")
        await self.flush()


def line_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/line/?", LinePage),
        (r"/edu/line/events", LineEvents),
        (r"/api/edu/line", LineAPI),
    )
