"""The desk's own courses: who makes, copies and archives which, what a copy has, and that they survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyterhub_edu import campus
from jupyterhub_edu.core import Core
from jupyterhub_edu.core.founding import (
    CannotFound,
    CopyNotYours,
    CopyWish,
    Founding,
    FoundingNotYours,
    NotOurs,
)
from jupyterhub_edu.core.own_courses import OwnCourse
from jupyterhub_edu.core.privacy import erase, find_dossier
from jupyterhub_edu.domain.courses import CourseState, Quota
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Roster
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, a_core, an_enrolment, enrol
from tests.fakes.world import AClock

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT
FILE = """\
name: Test University
time_zone: Europe/Oslo
admins: ["ad:root"]
teachers_copy: true
sources:
  ad: {type: roster, people: people.csv, passwords: passwords.txt}
terms:
  v26: {from: 2026-01-10, until: 2026-06-10}
  h26: {from: 2026-08-17, until: 2026-12-18}
  v27: {from: 2027-01-11, until: 2027-06-11}
flavors:
  cpu: {}
  t4: {device: nvidia.com/gpu, count: 4}
profiles:
  notebook: {flavor: cpu, cpu: {limit: 1}, memory: {limit: 1Gi}}
  gpu: {flavor: t4, devices: 1, cpu: {limit: 1}, memory: {limit: 1Gi}}
course_defaults:
  offers: {student: [notebook], teacher: [notebook]}
courses:
  ml-h26:
    title: Machine Learning
    term: h26
    codes: [INF4490]
    people: {assistant: ["ad:old"]}
    offers: {student: [notebook, gpu]}
    caps: {student: {servers: 1}}
    quota: {t4: 3}
    allowance: {person: 10h per week}
    windows:
      - {days: [Mon], from: "10:00", until: "12:00", only: [gpu]}
      - {dates: [2026-11-20], from: "10:00", until: "12:00", reserve: {t4: 1}}
  db:
    title: Databases
