"""Rosters: known before anybody logs in, replaced by course, never against a newer answer about one person."""

from __future__ import annotations

import asyncio
import copy
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Roll
from jupyterhub_edu.core.rosters import Comparison
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.people import (
    CourseClaim,
    CourseRef,
    CourseRole,
    Listed,
    Member,
    Person,
    Roster,
)
from jupyterhub_edu.domain.rules import Rule, map_pattern
from jupyterhub_edu.ports import Gone, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, a_campus, a_course, an_enrolment, an_identity

STUDENT, ASSISTANT, TEACHER = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER
ML, DB = CourseRef("ml"), CourseRef("db")


def after(minutes: float) -> Any:
    return NOW + timedelta(minutes=minutes)


def member(login: str, *roles: CourseRole, sections: str = "", name: str = "") -> Member:
    return Member(
        f"id-{login}",
        login,
        name or login.capitalize(),
        frozenset(roles or (STUDENT,)),
        frozenset(sections.split()),
    )


def roster(*members: Member, at: Any = NOW, course: str = "ml") -> Roster:
    return Roster(CourseRef(course), members, at)


class Store(MemoryStore):
    """Counts what is written of rosters, or refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.saved, self.touched, self.broken = 0, 0, False

    async def save_roster(self, *args: Any) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        self.saved += 1
        await super().save_roster(*args)

    async def touch_roster(self, *args: Any) -> None:
        self.touched += 1
        await super().touch_roster(*args)


class World:
    def __init__(self) -> None:
        courses = [a_course("ml"), a_course("db")]
        tutors = "tutors-<course>"
        rule = Rule("lms", tutors, map_pattern(tutors, courses, ()), course_role=ASSISTANT)
        sources = [SourceInfo("ad", "fake", "Directory"), SourceInfo("lms", "fake", "Moodle")]
        self.campus = a_campus(courses=courses, sources=sources, rules=(rule,))
        self.store = Store()
        self.roll = self.again()

    def again(self) -> Roll:
        return Roll(lambda: self.campus, self.store)

    async def restart(self) -> None:
        self.roll = self.again()
        await self.roll.load()

    async def take(self, taken: Roster, course: str = "ml") -> None:
        await self.roll.take_roster("lms", course, taken)

    async def compare(self, taken: Roster, course: str = "ml") -> Comparison:
        return await self.roll.compare_roster("lms", course, taken)

    async def learn(self, login: str = "ada", source: str = "lms", **kwargs: Any) -> Person:
        return await self.roll.learn(an_identity(login, source=source, **kwargs), login)

    def of(self, login: str = "ada") -> set[tuple[str, CourseRole, str]]:
        person = self.roll.by_hub_name(login)
        assert person is not None
        return {(e.course, e.role, e.origin) for e in self.roll.enrolments(person)}

    async def kept(self) -> set[tuple[str, str, CourseRole]]:
        return {(e.person, e.course, e.role) for e in await self.store.load_enrolments()}


@pytest.fixture
def world() -> World:
    return World()


def claims(*refs: CourseRef, role: CourseRole = STUDENT) -> frozenset[CourseClaim]:
    return frozenset(CourseClaim(ref, role) for ref in refs)


# -- before anybody logs in ----------------------------------------------------------------------------------------


async def test_who_is_in_a_roster_finds_their_enrolment_waiting(world):
    await world.take(roster(member("ada", TEACHER, sections="A B")))
    ada = await world.learn(covers=frozenset())

    (enrolment,) = world.roll.enrolments(ada)
    assert (enrolment.role, enrolment.sections) == (TEACHER, {"A", "B"})
    assert enrolment.answered_at == NOW


async def test_they_wait_through_a_restart(world):
    await world.take(roster(member("ada")))
    await world.restart()

    assert world.roll.rosters.listed("lms:id-ada") == Listed("lms:id-ada", "ada", "Ada")
    await world.learn(covers=frozenset())

    assert world.of() == {("ml", STUDENT, "source:lms")}
    assert world.roll.rosters.listed("lms:id-ada") is None


async def test_an_enrolment_by_hand_waits_too(world):
    await put_by_hand(world.roll, an_enrolment("lms:id-ada", "db"))
    await world.restart()
    await world.learn()
    assert world.of() == {("db", STUDENT, "manual")}


async def test_who_left_every_course_before_they_came_is_forgotten(world):
    await world.take(roster(member("ada"), member("bob")))
    await world.take(roster(member("bob"), at=after(1)))
    assert [entry.login for entry in world.roll.rosters.everybody_listed()] == ["bob"]
    assert [entry.login for entry in await world.store.load_listed()] == ["bob"]


# -- replacing -----------------------------------------------------------------------------------------------------


async def test_a_roster_replaces_its_own_course_and_origin_alone(world):
    await world.take(roster(member("ada"), member("bob")))
    await world.take(roster(member("ada"), course="db"), "db")
    await world.learn(covers=frozenset())
    await put_by_hand(world.roll, an_enrolment("lms:id-ada", "ml", role=TEACHER))

    await world.take(roster(member("bob"), at=after(1)))

    assert world.of() == {("db", STUDENT, "source:lms"), ("ml", TEACHER, "manual")}
    assert await world.kept() == {
        ("lms:id-ada", "db", STUDENT),
        ("lms:id-ada", "ml", TEACHER),
        ("lms:id-bob", "ml", STUDENT),
    }


async def test_who_is_in_several_courses_that_are_one_of_ours_has_all_of_it(world):
    await world.take(
        roster(member("ada", sections="A"), member("ada", STUDENT, TEACHER, sections="B"))
    )
    ada = await world.learn(covers=frozenset())
    assert {(e.role, e.sections) for e in world.roll.enrolments(ada)} == {
        (STUDENT, frozenset({"A", "B"})),
        (TEACHER, frozenset({"B"})),
    }


async def test_who_is_gone_is_told_of_at_once(world):
    await world.learn(claims=claims(ML))
    heard: list[str] = []
    world.roll.on_change.append(lambda person: heard.append(person.hub_name))
    await world.take(roster(at=after(1)))
    assert heard == ["ada"]
    assert world.of() == set()


async def test_a_roster_that_says_the_same_tells_nobody_and_writes_nothing(world):
    await world.take(roster(member("ada")))
    ada = await world.learn(covers=frozenset())
    heard: list[str] = []
    world.roll.on_change.append(lambda person: heard.append(person.hub_name))

    await world.take(roster(member("ada"), at=after(15)))

    assert (world.store.saved, world.store.touched, heard) == (1, 0, [])
    assert [e.answered_at for e in world.roll.enrolments(ada)] == [after(15)]


async def test_once_an_hour_its_age_is_kept_and_outlives_a_restart(world):
    await world.take(roster(member("ada")))
    await world.take(roster(member("ada"), at=after(75)))
    await world.restart()
    ada = await world.learn(covers=frozenset())

    assert (world.store.saved, world.store.touched) == (1, 1)
    assert [e.answered_at for e in world.roll.enrolments(ada)] == [after(75)]


async def test_what_could_not_be_kept_is_kept_with_the_next_roster(world):
    world.store.broken = True
    with pytest.raises(StoreError):
        await world.take(roster(member("ada")))
    world.store.broken = False

    await world.take(roster(member("ada"), at=after(1)))

    assert await world.kept() == {("lms:id-ada", "ml", STUDENT)}


async def test_a_new_name_of_somebody_who_never_came_is_kept(world):
    await world.take(roster(member("ada")))
    await world.take(roster(member("ada", name="Countess"), at=after(1)))
    assert [entry.name for entry in await world.store.load_listed()] == ["Countess"]


async def test_who_was_renamed_at_the_source_keeps_account_and_courses(world):
    await world.learn("ada", claims=claims(ML))
    await put_by_hand(world.roll, an_enrolment("lms:id-ada", "db"))
    renamed = Member("id-ada", "countess", "Countess", frozenset({STUDENT}))
    await world.take(roster(renamed, at=after(1)))
    await world.learn("countess", subject="id-ada", covers=frozenset(), at=after(2))
    assert world.of("ada") == {("ml", STUDENT, "source:lms"), ("db", STUDENT, "manual")}
    assert world.roll.by_hub_name("countess") is None


# -- answers about one person --------------------------------------------------------------------------------------


async def test_of_a_roster_and_an_answer_about_one_person_the_newer_counts(world):
    await world.learn(at=after(5), claims=claims(ML))
    await world.take(roster(at=after(4)))
    assert world.of() == {("ml", STUDENT, "source:lms")}

    await world.take(roster(at=after(6)))
    assert world.of() == set()

    await world.learn(at=after(5), claims=claims(ML))
    assert world.of() == set()

    await world.learn(at=after(7), claims=claims(ML))
    assert world.of() == {("ml", STUDENT, "source:lms")}


async def test_a_newer_answer_that_somebody_is_not_in_a_course_stands_against_a_roster(world):
    await world.learn(at=after(5))
    await world.take(roster(member("ada"), at=after(4)))
    assert world.of() == set()


async def test_an_answer_that_does_not_speak_of_a_course_stands_against_no_roster(world):
    await world.learn(at=after(5), covers=frozenset({DB}))
    await world.take(roster(member("ada"), at=after(4)))
    assert world.of() == {("ml", STUDENT, "source:lms")}


async def test_what_a_rule_over_groups_gives_is_not_taken_by_a_roster(world):
    await world.learn(groups=frozenset({"tutors-ml"}), claims=claims(ML))
    await world.take(roster(at=after(1)))
    assert world.of() == {("ml", ASSISTANT, "source:lms")}

    await world.learn(groups=None, covers=frozenset({ML}), at=after(2))
    await world.take(roster(at=after(3)))
    assert world.of() == {("ml", ASSISTANT, "source:lms")}

    await world.learn(at=after(4))
    assert world.of() == set()


async def test_who_is_gone_stays_gone_however_long_a_roster_names_them(world):
    ada = await world.learn(claims=claims(ML))
    await world.roll.lose(ada, Gone(after(1), "suspended"))
    await world.take(roster(member("ada"), at=after(2)))
    assert world.of() == set()


# -- comparing ------------------------------------------------------------------------


async def test_a_comparison_names_who_comes_who_goes_and_who_changes(world):
    await world.take(roster(member("ada"), member("bob"), member("cy", sections="A")))
    found = await world.compare(
        roster(member("ada"), member("cy", sections="B"), member("dee", TEACHER), at=after(1))
    )

    assert [move.login for move in found.added] == ["dee"]
    assert [(move.login, move.name) for move in found.gone] == [("bob", "Bob")]
    assert [move.login for move in found.changed] == ["cy"]
    assert found.changed[0].before == {(STUDENT, frozenset({"A"}))}
    assert (found.before, found.after) == (3, 3)
    assert await world.kept() == {
        ("lms:id-ada", "ml", STUDENT),
        ("lms:id-bob", "ml", STUDENT),
        ("lms:id-cy", "ml", STUDENT),
    }


async def test_a_comparison_says_what_would_be_and_not_what_the_roster_says(world):
    await world.learn(at=after(5), claims=claims(ML))
    assert (await world.compare(roster(at=after(4)))).moves == ()


@pytest.mark.parametrize("way", ["compare", "take"])
async def test_a_large_course_leaves_the_loop_to_others_at_least_every_hundred_people(world, way):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    await getattr(world, way)(roster(*(member(f"p{number}") for number in range(1_000))))
    other.cancel()
    # Ten slices each: to read who is there; to compare, or to name them, take it in, and gather what is kept.
    assert turns >= {"compare": 20, "take": 40}[way]


@pytest.mark.parametrize("turn", range(16))
async def test_whenever_an_answer_comes_in_the_middle_of_a_roster_it_is_kept_as_it_is_known(
    world, turn
):
    crowd = [member(f"p{number}") for number in range(250)]
    taking = asyncio.create_task(world.take(roster(*crowd)))
    for _ in range(turn):
        await asyncio.sleep(0)
    for login in ("p0", "p120", "p249"):
        await world.learn(login, claims=claims(DB), at=after(1))
    await taking

    everybody = [f"lms:id-p{number}" for number in range(250)]
    known = {(e.person, e.course, e.role) for e in world.roll.told_of(everybody)}
    assert await world.kept() == known
    assert world.of("p120") == {("db", STUDENT, "source:lms")}


async def test_one_of_two_that_learn_at_once_is_not_lost_in_the_middle_of_a_large_roster(world):
    crowd = [member(f"p{number}") for number in range(300)]
    taking = asyncio.create_task(world.take(roster(*crowd)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.learn("p299", claims=claims(DB), at=after(1))
    await taking
    assert world.of("p299") == {("db", STUDENT, "source:lms")}
    assert ("lms:id-p299", "ml", STUDENT) not in await world.kept()


# -- the same roster again ---------------------------------------------------------------------------------------------


def known(world: World) -> tuple[Any, ...]:
    """Everything that is known of everybody, with its ages."""
    keys = [f"lms:id-p{number}" for number in range(12)]
    listed = sorted((one.key, one.login) for one in world.roll.rosters.everybody_listed())
    told = {(e.person, e.course, e.role, e.answered_at) for e in world.roll.told_of(keys)}
    return told, listed, dict(world.roll.rosters.complete)


@pytest.mark.parametrize("seed", range(12))
async def test_a_roster_that_is_told_again_is_worth_what_a_new_reading_is_worth(seed):
    """Whatever else is heard in between: of two worlds, only one is told that the members are the very same."""
    chance = random.Random(seed)  # noqa: S311 - the same story every time
    again, anew = World(), World()
    crowd = [member(f"p{number}") for number in range(12)]
    rosters = {course: tuple(crowd[:8]) for course in ("ml", "db")}
    for minute in range(60):
        who, course = f"p{chance.randrange(12)}", chance.choice(("ml", "db"))
        what = chance.randrange(8)
        at = after(minute - chance.choice((0, 0, 0, 3)))
        if what == 0:
            rosters[course] = tuple(chance.sample(crowd, chance.randrange(13)))
        elif what <= 3:
            said = claims(*(ref for ref in (ML, DB) if chance.random() < 0.5))
            covers = chance.choice((None, frozenset({ML}), frozenset()))
            groups = chance.choice((frozenset(), frozenset({"tutors-ml"}), None))
            for world in (again, anew):
                await world.learn(who, claims=said, covers=covers, groups=groups, at=at)
        elif what == 4 and (person := anew.roll.by_hub_name(who)) is not None:
            for world in (again, anew):
                await world.roll.lose(person, Gone(at, "suspended"))
        elif what > 4:
            told = Roster(CourseRef(course), rosters[course], at, kept=True)
            new = replace(told, members=tuple(map(copy.copy, told.members)), kept=False)
            assert _as_sets(await again.compare(told, course)) == _as_sets(
                await anew.compare(new, course)
            )
            await again.take(told, course)
            await anew.take(new, course)
        assert known(again) == known(anew)
    assert await again.kept() == await anew.kept()


def _as_sets(found: Comparison) -> Any:
    return frozenset(found.moves), found.before, found.after


async def test_a_large_roster_that_is_told_again_leaves_the_loop_to_others_too(world):
    members = tuple(member(f"p{number}") for number in range(1_000))
    await world.take(Roster(ML, members, NOW, kept=True))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    await world.take(Roster(ML, members, after(1), kept=True))
    other.cancel()
    assert turns >= 10


async def test_two_courses_that_are_kept_at_once_each_hear_of_what_happens_meanwhile(world):
    """Both have heard nothing when the first is done: it must not take the other's ears."""
    crowd = [member(f"p{number}") for number in range(250)]
    few = asyncio.create_task(world.take(roster(*crowd[:90], course="db"), "db"))
    many = asyncio.create_task(world.take(roster(*crowd)))
    await few
    for _ in range(20):
        await world.learn("p0", claims=claims(DB), at=after(1))
        await asyncio.sleep(0)
    await many

    assert ("lms:id-p0", "ml", STUDENT) not in await world.kept()
