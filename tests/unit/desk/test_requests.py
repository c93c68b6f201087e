"""Requests on pages and for programs: asked for with the body of the act, answered with a click, done by the act."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.core.requests import State
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.desk.requests_api import AnswerAPI, RequestAPI, RequestsAPI, WaitingAPI
from jupyterhub_edu.desk.requests_pages import (
    CampusRequestsPage,
    CourseRequestsPage,
    campus_note,
)
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.grants import Hours
from jupyterhub_edu.domain.people import CourseRole
from tests.audited import audited
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol

from .asking import Reply, ask

HOSTILE = "<img src=x onerror=alert(1)>"
HOURS = {"kind": "grant", "wish": {"hours": 40, "person": "ada"}, "why": HOSTILE}
EXAM = {
    "kind": "exam",
    "wish": {
        "starts": (NOW + timedelta(days=1)).isoformat(),
        "ends": (NOW + timedelta(days=1, hours=9)).isoformat(),
        "profile": "notebook",
        "participants": ["ada"],
    },
}


@pytest.fixture
async def core():
    courses = [a_course(ends=NOW + timedelta(days=90)), a_course("db")]
    admins = frozenset({FilePerson("ad", "root")})
    core = a_core(a_campus(courses=courses, admins=admins))
    await core.ready()
    await enrol(core, "root")
    await enrol(core, "tea", ml=CourseRole.TEACHER)
    await enrol(core, "asa", ml=CourseRole.ASSISTANT)
    await enrol(core, "ada", ml=CourseRole.STUDENT)
    await enrol(core, "dba", db=CourseRole.TEACHER)
    yield core
    await core.close()


async def post(core: Core, body: Mapping[str, Any] = HOURS, who: str = "tea") -> Reply:
    return await ask(RequestsAPI, core, who, "ml", method="post", body=body)


async def answer(core: Core, id: str, *, approve: bool = True, who: str = "root") -> Reply:
    body = {"approve": approve, "words": "this once"}
    return await ask(AnswerAPI, core, who, id, method="post", body=body)


# -- programs ------------------------------------------------------------------------------------------------------


async def test_what_is_approved_is_given_by_the_ordinary_act(core: Core):
    asked = (await post(core)).json
    assert (asked["state"], asked["what"]) == ("open", "40 GPU hours, for Ada (ada)")
    told = (await answer(core, asked["id"])).json
    assert (told["state"], told["answered_by"], told["words"]) == ("approved", "root", "this once")
    (grant,) = core.grants.of("ml")
    assert (grant.what, grant.by, grant.approved) == (Hours(40 * GPU_HOUR), "root", True)
    assert grant.person == "ad:id-ada"
    acts = [entry.act for entry in await audited(core.store, "ml", 3)]
    assert acts == ["grant", "approve-request", "ask"]


async def test_an_exam_is_prepared_as_it_was_asked_for(core: Core):
    asked = (await post(core, EXAM)).json
    assert "an exam from" in asked["what"]
    assert (await answer(core, asked["id"])).json["state"] == "approved"
    (prepared,) = core.exams.of("ml")
    assert prepared.exam.participants == frozenset({"ad:id-ada"})
    assert prepared.exam.length == timedelta(hours=9)


async def test_what_the_act_has_against_it_is_told_and_it_stays_open(core: Core):
    asked = (await post(core, {"kind": "grant", "wish": {"offer": "x"}})).json
    reply = await answer(core, asked["id"])
    assert (reply.code, reply.sentence) == (
        Code.CANNOT_GIVE,
        "This cannot be given. There is no profile 'x'.",
    )
    assert core.requests.waiting()[0].id == asked["id"]
    assert [entry.act for entry in await audited(core.store, "ml")] == ["ask"]
    told = (await answer(core, asked["id"], approve=False)).json
    assert told["state"] == "refused"
    assert (await answer(core, asked["id"])).code is Code.ALREADY_ANSWERED


async def test_what_was_asked_for_a_course_that_is_gone_can_only_be_refused(core: Core):
    ids = [(await post(core, body)).json["id"] for body in (HOURS, EXAM)]
    left = a_campus(courses=[a_course("db")], admins=core.campus.admins)
    core.replace_campus(left, core.refresher.sources)
    for id in ids:
        assert (await answer(core, id)).code is Code.NO_SUCH_COURSE
        assert (await answer(core, id, who="dba")).code is Code.ADMINS_ONLY
        assert (await answer(core, id, approve=False)).json["state"] == "refused"
    assert core.requests.waiting() == []


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "grant", "wish": {"hours": "many"}},
        {"kind": "grant", "wish": {}},
        {"kind": "grant", "wish": {"hours": 1, "servers": 1}},
        {"kind": "exam", "wish": {"starts": "soon"}},
        {"kind": "adjust", "wish": {"value": 1}},
        {"kind": "window", "wish": {"days": ["mon"]}},
        {"kind": "quota", "wish": {}},
        {"kind": "grant", "wish": []},
        {"kind": "grant"},
    ],
)
async def test_what_the_act_would_not_read_cannot_be_asked_for(core: Core, body: Any):
    assert (await post(core, body)).code is Code.UNREADABLE
    assert core.requests.waiting() == []


WHO = {
    "an assistant": ("asa", Code.NOT_YOUR_REQUESTS),
    "a student": ("ada", Code.NOT_YOUR_REQUESTS),
    "a teacher of another course": ("dba", Code.NO_SUCH_COURSE),
}


@pytest.mark.parametrize(("who", "code"), WHO.values(), ids=WHO)
async def test_others_neither_ask_nor_look(core: Core, who: str, code: Code):
    id = (await post(core)).json["id"]
    replies = [
        await post(core, who=who),
        await ask(RequestsAPI, core, who, "ml"),
        await ask(CourseRequestsPage, core, who, "ml"),
        await ask(CourseRequestsPage, core, who, "ml", method="post", form={"withdraw": id}),
    ]
    assert [reply.code for reply in replies] == [code] * 4
    withdrawn = await ask(RequestAPI, core, who, "ml", id, method="delete")
    assert withdrawn.code in (code, Code.NO_SUCH_REQUEST)
    assert len(core.requests.waiting()) == 1


@pytest.mark.parametrize("who", ["tea", "asa", "ada", "dba"])
async def test_only_administrators_answer(core: Core, who: str):
    id = (await post(core)).json["id"]
    replies = [
        await answer(core, id, who=who),
        await ask(WaitingAPI, core, who),
        await ask(CampusRequestsPage, core, who),
        await ask(CampusRequestsPage, core, who, method="post", form={"request": id}),
    ]
    assert {reply.code for reply in replies} == {Code.ADMINS_ONLY}
    assert core.grants.of("ml") == ()


async def test_a_request_of_another_course_is_none(core: Core):
    id = (await post(core)).json["id"]
    reply = await ask(RequestAPI, core, "dba", "db", id, method="delete")
    assert reply.code is Code.NO_SUCH_REQUEST
    assert (await answer(core, "0" * 32)).code is Code.NO_SUCH_REQUEST


async def test_lists_go_on_page_by_page(core: Core):
    ids = []
    for minute in range(5):
        core.clock.pass_(minutes=minute)  # type: ignore[attr-defined]
        ids.append((await post(core, {**HOURS, "why": f"{minute}"})).json["id"])
    for handler, path, order in (
        (RequestsAPI, ("ml",), ids[::-1]),
        (WaitingAPI, (), ids),
    ):
        seen, query = [], {"limit": "2"}
        while True:
            told = (await ask(handler, core, "root", *path, query=query)).json
            seen += [one["id"] for one in told["items"]]
            if told["next"] is None:
                break
            query["cursor"] = told["next"]
        assert seen == order


# -- pages ---------------------------------------------------------------------------------------------------------


async def by_form(core: Core, form: Mapping[str, str]) -> Reply:
    return await ask(CourseRequestsPage, core, "tea", "ml", method="post", form=form)


async def test_a_teacher_asks_and_sees_the_answer(core: Core):
    form = {"kind": "grant", "wish": json.dumps(HOURS["wish"]), "why": HOSTILE}
    reply = await by_form(core, form)
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml/requests")
    page = await ask(CourseRequestsPage, core, "tea", "ml")
    assert "40 GPU hours, for Ada (ada)" in page.words
    assert HOSTILE in page.words
    assert page.page.find("img") is None
    (request,) = core.requests.waiting()
    yes = {"request": request.id, "answer": "yes", "words": HOSTILE}
    reply = await ask(CampusRequestsPage, core, "root", method="post", form=yes)
    assert (reply.status, reply.location) == (303, "/hub/edu/campus/requests")
    page = await ask(CourseRequestsPage, core, "tea", "ml")
    assert "approved" in page.words
    assert page.page.find("blockquote").get_text() == HOSTILE
    assert page.page.find("button") is None


async def test_a_form_that_cannot_be_done_shows_the_page_with_why(core: Core):
    for form in (
        {"kind": "grant", "wish": "{"},
        {"kind": "x", "wish": "{}"},
        {"kind": "grant", "wish": "[]"},
        {"kind": "grant", "wish": '{"hours": 1, "person": "nobody"}'},
        {"withdraw": "0" * 32},
    ):
        reply = await by_form(core, form)
        assert reply.status in (400, 404)
        assert reply.page.find(role="alert")
    assert core.requests.waiting() == []


async def test_a_teacher_takes_a_request_back(core: Core):
    id = (await post(core)).json["id"]
    page = await ask(CourseRequestsPage, core, "tea", "ml")
    button = page.page.find("button")
    assert (button["name"], button["value"]) == ("withdraw", id)
    assert (await by_form(core, {"withdraw": id})).status == 303
    assert core.requests.of("ml")[0].state is State.WITHDRAWN


async def test_an_administrator_is_told_what_the_act_has_against_it(core: Core):
    id = (await post(core, {"kind": "grant", "wish": {"offer": "x"}})).json["id"]
    form = {"request": id, "answer": "yes"}
    reply = await ask(CampusRequestsPage, core, "root", method="post", form=form)
    assert reply.status == 400
    assert "There is no profile 'x'." in reply.page.find(role="alert").get_text()
    assert [one["value"] for one in reply.page.select("button[name=answer]")] == ["yes", "no"]
    form["answer"] = "maybe"
    reply = await ask(CampusRequestsPage, core, "root", method="post", form=form)
    assert reply.status == 400


async def test_the_frame_counts_for_administrators_alone(core: Core):
    await post(core)
    provide(lambda: core)
    user: Any = type("User", (), {})
    counts = []
    for name in ("root", "tea", "nobody"):
        user.name = name
        counts.append(campus_note(user))
    provide(None)
    assert counts == [1, None, None]
    assert campus_note(None) is None
