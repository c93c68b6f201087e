"""The one line among the other lines of a hub's configuration: holes end the hub by name, reloads are whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from .server import Hub
from .test_start import CONFIG, DEMO

HOLES = """
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.load_roles = []
c.JupyterHub.services = []
c.JupyterHub.custom_scopes = {}
c.JupyterHub.template_paths = []
c.KubeSpawner.profile_list = [{"display_name": "all you can eat"}]
c.SimpleLocalProcessSpawner.profile_list = [{"display_name": "all you can eat"}]
c.EduAuthenticator.auth_refresh_age = 0
c.EduAuthenticator.manage_groups = False
"""


def test_every_hole_that_later_lines_leave_is_named_and_the_hub_does_not_start(
    start_hub: Callable[..., Hub],
) -> None:
    hub = start_hub(CONFIG + HOLES, wait=False)
    assert hub.wait() == 1
    log = hub.tail(200)
    for words in (
        "JupyterHub.spawner_class is SimpleLocalProcessSpawner",
        "the hub role jupyterhub-edu is missing from JupyterHub.load_roles",
        "the service jupyterhub-edu is missing from JupyterHub.services",
        "missing from JupyterHub.custom_scopes",
        "missing from JupyterHub.template_paths",
        "profile_list is set",
        "auth_refresh_age is 0",
        "manage_groups is False",
    ):
        assert words in log, log


# The store is ours, and no hub knows of it.
@pytest.mark.parametrize("hub_version", ["6.1"], indirect=True, ids=["hub-6.1"])
def test_a_second_hub_on_one_store_does_not_start(start_hub: Callable[..., Hub]) -> None:
    first = start_hub(CONFIG)
    store = first.folder / "jupyterhub-edu.sqlite"
    config = CONFIG.replace('spawner="local"', f'spawner="local", store="sqlite:///{store}"')
    second = start_hub(config, wait=False)
    assert second.wait() == 1
    assert "the store cannot be used" in second.tail(100)
    assert first.returncode is None


def test_a_changed_campus_file_comes_into_force_whole_or_not_at_all(
    start_hub: Callable[..., Hub],
) -> None:
    hub = start_hub(CONFIG.replace(str(DEMO), "campus/campus.yaml"), wait=False)
    hub.kill()
    folder = hub.folder / "campus"
    folder.mkdir()
    for file in DEMO.parent.iterdir():
        (folder / file.name).write_text(file.read_text())
    campus = folder / "campus.yaml"
    hub.start()
    ina = hub.browser()
    ina.log_in("ina", "demo")
    assert "GPU notebook" not in ina.get("/hub/spawn").text

    good = campus.read_text()
    offer = "  intro:\n    title: Programming for All\n"
    campus.write_text(good.replace(offer, f"{offer}    offers: {{student: [notebok, gpu]}}\n"))
    told = "the former one stays in force"
    reload(hub, told)
    assert "did you mean notebook" in hub.tail(200)
    assert "GPU notebook" not in ina.get("/hub/spawn").text

    campus.write_text(good.replace(offer, f"{offer}    offers: {{student: [notebook, gpu]}}\n"))
    reload(hub, "the campus file was reloaded")
    assert "GPU notebook" in ina.get("/hub/spawn").text

    # What the desk has set stays on top of it, and outlives a hub that is killed.
    hub.browser().log_in("tea", "demo")
    token = hub.api("users/tea/tokens", method="POST").json()["token"]
    address, title = "edu/courses/ml/limits", {"field": "title", "value": "Set at the desk"}
    assert hub.api(address, method="PATCH", token=token, json=title).status_code == 200
    hub.kill()
    campus.write_text(good.replace("title: Machine Learning", "title: Learning of Machines"))
    hub.start()
    shown = hub.api(f"{address}/title", token=token).json()
    assert (shown["file"], shown["value"]) == ("Learning of Machines", "Set at the desk")


def reload(hub: Hub, told: str) -> None:
    """Send SIGHUP and wait until the log says what came of it."""
    os.kill(hub.pid, signal.SIGHUP)
    end = time.monotonic() + 120
    while told not in hub.tail(200):
        assert time.monotonic() < end, hub.tail()
        time.sleep(0.2)
