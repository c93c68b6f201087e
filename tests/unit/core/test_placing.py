"""Sections set by hand: beside those of a source, wherever sections count, and in nobody's way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import ChangedSince, NotYours
from jupyterhub_edu.core.named import member_sections
from jupyterhub_edu.core.placing import NoSection, place, sections_tag
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.fakes.campus import a_campus, a_core, a_course, an_enrolment, enrol

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT
RED = frozenset({"red"})


class World:
    """ml with a teacher and ada, whom a source has in the section red."""

    async def fill(self) -> World:
        self.store = MemoryStore()
        self.core = self.a_hub()
        await self.core.ready()
        await enrol(self.core, "tea", ml=TEACHER)
        await enrol(self.core, "tom", db=TEACHER)
        await enrol(self.core, "ann", ml=ASSISTANT)
        ada = await enrol(self.core, "ada", db=STUDENT)
        self.told = an_enrolment(ada.key, "ml", origin="source:ad", sections=RED)
        self.core.roll._told.add(self.told)
        self.key = ada.key
        return self

    def a_hub(self) -> Core:
        campus = a_campus(courses=[a_course("ml"), a_course("db")])
        return a_core(campus, store=self.store)

    def who(self, login: str):
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return person

    async def place(self, *sections: str, by: str = "tea", **more: str) -> None:
        await place(self.core, self.who(by), "ml", self.key, sections, address="192.0.2.7", **more)

    def sections(self, course: str = "ml") -> set[str]:
        told = self.core.roll.enrolments_in(self.who("ada"), course)
        return set().union(*(one.sections for one in told))


@pytest.fixture
async def world():
    world = await World().fill()
    yield world
    await world.core.close()


async def test_they_stand_beside_those_of_a_source_in_that_course_alone(world):
    await world.place("Lab  2", " green ", "")
    assert world.sections() == {"red", "Lab 2", "green"}
    assert world.sections("db") == set()
    assert (await member_sections(world.core.roll, "ml"))[world.key] == {"red", "Lab 2", "green"}
    assert (
        world.core.roll.told_of([world.key])[-1].sections | RED == RED
    )  # nothing of it is the source's
    await world.place("green")
    assert world.sections() == {"red", "green"}
    await world.place()
    assert world.sections() == {"red"}
    assert await world.store.load_records("sections") == []


async def test_they_survive_a_restart_and_are_in_the_audit(world):
    await world.place("Lab 2")
    await world.place("Lab 3", "Lab 2")
    entries = [one for one in await audited(world.store, "ml") if one.act == "sections"]
    assert [(e.actor, e.target, e.address, dict(e.details)) for e in entries] == [
        ("tea", "ada", "192.0.2.7", {"before": "Lab 2", "after": "Lab 2,Lab 3"}),
        ("tea", "ada", "192.0.2.7", {"before": "", "after": "Lab 2"}),
    ]
    await world.core.close()
    world.core = world.a_hub()
    await world.core.ready()
    assert world.core.roll.placed.of([world.key], "ml") == {"Lab 2", "Lab 3"}
    (kept,) = await world.store.load_records_of([world.key])  # so the dossier has it
    assert (kept.kind, kept.by) == ("sections", "tea")


async def test_nobody_is_in_the_course_by_a_section(world):
    await world.place("Lab 2")
    world.core.roll._told.remove(replace(world.told))
    assert world.core.roll.enrolments_in(world.who("ada"), "ml") == ()
    world.core.roll._told.add(world.told)
    assert world.sections() == {"red", "Lab 2"}


@pytest.mark.parametrize("login", ["ann", "tom", "ada"])
async def test_who_adds_nobody_to_the_course_sets_none(world, login):
    with pytest.raises(NotYours):
        await world.place("Lab 2", by=login)
    assert world.sections() == {"red"}


async def test_who_has_seen_others_is_told(world):
    seen = sections_tag(world.core, "ml", world.key)
    await world.place("Lab 2", seen=seen)
    with pytest.raises(ChangedSince):
        await world.place("Lab 3", seen=seen)
    assert world.sections() == {"red", "Lab 2"}


@pytest.mark.parametrize(
    "sections", [["a,b"], ["x" * 81], ["a\x00b"], [f"s{n}" for n in range(21)]], ids=str
)
async def test_what_is_no_section_is_refused(world, sections):
    with pytest.raises(NoSection):
        await world.place(*sections)
    assert world.sections() == {"red"}


async def test_what_cannot_be_written_down_does_not_hold(world, monkeypatch):
    async def broken(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.store, "save_records", broken)
    with pytest.raises(StoreError):
        await world.place("Lab 2")
    assert world.sections() == {"red"}


async def test_erasing_forgets_them_or_who_set_them(world):
    await world.place("Lab 2")
    roll = world.core.roll
    roll.forget([world.who("tea").key], "tea", "erased-1")
    assert [one.by for one in roll.placed.find([world.key], "ml")] == ["erased-1"]
    roll.forget([world.key], "ada", "erased-2")
    assert roll.placed.of([world.key], "ml") == frozenset()


async def test_a_record_that_cannot_be_read_names_itself(world):
    await world.store.save_records([Record("sections", "odd", {})])
    with pytest.raises(StoreError, match="'odd'"):
        await world.core.roll.placed.load()
