"""The core as the upper floors see it: who signs in to which account, what is offered, who may what."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core, NameTaken, current_core, provide
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.campus import FilePerson, SourceInfo
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import ServersError, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.by_hand import put_by_hand
from tests.fakes.campus import (
    NOW,
    a_campus,
    a_core,
    a_course,
    a_person,
    an_enrolment,
    an_identity,
    enrol,
)
from tests.fakes.world import FakeHub, FakeInventory

STUDENT, TEACHER, OBSERVER = CourseRole.STUDENT, CourseRole.TEACHER, CourseRole.OBSERVER


def a_hub(*accounts: str, adopt: bool = False) -> Core:
    campus = a_campus(sources=[SourceInfo("ad", "fake", "Directory", adopt=adopt)])
    return a_core(campus, hub=FakeHub(accounts))


# -- signing in ----------------------------------------------------------------------------------------------------

# accounts of the hub, adopt, who signed in before, what happens
SIGN_INS: dict[str, tuple[list[str], bool, list[str], bool]] = {
    "a new name is linked": ([], False, [], True),
    "an account that exists and is nobody's is refused": (["ada"], False, [], False),
    "unless the source adopts accounts": (["ada"], True, [], True),
    "an account of another identity is refused": (["ada"], False, ["1"], False),
    "whether the source adopts or not": (["ada"], True, ["1"], False),
    "also before the hub has it": ([], True, ["1"], False),
    "one's own account is one's own": (["ada"], False, ["2"], True),
}


@pytest.mark.parametrize(("accounts", "adopt", "before", "may"), SIGN_INS.values(), ids=SIGN_INS)
async def test_signing_in(accounts, adopt, before, may):
    core = a_hub(adopt=adopt)
    for subject in before:
        await core.sign_in(an_identity("ada", subject=subject), "ada")
    core.accounts.accounts.update(accounts)  # type: ignore[attr-defined]
    known = len(list(core.roll.people()))
    if may:
        person = await core.sign_in(an_identity("ada", subject="2"), "ada")
        assert core.roll.by_hub_name("ada") == person
    else:
        with pytest.raises(NameTaken):
            await core.sign_in(an_identity("ada", subject="2"), "ada")
        assert len(list(core.roll.people())) == known


async def test_nobody_signs_in_before_the_core_is_ready():
    class Broken(MemoryStore):
        async def open(self) -> None:
            raise StoreError("another hub holds it")

    core = a_core(store=Broken())
    for _ in range(2):
        with pytest.raises(StoreError, match="another hub"):
            await core.sign_in(an_identity(), "ada")
    assert core.roll.by_hub_name("ada") is None
    await core.close()


# -- cards ---------------------------------------------------------------------------------------------------------


async def test_cards_are_what_the_course_offers_to_ones_roles_strongest_first():
    offers = {TEACHER: ("gpu",), STUDENT: ("notebook", "gpu")}
    core = a_core(a_campus(courses=[a_course(offers=offers)]))
    await core.ready()
    student = await enrol(core, "ada", ml=STUDENT)
    await put_by_hand(core.roll, an_enrolment(student.key, role=TEACHER, ends=NOW))
    bob = await enrol(core, "bob")

    def shown(person: Any) -> list[tuple[str, bool, tuple[int, int] | None]]:
        cards = core.cards(person, "ml")
        return [(card.profile.key, card.decision.allowed, card.free) for card in cards]

    assert shown(student) == [("gpu", True, (2, 2)), ("notebook", True, None)]
    await core.book.admit(StartRequest(student.key, "ml", "gpu"), student, "")
    assert shown(student)[0] == ("gpu", True, (1, 2))
    core.inventory.alive_at = NOW - timedelta(hours=1)  # type: ignore[attr-defined]
    assert shown(student) == [("gpu", False, None), ("notebook", True, None)]
    assert shown(bob) == []
    assert core.cards(student, "unknown") == []


# -- what one may --------------------------------------------------------------------------------------------------

ADMINS_ALONE = {Act.CONFIGURE, Act.AUDIT}
ALLOWED = {Act.COPY}
CEILINGS = {Act.EXTEND, Act.ADJUST, Act.GRANT, Act.WINDOW, Act.EXAM}
OWN = [Act.STOP, Act.EXTEND, Act.USAGE]
ACTORS: dict[str, tuple[str, str, str | None, list[Act]]] = {
    "a teacher of the course": (
        "tea",
        "ml",
        None,
        [act for act in Act if act not in ADMINS_ALONE | CEILINGS | ALLOWED],
    ),
    "not in another one": ("tea", "db", None, []),
    "an observer sees": ("obs", "ml", None, [Act.SEE]),
    "and stops what is their own": ("obs", "ml", "obs", [Act.SEE, *OWN]),
    "a student what is their own": ("stu", "ml", "stu", [Act.SEE, *OWN]),
    "nothing of others": ("stu", "ml", "tea", []),
    "nothing without saying whose": ("stu", "ml", None, []),
    "an administrator in every course": ("adm", "db", None, [*Act]),
    "but in none that does not exist": ("adm", "x", None, []),
    "nor a teacher in one that was taken out": ("tea", "gone", None, []),
    "somebody outside nothing, not even of themselves": ("out", "ml", "out", []),
    "somebody whose enrolment has ended nothing": ("old", "ml", None, []),
}


@pytest.mark.parametrize(("who", "course", "about", "acts"), ACTORS.values(), ids=ACTORS)
async def test_may(who, course, about, acts):
    campus = a_campus(
        courses=[a_course("ml"), a_course("db")], admins=frozenset({FilePerson("ad", "adm")})
    )
    core = a_core(campus)
    people = {
        "tea": await enrol(core, "tea", ml=TEACHER, gone=TEACHER),
        "obs": await enrol(core, "obs", ml=OBSERVER),
        "stu": await enrol(core, "stu", ml=STUDENT),
        "adm": await enrol(core, "adm"),
        "out": await enrol(core, "out", db=TEACHER),
        "old": await enrol(core, "old"),
    }
    await put_by_hand(core.roll, an_enrolment(people["old"].key, role=TEACHER, ends=NOW))
    key = people[about].key if about else None
    assert [act for act in Act if core.may(act, people[who], course, about=key)] == acts


# -- stopping ------------------------------------------------------------------------------------------------------


async def test_a_stop_is_written_down_first():
    core = a_core()
    ada = await enrol(core, "ada", ml=STUDENT)
    admission = await core.book.admit(StartRequest(ada.key, "ml", "notebook"), ada, "two")
    core.servers.broken = "the hub is busy"  # type: ignore[attr-defined]
    with pytest.raises(ServersError):
        await core.stop("tea", admission, "10.0.0.7")
    (entry,) = await audited(core.store, "ml")
    assert (entry.actor, entry.act, entry.target, entry.address) == (
        "tea",
        "stop",
        "ada",
        "10.0.0.7",
    )
    assert entry.details == {"server": "two", "admission": admission.id}


async def test_what_cannot_be_written_down_is_not_done(monkeypatch):
    core = a_core()
    ada = await enrol(core, "ada", ml=STUDENT)
    admission = await core.book.admit(StartRequest(ada.key, "ml", "notebook"), ada, "")

    async def full(_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(core.store, "append_audit", full)
    with pytest.raises(StoreError):
        await core.stop("tea", admission)
    assert core.servers.stopped == []  # type: ignore[attr-defined]
    monkeypatch.undo()
    await core.stop("tea", admission)
    assert core.servers.stopped == [("ada", "")]  # type: ignore[attr-defined]


# -- beginning and ending ------------------------------------------------------------------------------------------


async def test_the_core_begins_once_and_ends_everything():
    closed: list[str] = []

    class Store(MemoryStore):
        async def close(self) -> None:
            closed.append("store")

    class Inventory(FakeInventory):
        async def close(self) -> None:
            closed.append("inventory")

    await a_core(store=Store(), inventory=Inventory()).close()
    assert closed == ["inventory", "store"]
    closed.clear()
    core = a_core(store=Store(), inventory=Inventory())
    assert core.begin() is core.begin()
    await core.ready()
    await core.close()
    assert closed == ["inventory", "store"]


async def test_who_waits_for_the_core_and_leaves_does_not_stop_it():
    core = a_core()
    waiting = asyncio.create_task(core.ready())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await core.ready()
    assert core.roll.person(a_person().key) is None


def test_the_core_is_made_once_when_first_asked_for():
    provide(None)
    with pytest.raises(RuntimeError, match=r"call jupyterhub_edu.setup\(c\)"):
        current_core()
    made: list[Core] = []

    def make() -> Core:
        made.append(a_core())
        return made[-1]

    try:
        provide(make)
        assert made == []
        assert current_core() is current_core() is made[0]
    finally:
        provide(None)
