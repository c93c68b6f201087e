"""Every page of the desk as people of each role meet it: it can be used, nothing is refused by its policy, nothing sticks out.

The pages are those of the route table: a page is found by its address where that names a course alone, and by the links of
the pages before it. One that nobody comes to by either fails, unless it is named below. The pictures lie in ``.cache/pages``.
"""

from __future__ import annotations

import re
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage
from playwright.sync_api import Page as Tab

from jupyterhub_edu.desk import desk_routes
from jupyterhub_edu.desk.frame import Page
from tests.hub.server import ROOT, Hub
from tests.hub.test_start import CONFIG, SERVERS_AT_ONCE
from tests.needs import require

PICTURES: Final = ROOT / ".cache/pages"
AXE: Final = ROOT / ".venv/libraries/node_modules/axe-core/axe.min.js"
NO_PAGES: Final = re.compile(r"\.(csv|json|svg)|\\\.|/stream|/events")
"""Files and streams."""
LOOKS: Final = (("light", 1400, None), ("dark", 360, ["color-contrast", "target-size"]))
"""Theme, width, and what is asked there: all, then what colours and room change."""
ROLES: Final = ("tea", "admin", "stu", "asa", "nils")
"""A teacher, an administrator of the site, a student, an assistant, and somebody without a course."""
PATTERNS: Final = [
    pattern
    for pattern, handler in desk_routes()
    if issubclass(handler, Page) and "get" in vars(handler) and not NO_PAGES.search(pattern)
]
ELSEWHERE: Final = {
    r"/edu/campus/sources/([^/]+)/([^/]+)": "only where a source would take many people away",
    r"/edu/courses/([^/]+)/people/import/([0-9a-f]{32})": "only after a list has been handed in",
}
"""Pages that nobody comes to here."""
PROBLEMS: Final = """async (rules) => (await axe.run({exclude: [[".edu-plots"]]},
        {resultTypes: ["violations"], preload: false, ...(rules ? {runOnly: rules} : {})})).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).slice(0, 4).join(" | ")}`)"""
WIDER: Final = """() => [...document.querySelectorAll("body *")]
    .filter((one) => document.documentElement.scrollWidth > innerWidth
        && one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.localName + "." + one.className).slice(0, 5)"""


@dataclass
class Found:
    """What has been met so far.

    Attributes:
        visited: patterns of pages that somebody was shown.
        shapes: pages that have been looked at closely, by what they are made of.
        wrong: what is to be mended, each with its page.
    """

    visited: set[str] = field(default_factory=set)
    shapes: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


class Visit:
    """Somebody's way through the pages."""

    def __init__(self, browser: Browser, hub: Hub, name: str, found: Found) -> None:
        self.hub, self.name, self.found = hub, name, found
        # Colours that still change would be measured half-way.
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1400, "height": 900}, reduced_motion="reduce"
        )
        self.tab: Tab = self.context.new_page()
        self.tab.set_default_timeout(120_000)
        self.said: list[str] = []
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.base = urlsplit(hub.url).path
        self.log_in()

    def log_in(self) -> None:
        self.tab.goto(f"{self.hub.url}/hub/login")
        self.tab.fill("#username_input", self.name)
        self.tab.fill("#password_input", "demo")
        self.tab.click("#login_submit")
        self.tab.wait_for_url(lambda url: "/hub/login" not in url)

    def walk(self) -> None:
        """Every page once: those that name a course, then what they lead to."""
        ways = deque(filter(None, map(_address, PATTERNS)))
        seen: set[str] = set()
        while ways:
            path = ways.popleft()
            pattern = next((one for one in PATTERNS if re.fullmatch(one, path)), None)
            if pattern is None or pattern in seen:
                continue
            reply = self.context.request.get(f"{self.hub.url}/hub{path}", max_redirects=0)
            if reply.status not in {200, 302, 303, 403, 404}:
                self.note(path, reply.status)
            page = BeautifulSoup(reply.text(), "html.parser")
            if reply.status < 400:
                seen.add(pattern)
            if reply.status in {
                302,
                303,
            }:  # the page that it leads to has its own turn, or is not ours
                continue
            if reply.status == 200:
                ways.extend(self.links(page))
            self.look_at(pattern if reply.status == 200 else str(reply.status), path, page)
        self.found.visited |= seen

    def links(self, page: BeautifulSoup) -> list[str]:
        inside = f"{self.base}/hub"
        found = [
            tag.get("href") or tag.get("action") for tag in page.select("a[href], form[action]")
        ]
        paths = [urlsplit(str(one)).path for one in found]
        return [path.removeprefix(inside) for path in paths if path.startswith(f"{inside}/edu")]

    def look_at(self, kind: str, path: str, page: BeautifulSoup) -> None:
        """In the browser, unless one of this make has been looked at before."""
        makes = [(tag.name, tag.get("class"), tag.get("type")) for tag in page.select("main *")]
        shape = f"{kind} {makes}"
        if shape in self.found.shapes:
            return
        self.found.shapes.add(shape)
        self.said.clear()
        self.tab.goto(f"{self.hub.url}/hub{path}")
        slug = re.sub(r"[0-9a-f]{12,}", "id", path).strip("/").replace("/", "-")
        for theme, width, _ in LOOKS:
            self.turn(theme, width)
            for words in self.tab.evaluate(WIDER):
                self.note(path, theme, width, f"{words} sticks out")
            name = f"{self.hub.version}-{slug}-{self.name}-{theme}-{width}.png"
            self.tab.screenshot(path=PICTURES / name, full_page=True)
        for words in self.said:
            # A page that is refused is a resource that failed to load.
            if not (kind.isdigit() and "Failed to load resource" in words):
                self.note(path, words)
        # From here on nothing counts that is said: the inspection breaks the page's policy by itself.
        self.tab.evaluate(AXE.read_text())
        for theme, width, rules in LOOKS:
            self.turn(theme, width)
            for words in self.tab.evaluate(PROBLEMS, rules):
                self.note(path, theme, width, words)

    def turn(self, theme: Any, width: int) -> None:
        self.tab.set_viewport_size({"width": width, "height": 900})
        self.tab.emulate_media(color_scheme=theme)

    def note(self, *words: object) -> None:
        self.found.wrong.append(" ".join(map(str, (self.name, *words))))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.said.append(f"{message.type}: {message.text}")


