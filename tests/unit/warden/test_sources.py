"""Who is read again in the background, and what a source that does not answer costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Person, Roster
from jupyterhub_edu.ports import Gone, Unavailable
from jupyterhub_edu.warden.sources import SourceReader
from tests.fakes.campus import NOW, a_campus, a_core, an_identity, enrol
from tests.fakes.world import AClock, FakeSource

STUDENT = CourseRole.STUDENT


class World:
    """A core with two sources, a reader, and a clock."""

    def __init__(self) -> None:
        self.clock = AClock(NOW)
        self.ad, self.guests = FakeSource("ad", self.clock), FakeSource("guests", self.clock)
        self.core: Core = a_core(
            a_campus(
                sources=[
                    SourceInfo("ad", "fake", "Directory", refresh=timedelta(minutes=5)),
                    SourceInfo("guests", "fake", "Guests", refresh=timedelta(minutes=30)),
                ]
            ),
            clock=self.clock,
            sources={"ad": self.ad, "guests": self.guests},
        )
        self.reader = SourceReader(self.core)

    async def with_a_server(self, login: str) -> Person:
        person = await enrol(self.core, login, ml=STUDENT)
        await self.core.book.admit(StartRequest(person.key, "ml", "notebook"), person, "")
        return person


@pytest.fixture
def world() -> World:
    return World()


async def test_somebody_with_a_session_is_read_once_per_refresh_however_long_it_lasts(world):
    await world.with_a_server("ada")
    for _ in range(24):
        world.clock.pass_(minutes=4)
        await world.reader()
    assert world.ad.asked == ["ada"] * 12


async def test_somebody_who_stands_in_line_is_read_however_long_they_wait(world):
    for login in ("kim", "lee"):
        person = await enrol(world.core, login, ml=STUDENT)
        await world.core.book.admit(StartRequest(person.key, "ml", "gpu"), person, "")
    ada = await enrol(world.core, "ada", ml=STUDENT)
    await world.core.line.join(StartRequest(ada.key, "ml", "gpu"), ada)
    for _ in range(20):
        world.clock.pass_(minutes=6)
        await world.reader()
    assert world.ad.asked.count("ada") == 20
    await world.core.line.leave("ada")
    world.clock.pass_(minutes=90)
    await world.reader()
    assert world.ad.asked.count("ada") == 20
    await world.core.close()


async def test_nobody_is_read_before_the_last_answer_is_old_enough(world):
    await world.with_a_server("ada")
    world.clock.pass_(minutes=4, seconds=59)
    await world.reader()
    assert world.ad.asked == []


async def test_each_source_has_its_own_pace(world):
    await world.with_a_server("ada")
    guest = an_identity("gus", source="guests", at=NOW)
    await world.core.sign_in(guest, "gus")
    world.clock.pass_(minutes=6)
    await world.reader()
    assert (world.ad.asked, world.guests.asked) == (["ada"], [])
    world.clock.pass_(minutes=25)
    await world.reader()
    assert world.guests.asked == ["gus"]


async def test_somebody_without_a_session_is_read_for_an_hour_after_being_here(world):
    await enrol(world.core, "ada")
    for _ in range(30):
        world.clock.pass_(minutes=6)
        await world.reader()
    assert len(world.ad.asked) == 9  # at 6, 12 ... 54 minutes: our own reads are no visits


async def test_a_negative_answer_binds_though_nobody_clicks(world):
    ada = await world.with_a_server("ada")
    world.ad.answers[ada.subject] = Gone(NOW, "disabled")
    world.clock.pass_(minutes=6)
    await world.reader()
    ada = world.core.roll.person(ada.key)
    assert world.core.roll.course_role(ada, "ml", world.clock()) is None
    assert len(world.core.book.admissions()) == 1  # the session goes on until its end


async def test_a_dead_source_costs_a_few_reads_and_holds_up_no_other(world):
    for number in range(100):
        await enrol(world.core, f"student{number}")
    guest = await world.core.sign_in(an_identity("gus", source="guests", at=NOW), "gus")
    world.ad.down = True
    world.clock.pass_(minutes=31)
    await world.reader()
    assert 3 <= len(world.ad.asked) <= 10
    assert world.guests.asked == ["gus"]
    assert world.core.roll.person(guest.key).answered_at == world.clock()


async def test_no_answer_changes_nothing(world):
    ada = await world.with_a_server("ada")
    world.ad.down = True
    world.clock.pass_(minutes=6)
    await world.reader()
    assert world.core.roll.course_role(ada, "ml", world.clock()) is STUDENT
    assert world.core.roll.person(ada.key).answered_at == NOW


async def test_people_whose_entries_cannot_be_read_keep_nobody_else_waiting_for_long(world):
    for number in range(60):
        person = await enrol(world.core, f"p{number:02}")
        if number < 30:
            world.ad.answers[person.subject] = Unavailable("garbled")
    world.clock.pass_(minutes=6)
    for _ in range(30):
        await world.reader()
    assert {f"p{number:02}" for number in range(30, 60)} <= set(world.ad.asked)


@pytest.mark.parametrize("about", ["session", "person"])
async def test_many_of_whom_nothing_can_be_told_until_they_log_in_keep_nobody_waiting(
    world, about
):
    for number in range(30):
        person = await world.with_a_server(f"a{number}")
        world.ad.answers[person.subject] = Unavailable("the session has ended", about)
    gone = await world.with_a_server("zoe")
    world.ad.answers[gone.subject] = Gone(NOW + timedelta(minutes=5), "deleted")
    world.clock.pass_(minutes=5)
    await world.reader()
    assert len(world.ad.asked) == 31
    assert not world.core.roll.person(gone.key).active

    world.clock.pass_(minutes=4)
    await world.reader()
    assert len(world.ad.asked) == 31
    world.clock.pass_(minutes=1)
    await world.reader()
    assert len(world.ad.asked) == 31 * 2


async def test_a_failure_with_one_person_is_told_after_the_others_were_read(world, monkeypatch):
    people = [await enrol(world.core, login) for login in ("ada", "ben", "cem")]
    reread = world.core.refresher.reread

    async def fail_for_ada(person: Person):
        if person.login == "ada":
            raise ZeroDivisionError
        return await reread(person)

    monkeypatch.setattr(world.core.refresher, "reread", fail_for_ada)
    world.clock.pass_(minutes=6)
    with pytest.raises(ExceptionGroup) as caught:
        await world.reader()
    assert caught.group_contains(ZeroDivisionError)
    assert sorted(world.ad.asked) == [person.login for person in people[1:]]


async def test_who_came_from_a_source_that_is_no_longer_in_the_file_is_left_alone(world):
    await world.with_a_server("ada")
    world.core.replace_campus(a_campus(sources=[SourceInfo("guests", "fake", "Guests")]), {})
    world.clock.pass_(minutes=6)
    await world.reader()
    assert world.ad.asked == []


async def test_whom_a_roster_changes_while_they_are_far_away_is_not_read_for_that(world):
    await world.core.sign_in(an_identity("ada", at=world.clock()), "ada")
    world.clock.pass_(hours=2)
    await world.reader()
    roster = Roster(
        CourseRef("ml"), (Member("id-ada", "ada", "Ada", frozenset({STUDENT})),), world.clock()
    )
    await world.core.roll.take_roster("ad", "ml", roster)
    await world.reader()
    assert world.ad.asked == []
