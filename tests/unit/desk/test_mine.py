"""My courses: what is one's own in each of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.mine import Mine, my_parts
from jupyterhub_edu.domain.allowances import parse_allowance
from jupyterhub_edu.domain.courses import Allowances
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.exams import Exam, Sitting
from jupyterhub_edu.domain.people import CourseRole
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.world import AClock

HOUR = timedelta(hours=1)
TEST = Exam("x" * 32, "db", NOW - HOUR, NOW + HOUR, "gpu", "image@sha256:1", title="Test 1")


@pytest.fixture
async def core() -> Core:
    hours = Allowances(parse_allowance("10h per week"), None)
    courses = [a_course("ml", allowances=hours), a_course("db"), a_course("ai")]
    core = a_core(a_campus(courses=courses), clock=AClock(NOW))
    await core.ready()
    return core


async def test_no_hours_are_left_in_a_course_that_has_ended() -> None:
    hours = Allowances(parse_allowance("10h per week"), None)
    courses = [a_course("ml", allowances=hours), a_course("old", allowances=hours, ends=NOW)]
    core = a_core(a_campus(courses=courses), clock=AClock(NOW))
    await core.ready()
    tea = await enrol(core, "tea", ml=CourseRole.TEACHER, old=CourseRole.TEACHER)
    assert set(my_parts(core, tea)) == {"ml"}


async def test_hours_and_sessions_are_told_in_their_own_course(core: Core) -> None:
    everywhere = {"ml": CourseRole.STUDENT, "db": CourseRole.STUDENT, "ai": CourseRole.STUDENT}
    ada = await enrol(core, "ada", **everywhere)
    bob = await enrol(core, "bob", **everywhere)
    await core.book.admit(StartRequest(ada.key, "db", "gpu"), ada, "")

    parts = my_parts(core, ada)
    assert set(parts) == {"ml", "db"}
    assert [row.left.whose for row in parts["ml"].left] == ["person"]
    assert parts["ml"].sessions == []
    assert [row.session.user for row in parts["db"].sessions] == ["ada"]
    assert my_parts(core, bob)["ml"].sessions == []
    assert "db" not in my_parts(core, bob)


@pytest.mark.parametrize(("ends", "is_on"), [(NOW + HOUR, True), (NOW, False)])
async def test_an_exam_is_told_to_those_who_sit_it_with_their_own_end(
    core: Core, monkeypatch, ends, is_on
) -> None:
    ada = await enrol(core, "ada", db=CourseRole.STUDENT)
    monkeypatch.setattr(core.exams, "sittings", lambda *_: (Sitting(TEST, ends),))
    (exam,) = my_parts(core, ada)["db"].exams
    assert (exam.title, exam.is_on, exam.ends.iso) == ("Test 1", is_on, ends.isoformat())


async def test_the_place_in_the_line_stands_at_the_course_that_it_is_for(core: Core) -> None:
    ada = await enrol(core, "ada", ml=CourseRole.STUDENT, db=CourseRole.STUDENT)
    await core.line.join(StartRequest(ada.key, "db", "gpu"), ada)
    assert my_parts(core, ada)["db"].place
    assert my_parts(core, ada)["ml"].place == Mine().place == ""