def _address(pattern: str) -> str | None:
    """The address of a page that needs no more than a course."""
    path = re.sub(r"/(courses|go|join)/\(\[\^/\]\+\)", r"/\1/ml", pattern).replace("/?", "")
    path = re.sub(r"\(\?:[^()]*\([^()]*\)\)\?$", "", path)
    return None if re.search(r"[()\[\]\\?*+]", path) else path


def _seed(hub: Hub) -> None:
    """Both devices in use, somebody in line, a refused start, four weeks of use, an exam, and a message."""
    for name in ("stu", "sue", "sam", "tea"):
        browser = hub.browser()
        browser.log_in(name, "demo")
        if name != "tea":
            assert browser.start(choice="ml/gpu").status_code in {200, 302}, hub.tail()
    stranger = hub.browser()
    stranger.log_in("nils", "demo")
    stranger.start(choice="ml/gpu")
    today = datetime.now(UTC).date()
    used = [
        (name, "ml", str(today - timedelta(days=ago)), "gpu", "gpu", 1, 0, 9_000, ms, ms * 1000)
        for ago in range(1, 28)
        for name, ms in (("stu", ago % 7 * 1_800_000), ("sue", ago % 3 * 3_600_000))
        if ms
    ]
    with closing(sqlite3.connect(hub.folder / "jupyterhub-edu.sqlite", timeout=60)) as store:
        store.executemany("INSERT INTO edu_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", used)
        store.commit()
    token = hub.api("users/tea/tokens", method="POST").json()["token"]
    now = datetime.now(UTC).replace(microsecond=0)
    exam = {
        "title": "Test 1",
        "starts": (now + timedelta(days=2)).isoformat(),
        "ends": (now + timedelta(days=2, hours=1)).isoformat(),
        "profile": "notebook",
        "image": "registry.example.org/exam:2026",
    }
    made = hub.api("edu/courses/ml/exams", method="POST", token=token, json=exam)
    assert made.status_code == 201, made.text
    message = {"all": True, "text": "The lecture begins at noon."}
    said = hub.api("edu/courses/ml/messages", method="POST", token=token, json=message)
    assert said.status_code == 201, said.text


@pytest.fixture(
    scope="module",
    params=[pytest.param(("6.1", ""), id="hub-6.1"), pytest.param(("5.5", "/uni"), id="hub-5.5")],
)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The older release stands under a base address, as it may be in a chart."""
    version, base = request.param
    folder = tmp_path_factory.mktemp("hub")
    found = Hub(folder, CONFIG + SERVERS_AT_ONCE, version=version, base=base)
    found.start()
    _seed(found)
    yield found
    found.stop()


@pytest.fixture
def axe() -> Path:
    return Path(require(str(AXE) if AXE.is_file() else None, "axe-core", "make ready-dev"))


@pytest.mark.timeout(1200)  # some hundred looks, beside other tests
def test_every_page_can_be_used_by_whoever_comes_to_it(
    hub: Hub, chromium: Browser, axe: Path
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = Found()
    roles = ROLES if hub.version == "6.1" else ROLES[:1]
    for name in roles:
        visit = Visit(chromium, hub, name, found)
        visit.walk()
        visit.context.close()
    assert found.wrong == []
    if hub.version == "6.1":
        assert set(PATTERNS) - found.visited <= set(ELSEWHERE), "pages that no link leads to"
