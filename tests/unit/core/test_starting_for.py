"""Starting a server for somebody of one's course: with their rights, and in the audit with one's name."""

from __future__ import annotations

import pytest

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.starting_for import StartingFor, StartingNotYours
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Phase, StoreError
from tests.audited import audited
from tests.eventually import eventually
from tests.fakes.campus import T4, a_campus, a_core, a_course, a_profile, enrol
from tests.fakes.world import FakeHub, FakeInventory

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT


class World:
    """A course that offers its students a GPU and its teachers a notebook; one GPU is free."""

    async def fill(self) -> World:
        self.hub = FakeHub()
        offers = {STUDENT: ("gpu",), TEACHER: ("notebook",)}
        campus = a_campus(
            courses=[a_course("ml", offers=offers), a_course("db")],
            profiles=[a_profile("gpu", flavor=T4), a_profile("notebook")],
        )
        inventory = FakeInventory({"t4": [1]})
        self.core: Core = a_core(campus, hub=self.hub, inventory=inventory)
        await enrol(self.core, "tea", ml=TEACHER, db=STUDENT)
        await enrol(self.core, "ann", ml=ASSISTANT)
        await enrol(self.core, "ada", ml=STUDENT)
        await enrol(self.core, "bob", ml=STUDENT)
        await enrol(self.core, "cleo", db=STUDENT)
        return self

    def starting(self, login: str = "tea", course: str = "ml") -> StartingFor:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return StartingFor(self.core, person, course, "192.0.2.7")


@pytest.fixture
async def world():
    world = await World().fill()
    yield world
    await world.core.close()


async def test_a_student_gets_what_they_would_get_themselves(world):
    standing = await world.starting().start("ada")
    assert standing.place.request.profile == "gpu"
    await eventually(lambda: world.hub.started)
    assert [(name, options["profile"]) for name, _, options in world.hub.started] == [
        ("ada", "gpu")
    ]
    (entry,) = await audited(world.core.store, "ml")
    assert (entry.actor, entry.act, entry.target) == ("tea", "start-for", "ada")


async def test_where_nothing_is_free_they_stand_in_line(world):
    await world.starting().start("ada")
    standing = await world.starting().start("bob")
    assert (standing.phase, standing.ahead) == (Phase.WAITING, 0)


async def test_what_only_the_teacher_is_offered_is_refused_with_the_reason(world):
    with pytest.raises(Refused) as refused:
        await world.starting().start("ada", "notebook")
    assert refused.value.decision.reasons
    assert await audited(world.core.store, "ml") == []


@pytest.mark.parametrize(
    ("who", "course"),
    [
        pytest.param("ann", "ml", id="an assistant"),
        pytest.param("bob", "ml", id="a student"),
        pytest.param("tea", "db", id="where they study themselves"),
        pytest.param("tea", "nowhere", id="a course that is not there"),
    ],
)
async def test_others_start_for_nobody(world, who, course):
    with pytest.raises(StartingNotYours):
        await world.starting(who, course).start("ada")


@pytest.mark.parametrize("name", ["cleo", "nobody", ""])
async def test_nobody_outside_the_course_is_found(world, name):
    with pytest.raises(NotNamed):
        await world.starting().start(name)


async def test_what_cannot_be_written_down_is_not_started(world, monkeypatch):
    async def broken(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.core.store, "save_records", broken)
    with pytest.raises(StoreError):
        await world.starting().start("ada")
    assert world.core.line.standing("ada") is None
    assert world.hub.started == []


async def test_a_place_in_line_of_another_course_is_left_alone(world):
    await enrol(world.core, "bob", db=STUDENT)
    cleo = world.core.roll.by_hub_name("cleo")
    await world.core.line.join(StartRequest(cleo.key, "db", "gpu"), cleo)
    bob = world.core.roll.by_hub_name("bob")
    waits = await world.core.line.join(StartRequest(bob.key, "db", "gpu"), bob)
    assert waits.phase is Phase.WAITING

    with pytest.raises(Refused) as refused:
        await world.starting().start("bob")

    assert "another course" in refused.value.decision.sentence
    standing = world.core.line.standing("bob")
    assert standing is not None
    assert standing.place.id == waits.place.id
