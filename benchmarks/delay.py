"""A relay on loopback behind which a server is far away: ``python delay.py PORT SERVERS_PORT SECONDS``.

What passes arrives so much later, in each direction; how much passes at a time is not limited. A connection itself is
there at once, so that whoever opens many has it easier here than on a real line. A process of its own: in a thread, it
would wait for whatever else its process does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_AT_ONCE = 1 << 16


async def serve(port: int, target: int, delay: float) -> None:
    """Stand between for ever."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", target)
        with contextlib.suppress(OSError):
            await asyncio.gather(
                _one_way(reader, there[1], delay), _one_way(there[0], writer, delay)
            )
        writer.close()
        there[1].close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", port, backlog=1024) as server:
        await server.serve_forever()


async def _one_way(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float
) -> None:
    """Pass on until the end, the end too."""
    loop = asyncio.get_running_loop()
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, data = await on_the_way.get()
            if delay:
                await asyncio.sleep(due - loop.time())
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    async def leave() -> None:
        while data := await reader.read(_AT_ONCE):
            on_the_way.put_nowait((loop.time() + delay, data))
        on_the_way.put_nowait((loop.time() + delay, b""))

    await asyncio.gather(leave(), arrive())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
