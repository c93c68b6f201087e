"""Asking the hub that runs: whom it knows, whom a roster names, and how its line counts."""

from __future__ import annotations

import pytest

from jupyterhub_edu.campus.questions import Asked, Unanswerable, read_question
from jupyterhub_edu.core import Core
from jupyterhub_edu.core.explained import Question
from jupyterhub_edu.desk.explain import explain_now, find_asked
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Roster
from tests.fakes.campus import NOW, a_core, enrol

STUDENT = CourseRole.STUDENT


@pytest.fixture
async def core() -> Core:
    core = a_core()
    await core.ready()
    return core


def question(core: Core, at: str | None = None) -> Question:
    return read_question(core.campus, Asked("ml", "gpu", at))


async def test_whom_only_a_roster_names_is_asked_about_all_the_same(core: Core) -> None:
    lea = Member("id-lea", "lea", "Lea Holm", frozenset({STUDENT}))
    await core.roll.take_roster("ad", "ml", Roster(CourseRef("ml"), (lea,), NOW))
    person = await find_asked(core, "ad:lea")
    told = explain_now(core, person, question(core)).as_json()
    assert (told["name"], told["knowledge"]["known_as"]) == ("Lea Holm", "listed")
    assert told["profiles"][0]["allowed"] is True
    await core.close()


async def test_whom_nobody_knows_is_no_answer(core: Core) -> None:
    for text in ("", "ad:zoe", "zoe@test.example"):
        with pytest.raises(Unanswerable):
            await find_asked(core, text)
    await core.close()


async def test_the_line_is_told_now_and_not_of_another_time(core: Core) -> None:
    for login in ("bob", "kim"):
        person = await enrol(core, login, ml=STUDENT)
        await core.book.admit(StartRequest(person.key, "ml", "gpu"), person, "")
    ada = await enrol(core, "ada", ml=STUDENT)
    await core.line.join(StartRequest(ada.key, "ml", "gpu"), ada)

    told = explain_now(core, ada, question(core)).as_json()
    assert told["standing"] == "In line: you are next"
    assert told["profiles"][0]["line"] == 1
    assert told["profiles"][0]["pool"]["free"] == 0
    then = explain_now(core, ada, question(core, at="2026-11-04T10:00")).as_json()
    assert (then["standing"], then["capacity"]) == ("", "then")
    assert then["profiles"][0]["line"] is None
    assert then["profiles"][0]["pool"]["free"] is None
    await core.close()
