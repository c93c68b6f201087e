"""Who is who: one account per identity, enrolments merged by origin, entries of the file bound to people."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import NameTaken, Roll
from jupyterhub_edu.domain.campus import Campus, FilePerson, SourceInfo
from jupyterhub_edu.domain.people import (
    FROM_FILE,
    CourseClaim,
    CourseRef,
    CourseRole,
    Enrolment,
    Identity,
    Person,
    SiteRole,
)
from jupyterhub_edu.domain.rules import Rule, map_pattern
from jupyterhub_edu.ports import Gone, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.fakes.campus import NOW, a_campus, a_course, an_enrolment, an_identity

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
ADA = FilePerson("ad", "ada")
GONE = Gone(NOW, "disabled")
SOURCES = [SourceInfo("ad", "fake", "Directory"), SourceInfo("lms", "fake", "Moodle")]


class Store(MemoryStore):
    """Waits for ``opened`` before it keeps an answer, or refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.broken, self.opened = False, asyncio.Event()
        self.opened.set()

    async def save_answer(self, person: Person, origin: str, enrolments: Any) -> None:
        await self.opened.wait()
        if self.broken:
            raise StoreError("the disk is full")
        await super().save_answer(person, origin, enrolments)


def file(**kwargs: Any) -> Campus:
    courses = [a_course("ml"), a_course("db")]
    group = "<course>-staff"
    rule = Rule("ad", group, map_pattern(group, courses, ()), course_role=TEACHER)
    site = Rule("ad", "root", map_pattern("root", (), ()), site_role=SiteRole.MANAGER)
    return a_campus(courses=courses, sources=SOURCES, **{"rules": (rule, site), **kwargs})


class World:
    def __init__(self, **kwargs: Any) -> None:
        self.campus, self.store = file(**kwargs), Store()
        self.roll = self.again()

    def again(self) -> Roll:
        """A roll as after a restart; ``await roll.load()`` before use."""
        return Roll(lambda: self.campus, self.store)

    async def learn(self, login: str = "ada", hub_name: str = "", **kwargs: Any) -> Person:
        return await self.roll.learn(an_identity(login, **kwargs), hub_name or login)

    def of(self, person: Person) -> set[tuple[str, CourseRole, str]]:
        return {(e.course, e.role, e.origin) for e in self.roll.enrolments(person)}


def claims(**courses: CourseRole) -> frozenset[CourseClaim]:
    return frozenset(CourseClaim(CourseRef(course), role) for course, role in courses.items())


@pytest.fixture
def world() -> World:
    return World()


# -- accounts ------------------------------------------------------------------------------------------------------


async def test_of_two_logins_racing_for_one_account_one_gets_it(world):
    world.store.opened.clear()
    first = asyncio.create_task(world.learn("ada", "ada", subject="1"))
    second = asyncio.create_task(world.learn("ADA", "ada", subject="2"))
    await asyncio.sleep(0)
    world.store.opened.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(outcomes[1], NameTaken)
    assert world.roll.by_hub_name("ada") == outcomes[0]
    assert list(world.roll.people()) == [outcomes[0]]


async def test_the_same_login_of_another_source_is_somebody_else(world):
    await world.learn("ada")
    with pytest.raises(NameTaken):
        await world.learn("ada", source="lms")
    assert world.roll.person("lms:id-ada") is None


async def test_a_renamed_login_keeps_account_and_enrolments(world):
    await world.learn("ada", subject="1", claims=claims(ml=STUDENT))
    renamed = await world.learn("countess", "countess", subject="1", claims=claims(ml=STUDENT))
    assert (renamed.hub_name, renamed.login) == ("ada", "countess")
    assert world.roll.by_hub_name("countess") is None
    assert world.of(renamed) == {("ml", STUDENT, "source:ad")}


async def test_the_account_of_a_renamed_login_is_not_handed_on(world):
    await world.learn("ada", subject="1")
    await world.learn("countess", subject="1")
    with pytest.raises(NameTaken):
        await world.learn("ada", subject="2")


async def test_who_cannot_be_kept_holds_in_memory_and_is_kept_the_next_time(world):
    world.store.broken = True
    with pytest.raises(StoreError):
        await world.learn()
    assert world.roll.by_hub_name("ada") is not None
    world.store.broken = False
    person = await world.learn()
    assert await world.store.load_people() == [person]


# -- enrolments ----------------------------------------------------------------------------------------------------


