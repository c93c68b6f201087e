"""The waiting line in a browser: joined, left, joined again, followed in two tabs, and the way on to one's server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.hub.server import Hub
from tests.hub.test_line import one_device

People = Callable[..., Page]
Picture = Callable[[Page, str], None]
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
SOON_MISSED = """
from jupyterhub_edu.desk import line_pages

line_pages._KEEP_ALIVE = 1.0
"""
"""A stream that has gone quiet is taken for dead after seconds."""


@pytest.fixture(scope="module")
def demo_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with one device, and servers that start at once."""
    folder = tmp_path_factory.mktemp("line")
    hub = Hub(folder, one_device(folder) + SOON_MISSED)
    hub.start()
    yield hub
    hub.stop()


def test_who_waits_is_led_to_their_server_in_every_tab(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    stu, sue = person("stu"), person("sue", **PHONE)
    stu.get_by_role("radio", name=re.compile("GPU notebook")).check()
    stu.get_by_role("button", name="Start").click()
    stu.wait_for_url("**/user/stu/**")

    # It became full while she looked at the form: pressing Start takes a place.
    sue.get_by_role("radio", name=re.compile("GPU notebook")).check()
    sue.get_by_role("button", name="Start").click()
    sue.wait_for_url("**/hub/edu/line/")
    expect(sue.get_by_role("heading", name="You are next")).to_be_visible()
    expect(sue.get_by_text("when 1 session is planned to end")).to_be_visible()
    picture(sue, "line-phone")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert sue.evaluate(wide) <= 0
    sue.get_by_role("button", name="Leave the line").click()
    expect(sue.get_by_role("heading", name="You stand in no line")).to_be_visible()
    picture(sue, "line-left")

    sue.get_by_role("link", name="Start a server").click()
    expect(sue.get_by_text("Nobody waits for Pretend GPU yet.").first).to_be_visible()
    picture(sue, "line-start-page")
    sue.get_by_role("button", name=re.compile("Wait for it")).first.click()
    expect(sue.get_by_role("heading", name="You are next")).to_be_visible()

    # A second tab, the hub's home page, and a hub that is away for a while.
    second = sue.context.new_page()
    second.goto(f"{demo_hub.url}/hub/home")
    second.set_viewport_size({"width": 1100, "height": 900})
    picture(second, "line-home")
    second.get_by_role("link", name="In line: you are next").click()
    expect(second.get_by_role("heading", name="You are next")).to_be_visible()
    picture(second, "line-wide")
    demo_hub.kill()
    for tab in (sue, second):
        expect(tab.get_by_text("The hub does not answer just now.")).to_be_visible()
    picture(second, "line-lost")
    demo_hub.start()
    for tab in (sue, second):
        expect(tab.get_by_text("The hub does not answer just now.")).to_be_hidden()
        expect(tab.get_by_role("heading", name="You are next")).to_be_visible()

    assert demo_hub.api("users/stu/server", method="DELETE").status_code in {202, 204}
    for tab in (sue, second):
        tab.wait_for_url("**/user/sue/**")
