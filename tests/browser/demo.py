"""``make demo``, as somebody types it: with a state of its own, on ports that nobody uses."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx

from tests.hub.server import ROOT, free_port

__all__ = ["Demo"]

_USUAL_PORT = 8000
_BESIDE = (0, 1, 81)
"""The demo's ports, from the one of its address on: see jupyterhub_config.py."""
_START_WITHIN = 300.0
_MAKE_DEMO = ("make", "--silent", "--old-file=ready-demo", "demo")
"""Nothing is installed by a test: it runs in the environment that there is."""
_FROM_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")


class Demo:
    """The demo on this machine.

    Attributes:
        url: its address below ``localhost``, where each person's servers have a domain of their own.

    Args:
        folder: its state and its log.
    """

    def __init__(self, folder: Path) -> None:
        self.url = f"http://localhost:{_port()}"
        self._folder, self._log = folder, folder / "demo.log"
        self._make: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it ended or did not answer; the text holds the end of what it said.
        """
        environ = {key: value for key, value in os.environ.items() if key not in _FROM_MAKE}
        environ |= {"DEMO_URL": self.url, "DEMO_STATE": str(self._folder / "state")}
        with self._log.open("wb") as log:
            self._make = subprocess.Popen(
                # It ends when the test run does, however that ends; and in a session of its own, for Ctrl-C.
                ["setpriv", "--pdeathsig", "TERM", "--", *_MAKE_DEMO],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + _START_WITHIN
        while time.monotonic() < end and self._make.poll() is None:
            if self._answers():
                return
            time.sleep(0.2)
        raise RuntimeError(f"the demo does not answer:\n{self.tail()}")

    def stop(self) -> None:
        """Ctrl-C; its servers end with it."""
        if self._make is None:
            return
        self._signal(signal.SIGINT)
        try:
            self._make.wait(120)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._make.wait()
        # Left by a hub that did not start.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self._folder / "state" / "proxy.pid").read_text()), signal.SIGTERM)

    def tail(self) -> str:
        """The end of what it said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/hub/api/", timeout=10).status_code == 200
        except httpx.HTTPError:
            return False

    def _signal(self, which: signal.Signals) -> None:
        assert self._make is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._make.pid, which)


def _port() -> int:
    """The demo's usual port, as the tutorial says it, or else another beside which its other ports are free."""
    port = _USUAL_PORT
    while not all(_is_free(port + beside) for beside in _BESIDE):
        port = free_port()
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True
