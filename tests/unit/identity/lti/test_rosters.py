"""Names and Roles: complete or nothing, page by page; who is out loses that course and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyterhub_edu.domain.people import CourseRef, CourseRole, Identity, Roster
from jupyterhub_edu.identity.web import Reply
from jupyterhub_edu.ports import Unavailable
from tests.fakes.lti import FakePlatform
from tests.fakes.lti.school import Account
from tests.fakes.people import as_person
from tests.fakes.tokens import reply

from .conftest import NOW, launched

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT


def path(platform: FakePlatform, course: str = "2") -> str:
    return platform.dialect.roster.format(course)


def spoil(platform: FakePlatform, answer: Reply, course: str = "2") -> None:
    platform.fault[path(platform, course)] = lambda: answer


def page(platform: FakePlatform, **changed: Any) -> Reply:
    """A page of the roster of course 2 with some part changed."""
    honest = {
        "id": platform.url + path(platform),
        "context": {"id": "2", "label": "ml"},
        "members": [{"user_id": "3", "roles": ["Learner"]}],
    }
    headers = changed.pop("headers", {})
    return reply({k: v for k, v in (honest | changed).items() if v is not None}, **headers)


async def everybody(source: Any, course: str = "moodle/2") -> dict[str, set[CourseRole]]:
    roster = await source.roster(CourseRef(course))
    assert isinstance(roster, Roster), roster
    return {member.subject: set(member.roles) for member in roster.members}


# -- rosters -------------------------------------------------------------------------------------------------------


async def test_a_course_has_a_roster_once_somebody_came_from_it(make, moodle, canvas) -> None:
    source = make()
    assert await source.courses() == []
    assert isinstance(await source.roster(CourseRef("moodle/2")), Unavailable)

    await launched(source, moodle, "tea")
    await launched(source, canvas, "tea", "5")
    courses = await source.courses()
    assert [(course.id, course.named("label")) for course in courses] == [
        ("moodle/2", "ml"),
        ("canvas/5", "intro"),
    ]


async def test_a_restart_forgets_no_course(make, moodle) -> None:
    await launched(make(), moodle, "tea")
    again = make()
    assert [course.id for course in await again.courses()] == ["moodle/2"]
    assert await everybody(again)


async def test_a_roster_names_people_who_never_came(make, moodle) -> None:
    source = make(moodle={"instructor": "roster"})
    await launched(source, moodle, "tea")
    roster = await source.roster((await source.courses())[0])

    assert isinstance(roster, Roster)
    assert roster.at == NOW
    sue = next(member for member in roster.members if member.login == "sue")
    assert (sue.subject, sue.name, sue.roles) == ("moodle/4", "Sue Student", frozenset({STUDENT}))


async def test_moodles_roster_calls_assistants_learners(make, moodle) -> None:
    source = make(moodle={"instructor": "roster"})
    await launched(source, moodle, "tea")
    assert await everybody(source) == {
        "moodle/38": {TEACHER},
        "moodle/37": {STUDENT},
        "moodle/3": {STUDENT},
        "moodle/4": {STUDENT},
    }


async def test_whoever_launched_as_instructor_and_is_listed_as_learner_is_an_assistant(
    make, moodle, clock
) -> None:
    source = make()
    ann = await launched(source, moodle, "ann")
    assert (await everybody(source))["moodle/37"] == {ASSISTANT}
    answer = await make().reread(as_person(ann))
    assert isinstance(answer, Identity)
    assert {claim.role for claim in answer.claims} == {ASSISTANT}

    clock.pass_(hours=12)
    assert (await everybody(source))["moodle/37"] == {STUDENT}, "not for ever"


async def test_canvas_names_assistants(make, canvas) -> None:
    source = make()
    await launched(source, canvas, "tea")
    assert await everybody(source, "canvas/2") == {
        "canvas/38": {TEACHER},
        "canvas/37": {ASSISTANT},
        "canvas/3": {STUDENT},
        "canvas/4": {STUDENT},
    }


async def test_a_roster_without_logins_still_names_people(make, canvas) -> None:
    source = make()
    await launched(source, canvas, "tea")
    roster = await source.roster(CourseRef("canvas/2"))
    assert isinstance(roster, Roster)
    assert ("4", "Sue Student") in {(one.login, one.name) for one in roster.members}


async def test_an_access_token_is_asked_of_whoever_it_calls_itself(make, canvas) -> None:
    for audience, is_right in (("", True), ("https://another.example/token", False)):
        source = make(canvas={"audience": audience})
        await launched(source, canvas)
        answer = await source.roster(CourseRef("canvas/2"))
        assert isinstance(answer, Roster) is is_right


@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
async def test_every_page_is_read(make, moodle, size: int) -> None:
    for number in range(100, 110):
        moodle.accounts[f"x{number}"] = Account(str(number), f"x{number}", "X")
        moodle.courses["2"].roles[f"x{number}"] = "student"
    source = make()
    await launched(source, moodle)
    moodle.page = size
    assert len(await everybody(source)) == 14


async def test_who_is_not_active_is_not_in_the_course(make, canvas) -> None:
    source = make()
    await launched(source, canvas)
    canvas.courses["2"].suspended.add("sue")
    assert "canvas/4" not in await everybody(source, "canvas/2")


async def test_a_person_listed_twice_has_the_roles_of_both(make, moodle) -> None:
    source = make(moodle={"instructor": "teacher"})
    await launched(source, moodle)
    rows = [{"user_id": "9", "roles": ["Learner"]}, {"user_id": 9, "roles": ["Instructor"]}]
    spoil(moodle, page(moodle, members=rows))
    assert await everybody(source) == {"moodle/9": {STUDENT, TEACHER}}


INCOMPLETE: dict[str, dict[str, Any]] = {
    "another course": {"context": {"id": "3"}},
    "no course": {"context": None},
    "no members": {"members": None},
    "members that are an object": {"members": {}},
    "a member that is text": {"members": ["3"]},
    "a member without id": {"members": [{"roles": ["Learner"]}]},
    "a member without roles": {"members": [{"user_id": "3"}]},
    "a member whose id has no end": {"members": [{"user_id": "3" * 256, "roles": []}]},
    "a next page elsewhere": {"headers": {"Link": '<https://evil.example/p2>; rel="next"'}},
    "a next page in plain http": {
        "headers": {"Link": '<http://moodle.school.example/p2>; rel="next"'}
    },
    "a next page that is not there": {"headers": {"Link": '</p2>; rel="next"'}},
}


@pytest.mark.parametrize("changed", INCOMPLETE.values(), ids=INCOMPLETE)
async def test_an_incomplete_roster_is_unknown(make, moodle, changed: dict[str, Any]) -> None:
    source = make()
    stu = await launched(source, moodle)
    spoil(moodle, page(moodle, **changed))

    assert isinstance(await source.roster(CourseRef("moodle/2")), Unavailable)
    assert isinstance(await source.reread(as_person(stu)), Unavailable)


async def test_pages_in_a_circle_end(make, moodle) -> None:
    source = make()
    await launched(source, moodle)
    link = f'<{moodle.url}{path(moodle)}?again=1>; rel="next"'
    spoil(moodle, page(moodle, headers={"Link": link}))
    answer = await source.roster(CourseRef("moodle/2"))
    assert isinstance(answer, Unavailable)
    assert "no end" in answer.why


@pytest.mark.parametrize("status", [401, 403, 404, 429, 400])
async def test_a_refusal_is_unknown_and_no_empty_roster(make, moodle, status: int) -> None:
    source = make()
    stu = await launched(source, moodle)
    spoil(moodle, reply({}, status))
    assert isinstance(await source.reread(as_person(stu)), Unavailable)


# -- access tokens -------------------------------------------------------------------------------------------------


async def test_one_access_token_serves_for_its_hour(make, moodle, clock) -> None:
    source = make()
    await launched(source, moodle)
    for _ in range(3):
        await everybody(source)
        clock.pass_(minutes=5)
    assert moodle.asked.count(moodle.dialect.token) == 1
    clock.pass_(hours=1)
    await everybody(source)
    assert moodle.asked.count(moodle.dialect.token) == 2


async def test_an_access_token_that_is_no_longer_good_is_asked_for_anew(
    make, moodle, clock
) -> None:
    source = make()
    await launched(source, moodle)
    await everybody(source)
    moodle.forget_tokens()
    clock.pass_(minutes=5)
    assert await everybody(source)


async def test_the_tools_key_survives_a_restart_and_another_platform_takes_it_too(
    make, moodle, canvas
) -> None:
    first = await make().keyset()
    source = make()
    assert await source.keyset() == first
    assert "d" not in first["keys"][0], "the private half stays"
    await launched(source, canvas)
    assert await everybody(source, "canvas/2")


# -- reading people again ------------------------------------------------------------------------------------------


async def test_who_left_a_course_loses_it_and_nothing_else(make, moodle, clock) -> None:
    source = make()
    await launched(source, moodle, "stu", "5")
    stu = as_person(await launched(source, moodle, "stu", "2"))
    del moodle.courses["2"].roles["stu"]
    clock.pass_(minutes=1)

    answer = await source.reread(stu)
    assert isinstance(answer, Identity)
    assert {claim.course.id for claim in answer.claims} == {"moodle/5"}
    assert {ref.id for ref in answer.covers or ()} == {"moodle/2", "moodle/5"}
    assert answer.groups is None, "a roster says nothing of roles outside courses"
    assert answer.at == clock()


async def test_of_a_course_whose_roster_is_silent_nothing_is_said(make, moodle, clock) -> None:
    source = make()
    await launched(source, moodle, "stu", "5")
    stu = as_person(await launched(source, moodle, "stu", "2"))
    spoil(moodle, reply({}, 404), "5")
    clock.pass_(minutes=1)

    answer = await source.reread(stu)
    assert isinstance(answer, Identity)
    assert {ref.id for ref in answer.covers or ()} == {"moodle/2"}


async def test_nobody_is_ever_gone(make, moodle, clock) -> None:
    source = make()
    stu = as_person(await launched(source, moodle))
    moodle.courses["2"].roles.clear()
    clock.pass_(minutes=1)
    answer = await source.reread(stu)
    assert isinstance(answer, Identity)
    assert answer.claims == frozenset()


@pytest.mark.parametrize("how", ["switched off here", "not there"])
async def test_without_rosters_nothing_is_known_beyond_the_launch(
    make, moodle, clock, how: str
) -> None:
    moodle.tool.rosters = how != "not there"
    source = make({"rosters": how != "switched off here"})
    stu = as_person(await launched(source, moodle))
    clock.pass_(hours=5)

    answer = await source.reread(stu)
    assert isinstance(answer, Unavailable)
    assert answer.about == "person", "the platform is well"
    assert await source.courses() == []


async def test_a_platform_that_was_taken_out_is_unknown(make, moodle, canvas) -> None:
    stu = as_person(await launched(make(), moodle))
    source = make({"platforms": {"canvas": canvas.settings()}})
    assert isinstance(await source.reread(stu), Unavailable)


async def test_a_course_full_of_people_costs_one_reading(make, moodle) -> None:
    source = make()
    people = [as_person(await launched(source, moodle, user)) for user in ("stu", "sue", "ann")]
    answers = await asyncio.gather(*(source.reread(who) for who in people for _ in range(20)))
    assert all(isinstance(answer, Identity) for answer in answers)
    assert moodle.asked.count(path(moodle)) == 1


async def test_a_roster_is_at_most_half_a_minute_old(make, moodle, clock) -> None:
    source = make()
    stu = as_person(await launched(source, moodle))
    await source.reread(stu)
    clock.pass_(seconds=29)
    await source.reread(stu)
    assert moodle.asked.count(path(moodle)) == 1
    clock.pass_(seconds=1)
    await source.reread(stu)
    assert moodle.asked.count(path(moodle)) == 2


async def test_a_closed_source_is_unknown(make, moodle, clock) -> None:
    source = make()
    stu = as_person(await launched(source, moodle))
    await source.close()
    assert isinstance(await source.reread(stu), Unavailable)
