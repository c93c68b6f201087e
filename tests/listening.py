"""Servers of tests that leave no connection open: one is collected in a later test, and fails that."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.eventually import eventually

__all__ = ["Served", "all_closed", "listening", "stop_accepting", "turns"]

_TURNS = 5
"""Turns of the loop in which an accepted connection reaches its protocol, and an aborted one is closed."""
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answer on a port of loopback, and give it as ``127.0.0.1:port``; every connection ends with the context.

    Args:
        answer: may end early, by the other side's leaving too; the connection is closed after it.
    """
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has heard enough
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await stop_accepting(server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            # Closing waits for what is still to be sent, to somebody who reads no more.
            writer.transport.abort()
        await turns()
        await server.wait_closed()


async def stop_accepting(server: asyncio.Server) -> None:
    """Accept nobody more, then close: who is accepted but has not begun would be left as an open socket."""
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await turns()
    server.close()


async def all_closed() -> None:
    """Wait until this loop has no connection open any more: TLS says farewell before it closes."""
    known = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]
    # A closed one may still be known, until it is collected.
    await eventually(lambda: all(one._sock is None for one in known.values()))


async def turns() -> None:
    """Let the loop do what is due."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Served:
    """An application on a port of loopback, in the loop that starts it.

    Args:
        how: of the runner, such as ``shutdown_timeout``.
    """

    def __init__(self, app: web.Application, **how: Any) -> None:
        self._runner = web.AppRunner(app, access_log=None, **how)
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Begin to listen, and give the port."""
        await self._runner.setup()
        assert self._runner.server is not None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._runner.server, "127.0.0.1", port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """End, with every connection."""
        transports = []
        if self._server is not None and self._runner.server is not None:
            await stop_accepting(self._server)
            transports = [one.transport for one in self._runner.server.connections]
        await self._runner.cleanup()
        for transport in transports:
            if transport is not None:
                transport.abort()
        await turns()
