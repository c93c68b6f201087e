"""Ends that come sooner than promised, and are taken back: whatever fails on the way, and over a restart of the hub."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.fakes.campus import NOW, a_core, enrol
from tests.fakes.world import AClock

SOON, SOONER = NOW + timedelta(minutes=10), NOW + timedelta(minutes=5)
IDLE, LOST = EndRule.IDLE, EndRule.LOST


class World:
    """One session of Ada's, and a hub that may be killed and started again."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), AClock(NOW)
        self.core: Core = a_core(clock=self.clock, store=self.store)

    async def begin(self) -> World:
        person = await enrol(self.core, "ada", ml=CourseRole.STUDENT)
        request = StartRequest(person.key, "ml", "notebook")
        self.first = await self.core.book.admit(request, person, "")
        await self.core.book.run(self.first.id)
        return self

    async def restart(self) -> None:
        self.core = a_core(clock=self.clock, store=self.store)
        await self.core.ready()

    @property
    def session(self) -> Admission:
        found = self.core.book.admission(self.first.id)
        assert found is not None
        return found

    @property
    def end(self) -> tuple[datetime | None, EndRule | None]:
        return self.session.ends_at, self.session.ends_by

    @property
    def promised(self) -> tuple[datetime | None, EndRule | None]:
        return self.first.ends_at, self.first.ends_by

    async def records(self) -> list[str]:
        return [record.id for record in await self.store.load_records("sooner")]

    async def acts(self) -> list[tuple[str, object]]:
        return [(one.act, one.details["why"]) for one in reversed(await audited(self.store))]


@pytest.fixture
async def world() -> World:
    return await World().begin()


async def test_an_end_is_moved_and_taken_back_and_both_are_in_the_audit(world):
    assert await world.core.sooner.move(world.first.id, IDLE, SOON)
    assert world.end == (SOON, IDLE)
    assert tuple(world.core.sooner.promised(world.session)) == world.promised
    assert await world.core.sooner.take_back(world.first.id, IDLE)
    assert world.end == world.promised
    assert await world.records() == []
    assert await world.acts() == [("warn", "idle"), ("withdraw", "idle")]


async def test_a_warned_session_that_goes_on_is_to_be_warned_again(world):
    await world.core.sooner.move(world.first.id, IDLE, SOON)
    await world.core.book.warn(world.first.id)
    await world.core.sooner.take_back(world.first.id, IDLE)
    assert world.session.stage is Stage.RUNNING


async def test_a_session_never_ends_later_for_having_been_moved(world):
    assert world.first.ends_at is not None
    later = world.first.ends_at + timedelta(hours=1)
    await world.core.sooner.move(world.first.id, IDLE, later)
    assert world.end == world.promised


async def test_of_two_rules_the_sooner_end_counts_and_each_takes_back_its_own(world):
    sooner, id = world.core.sooner, world.first.id
    await sooner.move(id, IDLE, SOON)
    await sooner.move(id, LOST, SOONER)
    assert world.end == (SOONER, LOST)
    await sooner.take_back(id, LOST)
    assert world.end == (SOON, IDLE)
    assert (sooner.wanted(id, LOST), sooner.wanted(id, IDLE)) == (None, SOON)
    await sooner.take_back(id, IDLE)
    assert world.end == world.promised


async def test_what_was_extended_meanwhile_is_what_is_promised(world):
    """An end that a rule wants later than the promised one is not in force, and does not keep anybody from extending."""
    promised = world.first.ends_at
    assert promised is not None
    await world.core.sooner.move(world.first.id, IDLE, promised + timedelta(minutes=5))
    later = promised + timedelta(hours=1)
    await world.core.book.set_end(world.first.id, later, EndRule.EXTENSION)
    await world.core.sooner.move(world.first.id, IDLE, NOW)
    assert world.end == (promised + timedelta(minutes=5), IDLE)
    await world.restart()
    assert world.core.sooner.promised(world.session) == (later, EndRule.EXTENSION)
    await world.core.sooner.take_back(world.first.id, IDLE)
    assert world.end == (later, EndRule.EXTENSION)


