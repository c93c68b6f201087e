"""A hub whose people come from a learning platform, and a browser's way through a launch."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import httpx
import yaml
from bs4 import BeautifulSoup

from tests.fakes.lti import FakePlatform, PlatformThread

from .browser import Browser
from .server import BRISKLY, ROOT, Hub
from .test_start import SERVERS_AT_ONCE

__all__ = ["a_hub", "launch", "submit"]

_CONFIG = """
import os

import jupyterhub_edu

jupyterhub_edu.setup(c, {campus!r}, spawner="local")
c.EduLocalSpawner.home_dir_template = "{{cwd}}/homes/{{{{username}}}}".format(cwd=os.getcwd())
c.Spawner.args = ["--allow-root"]
"""


def a_hub(folder: Path, version: str, thread: PlatformThread, **source: Any) -> Hub:
    """A hub with the demo's courses and one platform as its only source; not started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    campus = folder / "campus.yaml"
    sealing = base64.b64encode(os.urandom(32)).decode()
    hub = Hub(
        folder,
        _CONFIG.format(campus=str(campus)) + SERVERS_AT_ONCE + BRISKLY,
        version=version,
        environ={"JUPYTERHUB_CRYPT_KEY": sealing},
    )
    thread.server.register(f"{hub.url}/hub", "lms")
    document = yaml.safe_load((ROOT / "deploy/demo/campus.yaml").read_text())
    platforms = {"moodle": thread.platform.settings(instructor="roster")}
    document |= {
        "admins": [],
        "sources": {
            "lms": {
                "type": "lti",
                "title": "School Moodle",
                "refresh": "10s",
                "platforms": platforms,
                "courses": [{"label": "<course>"}],
                **source,
            }
        },
    }
    campus.write_text(yaml.safe_dump(document))
    return hub


def launch(
    browser: Browser, platform: FakePlatform, user: str, course: str = "2"
) -> httpx.Response:
    """Log in at the platform and open the tool from a course page; the answer after all redirects."""
    reply = browser.elsewhere("GET", f"{platform.url}/login?user={user}")
    reply = browser.elsewhere("GET", f"{platform.url}/launch/{course}")
    reply = submit(browser, reply)
    return submit(browser, reply)


def submit(browser: Browser, page: httpx.Response, **changed: str) -> httpx.Response:
    """Submit the form of a page as its script would."""
    form = BeautifulSoup(page.text, "html.parser").form
    assert form is not None, f"{page.status_code} {page.url}\n{page.text[:2000]}"
    fields = {str(one["name"]): str(one["value"]) for one in form.select("input[type=hidden]")}
    return browser.elsewhere("POST", str(form["action"]), data={**fields, **changed})
