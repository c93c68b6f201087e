"""Requests above a ceiling: who asks and who answers, what is carried out, and that they survive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.along import Along
from jupyterhub_edu.core.giving import CannotGive, Giving, Whom
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.privacy import erase, find_dossier
from jupyterhub_edu.core.requesting import (
    AlreadyAnswered,
    CannotRequest,
    NoSuchRequest,
    Requesting,
    RequestNotYours,
)
from jupyterhub_edu.core.requests import Kind, Request, Requests, State
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.grants import Hours
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import AuditEntry, Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol

END = NOW + timedelta(days=30)
HOURS: Mapping[str, Any] = {"hours": 40, "person": "ada"}


class World:
    """A teacher, an assistant, two students, an administrator, and a teacher of another course."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        admins = frozenset({FilePerson("ad", "root")})
        campus = a_campus(courses=[a_course(), a_course("db")], admins=admins)
        self.core: Core = a_core(campus, store=self.store)
        self.carried: list[Request] = []
        self.against: Exception | None = None

    async def open(self) -> World:
        await self.core.ready()
        await enrol(self.core, "tea", ml=CourseRole.TEACHER)
        await enrol(self.core, "asa", ml=CourseRole.ASSISTANT)
        await enrol(self.core, "ada", ml=CourseRole.STUDENT)
        await enrol(self.core, "bob", ml=CourseRole.STUDENT)
        await enrol(self.core, "dba", db=CourseRole.TEACHER)
        await enrol(self.core, "root")
        return self

    def as_(self, login: str) -> Requesting:
        actor = self.core.roll.by_hub_name(login)
        assert actor is not None
        return Requesting(self.core, actor, "192.0.2.1")

    async def ask(
        self, wish: Mapping[str, Any] = HOURS, by: str = "tea", kind: Kind = Kind.GRANT
    ) -> Request:
        return await self.as_(by).ask("ml", kind, wish, "lab 3")

    async def carry(self, request: Request, along: Along) -> None:
        if self.against is not None:
            raise self.against
        done = AuditEntry(self.core.clock(), "root", "grant", request.course)
        await along.save(self.store, [], [], done)
        self.carried.append(request)

    async def acts(self) -> list[str]:
        """What the audit says, oldest first."""
        return [entry.act for entry in reversed(await audited(self.store, "ml"))]

    async def kept(self) -> Requests:
        """As a hub that starts now reads them."""
        found = Requests(self.store)
        await found.load()
        return found


@pytest.fixture
async def world():
    world = await World().open()
    yield world
    await world.core.close()


async def test_a_request_waits_for_an_administrator_and_is_written_down(world: World):
    request = await world.ask()
    assert world.core.requests.waiting() == [request]
    assert (request.state, request.by, request.why) == (State.OPEN, "tea", "lab 3")
    assert request.wish == {"hours": 40, "person": "ad:id-ada"}
    entry = (await audited(world.store, "ml"))[0]
    assert (entry.actor, entry.act, entry.address) == ("tea", "ask", "192.0.2.1")
    assert entry.details == {"request": request.id, "kind": "grant"}


async def test_whoever_presses_twice_asks_once(world: World):
    first, second = await asyncio.gather(world.ask(), world.ask())
    assert second == first
    assert world.core.requests.waiting() == [first]
    assert await world.acts() == ["ask"]
    other = await world.ask({**HOURS, "hours": 41})
    await world.as_("tea").withdraw(first.id, "ml")
    again = await world.ask()
    assert len({first.id, other.id, again.id}) == 3


@pytest.mark.parametrize("login", ["asa", "ada", "dba"])
async def test_only_who_runs_the_course_asks_or_takes_back(world: World, login: str):
    with pytest.raises(RequestNotYours):
        await world.ask(by=login)
    request = await world.ask()
    with pytest.raises(NoSuchRequest):
        await world.as_("dba").withdraw(request.id, "db")
    with pytest.raises(NoSuchRequest):
        await world.as_(login).withdraw(request.id, "ml")
    assert world.core.requests.waiting() == [request]


@pytest.mark.parametrize("login", ["tea", "asa", "ada", "dba"])
async def test_nobody_answers_who_may_not_do_it_themselves(world: World, login: str):
    request = await world.ask()
    for answering in (
        world.as_(login).approve(request.id, "", world.carry),
        world.as_(login).refuse(request.id, ""),
    ):
        with pytest.raises(NoSuchRequest):
            await answering
    assert (world.carried, world.core.requests.waiting()) == ([], [request])


async def test_what_is_approved_is_carried_out_once(world: World):
    request = await world.ask()
    done = await world.as_("root").approve(request.id, "this time", world.carry)
    assert [one.id for one in world.carried] == [request.id]
    assert done.answer is not None
    assert (done.state, done.answer.by, done.answer.words) == (
        State.APPROVED,
        "root",
        "this time",
    )
    with pytest.raises(AlreadyAnswered):
        await world.as_("root").approve(request.id, "", world.carry)
    with pytest.raises(AlreadyAnswered):
        await world.as_("tea").withdraw(request.id, "ml")
    assert len(world.carried) == 1
    assert await world.acts() == ["ask", "approve-request", "grant"]


async def test_an_act_that_is_refused_leaves_the_request_open(world: World):
    request = await world.ask()
    world.against = CannotGive("There is no profile 'big'.")
    with pytest.raises(CannotGive):
        await world.as_("root").approve(request.id, "", world.carry)
    assert world.core.requests.waiting() == [request]
    assert (await world.kept()).waiting() == [request]
    assert await world.acts() == ["ask"]  # nobody approved anything


