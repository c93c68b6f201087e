"""Start, kill and restart a real JupyterHub with its own working folder, on loopback."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from tests.directories.process import answers
from tests.no_tls import NO_TLS

from .browser import Browser
from .canaries import Canaries

__all__ = ["BRISKLY", "VERSIONS", "Hub", "free_port"]

ROOT = Path(__file__).parents[2]
VERSIONS = {"6.1": ROOT / ".venv", "5.5": ROOT / ".venv-hub5"}
"""The environments that hold the two releases that we support."""
BRISKLY = """
from jupyterhub_edu.warden import TimerState

_pause = TimerState.pause
TimerState.pause = lambda self: _pause(self) / 10 if self.runs else min(5.0, _pause(self))
"""
"""For a configuration: what happens by itself happens ten times as often, though not before the hub answers."""
_START_WITHIN = 120.0
_RUN = """
import sys
sys.modules["rfc3987_syntax"] = None
from jupyterhub.app import main
main()
"""
"""The hub, but for a grammar of addresses in event schemas that takes two seconds of a processor at each start."""


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _die_with_parent() -> None:
    """The hub ends when the test run does, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Hub:
    """One hub: its folder, its ports, its process.

    Args:
        folder: working folder; the database, cookie secret, logs and homes live here.
        config: the text of ``jupyterhub_config.py``; ports, the admin token and the proxy are set before it.
        version: ``"6.1"`` or ``"5.5"``.
        hub_ip: address that the hub's own API binds to (servers connect to it).
        environ: more environment variables.
        base: the hub's base address, without a slash at its end.
    """

    def __init__(
        self,
        folder: Path,
        config: str,
        *,
        version: str = "6.1",
        hub_ip: str = "127.0.0.1",
        environ: dict[str, str] | None = None,
        base: str = "",
    ) -> None:
        self.folder, self.version, self.hub_ip = folder, version, hub_ip
        self.port, self.hub_port, self.proxy_port = free_port(), free_port(), free_port()
        self.admin_token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}{base}"
        self.log = folder / "hub.log"
        self.canaries = Canaries({**(environ or {}), "ADMIN_TOKEN": self.admin_token})
        self._environ = environ or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._browsers: list[Browser] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.configure(config)

    def configure(self, config: str) -> None:
        """Write the configuration; in force at the next start."""
        self.canaries.look_for(config)
        (self.folder / "jupyterhub_config.py").write_text(self._frame() + config)

    def start(self) -> Hub:
        """Start the hub and wait until it answers.

        Raises:
            RuntimeError: it ended or did not answer; the text holds the end of its log.
        """
        self.launch()
        end = time.monotonic() + _START_WITHIN
        while time.monotonic() < end:
            if self.returncode is not None:
                raise RuntimeError(f"the hub ended with {self.returncode}:\n{self.tail()}")
            if self._answers():
                return self
            time.sleep(0.1)
        raise RuntimeError(f"the hub does not answer:\n{self.tail()}")

    def launch(self) -> None:
        """Start the process and do not wait."""
        python = VERSIONS[self.version] / "bin" / "python"
        environ = {
            **os.environ,
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "CONFIGPROXY_AUTH_TOKEN": self.admin_token,
            "PYTHONPATH": str(ROOT),
            **self._environ,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(python), "-c", _RUN],
                cwd=self.folder,
                env=environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=_die_with_parent,
            )

    @property
    def returncode(self) -> int | None:
        """Exit code, or None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def pid(self) -> int:
        """The hub's process id."""
        assert self._process is not None
        return self._process.pid

    def wait(self, within: float = 120) -> int:
        """Wait until the process has ended."""
        assert self._process is not None
        return self._process.wait(within)

    def kill(self) -> None:
        """SIGKILL, as a lost machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the hub, its proxy and its single-user servers, and close the browsers.

        Raises:
            AssertionError: a secret that the hub was given stands in its log, in a page or among its metrics.
        """
        with contextlib.suppress(httpx.HTTPError):
            self.canaries.look("metrics", self.api("../metrics").text)
        self._end()
        self.canaries.look("the log", self._logged())
        self.canaries.require_none()

    def _end(self) -> None:
        for browser in self._browsers:
            browser.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self._end_proxy()

    def browser(self) -> Browser:
        """A new browser, nobody logged in."""
        self._browsers.append(Browser(self.url, self.canaries.look))
        return self._browsers[-1]

    def api(
        self, path: str, *, method: str = "GET", token: str | None = None, **how: Any
    ) -> httpx.Response:
        """Call the REST API, as the admin service unless a token is given."""
        headers = {"Authorization": f"token {token or self.admin_token}"}
        return httpx.request(
            method, f"{self.url}/hub/api/{path}", headers=headers, timeout=60, verify=NO_TLS, **how
        )

    def tail(self, lines: int = 60) -> str:
        """The end of the log, but for what it says only for debugging."""
        told = [line for line in self._logged().splitlines() if not line.startswith("[D ")]
        return "\n".join(told[-lines:])

    def _logged(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _answers(self) -> bool:
        """Whether the hub answers; before it listens the proxy is not asked, which would fill the log."""
        if not answers(self.hub_ip, self.hub_port):
            return False
        try:
            url = f"{self.url}/hub/api/"
            return httpx.get(url, timeout=10, verify=NO_TLS).status_code == 200
        except httpx.HTTPError:
            return False

    def _end_proxy(self) -> None:
        pid_file = self.folder / "jupyterhub-proxy.pid"
        if pid_file.exists():
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(pid_file.read_text()), signal.SIGTERM)

    def _frame(self) -> str:
        return f"""\
c = get_config()  # noqa
c.JupyterHub.log_level = "DEBUG"  # secrets are looked for in all that it says
c.JupyterHub.bind_url = "{self.url}"
c.JupyterHub.hub_ip = "{self.hub_ip}"
c.JupyterHub.hub_port = {self.hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{self.proxy_port}"
c.JupyterHub.services = [{{"name": "tests", "api_token": "{self.admin_token}"}}]
c.JupyterHub.load_roles = [{{"name": "tests", "scopes": ["admin:users", "admin:servers", "admin:groups", "read:hub", "tokens", "read:metrics", "access:servers", "shutdown"], "services": ["tests"]}}]
"""
