"""The administrators' view of the campus: sources and what guards hold, devices node by node, pools and lines."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.campus_pages import CampusAPI, HeldPage, MapPage
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Roster
from jupyterhub_edu.inventory import CountedInventory
from jupyterhub_edu.ports import Unavailable
from tests.audited import audited
from tests.fakes.campus import T4, a_campus, a_core, a_course, a_profile, enrol

from .asking import ask

HOSTILE = "<img src=x onerror=alert(1)>"
STUDENT = CourseRole.STUDENT


class Rosters:
    """A source with the rosters that it is given."""

    def __init__(self, core: Core) -> None:
        self.core, self.people, self.silent = core, 40, False

    async def courses(self) -> Any:
        return [CourseRef("ml")]

    async def roster(self, ref: CourseRef) -> Any:
        if self.silent:
            return Unavailable(f"it is down {HOSTILE}")
        members = tuple(
            Member(f"id-{n}", f"p{n}", f"{HOSTILE} {n}", frozenset({STUDENT}))
            for n in range(self.people)
        )
        return Roster(ref, members, self.core.clock())

    async def close(self) -> None: ...


@pytest.fixture
async def core():
    courses = [
        a_course(quota={"t4": Quota(1, 1)}, title=f"ML {HOSTILE}"),
        a_course("db", quota={"t4": Quota(1)}),
    ]
    profiles = [a_profile(), a_profile("gpu", flavor=T4)]
    admins = frozenset({FilePerson("ad", "root")})
    core = a_core(a_campus(courses=courses, profiles=profiles, admins=admins))
    await core.ready()
    await enrol(core, "root")
    await enrol(core, "tea", ml=CourseRole.TEACHER)
    for login in ("ada", "bob", "kim"):
        await enrol(core, login, ml=STUDENT)
    yield core
    await core.close()


async def start(core: Core, login: str) -> None:
    person = core.roll.by_hub_name(login)
    assert person is not None
    await core.book.admit(StartRequest(person.key, "ml", "gpu"), person, "")


@pytest.fixture
async def rosters(core: Core) -> Rosters:
    found: Any = Rosters(core)
    core.refresher.sources = {"ad": found}
    await core.syncer.run("ad")
    return found


@pytest.mark.parametrize("who", ["tea", "ada"])
async def test_the_campus_is_shown_to_administrators_alone(core: Core, rosters: Rosters, who: str):
    replies = [
        await ask(MapPage, core, who),
        await ask(CampusAPI, core, who),
        await ask(HeldPage, core, who, "ad", "ml"),
        await ask(HeldPage, core, who, "ad", "ml", method="post"),
    ]
    assert [reply.code for reply in replies] == [Code.ADMINS_ONLY] * 4


async def test_devices_are_told_by_course_and_by_who_holds_them(core: Core):
    await start(core, "ada")
    core.clock.pass_(minutes=1)  # type: ignore[attr-defined]
    await start(core, "bob")
    kim = core.roll.by_hub_name("kim")
    assert kim is not None
    await core.line.join(StartRequest(kim.key, "ml", "gpu"), kim)
    (t4,) = (await ask(CampusAPI, core, "root")).json["flavors"]
    assert (t4["used"], t4["free"], t4["waiting"], t4["heard"]) == (2, 0, 1, True)
    shares = {one["course"]: one for one in t4["shares"]}
    assert (shares["ml"]["owns"], shares["ml"]["used"], shares["ml"]["borrowed"]) == (1, 2, 1)
    assert (shares["ml"]["waiting"], shares["ml"]["may_borrow"]) == (1, 1)
    assert (shares["db"]["owns"], shares["db"]["used"], shares["db"]["may_borrow"]) == (1, 0, None)
    held = [one for node in t4["nodes"] for one in node["sessions"]]
    assert {(one["user"], one["spare"]) for one in held} == {("ada", False), ("bob", True)}


async def test_on_machines_that_are_not_told_apart_what_is_free_is_what_is_left():
    campus = a_campus(admins=frozenset({FilePerson("ad", "root")}))
    core = a_core(campus, inventory=CountedInventory(campus.flavors))
    await core.ready()
    await enrol(core, "root")
    await enrol(core, "ada", ml=STUDENT)
    await start(core, "ada")
    (t4,) = (await ask(CampusAPI, core, "root")).json["flavors"]
    (machines,) = t4["nodes"]
    assert (machines["name"], machines["free"], t4["free"]) == ("", 1, 1)
    assert [one["user"] for one in machines["sessions"]] == ["ada"]
    await core.close()


async def test_the_page_tells_the_same(core: Core):
    await start(core, "ada")
    reply = await ask(MapPage, core, "root")
    assert "1 in use 1 free nobody in line" in reply.words
    assert f"1 × ML {HOSTILE} : ada" in reply.words
    assert reply.page.find("img") is None
    assert [link.get_text(strip=True) for link in reply.page.select(".edu-tabs a.active")] == [
        "Now"
    ]


async def test_sources_are_shown_with_what_their_last_sync_changed(core: Core, rosters: Rosters):
    rosters.people = 38
    await core.syncer.run("ad")
    words = (await ask(MapPage, core, "root")).words
    assert "38 enrolments in 1 courses" in words
    assert "0 came, 2 left, 0 changed" in words


async def test_what_a_guard_holds_back_is_looked_at_and_let_through(core: Core, rosters: Rosters):
    rosters.people = 5
    await core.syncer.run("ad")
    page = (await ask(MapPage, core, "root")).page
    (link,) = page.select('a[href*="/campus/sources/"]')
    assert link["href"] == "/hub/edu/campus/sources/ad/ml"
    looked = await ask(HeldPage, core, "root", "ad", "ml")
    assert "35 would leave" in looked.words
    assert looked.page.find("img") is None
    assert core.syncer.states("ad")[0].held is not None
    done = await ask(HeldPage, core, "root", "ad", "ml", method="post")
    assert (done.status, done.location) == (303, "/hub/edu/campus")
    (state,) = core.syncer.states("ad")
    assert (state.held, state.people) == (None, 5)
    entry = (await audited(core.store, "ml", 1))[0]
    assert (entry.actor, entry.act, entry.details) == ("root", "accept-roster", {"source": "ad"})


async def test_a_roster_that_is_not_held_is_read_as_ever(core: Core, rosters: Rosters):
    rosters.people = 39
    looked = await ask(HeldPage, core, "root", "ad", "ml")
    assert looked.page.find("button").get_text() == "Read it now"
    rosters.people = 5
    await ask(HeldPage, core, "root", "ad", "ml", method="post")
    assert core.syncer.states("ad")[0].held is not None
    entry = (await audited(core.store, "ml", 1))[0]
    assert entry.act == "sync"


async def test_a_source_that_does_not_answer_says_so_and_changes_nothing(
    core: Core, rosters: Rosters
):
    rosters.silent = True
    for method, status in (("get", 200), ("post", 503)):
        reply = await ask(HeldPage, core, "root", "ad", "ml", method=method)
        assert reply.status == status
        assert "it is down" in reply.page.find(role="alert").get_text()
        assert reply.page.find("img") is None
    assert core.syncer.states("ad")[0].people == 40


async def test_no_roster_of_what_does_not_exist(core: Core, rosters: Rosters):
    for place in (("x", "ml"), ("ad", "x")):
        reply = await ask(HeldPage, core, "root", *place)
        assert reply.code is Code.NO_SUCH_SOURCE
