"""Devices that nobody uses, with the servers that people really have: what they say of themselves, and that asking is no activity."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.no_tls import NO_TLS

from .browser import Browser
from .server import BRISKLY, Hub
from .test_start import CONFIG, DEMO

SOON = f"""
from datetime import timedelta

from jupyterhub_edu.campus.checks import site
from jupyterhub_edu.domain import idle
from jupyterhub_edu.warden import idle as looks

looks._SETTLES = timedelta(seconds=3)
site._MINUTE = idle.CONNECT_WITHIN = timedelta(seconds=3)
idle.CONNECT_WITHIN *= 10
{BRISKLY}
"""
"""What takes minutes takes seconds."""
PLAIN = """
c.Spawner.environment = {"JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp"}
c.Spawner.args = ["--allow-root", "--ServerApp.jpserver_extensions=jupyterlab=False"]
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
"""
"""A whole Jupyter Server, without the pages of JupyterLab, which take long to load."""


def a_campus(folder: Path) -> Path:
    campus = DEMO.read_text()
    for file in ("people.csv", "passwords.txt"):
        campus = campus.replace(f": {file}", f": {DEMO.parent / file}")
    (folder / "campus.yaml").write_text(f"idle_device_after: 30s\n{campus}")
    return folder / "campus.yaml"


@pytest.mark.slow
def test_who_never_came_is_stopped_and_who_works_now_and_then_is_not(
    start_hub: Callable[..., Hub], tmp_path: Path
) -> None:
    config = CONFIG.replace(repr(str(DEMO)), repr(str(a_campus(tmp_path))))
    hub = start_hub(SOON + config + PLAIN)
    stu, sue = hub.browser(), hub.browser()
    start(hub, stu, "stu")
    wait_for(hub, lambda: hub.api("users/stu").json()["servers"][""]["ready"], True)
    token = stu.token("stu", ["access:servers!server=stu/"])
    # As JupyterLab does for a notebook that is opened.
    assert of_server(hub, "POST", "kernels", token).status_code == 201
    start(hub, sue, "sue")

    # Whoever has never opened theirs is not warned for ten minutes: nobody would see it.
    stopped = 'jupyterhub_edu_warden_stops_total{outcome="done",rule="not-connected"} 1.0'
    wait_for(hub, lambda: stopped in hub.api("../metrics").text, True)
    assert hub.api("users/sue").json()["servers"] == {}

    # The kernel does nothing: the session is warned, however often it was asked meanwhile.
    wait_for(hub, lambda: told(hub, token)["ends_by"], "idle")
    before = status(hub, token)
    asked = runs(hub)
    wait_for(hub, lambda: runs(hub) >= asked + 3, True)
    assert status(hub, token) == before
    assert hub.api("users/stu").json()["servers"][""]["ready"] is True

    # Another notebook is work, and the session goes on to its end.
    assert of_server(hub, "POST", "kernels", token).status_code == 201
    wait_for(hub, lambda: told(hub, token)["ends_by"], "longest-session")
    assert status(hub, token)["last_activity"] > before["last_activity"]
    assert "Traceback" not in hub.log.read_text()


def start(hub: Hub, browser: Browser, name: str) -> None:
    """Let somebody press Start, and look no further."""
    browser.log_in(name, "demo")
    assert browser.start(choice="ml/gpu").status_code == 302, hub.tail()


def of_server(hub: Hub, method: str, path: str, token: str) -> httpx.Response:
    """One request to stu's server; asking is told to be no activity."""
    query = "?no_track_activity=1" if method == "GET" else ""
    return httpx.request(
        method,
        f"{hub.url}/user/stu/api/{path}{query}",
        headers={"Authorization": f"token {token}"},
        timeout=60,
        verify=NO_TLS,
    )


def status(hub: Hub, token: str) -> Any:
    """What the server says of itself, when it was last used among it."""
    return of_server(hub, "GET", "status", token).json()


def told(hub: Hub, token: str) -> Any:
    """What the session's own page is told."""
    return hub.api("edu/session/stu", token=token).json()


def runs(hub: Hub) -> float:
    """How often sessions on devices have been looked at."""
    for line in hub.api("../metrics").text.splitlines():
        if line.startswith('jupyterhub_edu_warden_runs_total{timer="idle"}'):
            return float(line.rsplit(" ", 1)[1])
    return 0


def wait_for(hub: Hub, ask: Callable[[], object], answer: object) -> None:
    """Wait until this is the answer."""
    end = time.monotonic() + 120
    while (last := ask()) != answer:
        assert time.monotonic() < end, f"{last}\n{hub.tail()}"
        time.sleep(0.5)
