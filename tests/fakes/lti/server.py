"""The platform on a loopback port, with pages for browsers: a login without a password, and courses that launch the tool."""

from __future__ import annotations

import asyncio
import html
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.listening import Served

from .platform import MOODLE, Dialect, FakePlatform, Registration

_SESSION = "PlatformSession"


class PlatformServer:
    """Serves a FakePlatform.

    Pages: ``/login?user=stu`` begins a session; ``/course/2`` has a link that launches in this window,
    ``/course/2?frame=1`` launches inside a frame.

    Args:
        host: the name under which browsers know it; ``localhost`` makes it another site than ``127.0.0.1``.
    """

    def __init__(
        self,
        dialect: Dialect = MOODLE,
        registration: Registration | None = None,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.platform = FakePlatform(dialect, registration=registration)
        self._port, self._host = port, host
        self._served: Served | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/login", self._login)
        app.router.add_get("/course/{id}", self._course)
        app.router.add_get("/launch/{id}", self._launch)
        app.router.add_route("*", "/{path:.*}", self._service)
        self._served = Served(app, shutdown_timeout=0.1)
        port = await self._served.start(self._port)
        self.platform.url = self.platform.issuer.issuer = f"http://{self._host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._served is not None:
            await self._served.close()

    def register(self, hub: str, source: str, **changed: Any) -> Registration:
        """Register a hub as the tool.

        Args:
            hub: its address, up to and with ``/hub``.
            source: the id of its source.
        """
        at = f"{hub}/edu/lti/{source}"
        keyset = f"{at}/jwks"

        async def fetch() -> Mapping[str, Any]:
            async with aiohttp.ClientSession() as session, session.get(keyset) as reply:
                found: dict[str, Any] = await reply.json(content_type=None)
                return found

        tool = Registration(
            login_url=f"{at}/login",
            redirect_uris=(f"{at}/launch",),
            target=f"{at}/launch",
            keyset=fetch,
            **changed,
        )
        self.platform.tool = tool
        self.platform.issuer.audience = tool.client_id
        return tool

    async def _login(self, request: web.Request) -> web.StreamResponse:
        user = request.query.get("user", "")
        if user not in self.platform.accounts:
            raise web.HTTPNotFound(text="nobody of this name")
        response = web.HTTPFound(request.query.get("next") or "/course/2")
        response.set_cookie(_SESSION, user, httponly=True)
        raise response

    async def _course(self, request: web.Request) -> web.Response:
        course = self.platform.courses[request.match_info["id"]]
        title, launch = html.escape(course.title), f"/launch/{course.id}"
        if request.query.get("frame"):
            body = f'<iframe title="tool" src="{launch}" width="900" height="500"></iframe>'
        else:
            body = f'<a href="{launch}">Open in JupyterHub</a>'
        return _page(title, f"<h1>{title}</h1>{body}")

    async def _launch(self, request: web.Request) -> web.Response:
        user = request.cookies.get(_SESSION, "")
        if user not in self.platform.accounts:
            return _page("Login", "<p>Log in first.</p>")
        fields = self.platform.initiation(user, request.match_info["id"])
        return _posting(self.platform.tool.login_url, fields)

    async def _service(self, request: web.Request) -> web.StreamResponse:
        form = await request.post() if request.method == "POST" else {}
        fields = {name: str(value) for name, value in form.items()}
        asked = {**dict(request.query), **fields}
        if request.path == self.platform.dialect.authorize and asked:
            return self._authorize(asked, request.cookies.get(_SESSION, ""))
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = await self.platform.answer(
            request.method, request.path, dict(request.query), headers, fields
        )
        return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))

    def _authorize(self, asked: Mapping[str, str], session: str) -> web.Response:
        redirect = asked.get("redirect_uri", "")
        if redirect not in self.platform.tool.redirect_uris:
            return _page("Error", "<p>This redirect URI is not registered.</p>", 400)
        return _posting(redirect, self.platform.respond(asked, session))


def _posting(url: str, fields: Mapping[str, str]) -> web.Response:
    """A page that posts a form at once."""
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    form = f'<form method="post" action="{html.escape(url)}">{inputs}<button>Go on</button></form>'
    return _page("One moment", f"{form}<script>document.forms[0].submit()</script>")


def _page(title: str, body: str, status: int = 200) -> web.Response:
    text = f"<!DOCTYPE html><meta charset=utf-8><title>{title}</title>{body}"
    return web.Response(status=status, text=text, content_type="text/html")


class PlatformThread:
    """A PlatformServer in a thread of its own, for tests that are not asynchronous; ends with its context."""

    def __init__(self, dialect: Dialect = MOODLE, *, host: str = "127.0.0.1") -> None:
        self.server = PlatformServer(dialect, host=host)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def platform(self) -> FakePlatform:
        """What the server serves."""
        return self.server.platform

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self.server.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wait(self.server.__aexit__(kind, error, trace))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
