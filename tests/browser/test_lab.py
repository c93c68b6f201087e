"""In JupyterLab itself: when the server stops, the warning before, and nothing for a visitor who is not the owner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.hub.server import VERSIONS, Hub
from tests.hub.test_start import CONFIG, DEMO

People = Callable[..., Page]
Picture = Callable[[Page, str], None]
PATIENCE = 120_000


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def demo_hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    """The demo's campus with sessions so short that their warnings come at once."""
    folder = tmp_path_factory.mktemp("hub")
    campus = DEMO.read_text().replace("longest: 8h", "longest: 8m")
    for file in ("people.csv", "passwords.txt"):
        campus = campus.replace(f": {file}", f": {DEMO.parent / file}")
    (folder / "campus.yaml").write_text(f"extend_times: 1\n{campus}")
    config = CONFIG.replace(repr(str(DEMO)), repr(str(folder / "campus.yaml")))
    hub = Hub(folder / "hub", config, version=request.param)
    hub.start()
    yield hub
    hub.stop()


def open_lab(page: Page, profile: str) -> None:
    page.get_by_role("radio", name=re.compile(profile)).check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/lab**", timeout=PATIENCE)
    expect(page.locator("#jp-main-statusbar")).to_be_visible(timeout=PATIENCE)


def test_lab_says_when_it_stops_warns_and_asks_for_more(person: People, picture: Picture) -> None:
    stu = person("stu")
    open_lab(stu, "^Notebook")
    line = stu.locator("#jp-main-statusbar").get_by_text(re.compile(r"Stops in [1-8] min"))
    expect(line).to_be_visible(timeout=PATIENCE)
    warning = stu.get_by_role("alert").filter(has_text="This server stops at")
    expect(warning).to_contain_text("(longest session). Save your work before.", timeout=PATIENCE)
    picture(stu, "lab-warning")
    warning.get_by_role("button", name=re.compile("Go on until")).click()
    expect(
        stu.locator("#jp-main-statusbar").get_by_text(re.compile("Stops in 1 h"))
    ).to_be_visible()
    expect(stu.get_by_role("alert").filter(has_text="This server stops at")).to_be_visible()
    picture(stu, "lab-extended")
    assert stu.evaluate("Object.keys(window._JUPYTERLAB)").count("jupyterhub-edu") == 1


def test_lab_is_quiet_long_before_the_end(person: People, picture: Picture) -> None:
    sue = person("sue")
    open_lab(sue, "GPU notebook")
    line = sue.locator("#jp-main-statusbar").get_by_text(re.compile(r"Stops in 1 h \d+ min"))
    expect(line).to_be_visible(timeout=PATIENCE)
    expect(line).to_have_attribute("title", re.compile(r"This server stops at \d\d:\d\d"))
    assert sue.get_by_role("alert").filter(has_text="This server stops").count() == 0
    picture(sue, "lab-quiet")
