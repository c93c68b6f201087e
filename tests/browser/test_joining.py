"""The first day of a course in a real browser that runs no scripts, on a phone too; with JupyterHub's newest release alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.hub.server import Hub

People = Callable[..., Page]
Picture = Callable[[Page, str], None]


@pytest.mark.parametrize("demo_hub", ["6.1"], indirect=True)
def test_people_join_by_asking_and_by_a_code_without_scripts(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    first_day = f"{demo_hub.url}/hub/edu/courses/ml/first-day"
    tea = person("tea", java_script_enabled=False, viewport={"width": 1400, "height": 900})
    nils = person(
        "nils",
        java_script_enabled=False,
        color_scheme="dark",
        viewport={"width": 360, "height": 780},
    )

    nils.goto(f"{demo_hub.url}/hub/edu/")
    nils.get_by_role("link", name="Join a course").click()
    picture(nils, "join")
    nils.get_by_role("link", name="Ask to join Machine Learning").click()
    nils.get_by_label(re.compile("say with it")).fill('my thesis <img src=x onerror="alert(1)">')
    nils.get_by_role("button", name="Ask to join").click()
    expect(nils.get_by_role("status")).to_contain_text("You have asked to join")
    picture(nils, "join-asked")

    tea.goto(first_day)
    expect(tea.get_by_text('my thesis <img src=x onerror="alert(1)">')).to_be_visible()
    tea.get_by_label("Choose the profile").select_option("gpu")
    tea.get_by_label("Open the file or folder").fill("week 1/intro.ipynb")
    tea.get_by_role("button", name="Make the link").click()
    expect(tea.get_by_label("To copy")).to_have_value(
        f"{demo_hub.url}/hub/edu/go/ml?profile=gpu&path=week+1%2Fintro.ipynb"
    )
    tea.get_by_label("Lets in at most").fill("30")
    tea.get_by_role("button", name="Make a code").click()
    code = tea.locator(".edu-code").inner_text()
    picture(tea, "first-day")
    tea.get_by_role("button", name="Let in Nils").click()
    expect(tea.get_by_text("Nobody asks to join now.")).to_be_visible()

    nils.reload()
    expect(nils.get_by_role("heading", level=1)).to_contain_text("Machine Learning")
    ina = person("ina", java_script_enabled=False)
    ina.goto(f"{demo_hub.url}/hub/edu/join")
    ina.get_by_label("Code from your teacher").fill("0000-0000")
    ina.get_by_role("button", name="Join", exact=True).click()
    expect(ina.get_by_role("alert")).to_contain_text("lets you into no course")
    ina.get_by_label("Code from your teacher").fill(f" {code.lower()} ")
    ina.get_by_role("button", name="Join", exact=True).click()
    expect(ina.get_by_role("heading", level=1)).to_contain_text("Machine Learning")

    tea.goto(first_day)
    expect(tea.get_by_text("it has let in 1 of 30")).to_be_visible()
    tea.set_viewport_size({"width": 360, "height": 780})
    picture(tea, "first-day-phone")
    tea.get_by_role("button", name="End the code").click()
    expect(tea.locator(".edu-code")).to_have_count(0)
    tea.get_by_role("link", name="View as student").click()
    expect(tea.get_by_role("radio", name="GPU notebook")).to_be_disabled()
    picture(tea, "as-student-phone")
    tea.set_viewport_size({"width": 1400, "height": 900})
    picture(tea, "as-student")


@pytest.mark.parametrize("demo_hub", ["6.1"], indirect=True)
def test_a_class_start_is_planned_and_called_off(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    tea = person("tea", color_scheme="dark", viewport={"width": 1400, "height": 900})
    person("stu")
    tea.goto(f"{demo_hub.url}/hub/edu/courses/ml/first-day")
    picture(tea, "first-day-dark")
    tea.get_by_label("When").fill("2020-01-01T10:00")
    tea.get_by_role("button", name="Start all").click()
    expect(tea.get_by_role("alert")).to_contain_text("Its time is past")
    tea.get_by_label("When").fill("")
    tea.get_by_label("Section (empty: all)").first.fill("nobody is in this one")
    tea.get_by_role("button", name="Start all").click()
    expect(tea.get_by_text("Everybody has been asked for")).to_be_visible()
    picture(tea, "class-start")
    tea.get_by_role("link", name="Back to the first day").click()
    expect(tea.get_by_text("0 servers were asked for, 0 were refused.")).to_be_visible()
