"""Reading people again: what each answer does, who shares a read, and how long anybody waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole, Person
from jupyterhub_edu.ports import Gone, Login, StoreError, Unavailable
from jupyterhub_edu.store.memory import MemoryStore
from tests.by_hand import put_by_hand
from tests.eventually import eventually
from tests.fakes.campus import NOW, a_campus, a_core, a_person, an_enrolment, an_identity, enrol
from tests.fakes.world import AClock, FakeSource

STUDENT = CourseRole.STUDENT
CLAIM = frozenset({CourseClaim(CourseRef("ml"), STUDENT)})
LATER = NOW + timedelta(hours=1)


class Source(FakeSource):
    """Answers when it is let, and raises what it is told to."""

    def __init__(self, clock: AClock) -> None:
        super().__init__("ad", clock)
        self.raises: BaseException | None = None
        self.let, self.closed = asyncio.Event(), False
        self.let.set()

    async def reread(self, person: Person) -> Any:
        self.asked.append(person.login)
        await self.let.wait()
        if self.raises is not None:
            raise self.raises
        self.asked.pop()
        return await super().reread(person)

    async def close(self) -> None:
        self.closed = True


class World:
    def __init__(self) -> None:
        self.clock = AClock(NOW)
        self.source = Source(self.clock)
        self.store = MemoryStore()
        self.core: Core = a_core(sources={"ad": self.source}, clock=self.clock, store=self.store)
        self.refresher = self.core.refresher

    async def ready(self) -> World:
        """Ada is a student of ``ml`` by the directory, as of an hour ago."""
        await self.core.ready()
        self.ada = await self.core.sign_in(an_identity(claims=CLAIM), "ada")
        self.clock.now = LATER
        return self

    @property
    def now(self) -> Person:
        person = self.core.roll.person(self.ada.key)
        assert person is not None
        return person

    @property
    def role(self) -> CourseRole | None:
        return self.core.roll.course_role(self.now, "ml", self.clock.now)


@pytest.fixture
async def world() -> World:
    return await World().ready()


# answer or exception, role after it, active after it, as of, whether the source counts as silent
STILL = (STUDENT, True, NOW)
ANSWERS: dict[str, tuple[Any, tuple[CourseRole | None, bool, Any], bool]] = {
    "yes, and still a student": (
        an_identity(claims=CLAIM, at=LATER),
        (STUDENT, True, LATER),
        False,
    ),
    "yes, and in no course any more": (an_identity(at=LATER), (None, True, LATER), False),
    "no": (Gone(LATER, "disabled"), (None, False, LATER), False),
    "not known": (Unavailable("it is down"), STILL, True),
    "an exception": (RuntimeError("a bug"), STILL, True),
    "a time-out of its own": (TimeoutError(), STILL, True),
    "somebody else": (an_identity("eve", claims=CLAIM, at=LATER), STILL, False),
    "the same subject of another source": (an_identity(source="lms", at=LATER), STILL, False),
}


@pytest.mark.parametrize(("answer", "after", "silent"), ANSWERS.values(), ids=ANSWERS)
async def test_answer(world, answer, after, silent):
    if isinstance(answer, BaseException):
        world.source.raises = answer
    else:
        world.source.answers["id-ada"] = answer
    await world.refresher.freshen(world.ada)
    assert (world.role, world.now.active, world.now.answered_at) == after
    assert (world.refresher.health("ad").failing_since is not None) == silent
    assert world.core.roll.person("ad:id-eve") is None


@pytest.mark.parametrize("answer", ["not known", "an exception", "somebody else"])
async def test_what_is_not_an_answer_is_told_as_unavailable(world, answer):
    given = ANSWERS[answer][0]
    if isinstance(given, BaseException):
        world.source.raises = given
    else:
        world.source.answers["id-ada"] = given
    assert isinstance(await world.refresher.reread(world.ada), Unavailable)


async def test_a_source_that_the_file_no_longer_has_says_nothing(world):
    world.core.replace_campus(world.core.campus, {})
    answer = await world.refresher.reread(world.ada)
    assert answer == Unavailable("the campus file has no source ad")
    assert world.role is STUDENT


async def test_a_source_that_never_answers_holds_nobody_up(world):
    world.source.let.clear()
    known = await world.refresher.freshen(world.ada, within=0.01)
    assert known == world.ada
    assert world.source.asked == ["ada"]
    world.source.answers["id-ada"] = Gone(LATER, "disabled")
    world.source.let.set()  # the read went on by itself
    await world.refresher.reread(world.ada)
    assert world.source.asked == ["ada"]
    assert not world.now.active


async def test_reads_of_one_person_at_a_time_are_one(world):
    world.source.let.clear()
    reads = [asyncio.create_task(world.refresher.reread(world.ada)) for _ in range(3)]
    await eventually(lambda: world.source.asked)
    reads[0].cancel()
    world.source.let.set()
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1] == answers[2]
    assert world.source.asked == ["ada"]
    await world.refresher.reread(world.ada)
    assert world.source.asked == ["ada", "ada"]


async def test_who_was_read_just_now_is_not_read_again(world):
    await world.refresher.freshen(world.ada)
    world.clock.pass_(seconds=4)
    await world.refresher.freshen(world.ada)
    assert len(world.source.asked) == 1
    world.clock.pass_(seconds=1)
    await world.refresher.freshen(world.ada)
    assert len(world.source.asked) == 2


async def test_somebody_who_is_not_known_is_asked_about_and_not_linked(world):
    nobody = a_person("bob")
    world.source.answers["id-bob"] = Unavailable("?")
    assert await world.refresher.freshen(nobody) == nobody
    assert world.core.roll.by_hub_name("bob") is None


# -- after new rules -----------------------------------------------------------------------------------------------


async def test_new_rules_have_everybody_read_again_once(world):
    await world.refresher.freshen(world.ada)
    world.core.replace_campus(world.core.campus, world.refresher.sources)
    await world.refresher.freshen(world.ada)
    await world.refresher.freshen(world.ada)
    assert len(world.source.asked) == 2


async def test_until_an_answer_came(world):
    world.core.replace_campus(world.core.campus, world.refresher.sources)
    world.source.down = True
    await world.refresher.freshen(world.ada)
    world.source.down = False
    world.clock.pass_(seconds=1)
    await world.refresher.freshen(world.ada)
    await world.refresher.freshen(world.ada)
    assert len(world.source.asked) == 2


async def test_a_page_with_many_requests_asks_a_source_that_fails_once_a_second(world):
    world.source.down = True
    for _ in range(20):
        await world.refresher.freshen(world.ada)
    assert len(world.source.asked) == 1
    await world.refresher.reread(world.ada)  # who means it is not kept from asking
    assert len(world.source.asked) == 2
    world.source.down = False
    world.clock.pass_(
        seconds=-3600
    )  # a clock that is set back does not keep anybody from being read
    await world.refresher.freshen(world.ada, younger_than=timedelta(-1))
    assert len(world.source.asked) == 3


async def test_silence_about_one_person_keeps_nobody_else_from_being_read(world):
    world.source.down = True
    await world.refresher.freshen(world.ada)
    world.source.down = False
    bob = a_person("bob")
    world.source.answers["id-bob"] = an_identity("bob", at=LATER)
    await world.refresher.freshen(bob)
    assert world.source.asked == ["ada", "bob"]


async def test_what_a_former_source_still_answers_is_not_what_the_new_one_says(world):
    """A read that began before the campus file changed may be of another folder of the directory."""
    world.source.let.clear()
    former = asyncio.create_task(world.refresher.reread(world.ada))
    await eventually(lambda: world.source.asked)
    new = Source(world.clock)
    new.answers["id-ada"] = an_identity(at=LATER)
    world.core.replace_campus(world.core.campus, {"ad": new})
    world.source.answers["id-ada"] = an_identity(claims=CLAIM, at=LATER)
    world.source.let.set()
    await former
    await world.refresher.freshen(world.ada)
    assert new.asked == ["ada"]
    assert world.role is None


async def test_the_sources_that_are_no_longer_used_are_given_back(world):
    new = Source(world.clock)
    assert world.core.replace_campus(world.core.campus, {"ad": new}) == [world.source]
    assert world.core.replace_campus(world.core.campus, {"ad": new}) == []


# -- health and words ----------------------------------------------------------------------------------------------


async def test_silence_is_counted_from_its_beginning_to_the_next_answer(world):
    assert world.refresher.notice(world.now) == ""
    world.source.down = True
    await world.refresher.freshen(world.ada)
    world.clock.pass_(minutes=90)
    await world.refresher.freshen(world.ada)
    health = world.refresher.health("ad")
    assert (health.failing_since, health.why) == (LATER, "it is down")
    assert world.refresher.notice(world.now) == (
        "Directory has not answered since 12:00; your courses are as of 2026-11-03 11:00."
    )
    world.source.down = False
    world.clock.pass_(seconds=1)
    await world.refresher.freshen(world.ada)
    assert (health.failing_since, health.answered_at) == (None, world.clock.now)
    assert world.refresher.notice(world.now) == ""


async def test_a_source_without_a_title_is_told_by_its_id(world):
    world.source.down = True
    await world.refresher.freshen(world.ada)
    world.core.replace_campus(a_campus(sources=[SourceInfo("lms", "fake", "Moodle")]), {})
    assert world.refresher.notice(world.now).startswith("ad has not answered")


async def test_a_login_is_an_answer_too(world):
    world.source.down = True
    await world.refresher.freshen(world.ada)
    await enrol(world.core, "bob")
    assert world.refresher.health("ad").failing_since is None


# -- failures of others --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["yes, and in no course any more", "no"])
async def test_an_answer_that_cannot_be_kept_holds(world, monkeypatch, caplog, answer):
    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.store, "save_answer", full)
    world.source.answers["id-ada"] = ANSWERS[answer][0]
    await world.refresher.freshen(world.ada)
    assert world.role is None
    assert "could not be kept" in caplog.text


async def test_after_closing_no_read_goes_on(world):
    await put_by_hand(world.core.roll, an_enrolment(world.ada.key))
    world.source.let.clear()
    read = asyncio.create_task(world.refresher.reread(world.ada))
    await eventually(lambda: world.source.asked)
    await world.refresher.close()
    assert isinstance((await asyncio.gather(read, return_exceptions=True))[0], BaseException)
    assert world.source.closed
    assert world.now == world.ada


async def test_an_error_that_counts_as_gone_would_be_caught(world, monkeypatch):
    async def lenient(person: Person) -> Any:
        return Gone(LATER, "no answer")

    monkeypatch.setattr(world.source, "reread", lenient)
    with pytest.raises(AssertionError):
        await test_answer(world, *ANSWERS["not known"])


async def test_a_session_that_has_ended_changes_nothing_but_asks_for_a_login(world):
    world.source.answers[world.ada.subject] = Unavailable("it has ended", "session")
    await world.refresher.reread(world.ada)

    assert world.refresher.must_log_in(world.ada)
    assert world.role is STUDENT
    assert world.refresher.notice(world.ada) == ""
    assert stale_after(world) == timedelta(0)  # nothing new on a device, not even by a token

    identity = an_identity(claims=CLAIM)
    world.refresher.heard("ad", Login(identity))
    assert not world.refresher.must_log_in(world.ada)
    assert stale_after(world) == timedelta(hours=12)


def stale_after(world: World) -> timedelta:
    return world.core.book.glance(world.ada.key, "ml").facts(None).stale_after


async def test_a_person_who_cannot_be_asked_about_is_no_silence_of_the_source(world):
    world.source.answers[world.ada.subject] = Unavailable("nothing to ask with", "person")
    await world.refresher.reread(world.ada)

    assert world.refresher.health("ad").failing_since is None
    assert not world.refresher.must_log_in(world.ada)


@pytest.mark.parametrize(
    "said", [{"groups": None}, {"covers": frozenset()}], ids=["groups open", "courses open"]
)
async def test_what_a_login_left_open_is_asked_for_and_the_next_page_waits_for_it(world, said):
    world.source.let.clear()
    world.source.answers[world.ada.subject] = an_identity(claims=CLAIM, at=LATER)
    await world.core.sign_in(an_identity("ada", at=LATER, **said), "ada")
    page = asyncio.create_task(world.refresher.freshen(world.now, within=30))
    await asyncio.sleep(0)
    assert not page.done()
    world.source.let.set()
    assert (await page).answered_at == LATER
    assert world.role is CourseRole.STUDENT


async def test_a_login_that_said_everything_asks_for_nothing_more(world):
    await world.core.sign_in(an_identity(claims=CLAIM, at=LATER), "ada")
    await asyncio.sleep(0)
    assert world.source.asked == []
