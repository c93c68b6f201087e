"""Limits and windows by the API: what is shown, what is set, and a second editor."""

from __future__ import annotations

import pytest

from jupyterhub_edu.desk.limits import LimitAPI, LimitsAPI
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.desk.requests_api import AnswerAPI, RequestsAPI
from jupyterhub_edu.desk.windows_api import WindowAPI, WindowsAPI
from tests.unit.core.test_adjusting import FILE, LAB, World
from tests.unit.desk.asking import Reply, ask


@pytest.fixture
async def world(tmp_path) -> World:
    text = FILE.replace(
        "    codes: [INF4490]\n", "    codes: [INF4490]\n    locked: [caps.teacher]\n"
    )
    return await World(tmp_path, text).open()


async def patch(world: World, field: str, value: object, who: str = "tea", **more: str) -> Reply:
    tag = {"If-Match": more.pop("seen")} if "seen" in more else {}
    body = {"field": field, "value": value, **more}
    return await ask(LimitsAPI, world.core, who, "ml", method="patch", body=body, headers=tag)


async def test_every_field_is_shown_with_what_the_file_says_and_what_is_in_force(world):
    await patch(world, "offers.student", ["gpu"], why="for the project")

    reply = await ask(LimitsAPI, world.core, "tea", "ml")

    limits = {one["field"]: one for one in reply.json["limits"]}
    student = limits["offers.student"]
    assert (student["file"], student["value"]) == (["notebook"], ["gpu"])
    assert student["adjustment"] == {
        "value": ["gpu"],
        "by": "tea",
        "at": "2026-11-03T10:00:00+00:00",
        "ends": None,
        "why": "for the project",
        "approved": False,
        "in_force": True,
        "troubles": [],
    }
    assert student["may"]
    assert limits["caps.teacher"]["locked"]
    assert not limits["caps.teacher"]["may"]
    assert not limits["quota.t4"]["may"]
    assert limits["quota.t4"]["file"] == {"nominal": 2, "borrow": 1}
    assert "quota.cpu" not in limits


async def test_what_is_set_ends_and_is_dropped(world):
    reply = await patch(world, "title", "Machines", ends="2026-11-04T00:00:00+01:00")
    assert reply.json["adjustment"]["ends"] == "2026-11-03T23:00:00+00:00"

    reply = await ask(LimitAPI, world.core, "tea", "ml", "title", method="delete")
    assert reply.status == 204

    reply = await ask(LimitAPI, world.core, "tea", "ml", "title")
    assert (reply.json["value"], reply.json["adjustment"]) == ("Machine Learning", None)


async def test_a_second_editor_is_told_and_shown_what_is_there(world):
    shown = await ask(LimitAPI, world.core, "tea", "ml", "title")
    tag = shown.headers["ETag"]
    assert (await patch(world, "title", "A", seen=tag)).status == 200

    late = await patch(world, "title", "B", seen=tag)
    assert (late.status, late.code) == (412, Code.STALE)
    late = await ask(
        LimitAPI, world.core, "kari", "ml", "title", method="delete", headers={"If-Match": tag}
    )
    assert late.code is Code.STALE
    assert world.course.title == "A"


REFUSALS = {
    "a student": ("ada", "title", "X", Code.NOT_YOUR_LIMITS),
    "a teacher of another course": ("ina", "title", "X", Code.NO_SUCH_COURSE),
    "a locked field": ("tea", "caps.teacher", {"servers": 1}, Code.LOCKED),
    "above the ceiling": ("tea", "caps.student", {"servers": 9, "t4": 1}, Code.ABOVE_CEILING),
    "a field that there is not": ("tea", "people", {}, Code.NO_SUCH_LIMIT),
    "a mistake": ("tea", "offers.student", ["x"], Code.CANNOT_ADJUST),
    "what is deeper than any key": ("tea", "title", [[[[[[["x"]]]]]]], Code.UNREADABLE),
    "a number without end": ("tea", "title", 10**30, Code.UNREADABLE),
    "control characters": ("tea", "title", "a\nb", Code.UNREADABLE),
}


@pytest.mark.parametrize(("who", "field", "value", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_refused(world, who, field, value, code):
    reply = await patch(world, field, value, who)

    assert reply.code is code
    assert world.core.adjustments.all() == ()


async def test_who_may_not_adjust_is_shown_nothing(world):
    for handler in (LimitsAPI, WindowsAPI):
        assert (await ask(handler, world.core, "ada", "ml")).code is Code.NOT_YOUR_LIMITS
        assert (await ask(handler, world.core, "ina", "ml")).code is Code.NO_SUCH_COURSE
        assert (await ask(handler, world.core, "tea", "nn")).code is Code.NO_SUCH_COURSE


async def test_windows_are_added_moved_and_taken_away(world):
    first = await ask(WindowsAPI, world.core, "tea", "ml")
    assert (first.json["windows"], first.json["reserve"]) == ([], {"t4": 2})

    body = {"window": LAB}
    tag = {"If-Match": first.headers["ETag"]}
    made = await ask(WindowsAPI, world.core, "tea", "ml", method="post", body=body, headers=tag)
    (window,) = made.json["windows"]
    assert (made.status, window["window"], window["in_file"]) == (201, LAB, False)

    body = {"window": {**LAB, "days": ["Fri"]}, "instead_of": window["id"]}
    late = await ask(WindowsAPI, world.core, "tea", "ml", method="post", body=body, headers=tag)
    assert late.code is Code.STALE
    moved = await ask(WindowsAPI, world.core, "tea", "ml", method="post", body=body)
    assert [one["window"]["days"] for one in moved.json["windows"]] == [["Fri"]]

    id = moved.json["windows"][0]["id"]
    gone = await ask(WindowAPI, world.core, "tea", "ml", id, method="delete")
    assert gone.json["windows"] == []
    gone = await ask(WindowAPI, world.core, "tea", "ml", id, method="delete")
    assert gone.code is Code.NO_SUCH_WINDOW


async def test_an_erased_author_is_forgotten(world):
    await patch(world, "title", "A")

    await world.core.adjustments.forget("tea", "erased-1")

    (one,) = world.core.adjustments.of("ml")
    assert one.by == "erased-1"
    assert world.course.title == "A"


async def test_windows_that_were_asked_for_drop_none_that_was_added_since(world):
    wish = {"field": "windows", "value": [{**LAB, "reserve": {"t4": 3}}]}
    body = {"kind": "adjust", "wish": wish}
    asked = await ask(RequestsAPI, world.core, "tea", "ml", method="post", body=body)
    world.core.clock.pass_(minutes=1)
    await world.by().set_window(LAB)

    yes = {"approve": True}
    reply = await ask(AnswerAPI, world.core, "kari", asked.json["id"], method="post", body=yes)

    assert (reply.status, reply.code) == (412, Code.STALE)
    assert list(world.core.adjustments.windows("ml").values()) == [LAB]
    assert [one.id for one in world.core.requests.waiting()] == [asked.json["id"]]
