"""A real Chromium and a hub with the demo's campus.

Fixtures:

    chromium   (module) the browser
    demo_hub   (module) a hub with local servers and the demo's campus, on each release
    person     a function: a page of somebody who has logged in by the form
    picture    a function: keep a screenshot in the folder that PICTURES names, else in the test's own folder
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.hub.server import VERSIONS, Hub
from tests.hub.test_start import CONFIG
from tests.needs import require

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=120_000)  # milliseconds; it would be five seconds


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ends with its module: its event loop stays in this thread, and no other could run beside it."""
    path = require(shutil.which("chromium"), "Chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def demo_hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"), CONFIG, version=request.param)
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def person(chromium: Browser, demo_hub: Hub) -> Iterator[Callable[..., Page]]:
    contexts = []

    def log_in(name: str, **context: Any) -> Page:
        opened = chromium.new_context(**{"viewport": {"width": 1100, "height": 900}, **context})
        contexts.append(opened)
        page = opened.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{demo_hub.url}/hub/login")
        page.fill("#username_input", name)
        page.fill("#password_input", "demo")
        page.click("#login_submit")
        page.wait_for_url(lambda url: "/hub/login" not in url)
        return page

    yield log_in
    for opened in contexts:
        opened.close()


@pytest.fixture
def picture(tmp_path: Path, demo_hub: Hub) -> Callable[[Page, str], None]:
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}-{demo_hub.version}.png", full_page=True)

    return take
