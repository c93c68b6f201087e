"""How much may be sent at once: who sends more is told so, and nothing is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.desk.sizes import LARGEST

from .api_world import ApiWorld

GRANTS = "/edu/courses/ml/grants"
HOURS = b'{"hours": 1, "person": "stu"}'


@pytest.fixture
async def world(tmp_path: Path):
    async with ApiWorld(tmp_path) as world:
        yield world


async def test_a_body_that_is_too_large_is_refused_and_one_that_is_not_is_read(world: ApiWorld):
    before = len(world.core.grants.of("ml"))
    large = await world.call("post", GRANTS, body=HOURS.ljust(LARGEST + 1))
    assert (large.status, large.codes) == (413, [Code.TOO_LARGE])
    assert "8 MiB" in large.json["message"]
    assert len(world.core.grants.of("ml")) == before
    assert (await world.call("post", GRANTS, body=HOURS.ljust(LARGEST))).status == 201
    for who in ("nobody", "nils"):
        reply = await world.call("put", "/edu/x", who, body=b"{".ljust(LARGEST + 1))
        assert (reply.status, reply.codes) == (413, [Code.TOO_LARGE])


async def test_what_does_not_say_its_length_is_cut_off_by_the_web_server(world: ApiWorld):
    for length in ("", "many", "-1", f"{LARGEST + 1}, {LARGEST + 1}"):
        reply = await world.call("post", GRANTS, body=HOURS, Content_Length=length)
        assert (reply.status, reply.cut_at) == (201, LARGEST)