"""


class World:
    """A teacher of both courses, one of db, an assistant and a student of ml, and an administrator."""

    def __init__(self, folder: Path, text: str = FILE, store: MemoryStore | None = None) -> None:
        self.folder, self.store = folder, store or MemoryStore()
        (folder / "people.csv").write_text("person,name,course,course_role\n", encoding="utf-8")
        (folder / "passwords.txt").write_text("", encoding="utf-8")
        loaded = self.read(text)
        clock = AClock(NOW)
        self.core: Core = a_core(
            loaded.campus, store=self.store, clock=clock, arrange=campus.arranger(loaded)
        )

    def read(self, text: str) -> campus.Loaded:
        file = self.folder / "campus.yaml"
        file.write_text(text, encoding="utf-8")
        return campus.load(file, SOURCE_TYPES, now=NOW)

    async def open(self) -> World:
        await self.core.ready()
        await enrol(self.core, "root")
        for login, role in (("tea", TEACHER), ("two", TEACHER), ("asa", ASSISTANT)):
            person = await enrol(self.core, login)
            await put_by_hand(self.core.roll, an_enrolment(person.key, "ml-h26", role=role))
        ada = await enrol(self.core, "ada")
        await put_by_hand(self.core.roll, an_enrolment(ada.key, "ml-h26", role=STUDENT))
        await enrol(self.core, "dba", db=TEACHER)
        return self

    def as_(self, login: str) -> Founding:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return Founding(self.core, person, "192.0.2.1")

    async def copy(self, login: str = "tea", course: str = "ml-h26", **wish: Any) -> OwnCourse:
        return await self.as_(login).copy(course, CopyWish(**{"term": "v27", **wish}))

    def role(self, login: str, course: str) -> CourseRole | None:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return self.core.roles(person, course)[0]

    async def restarted(self, text: str = FILE) -> World:
        other = World(self.folder, text, self.store)
        await other.core.ready()
        return other


@pytest.fixture
async def world(tmp_path: Path):
    world = await World(tmp_path).open()
    yield world
    await world.core.close()


# -- copies --------------------------------------------------------------------------------------------------------


async def test_a_teachers_copy_is_what_the_course_was_in_the_next_term(world: World):
    made = await world.copy()
    former, course = (world.core.campus.courses[id] for id in ("ml-h26", "ml-v27"))
    assert (made.key, course.title, course.term) == ("ml-v27", "Machine Learning", "v27")
    span = world.core.campus.terms["v27"]
    assert (course.starts, course.ends) == span
    for same in ("offers", "caps", "allowances"):
        assert getattr(course, same) == getattr(former, same)
    assert course.quota == {"t4": Quota(3)}
    assert len(course.windows) == 1
    assert former == world.read(FILE).campus.courses["ml-h26"]


async def test_whoever_copies_teaches_and_nobody_else_comes_along(world: World):
    await world.copy()
    people = ("tea", "two", "asa", "ada", "dba", "root")
    assert [world.role(one, "ml-v27") for one in people] == [TEACHER, *[None] * 5]
    acts = [(entry.act, entry.target) for entry in await audited(world.store, "ml-v27")]
    assert acts == [("enrol", "tea"), ("copy-course", "")]


async def test_a_teacher_takes_assistants_along_and_no_other_teacher(world: World):
    await world.copy(staff=True)
    assert world.role("asa", "ml-v27") is ASSISTANT
    assert world.role("two", "ml-v27") is None


async def test_an_administrator_takes_all_staff_along(world: World):
    lea = Member("id-lea", "lea", "Lea Holm", frozenset({ASSISTANT}))
    await world.core.roll.take_roster("ad", "ml-h26", Roster(CourseRef("ml"), (lea,), NOW))
    await world.copy("root", staff=True, key="ml27", title="ML again")
    people = ("tea", "two", "asa", "ada", "root")
    assert [world.role(one, "ml27") for one in people] == [TEACHER, TEACHER, ASSISTANT, None, None]
    assert world.core.roll.keys_in("ml27") >= {"ad:id-lea"}
    assert world.core.campus.courses["ml27"].title == "ML again"


async def test_staff_of_a_course_that_has_ended_are_still_its_staff(world: World):
    world.core.clock.now = world.core.campus.terms["h26"].ends  # type: ignore[attr-defined]
    await world.copy("root", staff=True)
    assert world.role("two", "ml-v27") is TEACHER


NOT_YOURS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "an assistant": ("asa", "ml-h26", {}),
    "a student": ("ada", "ml-h26", {}),
    "a teacher of another course": ("dba", "ml-h26", {}),
    "anybody a course that does not exist": ("tea", "x", {}),
    "a teacher who names the key": ("tea", "ml-h26", {"key": "db-v27"}),
    "a teacher who names the dates": ("tea", "ml-h26", {"ends": "2037-01-01"}),
}


@pytest.mark.parametrize(("who", "course", "wish"), NOT_YOURS.values(), ids=NOT_YOURS)
async def test_others_copy_nothing(world: World, who: str, course: str, wish: dict[str, Any]):
    with pytest.raises(CopyNotYours):
        await world.copy(who, course, **wish)
    assert world.core.own_courses.all() == []


async def test_teachers_copy_only_where_the_campus_says_so(tmp_path: Path):
    world = await World(tmp_path, FILE.replace("teachers_copy: true\n", "")).open()
    with pytest.raises(CopyNotYours):
        await world.copy()
    assert (await world.copy("root")).key == "ml-v27"
    await world.core.close()


CANNOT = {
    "no term": ("ml-h26", None, "Say into which term."),
    "a term that does not exist": ("ml-h26", "x", "Say into which term."),
    "its own term": ("ml-h26", "h26", "It is in this term already, as 'ml-h26'."),
    "a term that is over": ("ml-h26", "v26", "This term is over."),
}


@pytest.mark.parametrize(("course", "term", "words"), CANNOT.values(), ids=CANNOT)
async def test_a_teacher_copies_into_a_term_to_come(
    world: World, course: str, term: str | None, words: str
):
    with pytest.raises(CannotFound) as refused:
        await world.copy(course=course, term=term)
    assert str(refused.value) == words


async def test_a_teacher_copies_once_into_each_term_over_copies_of_copies_too(world: World):
    await world.copy()
    for course, term in (("ml-h26", "v27"), ("ml-v27", "v27"), ("ml-v27", "h26")):
        with pytest.raises(CannotFound, match="already"):
            await world.copy(course=course, term=term)


async def test_codes_come_along_where_sources_name_the_term_with_them(tmp_path: Path):
    rule = "rules: [{source: ad, group: '%s', course_role: student}]\nterms:"
    for pattern, codes in (("<course>-<term>", ("INF4490",)), ("<course>", ())):
        text = FILE.replace("terms:", rule % pattern, 1).replace(
            "ad: {type: roster,", "ad: {type: roster, courses: [{id: <course>-<term>}],"
        )
        world = await World(tmp_path, text).open()
        await world.copy()
        assert world.core.campus.courses["ml-v27"].codes == codes
        await world.core.close()


async def test_what_does_not_fit_is_refused_and_a_teacher_learns_of_no_other_course(world: World):
    root = world.as_("root")
    await root.create("secret", {"term": "v27", "quota": {"t4": 3}})
    with pytest.raises(CannotFound) as refused:
        await world.copy()
    assert "secret" not in str(refused.value)
    with pytest.raises(CannotFound, match="secret"):
        await world.copy("root")
    assert [one.key for one in world.core.own_courses.all()] == ["secret"]
    assert "ml-v27" not in world.core.campus.courses
    assert world.role("tea", "ml-v27") is None


# -- made and archived ---------------------------------------------------------------------------------------------


async def test_an_administrator_makes_a_course(world: World):
    made = await world.as_("root").create("new", {"title": "New", "term": "v27"})
    assert world.core.campus.courses[made.id].title == "New"
    entry = (await audited(world.store, "new"))[0]
    assert (entry.actor, entry.act, entry.details["key"]) == ("root", "create-course", "new")


@pytest.mark.parametrize(
    ("key", "written", "words"),
    [
        ("db", {}, "already"),
        ("site", {}, "site"),
        ("DB", {}, "db"),
        ("new", {"offers": {"student": ["gpuu"]}}, "gpuu"),
        ("new", {"colour": "red"}, "colour"),
        ("new", {"term": "h30"}, "h30"),
        ("new", {"title": "x" * 70_000}, "more than"),
        ("", {}, ""),
    ],
)
async def test_what_the_file_could_not_hold_is_no_course(
    world: World, key: str, written: dict[str, Any], words: str
):
    with pytest.raises(CannotFound) as refused:
        await world.as_("root").create(key, written)
    assert words in str(refused.value)
    assert world.core.own_courses.all() == []
    assert set(world.core.campus.courses) == {"ml-h26", "db"}


async def test_only_administrators_make_and_archive(world: World):
    await world.copy()
    for login in ("tea", "ada"):
        with pytest.raises(FoundingNotYours):
            await world.as_(login).create("new", {})
        with pytest.raises(FoundingNotYours):
            await world.as_(login).set_state("ml-v27", "archived")


async def test_a_course_is_archived_and_opened_again(world: World):
    await world.copy()
    root = world.as_("root")
    await root.set_state("ml-v27", "archived")
    assert not world.core.campus.courses["ml-v27"].is_open(NOW)
    assert str(world.core.campus.courses["ml-v27"].state) == "archived"
    entry = (await audited(world.store, "ml-v27"))[0]
    assert (entry.details["before"], entry.details["after"]) == ("open", "archived")
    await root.set_state("ml-v27", "open")
    assert world.core.campus.courses["ml-v27"].state is CourseState.OPEN
    with pytest.raises(NotOurs):
        await root.set_state("db", "archived")


# -- kept ----------------------------------------------------------------------------------------------------------


async def test_courses_survive_a_restart_with_their_people(world: World):
    await world.copy(staff=True)
    await world.as_("root").set_state("ml-v27", "suspended")
    other = await world.restarted()
    assert other.core.campus.courses["ml-v27"] == world.core.campus.courses["ml-v27"]
    assert other.core.own_courses.all() == world.core.own_courses.all()
    assert other.role("tea", "ml-v27") is TEACHER
    await other.core.close()


async def test_a_course_of_the_file_wins_over_one_of_the_same_key(world: World):
    await world.copy()
    taken = FILE + "  ml-v27: {title: From the file}\n"
    other = await world.restarted(taken)
    assert other.core.campus.courses["ml-v27"].title == "From the file"
    assert "ml-v27" in other.core.adjustments.out_courses
    await other.core.close()


async def test_what_cannot_be_kept_has_not_happened(world: World, monkeypatch):
    async def fail(changes: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.store, "save_by_hand", fail)
    with pytest.raises(StoreError):
        await world.copy()
    assert "ml-v27" not in world.core.campus.courses
    assert world.role("tea", "ml-v27") is None


async def test_whoever_made_a_course_is_erased_by_name(world: World):
    await world.copy()
    core = world.core
    found = await find_dossier(core.roll, world.store, "tea")
    assert found is not None
    stand_in = await erase(core.roll, world.store, found, core.clock)
    core.own_courses.forget(found.hub_name, stand_in)
    assert [one.by for one in core.own_courses.all()] == [stand_in]
    other = await world.restarted()
    assert other.core.own_courses.all() == core.own_courses.all()
    await other.core.close()


async def test_a_record_that_cannot_be_read_stops_the_hub(world: World):
    await world.store.save_records([Record("course", "x", {"key": "y"})])
    with pytest.raises(StoreError, match="course"):
        await world.restarted()
