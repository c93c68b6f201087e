"""What explains a start names who has set a limit at the desk."""

from __future__ import annotations

from datetime import timedelta

from jupyterhub_edu.desk.explain import ExplainAPI
from tests.unit.core.test_adjusting import NOW, World
from tests.unit.desk.asking import ask


async def facts(world: World, code: str) -> str:
    reply = await ask(
        ExplainAPI, world.core, "tea", query={"person": "ada", "course": "ml", "profile": "gpu"}
    )
    (profile,) = reply.json["profiles"]
    (rule,) = [one for one in profile["rules"] if one["code"] == code]
    return rule["facts"]


async def test_a_limit_that_was_set_names_its_author_and_its_end(tmp_path):
    world = await World(tmp_path).open()
    assert "desk" not in await facts(world, "profile-not-offered")

    await world.by().set("offers.student", ["gpu"], ends=NOW + timedelta(days=1))
    await world.by("kari").set("quota.t4", 1)

    told = await facts(world, "profile-not-offered")
    assert told.endswith("; offers.student is set at the desk by tea until 2026-11-04 11:00")
    assert (await facts(world, "course-quota")).endswith("; quota.t4 is set at the desk by kari")
    assert "desk" not in await facts(world, "person-cap")
