"""The hub's groups follow the roll."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.warden.groups import GroupKeeper
from tests.by_hand import drop_by_hand, put_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, enrol
from tests.fakes.world import AClock, FakeHub

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER


class NotingHub(FakeHub):
    """Counts the writes; refuses those for one account."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.refuses = ""

    async def write(self, hub_name: str, ours: Iterable[str]) -> None:
        self.writes.append(hub_name)
        if hub_name == self.refuses:
            raise RuntimeError("database is locked")
        await super().write(hub_name, ours)


class World:
    """A core, its hub, a keeper of groups and a clock."""

    def __init__(self) -> None:
        self.clock, self.hub = AClock(NOW), NotingHub()
        self.core = a_core(
            a_campus(courses=[a_course(), a_course("intro")]), clock=self.clock, hub=self.hub
        )
        self.keeper = GroupKeeper(self.core)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_change_is_written(world):
    ada = await enrol(world.core, "ada", ml=STUDENT)
    await world.keeper()
    assert world.hub.groups["ada"] == {"edu:ml:student"}
    await drop_by_hand(world.core.roll, an_enrolment(ada.key))
    await world.keeper()
    assert world.hub.groups["ada"] == frozenset()


async def test_many_changes_of_one_person_are_one_write(world):
    await enrol(world.core, "ada", ml=STUDENT, intro=TEACHER)
    await world.keeper()
    assert world.hub.writes == ["ada"]


async def test_an_answer_that_changes_nothing_is_not_written(world):
    ada = await enrol(world.core, "ada", ml=STUDENT)
    await world.keeper()
    for _ in range(3):
        await world.core.refresher.reread(ada)
        await world.keeper()
    assert world.hub.writes == ["ada"]


async def test_a_hub_that_was_killed_writes_everybody_when_it_is_back(world):
    await enrol(world.core, "ada", ml=STUDENT)
    await enrol(world.core, "ben", ml=STUDENT)
    after_the_kill = GroupKeeper(world.core)
    await after_the_kill()
    assert world.hub.writes == ["ada", "ben"]


async def test_an_enrolment_that_begins_and_ends_by_date_needs_no_answer(world):
    ada = await enrol(world.core, "ada")
    await put_by_hand(
        world.core.roll,
        an_enrolment(ada.key, starts=NOW + timedelta(hours=1), ends=NOW + timedelta(hours=2)),
    )
    seen = []
    for _ in range(3):
        await world.keeper()
        seen.append(set(world.hub.groups["ada"]))
        world.clock.pass_(hours=1)
    assert seen == [set(), {"edu:ml:student"}, set()]


async def test_everybody_is_written_once_a_day_whatever_was_done_to_the_hubs_groups(world):
    await enrol(world.core, "ada", ml=STUDENT)
    await world.keeper()
    world.hub.groups["ada"] = frozenset({"edu:ml:teacher"})
    world.clock.pass_(days=1)
    await world.keeper()
    assert world.hub.groups["ada"] == {"edu:ml:student"}


async def test_a_new_campus_file_is_felt_at_once(world):
    await enrol(world.core, "ada", ml=STUDENT, intro=STUDENT)
    await world.keeper()
    world.core.replace_campus(a_campus(courses=[a_course()]), world.core.refresher.sources)
    await world.keeper()
    assert world.hub.groups["ada"] == {"edu:ml:student"}


async def test_a_write_that_fails_is_repeated_and_holds_up_nobody(world):
    for login in ("ada", "ben"):
        await enrol(world.core, login, ml=STUDENT)
    world.hub.refuses = "ada"
    with pytest.raises(ExceptionGroup):
        await world.keeper()
    assert world.hub.groups == {"ben": {"edu:ml:student"}}
    world.hub.refuses = ""
    await world.keeper()
    assert world.hub.groups["ada"] == {"edu:ml:student"}
    assert world.hub.writes == ["ada", "ben", "ada"]
