"""Who is who: one account per identity, enrolments merged by origin, entries of the file bound to people."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import NameTaken, Roll
from jupyterhub_edu.core.told import Told
from jupyterhub_edu.domain.campus import Campus, FilePerson, SourceInfo
from jupyterhub_edu.domain.people import (
    FROM_FILE,
    CourseClaim,
    CourseRef,
    CourseRole,
    Enrolment,
    Exclusion,
    Identity,
    LinkRule,
    Person,
    SiteRole,
)
from jupyterhub_edu.domain.rules import Rule, map_pattern
from jupyterhub_edu.ports import Gone, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.by_hand import drop_by_hand, put_by_hand
from tests.fakes.campus import NOW, a_campus, a_course, an_enrolment, an_identity

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
ADA = FilePerson("ad", "ada")
GONE = Gone(NOW, "disabled")
SOURCES = [
    SourceInfo("ad", "fake", "Directory"),
    SourceInfo("lms", "fake", "Moodle"),
    SourceInfo("lms2", "fake", "Canvas"),
]


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
    await put_by_hand(world.roll, an_enrolment(ada.key, "db", role=TEACHER))
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
    await put_by_hand(world.roll, an_enrolment(ada.key, "ml"))
    before, again = world.of(ada), world.again()
    await again.load()
    world.roll = again
    assert again.by_hub_name("ada") == ada
    assert world.of(ada) == before
    assert again.site_role(ada) is SiteRole.ADMIN


async def test_an_account_whose_name_is_not_known_is_called_as_it_is(world):
    await world.learn()
    await world.learn("bob", name="")
    assert [world.roll.name_of(one) for one in ("ada", "bob", "eve")] == ["Ada", "bob", "eve"]


async def test_an_enrolment_by_hand_is_replaced_by_course_and_role(world):
    ada = await world.learn()
    until = NOW + timedelta(days=1)
    for enrolment in (
        an_enrolment(ada.key),
        an_enrolment(ada.key, ends=until),
        an_enrolment(ada.key, role=TEACHER),
    ):
        await put_by_hand(world.roll, enrolment)
    assert {(e.role, e.ends) for e in world.roll.enrolments(ada)} == {
        (STUDENT, until),
        (TEACHER, None),
    }
    await drop_by_hand(world.roll, an_enrolment(ada.key))
    assert world.of(ada) == {("ml", TEACHER, "manual")}
    assert [e.role for e in await world.store.load_enrolments()] == [TEACHER]


async def test_only_enrolments_by_hand_are_added_by_hand(world):
    with pytest.raises(ValueError, match="not a manual enrolment: source:ad"):
        await put_by_hand(world.roll, an_enrolment(origin="source:ad"))


async def test_what_is_not_there_is_removed_without_a_word(world):
    await drop_by_hand(world.roll, an_enrolment("ad:nobody"))
    assert world.roll.person("ad:nobody") is None


# -- a negative answer ---------------------------------------------------------------------------------------------


async def test_after_a_negative_answer_nothing_counts_and_the_account_stays_theirs(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)}, admins=frozenset({ADA}))
    ada = await world.learn(groups=frozenset({"ml-staff", "root"}))
    await put_by_hand(world.roll, an_enrolment(ada.key, "ml"))
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
    await put_by_hand(world.roll, an_enrolment(former.key))
    await world.roll.lose(former, GONE)
    assert former.active
    assert world.of(former) == set()
    assert world.roll.site_role(former) is None


async def test_who_comes_back_has_what_was_given_by_hand_and_by_the_file(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)})
    ada = await world.learn(groups=frozenset({"ml-staff"}))
    await put_by_hand(world.roll, an_enrolment(ada.key, "ml"))
    await world.roll.lose(ada, GONE)
    back = await world.learn()
    assert world.of(back) == {("ml", STUDENT, "manual"), ("db", STUDENT, FROM_FILE)}


async def test_a_negative_answer_binds_while_the_store_is_down(world):
    ada = await world.learn(groups=frozenset({"ml-staff"}))
    world.store.broken = True
    with pytest.raises(StoreError):
        await world.roll.lose(ada, GONE)
    assert world.roll.course_role(ada, "ml", NOW) is None


# -- several identities of one person ------------------------------------------------------------------------------

NUMBER = LinkRule("lms", "idnumber", "ad", "employeeNumber")


async def two(world: World, **kwargs: Any) -> tuple[Person, Person]:
    """Ada by the directory, then by Moodle with the same number."""
    world.campus = file(links=(NUMBER,), **kwargs)
    first = await world.learn(attributes={"employeeNumber": "17"}, groups=frozenset({"ml-staff"}))
    second = await world.learn(
        "ada.l", source="lms", attributes={"idnumber": "17"}, claims=claims(db=STUDENT)
    )
    return first, second


async def test_an_identity_whose_number_is_anothers_shares_their_account(world):
    first, second = await two(world)
    assert (second.hub_name, second.linked_to) == ("ada", first.key)
    assert world.roll.by_hub_name("ada") == first
    assert world.roll.by_hub_name("ada.l") is None
    assert world.roll.identities(second) == (first, second)


async def test_what_all_identities_of_an_account_have_adds_up(world):
    first, second = await two(world)
    both = {("ml", TEACHER, "source:ad"), ("db", STUDENT, "source:lms")}
    assert world.of(first) == world.of(second) == both
    assert world.roll.hub_groups(second, NOW) == {"edu:ml:teacher", "edu:db:student"}


async def test_the_highest_site_role_of_an_account_counts(world):
    world.campus = file(links=(NUMBER,), admins=frozenset({FilePerson("lms", "boss")}))
    first = await world.learn(attributes={"employeeNumber": "17"}, groups=frozenset({"root"}))
    assert world.roll.site_role(first) is SiteRole.MANAGER
    second = await world.learn("boss", source="lms", attributes={"idnumber": "17"})
    assert world.roll.site_role(first) is world.roll.site_role(second) is SiteRole.ADMIN
    assert world.roll.was_named(first)


async def test_an_identity_that_is_gone_takes_only_its_own(world):
    first, second = await two(world)
    await world.roll.lose(first, GONE)
    assert world.of(first) == world.of(second) == {("db", STUDENT, "source:lms")}
    assert world.roll.by_hub_name("ada") == second

    await world.roll.lose(second, GONE)
    gone = world.roll.by_hub_name("ada")
    assert gone is not None
    assert (gone.key, gone.active) == (first.key, False)


async def test_identities_share_their_account_after_a_restart(world):
    first, second = await two(world)
    world.roll = world.again()
    await world.roll.load()
    assert world.roll.identities(first) == (first, second)
    assert world.roll.by_hub_name("ada") == first


async def test_only_the_attributes_that_link_are_kept(world):
    world.campus = file(links=(NUMBER,))
    known = await world.learn(
        attributes={"employeeNumber": "17", "homePhone": "5", "idnumber": "3"}
    )
    assert known.attributes == {"employeeNumber": "17"}
    world.campus = file()
    assert (await world.learn(attributes={"employeeNumber": "17"})).attributes == {}


UNLINKED: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "another number": ({"employeeNumber": "17"}, {"idnumber": "18"}),
    "no number here": ({"employeeNumber": "17"}, {}),
    "no number there": ({}, {"idnumber": "17"}),
    "both numbers empty": ({"employeeNumber": ""}, {"idnumber": ""}),
    "the number under another name": ({"idnumber": "17"}, {"idnumber": "17"}),
    "a number that only looks like it": ({"employeeNumber": "17"}, {"idnumber": "１７"}),
}


@pytest.mark.parametrize(("there", "here"), UNLINKED.values(), ids=UNLINKED)
async def test_nobody_is_linked_by(world, there, here):
    world.campus = file(links=(NUMBER,))
    await world.learn(attributes=there)
    with pytest.raises(NameTaken):
        await world.learn(source="lms", attributes=here)


async def test_nobody_is_linked_where_two_would_do_nor_to_somebody_who_is_gone(world):
    world.campus = file(links=(NUMBER,))
    numbered = {"employeeNumber": "17"}
    ada = await world.learn("ada", attributes=numbered)
    bob = await world.learn("bob", attributes=numbered)
    stranger = an_identity("cy", source="lms", attributes={"idnumber": "17"})
    assert world.roll.find_linked(stranger) is None

    await world.roll.lose(bob, GONE)
    assert world.roll.find_linked(stranger) == ada
    await world.roll.lose(ada, GONE)
    assert world.roll.find_linked(stranger) is None


async def test_who_has_an_account_already_is_not_moved_to_another(world):
    world.campus = file(links=(NUMBER,))
    await world.learn(attributes={"employeeNumber": "17"})
    own = await world.learn("ada.l", source="lms")
    again = await world.learn("ada.l", source="lms", attributes={"idnumber": "17"})
    assert (own.hub_name, again.hub_name, again.linked_to) == ("ada.l", "ada.l", None)


async def test_a_third_identity_is_linked_to_whose_account_it_is(world):
    world.campus = file(links=(NUMBER, LinkRule("lms", "sis", "lms2", "sis")))
    first = await world.learn(attributes={"employeeNumber": "17"})
    await world.learn("b", source="lms", attributes={"idnumber": "17", "sis": "9"})
    third = await world.learn("c", source="lms2", attributes={"sis": "9"})
    assert (third.hub_name, third.linked_to) == ("ada", first.key)


# -- exclusions ----------------------------------------------------------------------------------------------------


async def test_an_exclusion_beats_every_origin_of_every_identity_in_its_course_alone(world):
    world.campus = file(people={ADA: (an_enrolment("", "db"),)}, links=(NUMBER,))
    ada = await world.learn(
        attributes={"employeeNumber": "17"}, claims=claims(ml=STUDENT, db=STUDENT)
    )
    await world.learn("x", source="lms", attributes={"idnumber": "17"}, claims=claims(db=TEACHER))
    await put_by_hand(world.roll, an_enrolment(ada.key, "db", role=TEACHER))

    await put_by_hand(world.roll, Exclusion(ada.key, "db", "turid", "cheated"))

    assert world.of(ada) == {("ml", STUDENT, "source:ad")}
    assert [e.why for e in world.roll.exclusions.in_course("db")] == ["cheated"]


async def test_an_exclusion_survives_answers_and_restarts_until_it_is_taken_back(world):
    ada = await world.learn(claims=claims(ml=STUDENT))
    await put_by_hand(world.roll, Exclusion(ada.key, "ml", "turid"))
    world.roll = world.again()
    await world.roll.load()
    ada = await world.learn(claims=claims(ml=STUDENT), at=NOW + timedelta(hours=1))
    assert world.of(ada) == set()

    await drop_by_hand(world.roll, Exclusion(ada.key, "ml", ""))
    assert world.of(ada) == {("ml", STUDENT, "source:ad")}
    assert await world.store.load_exclusions() == []


async def test_an_exclusion_with_an_end_is_an_enrolment_that_has_not_begun(world):
    ada = await world.learn(claims=claims(ml=STUDENT))
    until = NOW + timedelta(days=7)
    await put_by_hand(world.roll, Exclusion(ada.key, "ml", "turid", until=until))
    assert world.roll.course_role(ada, "ml", NOW) is None
    assert world.roll.course_role(ada, "ml", until) is STUDENT
    assert [e.starts for e in world.roll.enrolments(ada)] == [until]


async def test_who_is_excluded_before_they_come_is_kept_out(world):
    await put_by_hand(world.roll, Exclusion("ad:id-ada", "ml", "turid"))
    await drop_by_hand(world.roll, Exclusion("ad:id-bob", "ml", ""))
    ada = await world.learn(claims=claims(ml=STUDENT))
    assert world.of(ada) == set()


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
    await put_by_hand(world.roll, an_enrolment(ada.key))
    await put_by_hand(world.roll, an_enrolment(ada.key, role=TEACHER, starts=tomorrow))
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
        await put_by_hand(world.roll, enrolment)
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
    await put_by_hand(world.roll, an_enrolment(ada.key))
    await drop_by_hand(world.roll, an_enrolment(ada.key))
    await world.roll.lose(ada, GONE)
    assert heard == [ada.key] * 4
    assert "a listener failed for ada" in caplog.text


async def test_a_merge_that_forgets_origins_would_be_caught(world, monkeypatch):
    def take_answer(self: Told, key: str, origin: str, said: Any, answer: Any) -> Any:
        self._put(key, tuple(said))
        return self.of(key)

    monkeypatch.setattr(Told, "take_answer", take_answer)
    with pytest.raises(AssertionError):
        await test_an_answer_replaces_only_its_own_origin(world)


def test_an_identity_of_nobody_known_has_no_person(world):
    nobody: Identity = an_identity("nobody")
    assert world.roll.person(nobody.key) is None
    assert world.roll.by_hub_name("nobody") is None
