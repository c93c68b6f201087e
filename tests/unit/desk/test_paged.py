"""Lists of a course that grow, by the API: every row once, in their order, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.desk.rates import Rate
from tests.fakes.campus import NOW

from .api_world import ApiWorld

HOUR = timedelta(hours=1)


@pytest.fixture
async def world(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiWorld]:
    monkeypatch.setattr(Rate, "require", lambda *_: None)
    async with ApiWorld(tmp_path / "campus") as made:
        yield made


def an_exam(day: int) -> dict[str, Any]:
    starts = NOW + timedelta(days=day)
    return {
        "starts": starts.isoformat(),
        "ends": (starts + HOUR).isoformat(),
        "profile": "notebook",
    }


LISTS = {
    "grants": [{"servers": 2, "person": who} for who in ("stu", "sue", "asa", "tea")],
    "exams": [an_exam(day) for day in (12, 9, 15, 10)],
}


@pytest.mark.parametrize("what", LISTS)
async def test_each_is_told_once_by_its_start(world: ApiWorld, what: str) -> None:
    path = f"/edu/courses/ml/{what}"
    ids = {world.own[what.rstrip("s")]}
    for body in LISTS[what]:
        made = await world.call("post", path, body=body)
        assert made.status == 201, made.body
        ids.add(made.json["id"])

    whole = (await world.call("get", path)).json
    rows, asked = [], "limit=2"
    while asked:
        page = (await world.call("get", f"{path}?{asked}")).json
        assert len(page[what]) in {1, 2}
        assert {**page, what: [], "next": None} == {**whole, what: []}
        rows += page[what]
        asked = f"limit=2&cursor={page['next']}" if page["next"] is not None else ""

    assert rows == whole[what]
    assert {row["id"] for row in rows} == ids
    assert len(rows) == len(ids)
    assert [row["starts"] for row in rows] == sorted(row["starts"] for row in rows)


@pytest.mark.parametrize("what", LISTS)
async def test_what_is_no_page_is_refused(world: ApiWorld, what: str) -> None:
    for asked in ("cursor=x", "limit=0", "page=2"):
        reply = await world.call("get", f"/edu/courses/ml/{what}?{asked}")
        assert (reply.status, reply.codes) == (400, ["unreadable"])
