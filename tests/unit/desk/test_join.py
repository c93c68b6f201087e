"""Joining a course by oneself, as pages and the API have it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.doorkeeping import Doorkeeper
from jupyterhub_edu.desk.join import AskAPI, JoinAPI
from jupyterhub_edu.desk.join_pages import JoinCoursePage, JoinPage
from jupyterhub_edu.desk.pages import CoursesPage
from jupyterhub_edu.desk.refusals import ROWS, Code
from jupyterhub_edu.domain.courses import Joining
from jupyterhub_edu.domain.people import CourseRole
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.world import AClock

from .asking import ask

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
BOTH = frozenset(Joining)


@pytest.fixture
async def core() -> Core:
    """Ada is in no course; ``ml`` is joined in both ways, ``db`` in none."""
    campus = a_campus(courses=[a_course("ml", title=HOSTILE, joining=BOTH), a_course("db")])
    core = a_core(campus, clock=AClock(NOW))
    await enrol(core, "tea", ml=CourseRole.TEACHER)
    await enrol(core, "ada")
    return core


def door(core: Core) -> Doorkeeper:
    tea = core.roll.by_hub_name("tea")
    assert tea is not None
    return Doorkeeper(core, tea, core.campus.courses["ml"])


async def test_the_page_lists_what_may_be_asked_and_nothing_else(core):
    reply = await ask(JoinPage, core, "ada")
    assert [a["href"] for a in reply.page.select(".list-group a")] == ["/hub/edu/join/ml"]
    assert HOSTILE in reply.words
    assert not reply.page.select("main img")
    assert reply.page.select_one("input[name=code]")


async def test_a_campus_without_such_courses_says_so(core):
    plain = a_core(a_campus(courses=[a_course("db")]))
    await enrol(plain, "ada")
    reply = await ask(JoinPage, plain, "ada")
    assert "No course lets you join by yourself" in reply.words
    assert not reply.page.select("form")


async def test_asking_waiting_and_asking_no_more_by_the_page(core):
    reply = await ask(JoinCoursePage, core, "ada", "ml", method="post", form={"why": HOSTILE})
    assert (reply.status, reply.location) == (303, "/hub/edu/join/ml")
    assert [one.why for one in door(core).waiting()] == [HOSTILE]
    assert "You have asked to join" in (await ask(JoinCoursePage, core, "ada", "ml")).words
    await ask(JoinCoursePage, core, "ada", "ml", method="post", form={"do": "withdraw"})
    assert door(core).waiting() == []


async def test_who_was_refused_reads_why_and_from_when_on_they_may_ask_again(core):
    await ask(AskAPI, core, "ada", "ml", method="post", body={})
    (request,) = door(core).waiting()
    await door(core).refuse(request.id, HOSTILE)
    reply = await ask(JoinCoursePage, core, "ada", "ml")
    assert HOSTILE in reply.words
    assert "You may ask again from Wed 4 Nov 11:00" in reply.words
    assert not reply.page.select("form")
    again = await ask(JoinCoursePage, core, "ada", "ml", method="post", form={"why": "please"})
    assert (again.status, again.words.count("refused a short while ago")) == (409, 1)


async def test_who_is_in_is_taken_to_the_course(core):
    reply = await ask(JoinCoursePage, core, "tea", "ml")
    assert reply.location == "/hub/edu/courses/ml"


@pytest.mark.parametrize("course", ["db", "nowhere"])
async def test_what_is_not_joined_does_not_exist(core, course):
    for handler, method in (
        (JoinCoursePage, "get"),
        (JoinCoursePage, "post"),
        (AskAPI, "get"),
        (AskAPI, "post"),
        (AskAPI, "delete"),
    ):
        reply = await ask(handler, core, "ada", course, method=method)
        row = ROWS[Code.NO_SUCH_COURSE]
        assert (reply.code, reply.sentence) == (Code.NO_SUCH_COURSE, row.sentence)


async def test_a_code_opens_the_course_and_a_wrong_one_is_shown_again(core):
    code = await door(core).make_code(NOW + timedelta(days=1), 5)
    wrong = await ask(JoinPage, core, "ada", method="post", form={"code": f"{HOSTILE}0"})
    assert wrong.status == 404
    assert wrong.page.select_one("input[name=code]")["value"] == f"{HOSTILE}0"
    assert ROWS[Code.NO_SUCH_CODE].sentence in wrong.words

    reply = await ask(JoinPage, core, "ada", method="post", form={"code": code.text})
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml")
    assert core.roll.course_role(core.roll.by_hub_name("ada"), "ml", NOW) is CourseRole.STUDENT


async def test_the_same_by_the_api(core):
    code = await door(core).make_code(NOW + timedelta(days=1), 5)
    asked = await ask(AskAPI, core, "ada", "ml", method="post", body={"why": "please"})
    open_ = {"course": "ml", "title": HOSTILE, "again_at": None, "words": ""}
    waits = {**open_, "state": "waits", "asked_at": NOW.isoformat()}
    assert asked.json == waits
    assert (await ask(JoinAPI, core, "ada")).json == {"courses": [waits], "takes_codes": True}
    assert (await ask(AskAPI, core, "ada", "ml", method="delete")).status == 204
    told = (await ask(AskAPI, core, "ada", "ml")).json
    assert told == {**open_, "state": "open", "asked_at": None}

    bad = await ask(JoinAPI, core, "ada", method="post", body={"code": "nonsense"})
    assert bad.code is Code.NO_SUCH_CODE
    unreadable = await ask(JoinAPI, core, "ada", method="post", body={"cod": "x"})
    assert unreadable.code is Code.UNREADABLE
    joined = await ask(JoinAPI, core, "ada", method="post", body={"code": code.text})
    assert joined.json == {"course": "ml", "title": HOSTILE}


async def test_who_guesses_is_stopped(core):
    for _ in range(10):
        await ask(JoinAPI, core, "ada", method="post", body={"code": "0000-0000"})
    reply = await ask(JoinAPI, core, "ada", method="post", body={"code": "0000-0000"})
    assert (reply.status, reply.code) == (429, Code.TOO_MANY_JOINS)


async def test_my_courses_lead_to_joining_only_where_something_is_joined(core):
    reply = await ask(CoursesPage, core, "ada")
    assert reply.page.select_one("main a[href='/hub/edu/join']")
    plain = a_core(a_campus(courses=[a_course("db")]))
    await enrol(plain, "ada")
    assert not (await ask(CoursesPage, plain, "ada")).page.select("a[href='/hub/edu/join']")
