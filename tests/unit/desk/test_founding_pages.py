"""Courses as a whole on pages and for programs: listed, made, copied, archived; by the acts of the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.founding import (
    CopyAPI,
    CopyPage,
    FoundingAPI,
    FoundingPage,
    StateAPI,
)
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.desk.tabs import tabs_for
from tests.unit.core.test_founding import FILE, World

from .asking import ask

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def world(tmp_path: Path):
    world = await World(tmp_path).open()
    yield world
    await world.core.close()


@pytest.fixture
def core(world: World) -> Core:
    return world.core


async def test_a_teacher_copies_their_course_and_comes_to_the_copy(core: Core):
    form = (await ask(CopyPage, core, "tea", "ml-h26")).page
    assert [one.get_text() for one in form.select("select[name=term] option")] == ["v27"]
    assert form.find(id="edu-key") is None
    sent = {"term": "v27", "title": HOSTILE, "staff": "yes"}
    reply = await ask(CopyPage, core, "tea", "ml-h26", method="post", form=sent)
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml-v27")
    page = await ask(CopyPage, core, "tea", "ml-v27")
    assert page.page.find("h1").get_text(" ", strip=True).startswith(HOSTILE)
    assert page.page.find("img") is None


async def test_what_is_wrong_is_said_on_the_form_as_it_was_typed(core: Core):
    sent = {"term": "v27"}
    await ask(CopyPage, core, "tea", "ml-h26", method="post", form=sent)
    reply = await ask(CopyPage, core, "tea", "ml-h26", method="post", form=sent | {"title": "x"})
    assert reply.status == 409
    assert "already, as 'ml-v27'" in reply.page.find(role="alert").get_text()
    assert reply.page.find(id="edu-title")["value"] == "x"


WHO = {
    "an assistant": ("asa", "ml-h26", Code.NOT_YOURS_TO_COPY),
    "a student": ("ada", "ml-h26", Code.NOT_YOURS_TO_COPY),
    "a teacher of another course": ("dba", "ml-h26", Code.NO_SUCH_COURSE),
    "a teacher of one that does not exist": ("tea", "x", Code.NO_SUCH_COURSE),
}


@pytest.mark.parametrize(("who", "course", "code"), WHO.values(), ids=WHO)
async def test_others_copy_nothing(core: Core, who: str, course: str, code: Code):
    body = {"term": "v27"}
    replies = [
        await ask(CopyPage, core, who, course),
        await ask(CopyPage, core, who, course, method="post", form=body),
        await ask(CopyAPI, core, who, course, method="post", body=body),
    ]
    assert [reply.code for reply in replies] == [code] * 3
    assert core.own_courses.all() == []


async def test_the_tab_shows_where_the_campus_lets_teachers(core: Core, tmp_path: Path):
    tea, asa = (core.roll.by_hub_name(name) for name in ("tea", "asa"))
    assert tea is not None
    assert asa is not None
    assert "copy" in [tab.key for tab in tabs_for(core, tea, "ml-h26")]
    assert "copy" not in [tab.key for tab in tabs_for(core, asa, "ml-h26")]
    world = await World(tmp_path, FILE.replace("teachers_copy: true\n", "")).open()
    tea = world.core.roll.by_hub_name("tea")
    assert tea is not None
    assert "copy" not in [tab.key for tab in tabs_for(world.core, tea, "ml-h26")]
    await world.core.close()


@pytest.mark.parametrize("who", ["tea", "ada"])
async def test_the_campuss_courses_are_for_administrators(core: Core, who: str):
    state = {"state": "archived"}
    replies = [
        await ask(FoundingPage, core, who),
        await ask(FoundingPage, core, who, method="post", form={"key": "x"}),
        await ask(FoundingAPI, core, who),
        await ask(FoundingAPI, core, who, method="post", body={"key": "x", "course": {}}),
        await ask(StateAPI, core, who, "db", method="patch", body=state),
    ]
    assert {reply.code for reply in replies} == {Code.ADMINS_ONLY}
    assert core.own_courses.all() == []


async def test_an_administrator_makes_copies_and_archives_by_forms(core: Core):
    sent = {"key": "new", "title": HOSTILE, "starts": "2026-11-01", "until": "2026-11-30"}
    reply = await ask(FoundingPage, core, "root", method="post", form=sent)
    assert (reply.status, reply.location) == (303, "/hub/edu/campus/courses")
    sent = {"key": "again", "term": "v27", "title": ""}
    reply = await ask(CopyPage, core, "root", "new", method="post", form=sent)
    assert reply.location == "/hub/edu/courses/again"
    for state in ("archived", "open", "archived"):
        sent = {"course": "new", "state": state}
        assert (await ask(FoundingPage, core, "root", method="post", form=sent)).status == 303
    page = await ask(FoundingPage, core, "root")
    assert f"{HOSTILE} new, from" in page.words
    assert "made here by root, copied from new" in page.words
    assert page.page.find("img") is None
    assert str(core.campus.courses["new"].state) == "archived"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"key": "db"}, 409),
        ({"key": ""}, 409),
        ({"key": "x\ny"}, 400),
        ({"key": "new", "starts": "soon"}, 409),
        ({"course": "db", "state": "archived"}, 404),
        ({"course": "db", "state": "gone"}, 400),
    ],
)
async def test_a_form_that_cannot_be_done_says_why(core: Core, sent: Any, status: int):
    reply = await ask(FoundingPage, core, "root", method="post", form=sent)
    assert reply.status == status
    assert reply.page.find(role="alert").get_text()
    assert set(core.campus.courses) == {"ml-h26", "db"}


async def test_programs_make_copy_archive_and_list(core: Core):
    body: dict[str, Any] = {"key": "new", "course": {"title": "New", "term": "v27"}}
    made = await ask(FoundingAPI, core, "root", method="post", body=body)
    assert (made.status, made.json["origin"], made.json["by"]) == (201, "desk", "root")
    body = {"term": "v27", "staff": True}
    copied = await ask(CopyAPI, core, "tea", "ml-h26", method="post", body=body)
    assert (copied.status, copied.json["copied_from"]) == (201, "ml-h26")
    state = {"state": "suspended"}
    told = await ask(StateAPI, core, "root", "new", method="patch", body=state)
    assert told.json["state"] == "suspended"
    for course, code in (("db", Code.NOT_OUR_COURSE), ("x", Code.NO_SUCH_COURSE)):
        refused = await ask(StateAPI, core, "root", course, method="patch", body=state)
        assert refused.code is code
    seen: list[str] = []
    query: dict[str, str] = {"limit": "3"}
    while True:
        answer = (await ask(FoundingAPI, core, "root", query=query)).json
        seen += [one["id"] for one in answer["items"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert seen == ["db", "ml-h26", "ml-v27", "new"]


async def test_one_that_is_not_in_force_is_listed_with_why(world: World):
    await world.copy()
    other = await world.restarted(FILE + "  ml-v27: {title: From the file}\n")
    page = await ask(FoundingPage, other.core, "root")
    assert "Not in force:" in page.words
    items = (await ask(FoundingAPI, other.core, "root")).json["items"]
    assert [(one["origin"], bool(one["troubles"])) for one in items if one["id"] == "ml-v27"] == [
        ("file", False),
        ("desk", True),
    ]
    await other.core.close()


async def test_the_state_of_one_that_is_not_in_force_can_be_asked_for_as_it_is(world: World):
    await world.copy()
    other = await world.restarted(
        FILE.replace("  v27: {from: 2027-01-11, until: 2027-06-11}\n", "")
    )
    body = {"state": "open"}
    told = await ask(StateAPI, other.core, "root", "ml-v27", method="patch", body=body)
    assert (told.status, told.json["state"], bool(told.json["troubles"])) == (200, "open", True)
    await other.core.close()