async def test_a_hub_that_ends_before_it_is_kept_has_done_and_approved_nothing(world: World):
    request = await world.ask()
    world.against = KeyboardInterrupt()  # type: ignore[assignment]  # the process ends here
    with pytest.raises(KeyboardInterrupt):
        await world.as_("root").approve(request.id, "", world.carry)
    assert (await world.kept()).waiting() == [request]
    assert await world.acts() == ["ask"]


async def test_a_hub_that_ends_once_it_is_kept_does_it_no_second_time(world: World):
    request = await world.ask()

    async def give(request: Request, along: Along) -> None:
        root = world.core.roll.by_hub_name("root")
        assert root is not None
        person = request.wish["person"]
        await Giving(world.core, root, "ml").give(Hours(40), Whom(person), ends=END, along=along)

    save = world.store.save_records

    async def save_and_end(*what: Any) -> None:
        await save(*what)
        raise KeyboardInterrupt  # the process ends here

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.store, "save_records", save_and_end)
        with pytest.raises(KeyboardInterrupt):
            await world.as_("root").approve(request.id, "", give)
    assert await world.acts() == ["ask", "approve-request", "grant"]

    again = await World(world.store).open()
    (found,) = again.core.requests.of("ml")
    assert found.state is State.APPROVED
    with pytest.raises(AlreadyAnswered):
        await again.as_("root").approve(request.id, "", give)
    assert [grant.what for grant in again.core.grants.of("ml")] == [Hours(40)]
    await again.core.close()


async def test_what_goes_wrong_after_it_is_kept_leaves_it_approved(world: World):
    request = await world.ask()

    async def keep_and_stumble(request: Request, along: Along) -> None:
        await world.carry(request, along)
        raise RuntimeError("the exams cannot be counted")

    with pytest.raises(RuntimeError):
        await world.as_("root").approve(request.id, "", keep_and_stumble)
    with pytest.raises(AlreadyAnswered):
        await world.as_("root").approve(request.id, "", world.carry)
    assert len(world.carried) == 1


async def test_a_refusal_has_words_for_whoever_asked(world: World):
    request = await world.ask()
    await world.as_("root").refuse(request.id, "ask again in May")
    (found,) = (await world.kept()).of("ml")
    assert found.answer is not None
    assert (found.state, found.answer.words) == (State.REFUSED, "ask again in May")
    assert (await world.kept()).waiting() == []


async def test_all_of_it_survives_a_restart(world: World):
    exam = {"profile": "gpu", "participants": ["ada", "bob"], "extra": {"bob": 30}}
    requests = [
        await world.ask(),
        await world.ask(exam, kind=Kind.EXAM),
        await world.ask({"field": "caps.student", "value": {"servers": 9}}, kind=Kind.ADJUST),
        await world.ask({"days": ["mon"], "reserve": {"t4": 40}}, kind=Kind.WINDOW),
    ]
    found = await world.kept()
    assert {one.id: one for one in found.of("ml")} == {one.id: one for one in requests}
    assert found.of("db") == []


async def test_names_must_mean_somebody_of_the_course(world: World):
    for wish in ({"hours": 1, "person": "dba"}, {"hours": 1, "person": "nobody"}):
        with pytest.raises(NotNamed):
            await world.ask(wish)
    assert world.core.requests.waiting() == []


async def test_whoever_is_erased_takes_requests_that_name_them_along(world: World):
    exam = {"profile": "gpu", "participants": ["ada", "bob"]}
    for kind, wish in ((Kind.GRANT, HOURS), (Kind.EXAM, exam)):
        await world.ask(wish, kind=kind)
    for_bob = await world.ask({"hours": 40, "person": "bob"})
    core = world.core
    found = await find_dossier(core.roll, world.store, "ada")
    assert found is not None
    assert {one.kind for one in found.records} == {"request-person"}
    stand_in = await erase(core.roll, world.store, found, core.clock)
    core.requests.forget(found.keys, found.hub_name, stand_in)
    assert core.requests.waiting() == [for_bob]
    assert (await world.kept()).waiting() == [for_bob]
    left = [
        *await world.store.load_records("request"),
        *await world.store.load_records("request-person"),
    ]
    assert {one.id.partition("-")[0] for one in left} == {for_bob.id}


async def test_whoever_asked_or_answered_is_erased_by_name(world: World):
    await world.ask()
    await world.as_("tea").withdraw(world.core.requests.waiting()[0].id, "ml")
    core = world.core
    found = await find_dossier(core.roll, world.store, "tea")
    assert found is not None
    stand_in = await erase(core.roll, world.store, found, core.clock)
    core.requests.forget(found.keys, found.hub_name, stand_in)
    for requests in (core.requests, await world.kept()):
        (one,) = requests.of("ml")
        assert one.answer is not None
        assert (one.by, one.answer.by) == (stand_in, stand_in)


async def test_not_more_waits_than_anybody_can_answer(world: World):
    for hours in range(50):
        await world.ask({**HOURS, "hours": hours})
    with pytest.raises(CannotRequest):
        await world.ask({**HOURS, "hours": 50})
    with pytest.raises(CannotRequest):
        await world.as_("tea").ask("ml", Kind.ADJUST, {"value": "x" * 70_000})


async def test_a_course_keeps_a_bounded_number_of_answered_ones(world: World):
    for _ in range(203):
        await world.as_("tea").withdraw((await world.ask()).id, "ml")
    last = await world.ask()
    for requests in (world.core.requests, await world.kept()):
        assert len(requests.of("ml")) == 200
        assert requests.waiting() == [last]
    assert len(await world.store.load_records("request-person")) == 200


async def test_a_record_that_cannot_be_read_stops_the_hub(world: World):
    await world.store.save_records([Record("request", "x", {"kind": "wish"})])
    with pytest.raises(StoreError, match="request"):
        await world.kept()
