"""The configuration for administrators: file, defaults and desk, each value with where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_edu import campus
from jupyterhub_edu.desk.configuration import ConfigurationAPI, ConfigurationPage
from jupyterhub_edu.desk.refusals import Code
from tests.unit.core.test_founding import FILE, World

from .asking import ask


@pytest.fixture
async def world(tmp_path: Path):
    world = await World(tmp_path).open()
    loaded = world.read(FILE)
    world.core.configuration = lambda: campus.settings_of(loaded)
    yield world
    await world.core.close()


async def test_each_value_says_where_it_came_from(world: World):
    await world.copy()
    query = {"limit": "500"}
    items = (await ask(ConfigurationAPI, world.core, "root", query=query)).json["items"]
    found = {one["path"]: one for one in items}
    assert (found["name"]["origin"], found["name"]["file"]) == ("file", "campus.yaml")
    assert found["name"]["line"] == 1
    assert (found["extend_by"]["origin"], found["extend_by"]["file"]) == ("default", None)
    copied = found["courses.ml-v27.term"]
    assert (copied["origin"], copied["by"], copied["value"]) == ("desk", "tea", '"v27"')


async def test_the_page_shows_one_part(world: World):
    await world.copy()
    page = await ask(ConfigurationPage, world.core, "root", query={"below": "courses.ml-v27"})
    assert "set here by tea" in page.words
    assert "campus.yaml" not in page.words
    page = await ask(ConfigurationPage, world.core, "root", query={"below": "terms"})
    assert page.page.select_one("tbody th").get_text() == "terms.v26.from"
    assert "campus.yaml:" in page.words
    page = await ask(ConfigurationPage, world.core, "root", query={"below": "<b>"})
    assert "Nothing begins so." in page.words


async def test_programs_page_through_it(world: World):
    seen: list[str] = []
    query = {"limit": "7", "below": "courses"}
    while True:
        answer = (await ask(ConfigurationAPI, world.core, "root", query=query)).json
        seen += [one["path"] for one in answer["items"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert len(seen) == len(set(seen)) > 7
    assert all(path.startswith("courses.") for path in seen)
    query["cursor"] = "x"
    assert (await ask(ConfigurationAPI, world.core, "root", query=query)).code is Code.UNREADABLE


@pytest.mark.parametrize("handler", [ConfigurationAPI, ConfigurationPage])
async def test_only_administrators_read_it(world: World, handler):
    assert (await ask(handler, world.core, "tea")).code is Code.ADMINS_ONLY
