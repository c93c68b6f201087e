"""A course page launches the hub inside a frame, in a Chromium that keeps no third-party cookies: the way out works."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.fakes.lti import PlatformThread
from tests.hub.launches import a_hub
from tests.hub.server import VERSIONS, Hub
from tests.needs import require

from .conftest import SWITCHES


@pytest.fixture(scope="module")
def strict_chromium() -> Iterator[Browser]:
    path = require(shutil.which("chromium"), "Chromium", "apt-get install chromium")
    switches = [*SWITCHES, "--test-third-party-cookie-phaseout"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=switches)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def thread() -> Iterator[PlatformThread]:
    # By this name it is another site than the hub, which is at 127.0.0.1.
    with PlatformThread(host="localhost") as thread:
        yield thread


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def launched_hub(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    thread: PlatformThread,
) -> Iterator[Hub]:
    hub = a_hub(tmp_path_factory.mktemp("hub"), request.param, thread)
    try:
        yield hub.start()
    finally:
        hub.stop()


@pytest.fixture
def window(strict_chromium: Browser) -> Iterator[BrowserContext]:
    opened = strict_chromium.new_context(viewport={"width": 1100, "height": 800})
    opened.set_default_timeout(120_000)
    yield opened
    opened.close()


@pytest.fixture
def photo(tmp_path: Path, launched_hub: Hub) -> Callable[[Page, str], None]:
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}-{launched_hub.version}.png", full_page=True)

    return take


def test_a_launch_in_a_frame_finds_its_way_out(
    launched_hub: Hub,
    thread: PlatformThread,
    window: BrowserContext,
    photo: Callable[[Page, str], None],
) -> None:
    page = window.new_page()
    page.goto(f"{thread.platform.url}/login?user=stu&next=/course/5?frame=1")
    frame = page.frame_locator("iframe")
    way_out = frame.get_by_role("link", name="Open in a new window")
    expect(way_out).to_be_visible()
    photo(page, "launch-frame")
    inner = next(f for f in page.frames if f.url.startswith(launched_hub.url))
    assert inner.evaluate("document.hasStorageAccess()") is False, (
        "cookies are kept in frames here"
    )
    assert not [c for c in window.cookies() if c["name"] == "edu-lti"]

    with window.expect_page() as opened:
        way_out.click()
    hub = opened.value
    hub.wait_for_url(re.compile("/hub/spawn"))
    expect(hub.locator("input[name=choice]:checked")).to_have_value("intro/notebook")
    photo(hub, "launch-start")
    hub.get_by_role("button", name="Start").click()
    hub.wait_for_url(re.compile("/user/stu/$"), timeout=120_000)


def test_a_launch_in_a_window_of_its_own_asks_nothing(
    launched_hub: Hub, thread: PlatformThread, window: BrowserContext
) -> None:
    page = window.new_page()
    page.goto(f"{thread.platform.url}/login?user=sue&next=/course/2")
    page.get_by_role("link", name="Open in JupyterHub").click()
    page.wait_for_url(re.compile("/hub/spawn"))
    expect(page.locator("input[name=choice]:checked")).to_have_value(re.compile("^ml/"))


def test_the_page_for_the_platforms_administrators(
    launched_hub: Hub, window: BrowserContext, photo: Callable[[Page, str], None]
) -> None:
    page = window.new_page()
    page.goto(f"{launched_hub.url}/hub/edu/lti/lms/config")
    for name in ("Initiate login URL", "Redirection URI(s)", "Public keyset", "JSON URL"):
        expect(page.get_by_role("rowheader", name=name, exact=True)).to_be_visible()
    photo(page, "launch-config")
