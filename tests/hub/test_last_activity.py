"""Every round over the proxy's routes: what was in use is noted, and a route that was lost comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from .server import Hub
from .test_desk import CONFIG
from .test_exam import servers, until

ROUND = """
c.JupyterHub.last_activity_interval = 1
"""


def test_use_is_noted_and_a_lost_route_comes_back(start_hub: Callable[..., Hub]) -> None:
    hub = start_hub(CONFIG + ROUND)
    stu = hub.browser()
    stu.log_in("stu", "demo")
    assert stu.start(choice="ml/gpu").status_code == 302, hub.tail()
    stu.wait_for_server("stu")

    before = servers(hub, "stu")[""]
    assert stu.get("/user/stu/api/status").status_code < 500
    until(lambda: at(servers(hub, "stu")[""]) > at(before), hub)
    account = hub.api("users/stu").json()
    assert at(account) >= at(account["servers"][""])

    # Our round asks the proxy anew before it checks; the hub's own would not.
    assert hub.log.read_text().count("Fetching routes to check") > 1
    assert routes(hub, "DELETE", "/user/stu").status_code == 204
    until(lambda: "/user/stu" in routes(hub).json(), hub)
    assert stu.get("/user/stu/api/status").status_code < 500


def at(model: Any) -> datetime:
    return datetime.fromisoformat(model["last_activity"])


def routes(hub: Hub, method: str = "GET", path: str = "") -> httpx.Response:
    """What the proxy itself says."""
    headers = {"Authorization": f"token {hub.admin_token}"}
    return httpx.request(
        method, f"http://127.0.0.1:{hub.proxy_port}/api/routes{path}", headers=headers
    )
