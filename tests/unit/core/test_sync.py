"""Reading whole rosters: complete or nothing, course by course, and never too much lost without an admin."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core.held import Held
from jupyterhub_edu.core.roll import Roll
from jupyterhub_edu.core.sync import Syncer
from jupyterhub_edu.core.sync_states import CourseSync
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.courses import CourseState
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.rules import CourseRule, map_pattern
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.fakes.campus import NOW, a_campus, a_course, an_identity
from tests.fakes.rosters import FakeRosters
from tests.fakes.world import AClock, FakeSource

CROWD = [f"p{number}" for number in range(40)]


class World:
    def __init__(self) -> None:
        self.clock, self.store = AClock(NOW), MemoryStore()
        self.lms = FakeRosters("lms", self.clock)
        self.sources: dict[str, Any] = {"lms": self.lms, "ad": FakeSource("ad", self.clock)}
        self.configure()
        self.begin()

    def begin(self) -> None:
        self.roll = Roll(lambda: self.campus, self.store)
        self.syncer = Syncer(
            lambda: self.sources, lambda: self.campus, self.roll, self.store, self.clock
        )

    async def restart(self) -> None:
        self.begin()
        await self.roll.load()
        await self.syncer.load()

    def configure(self, **changes: Any) -> None:
        courses = changes.pop("courses", [a_course("ml"), a_course("db"), a_course("art")])
        names = ("<course>", "<course> group *")
        ways = tuple(CourseRule((("id", map_pattern(name, courses, ())),)) for name in names)
        lms = SourceInfo("lms", "fake", "Moodle", courses=ways, **changes)
        self.campus = a_campus(courses=courses, sources=[SourceInfo("ad", "fake", "AD"), lms])

    async def run(self, course: str | None = None, **how: Any) -> dict[str, CourseSync]:
        self.clock.pass_(minutes=15)
        return {state.course: state for state in await self.syncer.run("lms", course, **how)}

    async def kept(self) -> set[tuple[str, str]]:
        return {
            (e.person.removeprefix("lms:id-"), e.course)
            for e in await self.store.load_enrolments()
        }

    def held(self) -> list[str]:
        return [state.course for state in self.syncer.states("lms") if state.held]


@pytest.fixture
def world() -> World:
    return World()


# -- complete or nothing -------------------------------------------------------------------------------------------


async def test_every_course_of_ours_is_read_once_and_no_other(world):
    world.lms.put("ml", "ada", "bob:teacher")
    world.lms.put("db", "ada")
    world.lms.put("cooking", "cy")

    found = await world.run()

    assert world.lms.calls == ["courses", "ml", "db"]
    assert await world.kept() == {("ada", "ml"), ("bob", "ml"), ("ada", "db")}
    assert [move.login for move in found["ml"].comparison.added] == ["ada", "bob"]
    assert world.syncer.state("lms").unmapped == 1


async def test_several_courses_of_the_source_that_are_one_of_ours_add_up(world):
    world.lms.put("ml", "ada", "bob")
    world.lms.put("ml group 2", "bob", "cy")
    await world.run()
    assert await world.kept() == {("ada", "ml"), ("bob", "ml"), ("cy", "ml")}


async def test_one_of_several_that_does_not_answer_leaves_all_as_they_were(world):
    world.lms.put("ml", "ada")
    world.lms.put("ml group 2", "bob")
    await world.run()
    world.lms.put("ml", "cy")
    world.lms.silent.add("ml group 2")

    found = await world.run()

    assert found["ml"].error == "no answer about ml group 2"
    assert await world.kept() == {("ada", "ml"), ("bob", "ml")}


async def test_a_course_that_is_not_answered_keeps_no_other_from_being_read(world):
    world.lms.put("ml", "ada")
    world.lms.put("db", "bob")
    world.lms.silent.add("ml")
    found = await world.run()
    assert (found["ml"].error, found["db"].error) == ("no answer about ml", "")
    assert await world.kept() == {("bob", "db")}


async def test_a_source_that_falls_silent_is_left_alone_after_three_courses(world):
    world.configure(courses=[a_course(f"c{number}") for number in range(9)])
    for number in range(9):
        world.lms.put(f"c{number}", "ada")
        world.lms.silent.add(f"c{number}")
    await world.run()
    assert world.lms.calls == ["courses", "c0", "c1", "c2"]
    assert world.syncer.state("lms").error == "no answer about c2"


async def test_a_source_that_does_not_say_its_courses_changes_nothing(world):
    world.lms.put("ml", "ada")
    await world.run()
    world.lms.down = True
    assert await world.run() == {}
    assert world.syncer.state("lms").error == "it is down"
    assert await world.kept() == {("ada", "ml")}

    world.lms.down = False
    await world.run()
    assert world.syncer.state("lms").error == ""


async def test_a_source_that_fails_has_not_answered(world, monkeypatch, caplog):
    async def roster(course: Any) -> Any:
        raise RuntimeError("a bug")

    world.lms.put("ml", "ada")
    monkeypatch.setattr(world.lms, "roster", roster)
    found = await world.run()
    assert found["ml"].error == "RuntimeError: a bug"
    assert "a bug" in caplog.text


async def test_what_cannot_be_kept_is_said(world, monkeypatch):
    async def save_roster(*args: Any) -> None:
        raise StoreError("the disk is full")

    world.lms.put("ml", "ada")
    monkeypatch.setattr(world.store, "save_roster", save_roster)
    found = await world.run()
    assert found["ml"].error == "it could not be kept: the disk is full"


async def test_courses_that_are_over_are_not_read(world):
    over = a_course("ml", ends=NOW), a_course("db", state=CourseState.ARCHIVED)
    world.configure(courses=[*over, a_course("art", starts=NOW + timedelta(days=9))])
    for course in ("ml", "db", "art"):
        world.lms.put(course, "ada")
    await world.run()
    assert world.lms.calls == ["courses", "art"]


async def test_one_course_alone(world):
    world.lms.put("ml", "ada")
    world.lms.put("db", "ada")
    await world.run("db")
    assert world.lms.calls == ["courses", "db"]


async def test_only_the_timer_lets_a_source_answer_from_what_it_remembers(world, monkeypatch):
    def forget() -> None:
        world.lms.calls.append("forget")

    monkeypatch.setattr(world.lms, "forget_rosters", forget, raising=False)
    world.lms.put("ml", "ada")
    await world.run(lately=True)
    assert world.lms.calls == ["courses", "ml"]

    for how in ({}, {"dry": True}, {"course": "ml", "accept": True}):
        world.lms.calls.clear()
        await world.run(**how)
        assert world.lms.calls == ["forget", "courses", "ml"]


async def test_a_dry_run_compares_and_changes_nothing(world):
    world.lms.put("ml", "ada")
    found = await world.run(dry=True)
    assert [move.login for move in found["ml"].comparison.added] == ["ada"]
    assert await world.kept() == set()
    assert world.syncer.states("lms") == []


# -- the guard -----------------------------------------------------------------------------------------------------

# Guard, people before, people after; whether it is held.
GUARDED = {
    "nobody goes": ("30%", 40, 40, False),
    "exactly the guard": ("30%", 40, 28, False),
    "one more than the guard": ("30%", 40, 27, True),
    "all of a large course": ("30%", 40, 0, True),
    "all of a course of nine": ("30%", 9, 0, False),
    "all of a course of ten": ("30%", 10, 0, True),
    "nine of ten": ("30%", 10, 1, False),
    "all of it where the guard is off": ("100%", 40, 0, False),
}


@pytest.mark.parametrize(("guard", "before", "after", "held"), GUARDED.values(), ids=GUARDED)
async def test_too_much_lost_is_held(world, guard, before, after, held):
    world.configure(guard=int(guard.rstrip("%")))
    world.lms.put("ml", *CROWD[:before])
    await world.run()
    world.lms.put("ml", *CROWD[:after])

    found = await world.run()

    assert bool(found["ml"].held) is held
    assert len(await world.kept()) == (before if held else after)


async def test_what_is_held_is_shown_until_an_admin_lets_it_through(world, caplog):
    world.lms.put("ml", *CROWD)
    await world.run()
    complete = world.clock()
    world.lms.put("ml", *CROWD[:5], "new")
    await world.run()

    (state,) = world.syncer.states("lms")
    assert state.held == Held(would_add=1, would_lose=35, since=world.clock())
    assert (state.people, state.complete_at) == (40, complete)
    assert "would lose 35 of 40 people" in caplog.text

    await world.run("ml", accept=True)

    (state,) = world.syncer.states("lms")
    assert (state.held, state.people, state.complete_at) == (None, 6, world.clock())


async def test_what_is_held_holds_up_no_other_course_and_passes_by_itself(world):
    world.lms.put("ml", *CROWD)
    await world.run()
    world.lms.put("ml")
    world.lms.put("db", "ada")
    await world.run()
    assert world.held() == ["ml"]
    assert ("ada", "db") in await world.kept()

    world.lms.put("ml", *CROWD[1:])
    await world.run()
    assert world.held() == []
    assert ("p0", "ml") not in await world.kept()


async def test_a_course_that_the_source_no_longer_has_is_a_roster_with_nobody(world):
    world.lms.put("ml", *CROWD)
    world.lms.put("db", "ada")
    world.lms.put("art", *CROWD, "cy")
    await world.run()
    del world.lms.members["db"]
    await world.run()
    assert world.held() == []
    assert ("ada", "db") not in await world.kept()


async def test_many_small_courses_that_vanish_together_are_held_as_one_large_one_is(world):
    for course in ("ml", "db", "art"):
        world.lms.put(course, *CROWD[:5])
    await world.run()
    world.lms.members.clear()
    await world.run()
    assert world.held() == ["ml", "db", "art"]
    assert len(await world.kept()) == 15

    await world.run("db", accept=True)
    assert world.held() == ["ml", "art"]


async def test_a_dry_run_says_what_would_be_held(world):
    world.lms.put("ml", *CROWD)
    await world.run()
    world.lms.put("ml")
    found = await world.run(dry=True)
    assert found["ml"].held
    assert world.held() == []


# -- what is held, after a restart ---------------------------------------------------------------------------------


async def held_of_ml(world: World, *left: str) -> None:
    """Forty people were in ml, and the source now names these alone."""
    world.lms.put("ml", *CROWD)
    await world.run()
    world.lms.put("ml", *left)
    await world.run()
    assert world.held() == ["ml"]


async def test_what_is_held_is_shown_after_a_restart_as_before(world):
    await held_of_ml(world, "new")
    (before,) = world.syncer.states("lms")
    await world.restart()

    (state,) = world.syncer.states("lms")
    assert state.held == Held(would_add=1, would_lose=40, since=world.clock())
    assert state == replace(before, last=None)  # what has changed it tells from its own start on
    assert world.lms.calls == ["courses", "ml"] * 2


async def test_what_is_let_through_after_a_restart_is_what_the_source_says_then(world):
    await held_of_ml(world)
    await world.restart()
    world.lms.put("ml", *CROWD[:3], "new")
    await world.run("ml", accept=True)

    assert world.held() == []
    assert {login for login, _ in await world.kept()} == {*CROWD[:3], "new"}
    await world.restart()
    assert world.held() == []


async def test_it_is_held_since_it_was_first_held_and_with_the_numbers_of_the_last_reading(world):
    await held_of_ml(world)
    since = world.clock()
    await world.restart()
    world.lms.put("ml", *CROWD[:2], "new")
    await world.run()
    await world.restart()

    (state,) = world.syncer.states("lms")
    assert state.held == Held(would_add=1, would_lose=38, since=since)


async def test_what_passes_by_itself_is_not_held_after_a_restart(world):
    await held_of_ml(world)
    await world.restart()
    world.lms.put("ml", *CROWD)
    await world.run()
    await world.restart()

    assert world.held() == []


@pytest.mark.parametrize("courses", [[a_course("ml", ends=NOW), a_course("db")], [a_course("db")]])
async def test_nothing_is_held_of_a_course_that_is_over_or_no_longer_there(world, courses):
    await held_of_ml(world)
    world.configure(courses=courses)
    await world.run(dry=True)
    assert await world.store.load_records("held")
    await world.run()

    assert world.held() == []
    assert await world.store.load_records("held") == []


async def test_a_source_that_is_silent_after_a_restart_leaves_it_held(world):
    await held_of_ml(world)
    await world.restart()
    world.lms.silent.add("ml")
    found = await world.run()

    assert found["ml"].error == "no answer about ml"
    assert world.held() == ["ml"]


async def test_nothing_is_written_while_the_same_is_held_nor_by_a_dry_run(world, monkeypatch):
    written: list[Any] = []
    save = world.store.save_records

    async def save_records(*what: Any) -> None:
        written.append(what)
        await save(*what)

    monkeypatch.setattr(world.store, "save_records", save_records)
    await held_of_ml(world)
    await world.run()
    await world.run(dry=True)
    world.lms.put("ml", *CROWD)
    await world.run(dry=True)
    assert (len(written), world.held()) == (1, ["ml"])

    await world.run()
    await world.run()
    assert (len(written), world.held()) == (2, [])


async def test_what_could_not_be_kept_is_held_all_the_same_and_kept_with_the_next_reading(
    world, monkeypatch
):
    async def refuse(*_: Any) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(world.store, "save_records", refuse)
        await held_of_ml(world)
    (state,) = world.syncer.states("lms")
    assert state.error == "it could not be kept: the disk is full"
    assert len(await world.kept()) == 40
    await world.run()
    await world.restart()

    assert world.held() == ["ml"]


async def test_what_is_kept_of_it_names_nobody(world):
    await held_of_ml(world, "new")
    (record,) = await world.store.load_records("held")

    assert set(record.body) == {"source", "course", "would_add", "would_lose", "since"}
    assert not any(login in str(record) for login in ("p1", "new"))


@pytest.mark.parametrize("wrong", [{"would_lose": "many"}, {"since": "yesterday"}, {"course": 7}])
async def test_a_record_that_cannot_be_read_stops_the_hub_and_says_which(world, wrong):
    await held_of_ml(world)
    (record,) = await world.store.load_records("held")
    await world.store.save_records([replace(record, body={**record.body, **wrong})])

    with pytest.raises(StoreError, match="'lms ml' of the kind 'held' cannot be read"):
        await world.restart()


@pytest.mark.parametrize("source", ["ad", "nosuch"])
async def test_a_source_without_rosters_is_refused(world, source):
    with pytest.raises(ValueError, match=f"{source} has no rosters"):
        await world.syncer.run(source)


async def test_letting_through_needs_a_course(world):
    with pytest.raises(ValueError, match="say which course"):
        await world.run(accept=True)


# -- over time -----------------------------------------------------------------------------------------------------


def test_only_sources_with_rosters_are_synced(world):
    assert [info.id for info in world.syncer.sources()] == ["lms"]


async def test_two_syncs_of_one_source_follow_each_other(world):
    world.lms.put("ml", "ada")
    world.lms.opened.clear()
    first = asyncio.create_task(world.run())
    second = asyncio.create_task(world.run())
    await asyncio.sleep(0)
    assert world.syncer.state("lms").running
    assert world.lms.calls == ["courses"]
    world.lms.opened.set()
    await asyncio.gather(first, second)
    assert world.lms.calls == ["courses", "ml"] * 2
    assert not world.syncer.state("lms").running


async def test_a_source_that_was_set_up_anew_meanwhile_takes_nothing_away(world, monkeypatch):
    world.lms.put("ml", "ada")
    compare = world.roll.compare_roster

    async def slowly(*args: Any) -> Any:
        world.sources = {"lms": FakeRosters("lms", world.clock)}
        return await compare(*args)

    monkeypatch.setattr(world.roll, "compare_roster", slowly)
    found = await world.run()
    assert found["ml"].error == "lms was set up anew meanwhile"
    assert await world.kept() == set()


async def test_a_role_that_is_gone_is_gone_at_once(world):
    world.lms.put("ml", "ada:teacher")
    await world.run()
    ada = await world.roll.learn(an_identity("ada", source="lms", covers=frozenset()), "ada")
    heard: list[str] = []
    world.roll.on_change.append(lambda person: heard.append(person.hub_name))
    assert world.roll.course_role(ada, "ml", NOW) is CourseRole.TEACHER

    world.lms.put("ml", "ada")
    await world.run()

    assert world.roll.course_role(ada, "ml", NOW) is CourseRole.STUDENT
    assert heard == ["ada"]
    assert world.roll.hub_groups(ada, NOW) == {"edu:ml:student"}


async def test_ages_are_shown_after_a_restart_before_anything_is_read(world):
    world.lms.put("ml", "ada")
    await world.run()
    complete = world.clock()
    await world.restart()
    (state,) = world.syncer.states("lms")
    assert (state.course, state.people, state.complete_at) == ("ml", 1, complete)