async def test_an_answer_replaces_only_its_own_origin(world):
    ada = await world.learn(groups=frozenset({"ml-staff", "x"}), claims=claims(db=STUDENT))
    await world.roll.add_manual(an_enrolment(ada.key, "db", role=TEACHER))
    assert world.of(ada) == {
        ("ml", TEACHER, "source:ad"),
        ("db", STUDENT, "source:ad"),
        ("db", TEACHER, "manual"),
    }
    ada = await world.learn()
    assert world.of(ada) == {("db", TEACHER, "manual")}


async def test_everything_is_the_same_after_a_restart(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)}, admins=frozenset({ADA}))
    ada = await world.learn(groups=frozenset({"ml-staff", "root"}))
    await world.roll.add_manual(an_enrolment(ada.key, "ml"))
    before, again = world.of(ada), world.again()
    await again.load()
    world.roll = again
    assert again.by_hub_name("ada") == ada
    assert world.of(ada) == before
    assert again.site_role(ada) is SiteRole.ADMIN


async def test_an_enrolment_by_hand_is_replaced_by_course_and_role(world):
    ada = await world.learn()
    until = NOW + timedelta(days=1)
    for enrolment in (
        an_enrolment(ada.key),
        an_enrolment(ada.key, ends=until),
        an_enrolment(ada.key, role=TEACHER),
    ):
        await world.roll.add_manual(enrolment)
    assert {(e.role, e.ends) for e in world.roll.enrolments(ada)} == {
        (STUDENT, until),
        (TEACHER, None),
    }
    await world.roll.remove_manual(an_enrolment(ada.key))
    assert world.of(ada) == {("ml", TEACHER, "manual")}
    assert [e.role for e in await world.store.load_enrolments()] == [TEACHER]


async def test_only_enrolments_by_hand_are_added_by_hand(world):
    with pytest.raises(ValueError, match="not a manual enrolment: source:ad"):
        await world.roll.add_manual(an_enrolment(origin="source:ad"))


async def test_what_is_not_there_is_removed_without_a_word(world):
    await world.roll.remove_manual(an_enrolment("ad:nobody"))
    assert world.roll.person("ad:nobody") is None


# -- a negative answer ---------------------------------------------------------------------------------------------


async def test_after_a_negative_answer_nothing_counts_and_the_account_stays_theirs(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)}, admins=frozenset({ADA}))
    ada = await world.learn(groups=frozenset({"ml-staff", "root"}))
    await world.roll.add_manual(an_enrolment(ada.key, "ml"))
    lost = await world.roll.lose(ada, GONE)
    assert (lost.active, lost.hub_name) == (False, "ada")
    assert world.of(lost) == set()
    assert world.roll.site_role(lost) is None
    assert world.roll.courses(lost, NOW) == {}
    assert world.roll.hub_groups(lost, NOW) == frozenset()
    with pytest.raises(NameTaken):
        await world.learn("ada", subject="other")


async def test_who_still_holds_a_former_record_of_somebody_is_told_what_is_so_now(world):
    world.campus = file(admins=frozenset({ADA}))
    former = await world.learn()
    await world.roll.add_manual(an_enrolment(former.key))
    await world.roll.lose(former, GONE)
    assert former.active
    assert world.of(former) == set()
    assert world.roll.site_role(former) is None


async def test_who_comes_back_has_what_was_given_by_hand_and_by_the_file(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)})
    ada = await world.learn(groups=frozenset({"ml-staff"}))
    await world.roll.add_manual(an_enrolment(ada.key, "ml"))
    await world.roll.lose(ada, GONE)
    back = await world.learn()
    assert world.of(back) == {("ml", STUDENT, "manual"), ("db", STUDENT, FROM_FILE)}


async def test_a_negative_answer_binds_while_the_store_is_down(world):
    ada = await world.learn(groups=frozenset({"ml-staff"}))
    world.store.broken = True
    with pytest.raises(StoreError):
        await world.roll.lose(ada, GONE)
    assert world.roll.course_role(ada, "ml", NOW) is None


# -- entries of the campus file ------------------------------------------------------------------------------------


async def test_a_login_handed_on_to_somebody_else_hands_nothing_on(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)}, admins=frozenset({ADA}))
    await world.learn("ada", subject="1")
    await world.learn("countess", subject="1")
    heir = await world.learn("ada", "ada2", subject="2")
    assert world.roll.site_role(heir) is None
    assert world.of(heir) == set()
    assert not world.roll.was_named(heir)
    first = world.roll.person("ad:1")
    assert first is not None
    assert world.roll.site_role(first) is SiteRole.ADMIN


