"""Asking what somebody would get: teachers in their own course, administrators anywhere, and every rule with its facts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.explain import ExplainAPI
from jupyterhub_edu.desk.explain_pages import CourseExplainPage, ExplainPage
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Caps, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from tests.fakes.campus import NOW, T4, a_campus, a_core, a_course, a_profile, enrol

from .asking import Reply, ask

HOSTILE = "<img src=x onerror=alert(1)>"
STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER


@pytest.fixture
async def core():
    courses = [
        a_course(
            quota={"t4": Quota(1, 1)},
            caps={STUDENT: Caps(1, {"t4": 1})},
            ends=NOW + timedelta(days=30),
        ),
        a_course("db", title=HOSTILE),
    ]
    profiles = [a_profile(), a_profile("gpu", flavor=T4, title=f"Gpu {HOSTILE}")]
    admins = frozenset({FilePerson("ad", "root")})
    core = a_core(a_campus(courses=courses, profiles=profiles, admins=admins))
    await core.ready()
    await enrol(core, "root")
    await enrol(core, "tea", ml=TEACHER)
    await enrol(core, "asa", ml=CourseRole.ASSISTANT)
    await enrol(core, "ada", ml=STUDENT)
    await enrol(core, "bob", db=STUDENT)
    yield core
    await core.close()


async def page(core: Core, login: str, **query: Any) -> Reply:
    """The campus's page for an administrator, their course's for everybody else."""
    if login == "root":
        return await ask(ExplainPage, core, login, query=query)
    return await ask(CourseExplainPage, core, login, query.pop("course", "ml"), query=query)


async def test_a_teacher_asks_about_people_of_their_course(core: Core):
    reply = await page(core, "tea", person="ada", course="ml")
    assert "Ada in Machine Learning" in reply.words
    assert [badge.get_text() for badge in reply.page.select("h4 .badge")] == ["yes", "yes"]
    assert not reply.page.select("select[name=course]")
    tab = reply.page.select_one(".edu-tabs [aria-current]")
    assert (tab.get_text(), tab["href"]) == ("Explain", "/hub/edu/courses/ml/explain")


REFUSED = {
    "a teacher about another course": ("tea", "ada", "db", Code.NO_SUCH_COURSE),
    "a teacher about one that does not exist": ("tea", "ada", "x", Code.NO_SUCH_COURSE),
    "a teacher about what is outside any": ("tea", "ada", "site", Code.NO_SUCH_COURSE),
    "a teacher about somebody of another course": ("tea", "bob", "ml", Code.NOT_IN_COURSE),
    "a teacher about nobody": ("tea", "zoe", "ml", Code.NOT_IN_COURSE),
    "an assistant": ("asa", "ada", "ml", Code.NOT_YOURS_TO_EXPLAIN),
    "a student": ("ada", "ada", "ml", Code.NOT_YOURS_TO_EXPLAIN),
    "a student about another course": ("ada", "bob", "db", Code.NO_SUCH_COURSE),
}


@pytest.mark.parametrize(("who", "about", "course", "code"), REFUSED.values(), ids=REFUSED)
async def test_others_are_told_nothing(core: Core, who: str, about: str, course: str, code: Code):
    reply = await ask(ExplainAPI, core, who, query={"person": about, "course": course})
    assert reply.code is code
    assert about not in reply.sentence


async def test_the_same_words_for_another_course_and_for_none(core: Core):
    told = [(await page(core, "tea", person="ada", course=course)) for course in ("db", "x")]
    assert [one.code for one in told] == [Code.NO_SUCH_COURSE] * 2
    assert told[0].sentence == told[1].sentence


async def test_whoever_teaches_nothing_has_no_such_page(core: Core):
    for login in ("ada", "asa"):
        assert (await page(core, login)).code is Code.NOT_YOURS_TO_EXPLAIN
        assert (await ask(ExplainPage, core, login)).code is Code.NOT_YOURS_TO_EXPLAIN


async def test_a_teacher_is_led_from_the_campus_to_their_course(core: Core):
    query = {"person": "ada", "course": "ml", "at": "2027-01-10T10:00"}
    for asked, onwards in (({}, ""), (query, "?person=ada&at=2027-01-10T10%3A00")):
        reply = await ask(ExplainPage, core, "tea", query=asked)
        assert (reply.status, reply.location) == (303, f"/hub/edu/courses/ml/explain{onwards}")


async def test_an_administrator_asks_about_anybody_anywhere(core: Core):
    reply = await page(core, "root", person="bob", course="ml")
    assert [badge.get_text() for badge in reply.page.select("h4 .badge")] == ["no", "no"]
    assert "not-enrolled" in reply.words
    assert (await page(core, "root", person="bob", course="db")).page.find("img") is None


async def test_every_rule_is_told_with_what_it_was_decided_on(core: Core):
    for login in ("ada", "tea"):
        person = core.roll.by_hub_name(login)
        assert person is not None
        await core.book.admit(StartRequest(person.key, "ml", "gpu"), person, "")
    query = {"person": "ada", "course": "ml", "profile": "gpu"}
    (told,) = (await ask(ExplainAPI, core, "tea", query=query)).json["profiles"]
    rules = {rule["code"]: (rule["result"], rule["facts"]) for rule in told["rules"]}
    assert [rule["number"] for rule in told["rules"]] == list(range(1, 15))
    assert rules["not-enrolled"] == ("passes", "student (by hand)")
    assert rules["course-closed"] == ("passes", "open, until 2026-12-03 11:00")
    assert rules["profile-not-offered"][1] == "offered to: student, assistant, teacher"
    assert rules["person-cap"] == (
        "refuses",
        "servers here: 1 (may 1), in all: 1 (may any number), "
        "NVIDIA T4 here: 1 (may 1), in all: 1 (may any number)",
    )
    assert rules["course-quota"] == ("refuses", "the course uses 2, owns 1, may hold 2")
    assert rules["no-capacity"][0] == "refuses"
    refusing = [code for code, (result, _) in rules.items() if result == "refuses"]
    assert refusing == list(dict.fromkeys(reason["code"] for reason in told["reasons"]))


async def test_a_rule_for_devices_is_not_asked_of_a_profile_without_any(core: Core):
    query = {"person": "ada", "course": "ml", "profile": "notebook"}
    (told,) = (await ask(ExplainAPI, core, "tea", query=query)).json["profiles"]
    silent = [rule["code"] for rule in told["rules"] if rule["result"] == "not asked"]
    assert "course-quota" in silent
    assert "person-cap" not in silent


async def test_the_question_stands_in_the_form_again_with_what_is_wrong_in_it(core: Core):
    reply = await page(core, "tea", person="ada", course="ml", at="soon", if_grant=HOSTILE)
    assert reply.status == 400
    assert "cannot be answered" in reply.page.find(role="alert").get_text()
    assert reply.page.find(id="edu-person")["value"] == "ada"
    assert reply.page.find(id="edu-if_grant")["value"] == HOSTILE
    assert reply.page.find("img") is None


async def test_another_time_and_what_is_supposed_are_said(core: Core):
    query = {"person": "ada", "course": "ml", "at": "2027-01-10T10:00", "if_grant": "offer=gpu"}
    words = (await page(core, "tea", **query)).words
    assert "Supposing grant offer=gpu" in words
    assert "Machine Learning ended on" in words
