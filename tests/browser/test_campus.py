"""The administrators' pages in a real browser that runs no scripts, on a phone too; with JupyterHub's newest release alone."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.hub.server import Hub

People = Callable[..., Page]
Picture = Callable[[Page, str], None]
WIDE = {"java_script_enabled": False, "viewport": {"width": 1400, "height": 900}}


@pytest.mark.parametrize("demo_hub", ["6.1"], indirect=True)
def test_an_administrator_sees_the_campus_and_answers(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    base = f"{demo_hub.url}/hub/edu"
    admin, tea = person("admin", **WIDE), person("tea", **WIDE)

    tea.goto(f"{base}/courses/ml/exams/new")
    tomorrow = (datetime.now(ZoneInfo("Europe/Oslo")) + timedelta(days=1)).date()
    tea.get_by_label("Begins").fill(f"{tomorrow}T08:00")
    tea.get_by_label("Ends, without extra time").fill(f"{tomorrow}T20:00")
    tea.get_by_label(re.compile("Image")).fill("registry.example/exam:1")
    tea.get_by_role("button", name="Prepare it").click()
    tea.get_by_label(re.compile("Why do you need it")).fill(
        "<b>two</b> groups, one after the other"
    )
    picture(tea, "ask-an-administrator")
    tea.get_by_role("button", name="Ask an administrator").click()
    expect(tea.get_by_text("<b>two</b> groups, one after the other")).to_be_visible()
    expect(tea.get_by_text("open", exact=True)).to_be_visible()
    picture(tea, "requests")

    admin.goto(f"{base}/")
    admin.get_by_role("link", name="Campus").click()
    expect(admin.get_by_role("heading", name="Pretend GPU")).to_be_visible()
    expect(admin.get_by_role("row", name=re.compile("Demo account"))).to_be_visible()
    picture(admin, "campus")
    admin.get_by_role("link", name="Requests").first.click()
    admin.get_by_label("To whoever asked").fill("Fine, <i>this once</i>")
    picture(admin, "campus-requests")
    admin.get_by_role("button", name=re.compile("Approve")).click()
    expect(admin.get_by_text("Nobody waits for an answer.")).to_be_visible()
    tea.reload()
    expect(tea.get_by_text("approved", exact=True)).to_be_visible()
    expect(tea.get_by_text("Fine, <i>this once</i>")).to_be_visible()
    tea.goto(f"{base}/courses/ml/exams")
    expect(tea.get_by_text("to come").first).to_be_visible()

    admin.goto(f"{base}/campus/courses")
    admin.get_by_label("Key").fill("late")
    admin.get_by_label("Title").fill("Late <b>Course</b>")
    admin.get_by_role("button", name="Make it").click()
    expect(admin.get_by_role("link", name="Late <b>Course</b>").first).to_be_visible()
    picture(admin, "campus-courses")
    admin.get_by_role("link", name="Copy Late").click()
    picture(admin, "copy")
    admin.get_by_label("Key").fill("later")
    admin.get_by_role("button", name="Copy the course").click()
    expect(admin).to_have_url(f"{base}/courses/later")
    admin.goto(f"{base}/campus/courses")
    row = admin.get_by_role("row", name=re.compile("copied from late"))
    row.get_by_role("button", name=re.compile("Archive")).click()
    expect(row.get_by_text("archived", exact=True)).to_be_visible()

    admin.goto(f"{base}/campus/configuration")
    picture(admin, "configuration")
    admin.get_by_label("Part", exact=True).fill("courses.late")
    admin.get_by_role("button", name="Show").click()
    expect(admin.get_by_text("set here by admin").first).to_be_visible()

    admin.goto(f"{base}/campus/audit")
    admin.get_by_label("Course", exact=True).select_option("late")
    admin.get_by_role("button", name="Show").click()
    expect(admin.get_by_text("create-course", exact=True)).to_be_visible()
    picture(admin, "audit")
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Download as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert [(row["actor"], row["act"]) for row in rows] == [("admin", "create-course")]
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Download as JSON").click()
    (line,) = download.value.path().read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["course"] == "late"

    tea.goto(f"{base}/courses/ml")
    tea.get_by_role("link", name="Explain", exact=True).click()
    answer = tea.get_by_role("heading", name=re.compile("in Machine Learning"))
    nobody = tea.get_by_role("alert").filter(has_text="Nobody in the course")
    for _ in range(
        60
    ):  # until the roster has been read for the first time: sue has never logged in
        tea.get_by_label(re.compile("^Account")).fill("sue")
        tea.get_by_role("button", name="Explain").click()
        expect(answer.or_(nobody).first).to_be_visible()
        if answer.count():
            break
        time.sleep(2)
    expect(answer).to_be_visible()
    tea.get_by_text("Every rule, and what it was decided on").first.click()
    expect(tea.get_by_text("offered to:").first).to_be_visible()
    picture(tea, "explain")

    phone = person("admin", viewport={"width": 360, "height": 800}, color_scheme="dark")
    question = "explain?person=sue&course=ml"
    parts = ("courses", "requests", "audit", "configuration", "sources/demo/ml")
    for place in ("campus", *(f"campus/{part}" for part in parts), question, "courses/late/copy"):
        phone.goto(f"{base}/{place}")
        name = re.sub(r"\W+", "-", place)
        picture(phone, f"phone-{name}")
        wide = phone.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, place
