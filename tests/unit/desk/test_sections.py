"""Sections set by hand, by the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from .api_world import ApiWorld


@pytest.fixture
async def world(tmp_path: Any) -> AsyncIterator[ApiWorld]:
    async with ApiWorld(tmp_path / "campus") as made:
        yield made


def of(world: ApiWorld, login: str) -> str:
    return f"/edu/courses/ml/people/{quote(world.person(login).key, safe='')}/sections"


async def test_they_are_set_shown_and_found(world: ApiWorld) -> None:
    put = await world.call("put", of(world, "stu"), body={"sections": ["Lab 2", "Lab 1"]})
    told = {"by_hand": ["Lab 1", "Lab 2"], "by": "tea", "of_enrolments": []}
    assert (put.status, put.json) == (200, told)
    got = await world.call("get", of(world, "stu"))
    assert (got.json, got.headers["ETag"]) == (told, put.headers["ETag"])
    found = (await world.call("get", "/edu/courses/ml/people?section=Lab%202")).json["people"]
    assert [(one["user"], one["sections"]) for one in found] == [("stu", ["Lab 1", "Lab 2"])]
    said = {"section": "Lab 2", "text": "Hello"}
    assert (await world.call("post", "/edu/courses/ml/messages", body=said)).status == 201
    taken = await world.call("put", of(world, "stu"), body={"sections": []})
    assert taken.json == {"by_hand": [], "by": None, "of_enrolments": []}


async def test_a_second_editor_is_told_and_a_wrong_name_refused(world: ApiWorld) -> None:
    first = await world.call("get", of(world, "stu"))
    await world.call("put", of(world, "stu"), body={"sections": ["Lab 1"]})
    seen = {"If_Match": first.headers["ETag"]}
    late = await world.call("put", of(world, "stu"), body={"sections": ["Lab 2"]}, **seen)
    assert (late.status, late.json["current"]["by_hand"]) == (412, ["Lab 1"])
    wrong = await world.call("put", of(world, "stu"), body={"sections": ["a,b"]})
    assert (wrong.status, wrong.codes) == (400, ["unreadable"])
    gone = await world.call("put", of(world, "ben"), body={"sections": ["Lab 1"]})
    assert (gone.status, gone.codes) == (404, ["not-in-course"])
