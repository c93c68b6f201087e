"""The waiting line on a real hub: taking a place, being started when the turn comes, and the hub's own limit on starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .server import Hub
from .test_start import CONFIG, DEMO, SERVERS_AT_ONCE, log_in

PLACE = {"course": "ml", "profile": "gpu"}
ONE_AT_A_TIME = """
import asyncio

from jupyterhub_edu.spawner import EduLocalSpawner


class SlowSpawner(EduLocalSpawner):
    async def start(self):
        started = await super().start()
        await asyncio.sleep(2)
        return started


c.JupyterHub.spawner_class = SlowSpawner
c.JupyterHub.concurrent_spawn_limit = 1
"""


def one_device(folder: Path) -> str:
    """A configuration with the demo's campus, one pretend GPU in it, and servers that start at once."""
    campus = DEMO.read_text().replace("count: 4", "count: 1").replace("nominal: 2", "nominal: 1")
    campus = campus.replace("two: {title: Two GPUs, devices: 2, course_roles: [teacher]}", "")
    for name in ("people.csv", "passwords.txt"):
        campus = campus.replace(f": {name}", f": {DEMO.parent / name}")
    file = folder / "one-device.yaml"
    file.write_text(campus)
    return CONFIG.replace(repr(str(DEMO)), repr(str(file))) + SERVERS_AT_ONCE


def eventually(answer: Callable[[], Any], wanted: Any, hub: Hub) -> None:
    end = time.monotonic() + 120
    while (got := answer()) != wanted:
        assert time.monotonic() < end, f"{got}\n{hub.tail()}"
        time.sleep(0.2)


def test_a_place_is_taken_given_up_taken_again_and_started(
    start_hub: Callable[..., Hub], tmp_path: Path
) -> None:
    hub = start_hub(one_device(tmp_path))
    stu, sue, sam = (log_in(hub, name) for name in ("stu", "sue", "sam"))
    assert stu.start(choice="ml/gpu").status_code == 302, hub.tail()
    stu.wait_for_server("stu")
    token = sue.token("sue")

    def line(method: str = "GET", token: str = token, **how: Any) -> Any:
        return hub.api("edu/line", method=method, token=token, **how)

    assert line().status_code == 404
    refused = hub.api("users/sue/server", method="POST", token=token, json=PLACE)
    assert (refused.status_code, refused.json()["line"]) == (409, "/hub/api/edu/line")
    manages = sue.token("sue", ["custom:edu:manage"])
    may_not = line("POST", manages, json=PLACE)
    assert (may_not.status_code, may_not.json()["reasons"][0]["code"]) == (403, "may-not-start")
    unknown = line("POST", json={"course": "db"})
    assert (unknown.status_code, unknown.json()["reasons"][0]["code"]) == (403, "not-enrolled")

    taken = line("POST", json=PLACE)
    assert taken.status_code == 201, taken.text
    assert taken.json()["phase"] == "waiting"
    assert line().json()["id"] == taken.json()["id"]
    assert line(token=manages).json()["ahead"] == 0

    # Pressing Start takes a place too, behind hers; the hub's pages lead to it.
    page = sam.post("/hub/spawn", {"choice": "ml/gpu"})
    assert page.url.path == "/hub/edu/line/"
    assert "1 person is before you" in page.text
    assert "1 person is before you" in sam.get("/hub/home").text
    assert sam.get("/hub/spawn-pending/sam").url.path == "/hub/edu/line/"
    sam.get("/hub/edu/line/")
    assert "You stand in no line" in sam.post("/hub/edu/line/").text
    assert sam.raw("POST", "/hub/edu/line/").status_code == 403, "without the form's own token"

    assert line("DELETE").status_code == 204
    assert line("DELETE").status_code == 404
    assert line("POST", json=PLACE).status_code == 201
    assert hub.api("users/stu/server", method="DELETE").status_code in {202, 204}
    sue.wait_for_server("sue")
    assert sue.get("/hub/edu/line/").url.path.startswith("/user/sue/")


def test_whoever_starts_while_the_hub_starts_others_gets_a_server_too(
    start_hub: Callable[..., Hub],
) -> None:
    hub = start_hub(CONFIG + SERVERS_AT_ONCE + ONE_AT_A_TIME)
    people = {name: log_in(hub, name) for name in ("stu", "sue", "sam", "ian")}
    choices = {"stu": "ml/gpu", "sue": "ml/gpu", "sam": "ml/notebook", "ian": "intro/notebook"}
    shown = {
        name: browser.post("/hub/spawn", {"choice": choices[name]})
        for name, browser in people.items()
    }
    assert {page.status_code for page in shown.values()} == {200}
    assert [page.url.path for page in shown.values()][1:] == ["/hub/edu/line/"] * 3
    for name in ("sue", "sam", "ian"):
        assert "Starting soon" in shown[name].text or "Your turn has come" in shown[name].text
    for name, browser in people.items():
        browser.wait_for_server(name)
