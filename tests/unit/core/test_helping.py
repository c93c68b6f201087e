"""Helping somebody in their own server: who may, when, and that nobody is let in a moment longer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.exam_wishes import ExamWish
from jupyterhub_edu.core.examining import Examining
from jupyterhub_edu.core.help_records import KEPT
from jupyterhub_edu.core.helping import LASTS, CannotHelp, HelpNotYours
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.by_hand import drop_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, enrol
from tests.fakes.world import AClock, FakeVisits

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT
MINUTE = timedelta(minutes=1)


class World:
    """ml with a teacher, an assistant and the student ada, who is on; db with its own."""

    async def fill(self) -> World:
        self.clock, self.store, self.visits = AClock(NOW), MemoryStore(), FakeVisits()
        self.campus = a_campus(courses=[a_course("ml"), a_course("db", assistants_help=True)])
        self.core = self.a_hub()
        for login, courses in {
            "tea": {"ml": TEACHER},
            "ann": {"ml": ASSISTANT},
            "ada": {"ml": STUDENT, "db": STUDENT},
            "tom": {"db": TEACHER},
            "tim": {"db": ASSISTANT},
        }.items():
            await enrol(self.core, login, **courses)
        self.session = await self.start("ml")
        return self

    def a_hub(self) -> Core:
        return a_core(self.campus, clock=self.clock, store=self.store, visits=self.visits)

    async def start(self, course: str) -> str:
        ada = self.who("ada")
        id = (await self.core.book.admit(StartRequest(ada.key, course, "notebook"), ada, "")).id
        await self.core.book.run(id)
        return id

    def who(self, login):
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return person

    async def help(self, login: str = "tea"):
        admission = self.core.book.admission(self.session)
        assert admission is not None
        return await self.core.helps.open(self.who(login), admission, "192.0.2.7")

    @property
    def is_in(self) -> bool:
        return ("tea", "ada", "") in self.visits.let

    async def acts(self) -> list[tuple[str, str, str]]:
        found = await audited(self.store, "ml")
        return [(e.actor, e.act, e.target) for e in reversed(found)]


@pytest.fixture
async def world() -> World:
    return await World().fill()


@pytest.mark.parametrize(
    ("who", "course", "may"),
    [
        pytest.param("tea", "ml", True, id="its teacher"),
        pytest.param("ann", "ml", False, id="its assistant, whom the course does not let"),
        pytest.param("tim", "db", True, id="an assistant, whom the course lets"),
        pytest.param("tom", "ml", False, id="another course's teacher"),
        pytest.param("ada", "ml", False, id="a student"),
    ],
)
async def test_who_helps(world, who, course, may):
    if course != "ml":
        await world.core.book.end(world.session)
        world.session = await world.start(course)
    if may:
        await world.help(who)
        assert world.visits.let == {(who, "ada", "")}
    else:
        with pytest.raises(HelpNotYours):
            await world.help(who)
        assert world.visits.let == set()


async def test_both_may_end_it_and_nobody_else(world):
    help = await world.help()
    assert world.is_in
    assert [one.helper for one in world.core.helps.of_owner("ada")] == ["tea"]
    for stranger in ("ann", "tom"):
        with pytest.raises(HelpNotYours):
            await world.core.helps.end(world.who(stranger), help)
    await world.core.helps.end(world.who("ada"), help)
    assert not world.is_in
    assert world.core.helps.find(help.id) is None
    again = await world.help()
    await world.core.helps.end(world.who("tea"), again)
    assert not world.is_in
    acts = [("tea", "help", "ada"), ("ada", "end-help", "ada")]
    assert await world.acts() == [*acts, ("tea", "help", "ada"), ("tea", "end-help", "ada")]


async def test_asking_again_makes_it_no_longer(world):
    first = await world.help()
    world.clock.pass_(minutes=29)
    assert await world.help() == first
    world.clock.pass_(minutes=1)
    assert world.core.helps.find(first.id) is None


async def it_is_late(world: World) -> None:
    world.clock.now += LASTS


async def the_session_ends(world: World) -> None:
    await world.core.book.end(world.session)


async def the_helper_leaves(world: World) -> None:
    tea = world.who("tea")
    await drop_by_hand(world.core.roll, an_enrolment(tea.key, "ml", role=TEACHER))


async def an_exam_begins(world: World) -> None:
    examining = Examining(world.core, world.who("tom"), "db")
    now = world.clock()
    wish = ExamWish(
        title="Midterm",
        profile="notebook",
        starts=now + 10 * MINUTE,
        ends=now + 60 * MINUTE,
    )
    await examining.prepare(wish)
    world.clock.pass_(minutes=10)


async def domains_are_taken_away(world: World) -> None:
    world.visits.safe = False


ENDS = {
    "its time is over": (it_is_late, False, "time"),
    "the session ends": (the_session_ends, True, "stopped"),
    "who helps leaves the course": (the_helper_leaves, False, "left"),
    "an exam begins, of another course": (an_exam_begins, False, "exam"),
    "servers have no domains any more": (domains_are_taken_away, False, "domains"),
}


@pytest.mark.parametrize(("happen", "at_once", "over"), ENDS.values(), ids=ENDS)
async def test_what_ends_it(world, happen, at_once, over):
    help = await world.help()
    await happen(world)
    assert world.is_in is not at_once
    assert world.core.helps.find(help.id) is None  # nobody is shown a way in from here on
    await world.core.helps.tend()
    assert not world.is_in
    assert await world.store.load_records("help") == []
    assert (await world.acts())[-1] == ("", "end-help", "ada")
    (past,) = world.core.helps.past_of("ada")
    assert (past.helper, past.over, past.ended) == ("tea", over, world.clock())


@pytest.mark.parametrize(
    "happen",
    [the_helper_leaves, an_exam_begins, domains_are_taken_away],
    ids=lambda one: one.__name__.replace("_", " "),
)
async def test_nobody_is_let_in_where_it_would_end(world, happen):
    await happen(world)
    with pytest.raises((CannotHelp, HelpNotYours)):
        await world.help()
    assert not world.is_in


async def test_what_ends_while_the_hub_is_down_is_shut_as_it_comes_back(world):
    await world.help()
    await world.core.close()
    world.clock.now += LASTS
    world.core = world.a_hub()
    await world.core.ready()
    assert not world.is_in
    await world.core.helps.tend()
    assert await world.store.load_records("help") == []
    await world.core.close()


async def test_one_whose_session_goes_on_survives_a_restart(world):
    help = await world.help()
    await world.core.close()
    world.core = world.a_hub()
    await world.core.ready()
    assert world.core.book.admission(world.session) is not None
    assert world.is_in
    assert [one.id for one in world.core.helps.of_owner("ada")] == [help.id]
    await world.core.close()


async def test_what_the_owner_shares_by_themselves_is_left_alone(world):
    world.visits.let_in("tea", "ada", "")
    help = await world.help()
    assert not help.ours
    await world.core.helps.end(world.who("tea"), help)
    assert world.is_in


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "after a restart"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_share_of_the_owner_with_who_helps_outlasts_the_help(world, when, restarts):
    if when == "before":
        world.visits.let_in("tea", "ada", "")
    help = await world.help()
    if when == "meanwhile":
        await world.core.helps.leave("tea", "ada", "")
    if restarts:
        await world.core.close()
        world.core = world.a_hub()
        await world.core.ready()
    await world.core.helps.end(world.who("ada"), help)
    assert world.is_in
    await world.core.close()


async def test_a_share_with_somebody_else_lets_nobody_stay_who_helped(world):
    help = await world.help()
    for door in (("tom", "ada", ""), ("tea", "ann", ""), ("tea", "ada", "second")):
        await world.core.helps.leave(*door)
    await world.core.helps.end(world.who("ada"), help)
    assert not world.is_in


async def test_a_share_made_while_a_help_begins_or_ends_outlasts_it(world):
    async def share() -> None:
        world.visits.let_in("tea", "ada", "")
        await world.core.helps.leave("tea", "ada", "")

    help, _ = await asyncio.gather(world.help(), share())
    assert world.is_in
    await asyncio.gather(world.core.helps.end(world.who("ada"), help), share())
    assert world.is_in
    assert await world.store.load_records("help") == []


async def test_who_helps_again_before_the_last_time_was_tidied_away_stays_in(world):
    former = await world.help()
    world.clock.now += LASTS
    again = await world.help()
    await world.core.helps.tend()
    assert world.is_in
    await world.core.helps.end(world.who("tea"), former)
    assert world.is_in
    await world.core.helps.end(world.who("ada"), again)
    assert not world.is_in


async def test_who_helps_in_the_next_session_is_not_turned_out_with_the_last(world):
    await world.help()
    await world.core.book.end(world.session)
    assert not world.is_in
    world.clock.pass_(minutes=1)
    world.session = await world.start("ml")
    again = await world.help()
    await world.core.helps.tend()
    assert [one.id for one in world.core.helps.of_owner("ada")] == [again.id]
    assert world.is_in
    await world.core.book.end(world.session)
    assert not world.is_in


@pytest.mark.parametrize("ends_first", ["the former session", "the later help"])
async def test_who_helps_while_the_former_session_still_ends(world, ends_first):
    await world.help()
    former, world.session = world.session, await world.start("ml")
    world.clock.pass_(minutes=1)
    later = await world.help()
    if ends_first == "the former session":
        await world.core.book.end(former)
        assert world.is_in
        await world.core.book.end(world.session)
    else:
        await world.core.helps.end(world.who("ada"), later)
    assert not world.is_in


async def test_a_hub_that_cannot_let_in_says_so_and_nothing_stays(world):
    world.visits.broken = "the hub has no such account or server"
    with pytest.raises(CannotHelp, match="no such account"):
        await world.help()
    assert await world.store.load_records("help") == []
    assert world.core.helps.past_of("ada") == []  # nobody was
    assert [act for _, act, _ in await world.acts()] == ["help", "end-help"]


async def test_what_cannot_be_written_down_lets_nobody_in(world, monkeypatch):
    async def broken(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.store, "save_records", broken)
    with pytest.raises(StoreError):
        await world.help()
    assert not world.is_in


async def test_a_door_is_shut_though_that_cannot_be_written_down(world, monkeypatch):
    help = await world.help()

    async def broken(*_, **__):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "save_records", broken)
        with pytest.raises(StoreError):
            await world.core.helps.end(world.who("ada"), help)
    assert not world.is_in


async def test_those_that_are_over_are_told_for_a_month_across_restarts(world):
    for minute, ender in enumerate(("ada", "tea")):
        help = await world.help()
        world.clock.pass_(minutes=1)
        await world.core.helps.end(world.who(ender), help)
        assert len(world.core.helps.past_of("ada")) == minute + 1
    await world.core.close()
    world.core = world.a_hub()
    await world.core.ready()
    told = [(p.helper, p.over, p.ended - p.at) for p in world.core.helps.past_of("ada")]
    assert told == [("tea", "helper", MINUTE), ("tea", "owner", MINUTE)]
    assert world.core.helps.past_of("tea") == []

    world.clock.now = NOW + MINUTE + KEPT
    await world.core.helps.tend()
    assert [p.over for p in world.core.helps.past_of("ada")] == ["helper"]
    assert len(await world.store.load_records("helped")) == 1
    world.clock.pass_(minutes=1)
    assert world.core.helps.past_of("ada") == []
    await world.core.helps.tend()  # looks once a day
    assert len(await world.store.load_records("helped")) == 1
    world.clock.pass_(days=1)
    await world.core.helps.tend()
    assert await world.store.load_records("helped") == []
    await world.core.close()


async def test_of_who_helped_and_was_erased_a_stand_in_is_told(world):
    await world.core.helps.end(world.who("ada"), await world.help())
    ada, tea = world.who("ada"), world.who("tea")
    (kept,) = await world.store.load_records_of([ada.key])  # so the dossier has it
    assert (kept.kind, kept.by) == ("helped", "tea")
    assert tea.key not in repr(kept)
    world.core.helps.forget([tea.key], "tea", "erased-1")
    assert [past.helper for past in world.core.helps.past_of("ada")] == ["erased-1"]
    world.core.helps.forget([ada.key], "ada", "erased-2")
    assert world.core.helps.past_of("ada") == []


async def test_nobody_helps_where_servers_share_a_domain(world):
    world.visits.safe = False
    with pytest.raises(CannotHelp, match="subdomain_host"):
        await world.help()


async def test_erasing_either_ends_it(world):
    await world.help()
    world.core.helps.forget([world.who("tea").key], "tea", "erased-1")
    assert not world.is_in
    await world.core.helps.tend()
    await world.help()
    world.core.helps.forget([world.who("ada").key], "ada", "erased-2")
    assert not world.is_in
    assert world.core.helps.of_owner("ada") == []


async def test_a_record_that_cannot_be_read_names_itself(world):
    await world.help()
    (record,) = await world.store.load_records("help")
    broken = Record("help", "broken", {**record.body, "ours": 1}, whose=record.whose)
    await world.store.save_records([broken])
    with pytest.raises(StoreError, match="'broken'"):
        await world.core.helps.load()
    await world.store.save_records([Record("helped", "odd", {})], [("help", "broken")])
    with pytest.raises(StoreError, match="'odd'"):
        await world.core.helps.load()
