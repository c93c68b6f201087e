"""What becomes of an account when its source says for good that the person is gone; and only then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.ports import Gone, StoreError, Unavailable
from tests.audited import audited
from tests.fakes.campus import NOW, a_campus, a_core, enrol
from tests.fakes.world import FakeHub

GONE = Gone(NOW, "This account is disabled.")


class World:
    """Ada and Bob, each with a server."""

    def __init__(self) -> None:
        self.hub = FakeHub()
        campus = a_campus(sources=[SourceInfo("ad", "fake", "Directory")])
        self.core: Core = a_core(campus, hub=self.hub)
        self.core.revocation._pause = 0

    async def begin(self) -> Person:
        await self.core.ready()
        for login in ("ada", "bob"):
            person = await enrol(self.core, login, ml=CourseRole.STUDENT)
            await self.core.book.admit(StartRequest(person.key, "ml", "notebook"), person, "")
        ada = self.core.roll.by_hub_name("ada")
        assert ada is not None
        return ada

    async def answer(self, person: Person, answer: Any) -> None:
        self.core.refresher.sources["ad"].answers[person.subject] = answer  # type: ignore[attr-defined]
        await self.core.refresher.reread(person)
        await self.core.revocation.settle()

    async def stops(self) -> list[tuple[str, str]]:
        return [(e.actor, e.target) for e in await audited(self.core.store) if e.act == "stop"]


@pytest.fixture
def world() -> World:
    return World()


async def test_sessions_end_and_servers_stop_and_the_audit_has_it(world: World) -> None:
    await world.answer(await world.begin(), GONE)
    assert world.hub.sessions_ended == ["ada"]
    assert world.hub.stopped == [("ada", "")]
    assert await world.stops() == [("", "ada")]


async def test_once_however_often_the_source_says_it(world: World) -> None:
    ada = await world.begin()
    for _ in range(3):
        await world.answer(ada, GONE)
    assert world.hub.sessions_ended == ["ada"]
    assert world.hub.stopped == [("ada", "")]


async def test_a_silent_source_ends_nothing(world: World) -> None:
    await world.answer(await world.begin(), Unavailable("it is down"))
    assert world.hub.sessions_ended == []
    assert world.hub.stopped == []


async def test_somebody_who_came_back_and_goes_again_is_closed_again(world: World) -> None:
    ada = await world.begin()
    await world.answer(ada, GONE)
    await enrol(world.core, "ada")
    await world.answer(ada, GONE)
    assert world.hub.sessions_ended == ["ada", "ada"]


async def test_an_account_that_another_identity_may_use_stays_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await world.begin()
    bob = world.core.roll.by_hub_name("bob")
    assert bob is not None
    other = replace(bob, hub_name="ada")
    monkeypatch.setattr(world.core.roll, "identities", lambda person: (person, other))
    await world.answer(ada, GONE)
    assert world.hub.sessions_ended == []
    assert world.hub.stopped == []


async def test_what_fails_is_tried_again_and_written_down_once(world: World) -> None:
    ada = await world.begin()
    world.hub.broken = "the hub is busy"
    tries = 0

    async def end_sessions(hub_name: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            world.hub.broken = ""

    world.hub.end_sessions = end_sessions  # type: ignore[method-assign]
    await world.answer(ada, GONE)
    assert tries == 3
    assert world.hub.stopped == [("ada", "")]
    assert await world.stops() == [("", "ada")]


async def test_a_stop_that_cannot_be_written_down_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await world.begin()
    append, failures = world.core.store.append_audit, [StoreError("full")]

    async def once_full(entry: Any) -> None:
        if failures:
            raise failures.pop()
        await append(entry)

    monkeypatch.setattr(world.core.store, "append_audit", once_full)
    await world.answer(ada, GONE)
    assert world.hub.sessions_ended == ["ada", "ada"]
    assert world.hub.stopped == [("ada", "")]


async def test_a_hub_that_was_killed_halfway_catches_up(world: World) -> None:
    ada = await world.begin()
    world.core.roll.on_change.clear()  # killed before anything was done
    await world.answer(ada, GONE)
    assert world.hub.sessions_ended == []
    world.core.revocation.catch_up()
    await world.core.revocation.settle()
    assert world.hub.sessions_ended == ["ada"]
    assert world.hub.stopped == [("ada", "")]


async def test_closing_the_core_gives_up(world: World) -> None:
    ada = await world.begin()
    world.core.revocation._pause = 3600
    world.hub.broken = "the hub is busy"
    world.core.refresher.sources["ad"].answers[ada.subject] = GONE  # type: ignore[attr-defined]
    await world.core.refresher.reread(ada)
    await world.core.close()
    assert world.hub.stopped == []
