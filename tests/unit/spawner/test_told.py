"""The start page in a language that has brackets around all it knows: what may be started, what may not, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.pages import SpawnHandler
from tornado.httputil import HTTPHeaders

from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.core.choices import Wish
from jupyterhub_edu.domain.allowances import parse_allowance
from jupyterhub_edu.domain.courses import Allowances, CourseState, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.windows import Timetable, Weekly
from jupyterhub_edu.domain.words import say, speaking
from jupyterhub_edu.hub import languages
from jupyterhub_edu.spawner import page
from jupyterhub_edu.spawner.routes import EduSpawnHandler
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.unit.desk.test_told import Pseudo, outside
from tests.unit.hub_pages import render

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
DATA = {
    *[
        "Notebook",
        "Gpu",
        "gpu",
        "Db",
        "Cv",
        "NVIDIA",
        "T4",
        "registry.example",
        "stu",
        "test.example",
    ],
    "2026-11-03",
}
HOURS = Weekly(frozenset({1}), time(14), time(16), ZoneInfo("Europe/Oslo"))


def left(html: str) -> list[str]:
    """What is said outside the brackets, and that is no data."""
    return [word for word in outside(html) if word not in DATA]


def told(view: page.View) -> str:
    with speaking(Pseudo()):
        return page.render(view)


async def start_page(campus: Any, *, others: int = 0, **courses: CourseRole) -> page.View:
    core = a_core(campus)
    await core.ready()
    ada = await enrol(core, "ada", **courses)
    for n in range(others):
        other = await enrol(core, f"other{n}", ml=STUDENT)
        await core.book.admit(StartRequest(other.key, "ml", "gpu"), other, "")
    view = page.view(
        core, ada, Wish(), enforces_limits=False, line_page="/l", courses_page="/hub/edu/"
    )
    await core.close()
    return view


PAGES: dict[str, tuple[Any, int, dict[str, CourseRole]]] = {
    "what may be started, and hours that are left": (
        a_campus(courses=[a_course(allowances=Allowances(parse_allowance("10h per week")))]),
        0,
        {"ml": STUDENT},
    ),
    "what may be waited for": (
        a_campus(courses=[a_course(quota={"t4": Quota(1, borrow=0)})]),
        1,
        {"ml": STUDENT},
    ),
    "what may be started at set times": (
        a_campus(courses=[a_course(hours={"gpu": Timetable((HOURS,))})]),
        0,
        {"ml": STUDENT},
    ),
    "a course that is over, and another": (
        a_campus(
            courses=[a_course(state=CourseState.ARCHIVED), a_course("db", ends=NOW + timedelta(1))]
        ),
        0,
        {"ml": STUDENT, "db": TEACHER},
    ),
    "a course that offers nothing": (
        a_campus(courses=[a_course(offers={TEACHER: ("gpu",)})]),
        0,
        {"ml": STUDENT},
    ),
    "no course": (a_campus(), 0, {}),
}


@pytest.mark.parametrize(("campus", "others", "courses"), PAGES.values(), ids=PAGES)
async def test_a_card_says_everything_in_the_language_of_the_page(
    campus: Any, others: int, courses: dict[str, CourseRole]
) -> None:
    view = await start_page(campus, others=others, **courses)
    html = told(view)
    assert "⟦" in html
    assert left(html) == []
    assert "⟦" not in page.render(view), "nobody has asked for it here"


async def test_whoever_waits_is_told_so() -> None:
    view = page.empty(a_campus(), "/hub/edu/")._replace(line=say("In line: you are next"))
    assert left(told(view)) == []


class ARequest(EduSpawnHandler):
    """A request for the hub's spawn page, without a hub."""

    def __init__(self, accepted: str) -> None:
        headers = HTTPHeaders({"Accept-Language": accepted})
        self.request = SimpleNamespace(headers=headers)
        self.sent: dict[str, str] = {}

    def set_header(self, name: str, value: Any) -> None:
        self.sent[name] = value


@pytest.fixture
async def core(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Core]:
    monkeypatch.setattr(languages, "catalog", lambda _: Pseudo())
    monkeypatch.setattr(languages, "_languages", lambda: frozenset({"eo"}))
    monkeypatch.setattr(BaseHandler, "render_template", render)
    core = a_core(a_campus(courses=[a_course(state=CourseState.SUSPENDED)]))
    provide(lambda: core)
    yield core
    provide(None)


async def test_the_hubs_page_around_the_form_is_told_and_so_is_a_refusal(core: Core) -> None:
    ada = await enrol(core, "ada", ml=STUDENT)
    decision = core.book.decide(StartRequest(ada.key, "ml", "gpu"))
    asked = ARequest("eo")
    html = await asked.render_template(
        "spawn.html",
        for_user=SimpleNamespace(name="ada"),
        error_message=decision.sentence,
        spawner_options_form="",
        url="/hub/spawn",
    )
    soup = BeautifulSoup(html, "html.parser")
    assert soup.html is not None
    assert soup.html["lang"] == asked.sent["Content-Language"] == "eo"
    for part in ("h1", "[role=alert]", "button[type=submit]"):
        found = soup.select_one(part)
        assert found is not None
        assert found.get_text(strip=True).startswith("⟦"), part
    bar = soup.select_one("#thenavbar")
    assert [word for word in left(str(bar)) if word != "Token"] == []


@pytest.mark.parametrize("way", ["_get", "_post"])
async def test_the_spawners_form_is_drawn_in_the_language_of_the_request(
    core: Core, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    drawn = []

    async def draw(self: object, user_name: str) -> None:
        drawn.append(page.render(page.empty()))

    monkeypatch.setattr(SpawnHandler, way, draw)
    await getattr(ARequest("eo"), way)(user_name="ada")
    assert left(drawn[0]) == []
    assert "⟦" in drawn[0]
