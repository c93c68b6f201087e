"""Who may add whom to a course and keep whom out of it, by which name, and what stays of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import ByHand, NobodyKnown, NotYours, Several
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Enrolment, Member, Roster
from jupyterhub_edu.ports import StoreError
from tests.audited import audited
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_identity, enrol

STUDENT, ASSISTANT, TEACHER = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER


@pytest.fixture
async def core() -> Core:
    """Teacher, assistant and student of ``ml``, an administrator, Ada in nothing, and Bob who only stands in a roster."""
    campus = a_campus(
        courses=[a_course("ml"), a_course("db")], admins=frozenset({FilePerson("ad", "adm")})
    )
    core = a_core(campus)
    await enrol(core, "tea", ml=TEACHER)
    await enrol(core, "asa", ml=ASSISTANT)
    await enrol(core, "stu", ml=STUDENT)
    for login in ("adm", "ada"):
        await enrol(core, login)
    bob = Member("id-bob", "Bob", "Bob", frozenset({STUDENT}))
    await core.roll.take_roster("ad", "db", Roster(CourseRef("db"), (bob,), NOW))
    return core


def by(core: Core, hub_name: str, course: str = "ml") -> ByHand:
    actor = core.roll.by_hub_name(hub_name)
    assert actor is not None
    return ByHand(core, actor, course, "::1")


def role(core: Core, hub_name: str) -> CourseRole | None:
    person = core.roll.by_hub_name(hub_name)
    assert person is not None
    return core.roll.course_role(person, "ml", NOW)


async def test_a_teacher_adds_somebody_with_dates_and_a_reason(core):
    until = NOW + timedelta(days=7)
    added = await by(core, "tea").enrol("ada", ASSISTANT, ends=until, why="helps in the lab")
    assert added == Enrolment(
        "ad:id-ada", "ml", ASSISTANT, "manual", ends=until, by="tea", why="helps in the lab"
    )
    assert role(core, "ada") is ASSISTANT
    (entry,) = await audited(core.store)
    assert (entry.actor, entry.act, entry.course, entry.target, entry.address) == (
        "tea",
        "enrol",
        "ml",
        "ada",
        "::1",
    )
    assert entry.details == {"role": "assistant", "why": "helps in the lab"}


@pytest.mark.parametrize("name", ["ad:id-bob", "ad:bob", "ad:BOB"])
async def test_who_never_logged_in_is_found_by_what_the_roster_says_and_finds_it_waiting(
    core, name
):
    await by(core, "tea").enrol(name, STUDENT)
    await core.sign_in(an_identity("bob"), "bob")
    assert role(core, "bob") is STUDENT


MAY_NOT: dict[str, tuple[str, str, str, CourseRole | None]] = {
    "an assistant adds nobody": ("asa", "ml", "ada", STUDENT),
    "a student adds nobody": ("stu", "ml", "ada", STUDENT),
    "somebody outside adds nobody": ("ada", "ml", "ada", STUDENT),
    "a teacher adds nobody to another course": ("tea", "db", "ada", STUDENT),
    "a teacher makes no teacher": ("tea", "ml", "ada", TEACHER),
    "a teacher excludes no teacher": ("tea", "ml", "tea", None),
    "a student excludes nobody": ("stu", "ml", "asa", None),
    "an administrator adds nobody to a course that does not exist": ("adm", "x", "ada", STUDENT),
}


@pytest.mark.parametrize(("actor", "course", "who", "given"), MAY_NOT.values(), ids=MAY_NOT)
async def test_may_not(core, actor, course, who, given):
    staff = by(core, actor, course)
    with pytest.raises(NotYours):
        await (staff.exclude(who) if given is None else staff.enrol(who, given))
    assert await audited(core.store) == []


async def test_an_administrator_makes_teachers_and_excludes_them(core):
    await by(core, "adm").enrol("ada", TEACHER)
    assert role(core, "ada") is TEACHER
    await by(core, "adm").exclude("tea", why="left")
    assert role(core, "tea") is None


async def test_an_exclusion_holds_and_is_taken_back(core):
    await by(core, "tea").exclude("stu", why="cheated")
    assert role(core, "stu") is None
    await by(core, "tea").take_back("stu")
    # What was given by hand before went with it.
    assert core.roll.exclusions.in_course("ml") == []
    assert role(core, "stu") is None
    assert [entry.act for entry in await audited(core.store)] == ["take-back", "exclude"]


async def test_what_was_not_done_by_hand_is_not_taken_back(core):
    for name in ("ad:bob", "ada"):
        with pytest.raises(NobodyKnown):
            await by(core, "tea").take_back(name)


async def test_a_login_that_two_people_bear_means_neither(core):
    twin = Member("id-bob2", "bob", "Bob", frozenset({STUDENT}))
    await core.roll.take_roster("ad", "ml", Roster(CourseRef("ml"), (twin,), NOW))
    with pytest.raises(Several):
        await by(core, "tea").enrol("ad:bob", STUDENT)


async def test_what_cannot_be_kept_is_not_done_and_not_written_down(core, monkeypatch):
    async def broken(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(core.store, "save_by_hand", broken)
    staff = by(core, "tea")
    for act in (lambda: staff.enrol("ada", STUDENT), lambda: staff.exclude("stu")):
        with pytest.raises(StoreError):
            await act()
    assert (role(core, "ada"), role(core, "stu")) == (None, STUDENT)
    assert await audited(core.store) == []


async def test_what_cannot_be_taken_back_as_a_whole_stays(core, monkeypatch):
    async def broken(*_):
        raise StoreError("the disk is full")

    await by(core, "tea").enrol("ada", STUDENT)
    await by(core, "tea").exclude("ada")
    before = await audited(core.store)
    monkeypatch.setattr(core.store, "save_by_hand", broken)
    with pytest.raises(StoreError):
        await by(core, "tea").take_back("ada")
    assert await audited(core.store) == before
    monkeypatch.undo()
    await by(core, "tea").take_back("ada")
    assert role(core, "ada") is None


async def test_a_teacher_lets_no_other_teacher_in_again_whom_an_administrator_keeps_out(core):
    eve = Member("id-eve", "eve", "Eve", frozenset({TEACHER}))
    await enrol(core, "eve")
    later = NOW + timedelta(minutes=1)
    await core.roll.take_roster("ad", "ml", Roster(CourseRef("ml"), (eve,), later))
    assert role(core, "eve") is TEACHER
    await by(core, "adm").exclude("eve", why="no longer ours")
    before = await audited(core.store)

    with pytest.raises(NotYours):
        await by(core, "tea").take_back("eve")

    assert role(core, "eve") is None
    assert await audited(core.store) == before
    await by(core, "adm").take_back("eve")
    assert role(core, "eve") is TEACHER
