"""The fake as a server on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Self

from aiohttp import web

from tests.listening import Served

from .functions import MoodleError, call, no_access
from .pages import Pages
from .php import parse_form
from .site import Site, a_site

_MAINTENANCE = (
    "<!DOCTYPE html><title>Example University</title><h1>This site is undergoing maintenance</h1>"
)


class FakeMoodle:
    """See the package; begins to listen on entering, and ends on leaving.

    Attributes:
        calls: names of the web-service functions called so far, with those that were refused.
        slow: seconds that a web service takes.
        plugin: whether local_oauth is installed.
    """

    def __init__(self, site: Site | None = None, *, port: int = 0) -> None:
        self.site = site or a_site()
        self.calls: list[str] = []
        self.slow = 0.0
        self.maintenance = False
        self.plugin = True
        self.port = port
        self._pages = Pages(lambda: self.site)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._served: Served | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def give_code(self, user: int) -> str:
        """A code for somebody, where login and consent are not what is looked at."""
        return self._pages.give_code(user)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._gate])
        self._pages.add_to(app)
        app.router.add_route("*", "/webservice/rest/server.php", self._serve)
        self._served = Served(app, shutdown_timeout=0, handler_cancellation=True)
        self.port = await self._served.start(self.port)
        self.site.wwwroot = self.site.wwwroot or self.url

    async def _stop(self) -> None:
        if self._served is not None:
            await self._served.close()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.maintenance:
            return web.Response(status=503, text=_MAINTENANCE, content_type="text/html")
        if request.path.startswith("/local/oauth/") and not self.plugin:
            return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _serve(self, request: web.Request) -> web.Response:
        if not self.site.webservices:
            return web.Response(status=403, content_type="text/html")
        pairs = [*request.query.items(), *(await request.post()).items()]
        form = parse_form((name, str(value)) for name, value in pairs)
        token = form.pop("wstoken", "")
        function = str(form.pop("wsfunction", ""))
        is_json = form.pop("moodlewsrestformat", "xml") == "json"
        self.calls.append(function)
        await asyncio.sleep(self.slow)
        if not is_json:
            return web.Response(text='<?xml version="1.0"?><RESPONSE/>', content_type="text/xml")
        return web.json_response(self._answer(str(token), function, form))

    def _answer(self, token: str, function: str, arguments: dict[str, Any]) -> Any:
        """An answer or an error; both have HTTP 200."""
        try:
            if token != self.site.token:
                said = "Invalid token - token not found"
                raise MoodleError("invalidtoken", "moodle_exception", said)
            if not function:
                raise no_access()
            return call(self.site, function, arguments)
        except MoodleError as error:
            exception = error.exception
            if self.site.release.startswith("5") and exception != "moodle_exception":
                exception = f"core\\exception\\{exception}"
            return {
                "exception": exception,
                "errorcode": error.errorcode,
                "message": error.message,
            }
