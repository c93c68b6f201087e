"""A refusal is an answer: however many there are, the hub's limit of consecutive failures sees real failures only."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from .server import ROOT, Hub

LIMIT = 5
CONFIG = f"""
import os

import jupyterhub_edu

jupyterhub_edu.setup(c, {str(ROOT / "deploy" / "demo" / "campus.yaml")!r}, spawner="local")


def before(spawner):
    if spawner.user.name == "sam":
        raise RuntimeError("the administrator's hook has a bug")
    if spawner.user.name == "ina":  # what was allowed before the spawn is refused inside it
        spawner.user_options = {{"course": "intro", "profile": "gpu"}}


c.Spawner.pre_spawn_hook = before
c.Spawner.consecutive_failure_limit = {LIMIT}
"""


def ask(hub: Hub, name: str, profile: str, course: str) -> int:
    """Ask for a start by REST and follow it until no server is left; the status that was answered."""
    body = {"course": course, "profile": profile}
    status = hub.api(f"users/{name}/server", method="POST", json=body).status_code
    end = time.monotonic() + 120
    while status in {201, 202} and hub.api(f"users/{name}").json()["servers"]:
        assert time.monotonic() < end, hub.tail()
    return status


@pytest.mark.parametrize(
    "slow_spawn_timeout", [0, 10], ids=lambda seconds: f"slow-after-{seconds}"
)
def test_refusals_never_stop_a_hub_and_real_failures_do(
    start_hub: Callable[..., Hub], slow_spawn_timeout: int
) -> None:
    settings = f"c.JupyterHub.tornado_settings = {{'slow_spawn_timeout': {slow_spawn_timeout}}}\n"
    hub = start_hub(CONFIG + settings)
    browsers = {name: hub.browser() for name in ("ola", "ina", "sam")}
    for name, browser in browsers.items():
        browser.log_in(name, "demo")

    early = {ask(hub, "ola", "gpu", "ml") for _ in range(50)}
    forms = {browsers["ola"].start(choice="ml/gpu").status_code for _ in range(30)}
    late = {ask(hub, "ina", "notebook", "intro") for _ in range(20)}
    assert (early, forms) == ({403}, {403})
    # Without a moment's wait the hub answers before it knows.
    assert late <= ({201, 202} if slow_spawn_timeout == 0 else {403})
    assert hub.log.read_text().count("starting ina's server") == 20, "refused inside the spawn"
    assert "consecutive spawns failed" not in hub.log.read_text()

    def fail() -> None:
        assert ask(hub, "sam", "notebook", "ml") in {201, 202, 500}

    for _ in range(LIMIT - 1):
        fail()
    assert {ask(hub, "ola", "gpu", "ml") for _ in range(10)} == {403}
    ask(hub, "ina", "notebook", "intro")
    assert "Aborting" not in hub.log.read_text()
    fail()
    assert hub.wait() == 1, hub.tail()
    assert f"Aborting due to {LIMIT} consecutive spawn failures" in hub.log.read_text()
