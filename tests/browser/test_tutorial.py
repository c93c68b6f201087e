"""A term as a teacher and two students live it, in ``make demo``: nobody is an administrator, and no file is edited.

Its pictures are those of the teachers' tutorial. ``make tutorial`` takes them anew; otherwise what the pages say is compared
with what they said when the pictures were taken.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.hub.server import ROOT

from .demo import Demo
from .pictures import LOOK, Pictures

TUTORIAL = ROOT / "docs" / "tutorial" / "teacher.md"
NEW = "vision-current"
PATIENCE = 120.0
_TO_BE_TOLD = 40.0
"""Seconds of use: a hundredth of an hour."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    try:
        demo.start()
        yield demo
    finally:
        demo.stop()


class Term:
    """One step of a term after another.

    Attributes:
        pictures: what has been shown.
        vera, stu, nils: the browsers of a teacher, of a student who is on the list, and of one who asks to join.
    """

    def __init__(self, demo: Demo, browser: Browser, pictures: Pictures) -> None:
        self.show = pictures.show
        self._since = 0.0
        self._desk = f"{demo.url}/hub/edu"
        self._course = f"{self._desk}/courses/{NEW}"
        self._link = f"{self._desk}/go/{NEW}"
        self.vera, self.stu, self.nils = (
            _logged_in(browser, demo.url, who) for who in ("vera", "stu", "nils")
        )

    def copies_the_course(self) -> None:
        vera = self.vera
        vera.goto(f"{self._desk}/")
        card = vera.get_by_role("listitem").filter(has_text="Computer Vision")
        expect(card.first).to_contain_text("ended")
        self.show(vera, "courses")
        vera.get_by_role("link", name="Computer Vision", exact=True).click()
        vera.get_by_role("link", name="Copy", exact=True).click()
        vera.get_by_label("Term").select_option("current")
        self.show(vera, "copy")
        vera.get_by_role("button", name="Copy the course").click()
        vera.wait_for_url(self._course)
        expect(vera.get_by_role("heading", level=1)).to_contain_text("as teacher")

    def brings_people_in(self) -> None:
        vera = self.vera
        self._open("People")
        vera.get_by_role("link", name="Hand in a list").click()
        vera.get_by_label("Or type it here").fill("person,role\nstu,student\nsue,student\n")
        vera.get_by_role("button", name="Show what it would change").click()
        change = vera.get_by_role("button", name="Make 2 changes")
        expect(change).to_be_visible()
        self.show(vera, "list")
        change.click()
        expect(vera.get_by_role("row", name=re.compile("Stu Student"))).to_contain_text("student")

    def lets_somebody_in_who_asks(self) -> None:
        vera, nils = self.vera, self.nils
        nils.goto(f"{self._desk}/")
        nils.get_by_role("link", name="Join a course").click()
        nils.get_by_role("link", name="Ask to join Computer Vision").click()
        nils.get_by_label(re.compile("say with it")).fill("I was abroad when the list was made.")
        nils.get_by_role("button", name="Ask to join").click()
        expect(nils.get_by_role("status")).to_contain_text("You have asked to join")

        self._open("First day")
        self.show(vera, "link", "section:has(#edu-link-head)")
        self.show(vera, "request", "section:has(#edu-ask-head)")
        vera.get_by_role("button", name="Let in Nils").click()
        expect(vera.get_by_text("Nobody asks to join now.")).to_be_visible()
        nils.reload()
        expect(nils.get_by_role("heading", level=1)).to_contain_text("Computer Vision")

    def adds_an_assistant(self) -> None:
        vera = self.vera
        self._open("People")
        vera.get_by_label("Student number, login or name").fill("asa")
        vera.get_by_label("As", exact=True).select_option("assistant")
        vera.get_by_label("Reason").fill("looks after the lab")
        vera.get_by_role("button", name="Add", exact=True).click()
        expect(vera.get_by_role("status").first).to_contain_text("in this course as assistant")
        self.show(vera, "people", "main table")

    def sets_a_window(self) -> None:
        vera = self.vera
        self._open("Calendar")
        vera.get_by_role("link", name="Add a window").click()
        vera.get_by_label("Title").fill("Lab")
        for day in ("Tue", "Thu"):
            vera.get_by_label(day, exact=True).check()
        vera.get_by_label("From", exact=True).fill("10:15")
        vera.get_by_label("Until", exact=True).fill("12:00")
        vera.get_by_label(re.compile("Pretend GPU")).fill("2")
        self.show(vera, "window")
        vera.get_by_role("button", name="Save").click()
        vera.get_by_role("link", name="Week after").click()
        expect(vera.locator(".edu-entry").filter(has_text="Lab").first).to_be_visible()
        self.show(vera, "calendar", ".edu-days")

    def raises_a_limit(self) -> None:
        vera = self.vera
        self._open("Limits")
        hours = vera.locator(".edu-limit").filter(
            has=vera.get_by_role("heading", name="Each person")
        )
        hours.get_by_text("Change", exact=False).first.click()
        hours.get_by_label("GPU hours").fill("4")
        hours.get_by_label(re.compile("^Until")).fill(_local(timedelta(days=14)))
        hours.get_by_label(re.compile("^Why")).fill("two weeks of projects")
        self.show(vera, "limit", "section:has(h3:text-is('GPU hours'))")
        hours.get_by_role("button", name="Set it").click()
        expect(vera.get_by_role("status").first).to_contain_text("Each person: it is so now")
        expect(hours).to_contain_text("4")

    def helps_a_student(self) -> None:
        vera, stu = self.vera, self.stu
        stu.goto(self._link)
        self.show(stu, "start", "#spawn_form")
        _start(stu, "gpu")
        self._since = time.monotonic()
        self._open("Now")
        row = vera.get_by_role("row", name=re.compile("Stu Student"))
        expect(row).to_contain_text("running")
        self.show(vera, "now")

        row.get_by_role("link", name=re.compile("^Help")).click()
        vera.get_by_role("button", name=re.compile("Open it for 30 minutes")).click()
        expect(vera.get_by_role("status")).to_contain_text("has been told")
        self.show(vera, "help")
        stu.goto(f"{self._desk}/")
        told = stu.get_by_text("may open your server until")
        self.show(stu, "helped")
        here = vera.url
        vera.get_by_role("link", name="Open the server").click()
        vera.get_by_role("button", name="Authorize").click()
        _in_lab(vera)
        vera.goto(here)
        vera.get_by_role("button", name="I am done").click()
        expect(vera.get_by_role("heading", level=1)).to_contain_text("Computer Vision")
        stu.reload()
        expect(stu.get_by_role("heading", level=1)).to_be_visible()
        expect(told).to_have_count(0)

    def holds_an_exam(self) -> None:
        vera, stu = self.vera, self.stu
        self._open("Exams")
        vera.get_by_role("link", name="Prepare an exam").click()
        vera.get_by_label("Title").fill("Written exam")
        vera.get_by_label("Begins").fill(_local(timedelta(hours=1)))
        vera.get_by_label("Ends, without extra time").fill(_local(timedelta(hours=3)))
        vera.get_by_label(re.compile("^The one profile")).select_option("notebook")
        vera.get_by_label(re.compile("^Image")).fill("registry.example.org/vision-exam:1")
        vera.get_by_label(re.compile("^Extra time")).fill("nils 30")
        vera.get_by_role("button", name="Rehearse").click()
        would = vera.get_by_role("region", name="What would happen")
        expect(would).to_contain_text("Nils Nowhere")
        self.show(vera, "rehearsal", ".edu-rehearsal")
        vera.get_by_role("button", name="Prepare it").click()
        expect(vera.get_by_role("heading", name="Written exam to come")).to_be_visible()

        # Shorter use of a GPU is told as no hours, and the page has no plot of none.
        vera.wait_for_timeout(max(0.0, self._since + _TO_BE_TOLD - time.monotonic()) * 1000)
        self._stops()
        vera.get_by_text("Start now").click()
        vera.get_by_role("button", name="Start the exam now").click()
        expect(vera.get_by_text("goes on", exact=True)).to_be_visible()
        stu.goto(self._link)
        _start(stu, "notebook")
        vera.reload()
        row = vera.get_by_role("row", name=re.compile("Stu Student"))
        expect(row.get_by_text("on", exact=True)).to_be_visible()
        self.show(vera, "protocol")
        vera.get_by_text("End", exact=True).click()
        vera.get_by_role("button", name="End the exam").click()
        expect(vera.get_by_text("ended by a teacher")).to_be_visible()
        self._stops()

    def reads_the_usage(self) -> None:
        vera = self.vera
        self._open("Usage")
        sessions = vera.locator(".edu-figures div").filter(has_text="Sessions").locator("dd")
        _reload_until(vera, lambda: sessions.inner_text() == "2")
        expect(vera.locator(".edu-plots canvas").first).to_be_visible()
        self.show(vera, "usage")

    def _open(self, tab: str) -> None:
        self.vera.goto(self._course)
        tabs = self.vera.locator(".edu-tabs")
        tabs.get_by_role("link", name=re.compile(f"^{tab}")).click()
        expect(tabs.locator("[aria-current=page]")).to_contain_text(tab)

    def _stops(self) -> None:
        """The student's server, by the student."""
        self.stu.goto(f"{self._course}/stop/stu")
        self.stu.get_by_role("button", name="Stop your session").click()
        self.stu.wait_for_url(re.compile(f"/courses/{NEW}(\\?.*)?$"))
        none = self.stu.get_by_text("You have no session in this course now.")
        _reload_until(self.stu, lambda: none.count() > 0)


