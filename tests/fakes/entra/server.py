"""The fake on two loopback ports, one for the authority and one for Graph; ends with the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.listening import Served

from .fake import FakeEntra
from .http import Request

_PATIENCE = 30.0


class EntraServer:
    """Serves a FakeEntra over HTTP."""

    def __init__(self, fake: FakeEntra | None = None, *, port: int = 0) -> None:
        self.fake = fake or FakeEntra()
        self.authority = self.graph = ""
        self._port = port
        self._served: list[Served] = []

    async def __aenter__(self) -> Self:
        self.authority = await self._serve("authority", self._port)
        self.graph = await self._serve("graph", self._port + 1 if self._port else 0)
        self.fake.authority.origin = self.authority
        self.fake.authority.graph_origin = self.fake.graph.origin = self.graph
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for served in self._served:
            await served.close()

    async def _serve(self, service: str, port: int) -> str:
        async def handle(request: web.Request) -> web.Response:
            form = await request.post() if request.method == "POST" else {}
            asked = Request(
                request.method,
                request.path,
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
                {name: str(value) for name, value in form.items()},
                str(request.url.origin()),
            )
            reply = self.fake.answer(service, asked)
            if reply is None:
                await asyncio.sleep(_PATIENCE)
                return web.Response(status=504)
            return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        served = Served(app, shutdown_timeout=0.1)
        self._served.append(served)
        return f"http://127.0.0.1:{await served.start(port)}"


@contextmanager
def serving(fake: FakeEntra | None = None) -> Iterator[EntraServer]:
    """The same in a thread of its own, for tests that have no event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = EntraServer(fake)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
