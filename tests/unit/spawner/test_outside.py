"""Outside any course: on the start page, and as a pod."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.core.choices import Wish
from jupyterhub_edu.domain.people import CourseRole, SiteRole
from jupyterhub_edu.domain.rules import Rule, map_pattern
from jupyterhub_edu.spawner import page
from tests.fakes.campus import a_campus, a_core, an_identity, enrol
from tests.fakes.kube import FakeCluster, a_kube_spawner, spawn
from tests.fakes.world import FakeInventory


@pytest.fixture
def core() -> Iterator[Core]:
    """Ola is a teacher of the campus, who may start a notebook outside any course."""
    rule = Rule("ad", "staff", map_pattern("staff", (), ()), site_role=SiteRole.TEACHER)
    campus = replace(a_campus(), rules=(rule,), no_course={SiteRole.TEACHER: ("notebook",)})
    core = a_core(campus, inventory=FakeInventory({"t4": [2]}, sees_pods=True))
    provide(lambda: core)
    yield core
    provide(None)


async def come(core: Core, login: str = "ada") -> None:
    identity = replace(an_identity(login, at=core.clock()), groups=frozenset({"staff"}))
    await core.sign_in(identity, login)


async def shown(core: Core) -> BeautifulSoup:
    person = core.roll.by_hub_name("ada")
    assert person is not None
    return BeautifulSoup(page.render(page.view(core, person, Wish())), "html.parser")


async def test_it_stands_alone_for_whoever_is_in_no_course(core: Core) -> None:
    await come(core)
    soup = await shown(core)
    (legend,) = soup.select("legend")
    assert legend.get_text(" ", strip=True) == "Outside any course"
    (radio,) = soup.select("input[type=radio][name=choice]")
    assert (radio["value"], radio.has_attr("checked")) == ("site/notebook", True)


async def test_it_stands_behind_the_courses(core: Core) -> None:
    await enrol(core, "ada", ml=CourseRole.STUDENT)
    await come(core)
    soup = await shown(core)
    titles = [one.get_text(" ", strip=True) for one in soup.select("summary")]
    assert titles == ["Machine Learning as student", "Outside any course"]


async def test_its_pod_says_that_it_is_in_no_course(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await come(core)
    spawner = a_kube_spawner(FakeCluster(), monkeypatch)
    await spawn(spawner, {"course": "site", "profile": "notebook"})
    labels = spawner.cluster.last["metadata"]["labels"]
    assert labels["jupyterhub-edu/course"] == "site"
    (admission,) = core.book.admissions()
    assert admission.course == "site"
