"""Calendar and exams in a real browser that runs no scripts, on a phone too; with JupyterHub's newest release alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.hub.server import Hub

People = Callable[..., Page]
Picture = Callable[[Page, str], None]


@pytest.mark.parametrize("demo_hub", ["6.1"], indirect=True)
def test_a_teacher_sets_windows_without_scripts(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    course = f"{demo_hub.url}/hub/edu/courses/ml"
    tea = person("tea", java_script_enabled=False, viewport={"width": 1400, "height": 900})

    tea.goto(f"{course}/calendar/new")
    tea.get_by_label("Title").fill('Lab <b>"one"</b>')
    for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
        tea.get_by_label(day, exact=True).check()
    tea.get_by_label("From", exact=True).fill("22:00")
    tea.get_by_label("Until", exact=True).fill("02:00")
    tea.get_by_label(re.compile("Pretend GPU")).fill("1")
    tea.get_by_role("button", name="Save").click()
    expect(tea.get_by_role("list", name=re.compile("week"))).to_contain_text('Lab <b>"one"</b>')
    expect(tea.get_by_text("kept from 21:45").first).to_be_visible()
    picture(tea, "calendar")
    tea.get_by_role("link", name="Week after").click()
    expect(tea.get_by_text("Reservation:").first).to_be_visible()
    tea.get_by_role("link", name="Change Lab").click()
    tea.get_by_label(re.compile("Pretend GPU")).fill("9")
    tea.get_by_role("button", name="Save").click()
    expect(tea.get_by_role("alert")).to_contain_text("promised")
    picture(tea, "window-refused")
    tea.goto(f"{course}/calendar")
    tea.get_by_text("Drop", exact=False).first.click()
    picture(tea, "calendar-drop")
    tea.get_by_role("button", name="Drop it").click()
    expect(tea.get_by_text("The course has no window")).to_be_visible()

    tea.goto(f"{course}/calendar/import")
    lectures = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\nSUMMARY:Lecture\n"
        f"DTSTART;TZID=Europe/Oslo:{datetime.now(ZoneInfo('Europe/Oslo')):%Y%m%d}T081500\n"
        f"DTEND;TZID=Europe/Oslo:{datetime.now(ZoneInfo('Europe/Oslo')):%Y%m%d}T100000\n"
        "RRULE:FREQ=WEEKLY;COUNT=4\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    tea.get_by_label(re.compile("File")).set_input_files(
        {"name": "l.ics", "mimeType": "text/calendar", "buffer": lectures.encode()}
    )
    tea.get_by_label("Title").fill("Lectures")
    tea.get_by_label("GPU notebook").check()
    picture(tea, "calendar-import")
    tea.get_by_role("button", name="Show what would change").click()
    expect(tea.get_by_role("list", name="Added").get_by_role("listitem").last).to_contain_text(
        "08:15 to 10:00"
    )
    picture(tea, "calendar-difference")
    tea.get_by_role("button", name="Apply this").click()
    expect(tea.get_by_role("row", name=re.compile("Lectures"))).to_be_visible()
    tea.get_by_text("Drop", exact=False).first.click()
    tea.get_by_role("button", name="Drop it").click()
    fits_a_phone(person, picture, f"{course}/calendar", f"{course}/calendar/new")


@pytest.mark.parametrize("demo_hub", ["6.1"], indirect=True)
def test_a_teacher_holds_an_exam_without_scripts(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    course = f"{demo_hub.url}/hub/edu/courses/ml"
    person("sam")  # so that the name is known, whether or not the rosters have been read
    tea = person("tea", java_script_enabled=False, viewport={"width": 1400, "height": 900})
    tea.goto(f"{course}/exams/new")
    tea.get_by_label("Title").fill("Midterm <i>")
    soon = datetime.now(ZoneInfo("Europe/Oslo")) + timedelta(hours=1)
    tea.get_by_label("Begins").fill(f"{soon:%Y-%m-%dT%H:%M}")
    ends = soon + timedelta(hours=2)
    tea.get_by_label("Ends, without extra time").fill(f"{ends:%Y-%m-%dT%H:%M}")
    tea.get_by_label(re.compile("Image")).fill("registry.example/exam:1")
    tea.get_by_label(re.compile("^Extra time")).fill("sam 30")
    tea.get_by_role("button", name="Rehearse").click()
    expect(tea.get_by_role("region", name="What would happen")).to_contain_text("Sam Student")
    picture(tea, "exam-form")
    tea.get_by_role("button", name="Prepare it").click()
    expect(tea.get_by_role("heading", name="Midterm <i> to come")).to_be_visible()
    picture(tea, "exam-before")
    fits_a_phone(person, picture, tea.url, f"{course}/exams", f"{course}/exams/new")
    tea.get_by_text("Start now").click()
    tea.get_by_role("button", name="Start the exam now").click()
    expect(tea.get_by_text("goes on", exact=True)).to_be_visible()
    picture(tea, "exam-running")
    with tea.expect_download() as download:
        tea.get_by_role("link", name="Download as CSV").click()
    assert "absent" in download.value.path().read_text()
    tea.goto(f"{course}/exams")
    picture(tea, "exams")
    tea.get_by_role("link", name=re.compile("Midterm")).click()
    tea.get_by_text("End", exact=True).click()
    tea.get_by_role("button", name="End the exam").click()
    expect(tea.get_by_text("ended by a teacher")).to_be_visible()


def fits_a_phone(person: People, picture: Picture, *addresses: str) -> None:
    phone = person("tea", viewport={"width": 360, "height": 800}, color_scheme="dark")
    for address in addresses:
        phone.goto(address)
        last = address.rpartition("/")[2]
        picture(
            phone, f"phone-{address.rpartition('/courses/ml/')[2].partition('/')[0]}-{last[:8]}"
        )
        wide = phone.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, address