async def test_a_login_handed_on_hands_nothing_on_after_the_store_had_failed(world):
    world.campus = file(admins=frozenset({ADA}))
    world.store.broken = True
    with pytest.raises(StoreError):
        await world.learn("ada", subject="1")
    world.store.broken = False
    await world.learn("ada", subject="1")
    world.roll = world.again()
    await world.roll.load()
    heir = await world.learn("ada", "ada2", subject="2")
    assert world.roll.site_role(heir) is None


async def test_an_entry_counts_for_its_own_source_alone_in_any_case(world):
    world.campus = file(admins=frozenset({ADA}))
    other = await world.learn("ada", "ada-lms", source="lms")
    ada = await world.learn("ADA")
    assert world.roll.site_role(other) is None
    assert world.roll.site_role(ada) is SiteRole.ADMIN


async def test_an_entry_that_was_taken_out_of_the_file_counts_no_more(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)}, admins=frozenset({ADA}))
    ada = await world.learn()
    world.campus = file()
    assert world.roll.site_role(ada) is None
    assert world.of(ada) == set()
    assert world.roll.was_named(ada)


async def test_an_entry_that_is_new_counts_from_the_next_answer_on(world):
    ada = await world.learn()
    world.campus = file(people={ADA: (an_enrolment("", "db"),)})
    assert world.of(ada) == set()
    assert world.of(await world.learn()) == {("db", STUDENT, FROM_FILE)}


async def test_admin_never_comes_from_a_source(world):
    ada = await world.learn(groups=frozenset({"root"}))
    assert world.roll.site_role(ada) is SiteRole.MANAGER


# -- questions -----------------------------------------------------------------------------------------------------


async def test_the_strongest_role_now_counts(world):
    ada = await world.learn()
    tomorrow = NOW + timedelta(days=1)
    await world.roll.add_manual(an_enrolment(ada.key))
    await world.roll.add_manual(an_enrolment(ada.key, role=TEACHER, starts=tomorrow))
    assert world.roll.course_role(ada, "ml", NOW) is STUDENT
    assert world.roll.course_role(ada, "ml", tomorrow) is TEACHER


async def test_courses_are_those_of_the_file_in_its_order(world):
    ada = await world.learn()
    ended = Enrolment(ada.key, "ml", TEACHER, "manual", ends=NOW)
    for enrolment in (
        an_enrolment(ada.key, "gone"),
        an_enrolment(ada.key, "db"),
        an_enrolment(ada.key, "ml"),
        ended,
    ):
        await world.roll.add_manual(enrolment)
    assert list(world.roll.courses(ada, NOW).items()) == [("ml", STUDENT), ("db", STUDENT)]


async def test_hub_groups_name_courses_and_site_role(world):
    ada = await world.learn(groups=frozenset({"ml-staff", "root"}))
    assert world.roll.hub_groups(ada, NOW) == {"edu:ml:teacher", "edu:site:manager"}


async def test_who_listens_is_told_of_every_change_and_harms_nobody(world, caplog):
    def broken(person: Person) -> None:
        raise RuntimeError("no")

    heard: list[str] = []
    world.roll.on_change[:] = [broken, lambda person: heard.append(person.key)]
    ada = await world.learn()
    await world.roll.add_manual(an_enrolment(ada.key))
    await world.roll.remove_manual(an_enrolment(ada.key))
    await world.roll.lose(ada, GONE)
    assert heard == [ada.key] * 4
    assert "a listener failed for ada" in caplog.text


async def test_a_merge_that_forgets_origins_would_be_caught(world, monkeypatch):
    def keep(self: Roll, person: Person, origin: str, told: Any) -> None:
        self._people[person.key] = person
        self._by_hub_name[person.hub_name] = person.key
        self._told[person.key] = {origin: told}

    monkeypatch.setattr(Roll, "_keep", keep)
    with pytest.raises(AssertionError):
        await test_an_answer_replaces_only_its_own_origin(world)


def test_an_identity_of_nobody_known_has_no_person(world):
    nobody: Identity = an_identity("nobody")
    assert world.roll.person(nobody.key) is None
    assert world.roll.by_hub_name("nobody") is None
