"""The login page with four sources: a form for two, a button for each of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.hub.server import VERSIONS, Hub
from tests.hub.test_logins import Place

Visit = Callable[..., Page]


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("hub"), request.param)
    try:
        place.hub.start()
        yield place
    finally:
        place.close()


@pytest.fixture(scope="module")
def demo_hub(place: Place) -> Hub:
    """The hub of whose pages ``picture`` speaks."""
    return place.hub


@pytest.fixture
def visit(chromium: Browser, place: Place) -> Iterator[Visit]:
    contexts = []

    def open_page(path: str = "/hub/login", **context: Any) -> Page:
        opened = chromium.new_context(**{"viewport": {"width": 1100, "height": 900}, **context})
        contexts.append(opened)
        page = opened.new_page()
        page.goto(place.hub.url + path)
        return page

    yield open_page
    for opened in contexts:
        opened.close()


LOOKS: dict[str, dict[str, Any]] = {
    "desk": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
    "dark-phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_every_way_in_is_seen_without_scrolling_sideways(
    visit: Visit, picture: Callable[[Page, str], None], look: str
) -> None:
    page = visit(**LOOKS[look])
    picture(page, f"login-{look}")
    for words in ("Username:", "Password:", "Sign in with Campus Cloud", "<script>"):
        expect(page.get_by_text(words).first).to_be_visible()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0


def test_a_refused_login_is_a_page_with_a_way_back(
    visit: Visit, place: Place, picture: Callable[[Page, str], None]
) -> None:
    page = visit("/hub/edu/login/nothing")
    picture(page, "login-refused")
    page.get_by_role("link", name="Back to the sign-in page").click()
    expect(page.get_by_label("Username:")).to_be_visible()


def test_by_keyboard_and_without_scripts_to_the_provider_and_back(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.get_by_role("button", name="Sign in with Campus Cloud").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/hub/spawn")


def test_the_form_without_scripts(visit: Visit) -> None:
    page = visit("/hub/login?source=demo", java_script_enabled=False)
    page.get_by_label("Username:").fill("stu")
    page.get_by_label("Password:").fill("demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/hub/spawn")


def test_a_wrong_password_says_so_and_leaves_the_other_ways(visit: Visit) -> None:
    page = visit()
    page.get_by_label("Username:").fill("stu")
    page.get_by_label("Password:").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Invalid username or password")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with Campus Cloud")).to_be_visible()


def test_whoever_asks_for_german_gets_it_on_a_small_phone(visit: Visit) -> None:
    page = visit(locale="de-DE", viewport={"width": 360, "height": 800})
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_label("Benutzername:").fill("stu")
    page.get_by_label("Passwort:", exact=True).fill("demo")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0
    page.get_by_role("button", name="Anmelden", exact=True).click()
    expect(page.get_by_role("heading", name="Was möchten Sie starten?")).to_be_visible()