async def test_a_rule_moves_an_end_once(world):
    await world.core.sooner.move(world.first.id, IDLE, SOON)
    await world.core.sooner.move(world.first.id, IDLE, SOONER)
    assert world.end == (SOON, IDLE)
    assert await world.acts() == [("warn", "idle")]


async def test_what_nobody_has_moved_is_not_taken_back(world):
    assert not await world.core.sooner.take_back(world.first.id, IDLE)
    assert not await world.core.sooner.move("f" * 32, IDLE, SOON)
    assert await world.acts() == []


async def test_a_hub_that_is_killed_knows_what_was_promised(world):
    await world.core.sooner.move(world.first.id, IDLE, SOON)
    await world.restart()
    assert world.end == (SOON, IDLE)
    await world.core.sooner.take_back(world.first.id, IDLE)
    assert world.end == world.promised


@pytest.mark.parametrize("step", ["save_records", "save_admission"])
async def test_an_end_that_is_not_kept_is_not_moved_and_may_be_moved_again(
    world, monkeypatch, step
):
    async def fail(*_, **__):
        raise StoreError("disk full")

    whole = getattr(world.store, step)
    monkeypatch.setattr(world.store, step, fail)
    with pytest.raises(StoreError):
        await world.core.sooner.move(world.first.id, IDLE, SOON)
    assert world.end == world.promised
    monkeypatch.setattr(world.store, step, whole)
    assert await world.core.sooner.move(world.first.id, IDLE, SOON)
    assert world.end == (SOON, IDLE)
    assert await world.acts() == [("warn", "idle")]


@pytest.mark.parametrize("step", ["save_records", "save_admission"])
async def test_taking_back_may_be_repeated_until_it_is_kept(world, monkeypatch, step):
    await world.core.sooner.move(world.first.id, IDLE, SOON)

    async def fail(*_, **__):
        raise StoreError("disk full")

    whole = getattr(world.store, step)
    monkeypatch.setattr(world.store, step, fail)
    with pytest.raises(StoreError):
        await world.core.sooner.take_back(world.first.id, IDLE)
    monkeypatch.setattr(world.store, step, whole)
    assert await world.core.sooner.take_back(world.first.id, IDLE)
    assert world.end == world.promised
    assert await world.records() == []


async def test_a_hub_killed_between_record_and_row_starts_with_the_promised_end(
    world, monkeypatch
):
    async def fail(*_, **__):
        raise StoreError("killed")

    whole = world.store.save_admission
    monkeypatch.setattr(world.store, "save_admission", fail)
    with pytest.raises(StoreError):
        await world.core.sooner.move(world.first.id, IDLE, SOON)
    monkeypatch.setattr(world.store, "save_admission", whole)
    await world.restart()
    assert world.end == world.promised
    assert world.core.sooner.wanted(world.first.id, IDLE) is None
    assert await world.records() == []


async def test_nothing_is_left_of_a_session_that_is_over(world):
    await world.core.sooner.move(world.first.id, IDLE, SOON)
    await world.core.book.end(world.first.id)
    await world.core.sooner.tidy()
    assert await world.records() == []


@pytest.mark.parametrize(
    "body",
    [{}, {"promised": None, "wanted": {"dull": NOW.isoformat()}}, {"promised": [], "wanted": {}}],
)
async def test_a_record_that_cannot_be_read_is_named(world, body):
    await world.store.save_records([Record("sooner", "a" * 32, body)])
    with pytest.raises(StoreError, match="'sooner' cannot be read"):
        await world.core.sooner.load()


async def test_a_session_that_is_to_end_sooner_is_not_extended(world):
    await world.core.sooner.move(world.first.id, IDLE, SOONER)
    extension = world.core.extending.may_extend(world.session)
    assert extension is not None
    assert not extension.allowed
    assert "its GPU has been idle" in " ".join(r.sentence for r in extension.reasons)
