"""One small server that answers for every notebook server there is; and a spawner that starts nothing.

python benchmarks/stub.py PORT
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from aiohttp import WSMsgType, web

__all__ = ["NOTHING"]

NOTHING = '''
from jupyterhub.spawner import Spawner


class Nothing(Spawner):
    """Starts nothing: its server is the one that answers for all."""

    running = False

    async def start(self):
        self.running = True
        return "127.0.0.1", {port}

    async def stop(self, now=False):
        self.running = False

    async def poll(self):
        return None if self.running else 0

    def get_state(self):
        return {{**super().get_state(), "running": self.running}}

    def load_state(self, state):
        super().load_state(state)
        self.running = state.get("running", False)

    def clear_state(self):
        super().clear_state()
        self.running = False
'''
"""For a configuration: ``format(port=...)``."""


_HEADERS = {"X-JupyterHub-Version": version("jupyterhub")}


def _told(path: str) -> object:
    """What a server says in which a notebook is open."""
    now = datetime.now(UTC).isoformat()
    kernel = {"id": "1", "last_activity": now, "execution_state": "idle", "connections": 1}
    if path.endswith("/api/status"):
        return {"started": now, "last_activity": now, "kernels": 1, "connections": 1}
    return [kernel] if path.endswith("/api/kernels") else []


async def _answer(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return web.json_response(_told(request.path), headers=_HEADERS)
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


def main(port: str) -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _answer)
    nothing: Any = None
    web.run_app(app, host="127.0.0.1", port=int(port), print=nothing, access_log=nothing)


if __name__ == "__main__":
    main(sys.argv[1])