def _logged_in(browser: Browser, url: str, who: str) -> Page:
    page = browser.new_context(**cast(Any, LOOK)).new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{url}/hub/login")
    page.fill("#username_input", who)
    page.fill("#password_input", "demo")
    page.click("#login_submit")
    page.wait_for_url(lambda url: "/hub/login" not in url)
    return page


def _start(page: Page, profile: str) -> None:
    """A server in the course, from the start page."""
    page.locator(f"input[name=choice][value='{NEW}/{profile}']").check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/lab**")
    _in_lab(page)


def _in_lab(page: Page) -> None:
    page.wait_for_url("**/lab**")
    expect(page.locator("#jp-main-statusbar")).to_be_visible()


def _local(later: timedelta) -> str:
    """What somebody types into a field for day and time."""
    return f"{datetime.now(ZoneInfo('Europe/Oslo')) + later:%Y-%m-%dT%H:%M}"


def _reload_until(page: Page, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, page.locator("main").inner_text()
        time.sleep(0.5)
        page.reload()


@pytest.mark.timeout(900)
def test_a_term_goes_through_and_the_tutorial_shows_it(demo: Demo, chromium: Browser) -> None:
    folder = TUTORIAL.with_suffix("")
    pictures = Pictures(folder, make=bool(os.environ.get("TUTORIAL_ANEW")))
    term = Term(demo, chromium, pictures)
    try:
        term.copies_the_course()
        term.brings_people_in()
        term.lets_somebody_in_who_asks()
        term.adds_an_assistant()
        term.sets_a_window()
        term.raises_a_limit()
        term.helps_a_student()
        term.holds_an_exam()
        term.reads_the_usage()
    finally:
        for page in (term.vera, term.stu, term.nils):
            page.context.close()

    used = re.findall(r"\]\(teacher/([\w-]+)\.webp\)", TUTORIAL.read_text())
    assert used == pictures.shown, "the tutorial has other pictures than the term"
    assert {path.stem for path in folder.iterdir()} == set(used), "pictures that nobody sees"
    assert not pictures.changed, "\n\n".join(
        [
            "Pages say something else than their pictures: `make tutorial`, then look at them.",
            *pictures.changed,
        ]
    )
