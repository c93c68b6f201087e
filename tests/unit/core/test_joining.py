"""Who may ask to join what and learns what, who lets them in, and what a join code opens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import ByHand
from jupyterhub_edu.core.doorkeeping import (
    CannotCode,
    CodeChanged,
    Doorkeeper,
    JoinNotYours,
    NoSuchJoin,
    tidy_joins,
)
from jupyterhub_edu.core.joining import (
    Newcomer,
    NoSuchCode,
    NotAgainYet,
    NothingToJoin,
    TooManyJoins,
)
from jupyterhub_edu.core.joins import Joins
from jupyterhub_edu.core.privacy import erase, find_dossier
from jupyterhub_edu.core.settling import Tries
from jupyterhub_edu.domain.courses import CourseState, Joining
from jupyterhub_edu.domain.joining import CODE_LENGTH, CODE_SIGNS, JoinCode, fold_code
from jupyterhub_edu.domain.people import CourseRole, Enrolment
from jupyterhub_edu.ports import StoreError
from tests.audited import audited
from tests.by_hand import drop_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.world import AClock

STUDENT, ASSISTANT, TEACHER = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER
BOTH = frozenset(Joining)
DAY = timedelta(days=1)


@pytest.fixture
async def core() -> Core:
    """``ml`` is joined in both ways, ``bio`` by asking, ``db`` not at all; Tea teaches them; Ada is in none."""
    ends = NOW + 30 * DAY
    campus = a_campus(
        courses=[
            a_course("ml", joining=BOTH, ends=ends),
            a_course("db"),
            a_course("bio", joining=frozenset({Joining.ASK})),
        ]
    )
    core = a_core(campus, clock=AClock(NOW))
    await enrol(core, "tea", ml=TEACHER, db=TEACHER, bio=TEACHER)
    await enrol(core, "asa", ml=ASSISTANT)
    for login in ("ada", "eve"):
        await enrol(core, login)
    return core


def newcomer(core: Core, name: str = "ada", address: str = "192.0.2.7") -> Newcomer:
    person = core.roll.by_hub_name(name)
    assert person is not None
    return Newcomer(core, person, address)


def door(core: Core, course: str = "ml", name: str = "tea") -> Doorkeeper:
    person = core.roll.by_hub_name(name)
    assert person is not None
    return Doorkeeper(core, person, core.campus.courses[course], "::1")


def its_code(core: Core) -> JoinCode:
    """The code by which one may join now."""
    code = door(core).code
    assert code is not None
    return code


def role(core: Core, course: str = "ml", name: str = "ada") -> CourseRole | None:
    person = core.roll.by_hub_name(name)
    assert person is not None
    return core.roll.course_role(person, course, core.clock())


async def exclude(core: Core, name: str = "ada", course: str = "ml") -> None:
    tea = core.roll.by_hub_name("tea")
    assert tea is not None
    await ByHand(core, tea, course).exclude(name)


def change(core: Core, course: str, **what: object) -> None:
    """Let a course be another, as a new campus file does."""
    courses = dict(core.campus.courses)
    courses[course] = replace(courses[course], **what)  # type: ignore[arg-type]
    core.replace_campus(replace(core.campus, courses=courses), core.refresher.sources)


async def acts(core: Core) -> list[str]:
    return [entry.act for entry in await audited(core.store)]


# -- asking --------------------------------------------------------------------------------------------------------


async def test_only_courses_that_may_be_asked_are_shown(core):
    assert [course.id for course in newcomer(core).courses()] == ["ml", "bio"]
    assert [course.id for course in newcomer(core, "asa").courses()] == ["bio"]
    change(core, "bio", state=CourseState.ARCHIVED)
    change(core, "ml", ends=NOW)
    assert newcomer(core).courses() == []


async def test_who_is_let_in_is_enrolled_by_the_teacher_with_the_reason(core):
    asked = await newcomer(core).ask("ml", "my thesis")
    assert await newcomer(core).ask("ml", "please!") == asked
    assert door(core).waiting() == [asked]

    ends = NOW + 7 * DAY
    done = await door(core).approve(asked.id, section="g2", ends=ends)
    why = "asked to join: my thesis"
    assert done == Enrolment(
        asked.person,
        "ml",
        STUDENT,
        "manual",
        ends=ends,
        by="tea",
        sections=frozenset({"g2"}),
        why=why,
    )
    assert (role(core), door(core).waiting(), newcomer(core).asked("ml")) == (STUDENT, [], None)
    approved, by_ada = await audited(core.store)
    assert (approved.actor, approved.act, approved.target) == ("tea", "approve-join", "ada")
    assert approved.details == {"role": "student", "why": why}
    assert (by_ada.actor, by_ada.act, by_ada.course, by_ada.address) == (
        "ada",
        "ask-to-join",
        "ml",
        "192.0.2.7",
    )


async def test_who_is_refused_learns_it_and_may_ask_again_after_a_day(core):
    asked = await newcomer(core).ask("ml")
    await door(core).refuse(asked.id, "only for physicists")
    told = newcomer(core).asked("ml")
    assert told is not None
    assert (told.waits, told.words, told.again_at) == (False, "only for physicists", NOW + DAY)
    with pytest.raises(NotAgainYet):
        await newcomer(core).ask("ml")
    with pytest.raises(NoSuchJoin):
        await door(core).approve(asked.id)

    core.clock.pass_(days=1)
    assert newcomer(core).asked("ml") is None
    assert (await newcomer(core).ask("ml")).waits
    assert await acts(core) == ["ask-to-join", "refuse-join", "ask-to-join"]


async def test_who_asks_may_think_better_of_it(core):
    await newcomer(core).ask("ml")
    await newcomer(core).withdraw("ml")
    await newcomer(core).withdraw("ml")
    assert (door(core).waiting(), newcomer(core).asked("ml")) == ([], None)
    assert await acts(core) == ["withdraw-join", "ask-to-join"]


@pytest.mark.parametrize("course", ["db", "nowhere"])
async def test_a_course_that_is_not_joined_is_none(core, course):
    for act in (newcomer(core).ask, newcomer(core).withdraw):
        with pytest.raises(NothingToJoin):
            await act(course)


async def test_for_who_is_kept_out_the_course_does_not_exist_until_a_teacher_lifts_it(core):
    asked = await newcomer(core).ask("ml")
    await exclude(core)
    assert [course.id for course in newcomer(core).courses()] == ["bio"]
    assert door(core).waiting() == []
    with pytest.raises(NothingToJoin):
        await newcomer(core).ask("ml")
    with pytest.raises(NoSuchJoin):
        await door(core).approve(asked.id)

    tea = core.roll.by_hub_name("tea")
    await ByHand(core, tea, "ml").take_back("ada")
    assert door(core).waiting() == [asked]


async def test_only_who_may_add_people_stands_at_the_door(core):
    for name in ("asa", "ada"):
        with pytest.raises(JoinNotYours):
            door(core, name=name)
    asked = await newcomer(core).ask("ml")
    with pytest.raises(NoSuchJoin):
        await door(core, "bio").approve(asked.id)


async def test_one_person_asks_a_few_courses_and_not_too_often(core):
    more = {f"c{n}": a_course(f"c{n}", joining=BOTH) for n in range(6)}
    core.replace_campus(replace(core.campus, courses=more), core.refresher.sources)
    for n in range(5):
        await newcomer(core).ask(f"c{n}")
    with pytest.raises(TooManyJoins):
        await newcomer(core).ask("c5")
    for _ in range(15):
        await newcomer(core).withdraw("c0")
        await newcomer(core).ask("c0")
    await newcomer(core).withdraw("c0")
    with pytest.raises(TooManyJoins):
        await newcomer(core).ask("c0")
    await newcomer(core, "eve").ask("c0")


async def test_what_cannot_be_kept_is_not_done(core, monkeypatch):
    asked = await newcomer(core).ask("ml")

    async def fail(*_: object, **__: object) -> None:
        raise StoreError("down")

    with monkeypatch.context() as broken:
        for name in ("save_records", "append_audit", "save_changes"):
            broken.setattr(core.store, name, fail, raising=False)
        for act in (
            newcomer(core).ask("bio"),
            newcomer(core).withdraw("ml"),
            door(core).refuse(asked.id),
            door(core).make_code(NOW + DAY, 10),
        ):
            with pytest.raises(StoreError):
                await act
    assert (newcomer(core).asked("bio"), newcomer(core).asked("ml")) == (None, asked)
    assert door(core).code is None


# -- the code ------------------------------------------------------------------------------------------------------


async def test_who_knows_the_code_is_in_by_the_right_of_its_maker(core):
    code = await door(core).make_code(NOW + DAY, 2, "g1")
    await newcomer(core).ask("ml")
    await newcomer(core).enter(f" {code.text.lower()} ")
    (mine,) = core.roll.enrolments(core.roll.by_hub_name("ada"))
    assert (mine.course, mine.role, mine.by, mine.sections, mine.why) == (
        "ml",
        STUDENT,
        "tea",
        {"g1"},
        "by the join code",
    )
    assert (door(core).waiting(), its_code(core).uses) == ([], 1)
    await newcomer(core).enter(code.text)
    assert its_code(core).uses == 1
    assert await acts(core) == ["join-by-code", "ask-to-join", "make-join-code"]


async def test_of_two_who_make_a_code_in_the_same_instant_the_second_is_told(core):
    await enrol(core, "tom", ml=TEACHER)

    def makes(name: str, seen: str | None):
        return door(core, name=name).make_code(NOW + DAY, 10, seen=seen)

    both: Any = await asyncio.gather(makes("tea", ""), makes("tom", ""), return_exceptions=True)
    assert [type(one) for one in both] == [JoinCode, CodeChanged]
    assert its_code(core) == both[0]
    assert await acts(core) == ["make-join-code"]

    seen = both[0].text
    both = await asyncio.gather(
        door(core).end_code(seen), makes("tom", seen), return_exceptions=True
    )
    assert [type(one) for one in both] == [type(None), CodeChanged]
    assert door(core).code is None
    assert (await makes("tom", None)).by == "tom"  # who says nothing of what they saw


async def broken(*_: object, **__: object) -> None:
    raise StoreError("down")


async def kept(core: Core) -> tuple[int, list[int]]:
    """How many ask, and the uses of each code, as a hub that starts now reads them."""
    found = Joins(core.store)
    await found.load()
    return len(found.requests()), [code.uses for code in found.codes()]


async def test_whoever_comes_in_their_request_and_the_use_of_the_code_are_kept_in_one_step(
    core, monkeypatch
):
    code = await door(core).make_code(NOW + DAY, 1)
    await newcomer(core).ask("ml")
    eve = await newcomer(core, "eve").ask("ml")
    with monkeypatch.context() as patched:
        patched.setattr(core.store, "save_by_hand", broken)
        for act in (newcomer(core).enter(code.text), door(core).approve(eve.id)):
            with pytest.raises(StoreError):
                await act
    assert (its_code(core).uses, len(door(core).waiting())) == (0, 2)
    assert await kept(core) == (2, [0])

    with monkeypatch.context() as patched:
        patched.setattr(core.store, "save_records", broken)
        await newcomer(core).enter(code.text)
        await door(core).approve(eve.id)
    assert (its_code(core).uses, door(core).waiting()) == (1, [])
    assert await kept(core) == (0, [1])


async def refused(core: Core, typed: str, name: str = "ada") -> str:
    with pytest.raises(NoSuchCode) as found:
        await newcomer(core, name).enter(typed)
    return str(found.value)


async def test_every_code_that_lets_nobody_in_gets_the_same_answer(core):
    code = await door(core).make_code(NOW + DAY, 1)
    answers = {"wrong": await refused(core, "0000-0000"), "empty": await refused(core, "")}
    tea = core.roll.by_hub_name("tea")

    await exclude(core)
    answers["kept out"] = await refused(core, code.text)
    await ByHand(core, tea, "ml").take_back("ada")

    change(core, "ml", joining=frozenset({Joining.ASK}))
    answers["takes none"] = await refused(core, code.text)
    change(core, "ml", joining=BOTH, state=CourseState.SUSPENDED)
    answers["suspended"] = await refused(core, code.text)
    change(core, "ml", state=CourseState.OPEN)

    await drop_by_hand(core.roll, core.roll.enrolments_in(tea, "ml")[0])
    answers["of who may not"] = await refused(core, code.text)
    await enrol(core, "tea", ml=TEACHER)

    await newcomer(core, "eve").enter(code.text)
    answers["used up"] = await refused(core, code.text)
    new = await door(core).make_code(NOW + DAY, 1)
    answers["renewed"] = await refused(core, code.text)
    core.clock.pass_(days=1)
    answers["over"] = await refused(core, new.text)
    await door(core).end_code()
    answers["ended"] = await refused(core, new.text)
    assert set(answers.values()) == {""}
    assert role(core) is None


async def test_wrong_codes_are_bounded_by_person_and_by_address_also_for_right_ones(core):
    code = await door(core).make_code(NOW + DAY, 10)
    for _ in range(10):
        await refused(core, "0000-0000")
    with pytest.raises(TooManyJoins):
        await newcomer(core).enter(code.text)
    await newcomer(core, "eve").enter(code.text)

    there = core.join_tries.wrong_there
    while there.take("2001:db8::/64"):
        pass
    with pytest.raises(TooManyJoins):
        await newcomer(core, "asa", "2001:db8::99").enter(code.text)
    core.clock.pass_(hours=1)
    await newcomer(core).enter(code.text)
    assert role(core) is STUDENT


async def test_right_codes_count_for_nothing(core):
    code = await door(core).make_code(NOW + DAY, 10)
    for _ in range(20):
        await newcomer(core).enter(code.text)


async def test_two_do_not_take_the_last_place(core):
    code = await door(core).make_code(NOW + DAY, 1)
    come = (newcomer(core, name).enter(code.text) for name in ("ada", "eve"))
    done = await asyncio.gather(*come, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Course", "NoSuchCode"]
    assert its_code(core).uses == 1


CANNOT = {
    "one that is over": ({"ends": NOW, "most": 1}, "ends before"),
    "one that outlives the course": ({"ends": NOW + 31 * DAY, "most": 1}, "after the course"),
    "one for nobody": ({"ends": NOW + DAY, "most": 0}, "at least 1"),
    "one for everybody": ({"ends": NOW + DAY, "most": 5001}, "at most 5000"),
}


@pytest.mark.parametrize(("what", "why"), CANNOT.values(), ids=CANNOT)
async def test_there_is_no_code(core, what, why):
    with pytest.raises(CannotCode, match=why):
        await door(core).make_code(**what)


async def test_a_course_that_takes_none_has_none(core):
    with pytest.raises(CannotCode):
        await door(core, "bio").make_code(NOW + DAY, 1)
    assert not newcomer(core, "asa").asked("bio")
    assert newcomer(core).takes_codes
    change(core, "ml", joining=frozenset({Joining.ASK}))
    assert not newcomer(core).takes_codes


@given(st.text(CODE_SIGNS, min_size=CODE_LENGTH, max_size=CODE_LENGTH), st.data())
def test_a_code_may_be_typed_as_it_is_read(signs, data):
    code = JoinCode("ml", signs, "tea", NOW, NOW + DAY, 1)
    alike = {"0": "0oO", "1": "1iIlL"}
    typed = "".join(
        data.draw(st.sampled_from(alike.get(sign, sign + sign.lower()))) for sign in signs
    )
    blanks = data.draw(st.sampled_from(["", " ", "-", " - "]))
    assert fold_code(typed[:4] + blanks + typed[4:]) == fold_code(code.text) == code.code


# -- what stays ----------------------------------------------------------------------------------------------------


async def test_requests_and_codes_survive_a_restart(core):
    waits = await newcomer(core).ask("ml", "please")
    asked = await newcomer(core, "eve").ask("bio")
    await door(core, "bio").refuse(asked.id, "no")
    code = await door(core).make_code(NOW + DAY, 3)
    await newcomer(core, "eve").enter(code.text)

    again = a_core(core.campus, store=core.store, clock=core.clock)
    await again.ready()
    assert door(again).waiting() == [waits]
    assert newcomer(again, "eve").asked("bio") == newcomer(core, "eve").asked("bio")
    assert door(again).code == replace(code, uses=1)
    await again.close()


async def test_requests_that_nobody_will_answer_are_dropped(core):
    await newcomer(core).ask("bio")
    waits = await newcomer(core, "eve").ask("bio")
    refused = await newcomer(core).ask("ml")
    await door(core).refuse(refused.id)
    await enrol(core, "ada", bio=STUDENT)
    await tidy_joins(core)
    assert {one.id for one in core.joins.requests()} == {waits.id, refused.id}
    core.clock.pass_(days=1)
    await tidy_joins(core)
    assert core.joins.requests() == [waits]
    change(core, "bio", ends=NOW)
    await tidy_joins(core)
    assert core.joins.requests() == []


async def test_who_is_erased_asks_for_nothing(core):
    asked = await newcomer(core).ask("ml", "please")
    of_eve = await newcomer(core, "eve").ask("bio")
    await door(core, "bio").refuse(of_eve.id)
    dossier = await find_dossier(core.roll, core.store, "ada")
    assert dossier is not None
    assert [record.id for record in dossier.records] == [asked.id]
    stand_in = await erase(core.roll, core.store, dossier, core.clock)
    core.joins.forget(dossier.keys, "ada", stand_in)
    assert door(core).waiting() == []

    tea = await find_dossier(core.roll, core.store, "tea")
    assert tea is not None
    stand_in = await erase(core.roll, core.store, tea, core.clock)
    core.joins.forget(tea.keys, "tea", stand_in)
    assert [one.by for one in core.joins.requests()] == [stand_in]


def test_who_tried_long_ago_is_forgotten_and_what_is_given_back_does_not_count():
    clock = AClock(NOW)
    tries = Tries(clock, most=1)
    for n in range(10_000):
        assert tries.take(f"p{n}")
    assert not tries.take("p1")
    tries.give_back("p1")
    tries.give_back("nobody")
    assert tries.take("p1")
    clock.pass_(minutes=59)
    assert not tries.take("p1")
    clock.pass_(minutes=1)
    assert tries.take("p1")
    assert len(tries._of) == 1
