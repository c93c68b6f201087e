"""What happens by itself on a real hub: also after it was killed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from .server import ROOT, Hub

CONFIG = f"""
import sys

import jupyterhub_edu

jupyterhub_edu.setup(c, {str(ROOT / "deploy" / "demo" / "campus.yaml")!r}, spawner="local")
c.EduLocalSpawner.home_dir_template = "homes/{{username}}"
c.Spawner.cmd = [sys.executable, {str(ROOT / "tests" / "hub" / "tiny_server.py")!r}]
"""


def servers(hub: Hub, name: str) -> list[str]:
    return list(hub.api(f"users/{name}").json()["servers"])


@pytest.mark.slow
def test_what_came_to_its_end_while_the_hub_was_dead_is_stopped_by_the_next(
    start_hub: Callable[..., Hub],
) -> None:
    hub = start_hub(CONFIG)
    for name in ("stu", "sue"):
        browser = hub.browser()
        browser.log_in(name, "demo")
        assert browser.start(choice="ml/gpu").status_code == 302, hub.tail()
        browser.wait_for_server(name)
        browser.close()
    hub.kill()
    with closing(sqlite3.connect(hub.folder / "jupyterhub-edu.sqlite")) as store, store:
        store.execute(
            "UPDATE edu_admissions SET ends_at = reserved_at WHERE hub_name = ?", ["stu"]
        )
    hub.start()

    end = time.monotonic() + 180
    while servers(hub, "stu") and time.monotonic() < end:
        time.sleep(0.2)
    assert servers(hub, "stu") == [], hub.tail()
    assert servers(hub, "sue") == [""]
    with closing(sqlite3.connect(hub.folder / "jupyterhub-edu.sqlite")) as store:
        stops = store.execute("SELECT actor, act, target FROM edu_audit").fetchall()
        (stage,) = store.execute(
            "SELECT stage FROM edu_admissions WHERE hub_name = 'stu'"
        ).fetchone()
    assert stops == [("", "stop", "stu")]
    assert stage == "ended"
    assert "Traceback" not in hub.log.read_text()
