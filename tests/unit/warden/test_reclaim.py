"""Lent devices come back: looks when the line has turned and when it is time, and the whole way from asking to starting."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.domain.balance import Keep
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.line import Turn
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reclaim import Look
from jupyterhub_edu.ports import LiveServer, StoreError
from jupyterhub_edu.warden.deadlines import Deadlines
from jupyterhub_edu.warden.metrics import metrics_in
from jupyterhub_edu.warden.reclaim import Reclaimer
from tests.fakes.campus import a_core, enrol
from tests.fakes.world import FakeHub
from tests.unit.core.test_reclaims import World as Lent

WARNING = timedelta(minutes=5)


class World(Lent):
    """Two sessions have borrowed all there is; the hub and its warden are there as well."""

    def restart_core(self) -> None:
        super().restart_core()
        self.hub = FakeHub()
        self.core = a_core(
            self.core.campus,
            clock=self.clock,
            store=self.store,
            inventory=self.inventory,
            hub=self.hub,
        )
        self.reclaim = Reclaimer(self.core)
        self.deadlines = Deadlines(self.core, metrics_in(CollectorRegistry()))

    async def begin(self) -> World:
        await self.core.ready()
        self.old, self.new = await self.borrow("old"), await self.borrow("new")
        for login, id in (("old", self.old), ("new", self.new)):
            await self.core.book.run(id)
            server = LiveServer(login, "", True, None, None, None, f"/user/{login}/", id)
            self.hub.running.append(server)
        self.ada = await enrol(self.core, "ada", ml=CourseRole.STUDENT)
        return self

    async def ask(self) -> None:
        """Ada asks for what is her course's own."""
        await self.core.line.join(StartRequest(self.ada.key, "ml", "gpu"), self.ada)
        await self.rest()

    async def rest(self) -> None:
        """Until the line has turned."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def world() -> World:
    return await World().begin()


async def test_from_asking_to_starting(world):
    world.own(1)
    await world.ask()
    await world.reclaim()
    assert world.end_of(world.new) == (world.clock() + WARNING, EndRule.RECLAIMED)
    await world.rest()
    assert world.core.line.standing("ada").estimate.at == world.clock() + WARNING
    await world.deadlines()
    world.clock.now += WARNING
    await world.deadlines()
    assert world.hub.stopped == [], "nobody has looked again yet"
    await world.reclaim()
    await world.deadlines()
    assert world.hub.stopped == [("new", "")]
    await world.end(world.new)
    await world.rest()
    assert [started[0] for started in world.hub.started] == ["ada"]
    await world.reclaim()
    assert (world.reclaims.current("t4"), await world.bodies()) == ((), [])
    stops = [entry for entry in await world.acts() if entry[0] == "stop"]
    assert stops == [("stop", "new", "reclaimed")]
    await world.core.close()


async def test_a_line_that_has_turned_is_looked_at_in_the_next_run(world):
    world.own(1)
    await world.reclaim()
    await world.ask()
    await world.reclaim()
    assert world.reclaims.calls_back(world.new)


async def test_everything_is_looked_at_every_few_seconds_though_nobody_waits(world):
    world.own(1)
    await world.ask()
    await world.reclaim()
    await world.core.line.leave("ada")
    world.clock.pass_(seconds=4)
    await world.reclaim()
    assert world.reclaims.calls_back(world.new)
    world.clock.pass_(seconds=1)
    await world.reclaim()
    assert not world.reclaims.calls_back(world.new)


async def test_what_the_line_keeps_for_one_that_waits_long_is_told_to_the_look(world, monkeypatch):
    kept = Keep("p-long", "db", 1, "n1")
    given = []

    async def look(*args: object) -> Look:
        given.append(args[3])
        return Look(())

    monkeypatch.setattr(world.core.reclaims, "look", look)
    for listener in world.core.line.on_turned:
        listener("t4", Turn(kept=kept))
    await world.reclaim()
    assert given == [kept]


async def test_what_cannot_be_kept_is_told_and_looked_at_again(world, monkeypatch):
    world.own(1)
    await world.ask()
    whole = world.store.save_records

    async def fail(*_: object, **__: object) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(world.store, "save_records", fail)
    with pytest.raises(StoreError):
        await world.reclaim()
    monkeypatch.setattr(world.store, "save_records", whole)
    await world.reclaim()
    assert world.reclaims.calls_back(world.new)


async def test_one_flavor_that_cannot_be_looked_at_keeps_no_other_from_it(world, monkeypatch):
    looked = []

    async def look(flavor: str, *_: object) -> Look:
        looked.append(flavor)
        if flavor == "a100":
            raise StoreError("disk full")
        return Look(())

    monkeypatch.setattr(world.core.reclaims, "look", look)
    world.reclaim.mark("a100")
    with pytest.raises(StoreError):
        await world.reclaim()
    assert looked == ["a100", "t4"]
    with pytest.raises(StoreError):
        await world.reclaim()
    assert looked == ["a100", "t4", "a100"]


async def test_a_look_that_has_begun_as_many_as_it_may_is_taken_again_at_once(world, monkeypatch):
    more = iter([True, True, False])

    async def look(*_: object) -> Look:
        return Look((), more=next(more))

    monkeypatch.setattr(world.core.reclaims, "look", look)
    await world.reclaim()
    assert next(more, None) is None


async def test_the_line_turns_when_what_is_kept_has_changed(world, monkeypatch):
    poked: list[str] = []
    world.own(1)
    await world.ask()
    monkeypatch.setattr(world.core.line, "poke", poked.append)
    await world.reclaim()
    assert poked == ["t4"]
    world.reclaim.mark("t4")
    await world.reclaim()
    assert poked == ["t4"]
