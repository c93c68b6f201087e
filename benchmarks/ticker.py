"""How late the event loop of a hub is: a ticker inside the hub, read and set back by ``GET /hub/benchmark/lateness``."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time
from pathlib import Path
from typing import ClassVar

from tornado.web import RequestHandler

__all__ = ["PATH", "ROUTE"]

PERIOD = 0.005
PATH = "/benchmark/lateness"


class Lateness(RequestHandler):
    """Says how late a tick came at most since the last question, ms, the hub's processor time so far, s, and its memory, KiB.

    The first question starts the ticker. With ``?settled=1`` garbage is collected first, and Python's blocks in use are
    counted.
    """

    ticker: ClassVar[asyncio.Task[None] | None] = None
    late: ClassVar[list[float]] = []

    async def get(self) -> None:
        if Lateness.ticker is None:
            Lateness.ticker = asyncio.create_task(_tick(Lateness.late))
        await asyncio.sleep(4 * PERIOD)  # the tick that is late now is to be told now
        told = {
            "ms": max(Lateness.late, default=0.0),
            "processor": time.process_time(),
        }
        if self.get_query_argument("settled", ""):
            gc.collect()
            told["blocks"] = sys.getallocatedblocks()
        told["memory"] = _memory()
        self.finish(told)
        Lateness.late.clear()


def _memory() -> int:
    """Resident memory, KiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


async def _tick(late: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PERIOD
        await asyncio.sleep(PERIOD)
        late.append((loop.time() - due) * 1000)


ROUTE = (PATH, Lateness)
"""For ``c.JupyterHub.extra_handlers``."""
