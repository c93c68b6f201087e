"""What is counted of a course's day: refusals, waits in the line, and devices that did nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jupyterhub_edu.core.counts import Counts, Day
from jupyterhub_edu.domain.idle import Look
from jupyterhub_edu.ports import Phase, StoreError
from jupyterhub_edu.store.memory import MemoryStore

NOON = datetime(2026, 11, 3, 11, tzinfo=UTC)  # 12:00 there
TODAY = date(2026, 11, 3)
MINUTE = timedelta(minutes=1)
MS = 60_000
REASONS: Any = [SimpleNamespace(code="no-quota"), SimpleNamespace(code="outside-window")]


class World:
    def __init__(self, store: MemoryStore | None = None) -> None:
        self.now = NOON
        self.store = store or MemoryStore()
        self.standings: dict[str, Any] = {}
        campus: Any = SimpleNamespace(zone=ZoneInfo("Europe/Oslo"), courses={"ml": 1, "ds": 1})
        self.counts = Counts(lambda: campus, self.store, lambda: self.now, self.standings.get)

    def stand(self, name: str, place: str, phase: Phase, course: str = "ml") -> None:
        request = SimpleNamespace(course=course)
        arrived = NOON - 10 * MINUTE
        place_: Any = SimpleNamespace(id=place, request=request, arrived_at=arrived)
        self.standings[name] = SimpleNamespace(place=place_, phase=phase)

    def day(self, course: str = "ml") -> Day:
        return self.counts.of(course).get(TODAY, Day())


def session(course: str = "ml", devices: int = 2, id: str = "a" * 32) -> Any:
    return SimpleNamespace(id=id, hub_name="stu", course=course, devices=devices, reserved_at=NOON)


def look(worked: datetime, **more: Any) -> Look:
    return Look(NOON - 60 * MINUTE, worked, **more)


@pytest.fixture
def world() -> World:
    return World()


def test_a_refused_start_counts_once_for_each_of_its_reasons(world: World) -> None:
    world.counts.refuse("ml", [*REASONS, REASONS[0]])
    world.counts.refuse("ml", REASONS[:1])
    world.counts.refuse("nowhere", REASONS)
    assert world.day().refused == {"no-quota": 2, "outside-window": 1}
    assert world.counts.of("nowhere") == {}


@pytest.mark.parametrize(
    ("phase", "course", "waited"),
    [
        pytest.param(Phase.STARTING, "ml", 10 * MS, id="its turn has come"),
        pytest.param(Phase.STRUCK, "ml", 0, id="its place is over"),
        pytest.param(Phase.STARTING, "ds", 0, id="the place was for another course"),
    ],
)
def test_a_start_has_waited_since_it_joined_the_line(world, phase, course, waited):
    world.stand("stu", "one", phase, course)
    world.counts.admit(session())
    assert (world.day().starts, world.day().waited_ms) == (1, waited)


def test_the_wait_of_one_place_counts_once_and_servers_without_devices_do_not(world: World):
    world.stand("stu", "one", Phase.STARTED)
    for devices in (1, 1, 0):
        world.counts.admit(session(devices=devices))
    day = world.day()
    assert (day.starts, day.waited_ms, day.longest_ms) == (2, 10 * MS, 10 * MS)


LOOKS = {
    "it was at work all the time": (look(NOON + 5 * MINUTE), 5, 0),
    "it last worked two minutes before": (look(NOON + 3 * MINUTE), 5, 2),
    "it has not worked since long before": (look(NOON - 50 * MINUTE), 5, 5),
    "its server did not answer": (look(NOON, answered=False), 0, 0),
    "its device is measured, and nobody said what it did": (look(NOON, measured=True), 0, 0),
}


@pytest.mark.parametrize(("second", "looked", "idle"), LOOKS.values(), ids=LOOKS)
def test_the_time_between_two_looks_is_idle_as_far_as_nothing_worked(world, second, looked, idle):
    world.counts.look(session(), look(NOON), NOON)
    world.counts.look(session(), second, NOON + 5 * MINUTE)
    assert (world.day().looked_ms, world.day().idle_ms) == (looked * 2 * MS, idle * 2 * MS)


def test_a_session_that_has_ended_begins_anew(world: World) -> None:
    world.counts.look(session(), look(NOON), NOON)
    world.counts.end(session())
    world.counts.look(session(), look(NOON), NOON + 5 * MINUTE)
    assert world.day() == Day()


async def test_what_was_counted_is_there_after_a_restart(world: World) -> None:
    world.stand("stu", "one", Phase.STARTING)
    world.counts.admit(session())
    world.counts.refuse("ml", REASONS)
    await world.counts.tend()
    world.now = NOON + timedelta(days=30)
    world.counts.refuse("ml", REASONS)
    await world.counts.tend()

    again = World(world.store)
    await again.counts.load()
    assert again.counts.of("ml") == world.counts.of("ml")
    assert list(again.counts.of("ml")) == [TODAY, date(2026, 12, 3)]
    assert list(again.counts.of("ml", first=date(2026, 11, 4))) == [date(2026, 12, 3)]
    assert list(again.counts.of("ml", last=TODAY)) == [TODAY]


async def test_what_could_not_be_kept_is_kept_the_next_time(world: World, monkeypatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise StoreError("full")

    world.counts.refuse("ml", REASONS)
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "save_records", fail)
        with pytest.raises(StoreError):
            await world.counts.tend()
    await world.counts.tend()
    assert [record.id for record in await world.store.load_records("counts")] == ["ml 2026-11"]


async def test_what_is_older_than_a_year_is_forgotten(world: World) -> None:
    world.counts.refuse("ml", REASONS)
    await world.counts.tend()
    later = World(world.store)
    later.now = NOON + timedelta(days=500)
    await later.counts.load()
    assert later.counts.of("ml") == {}
    assert await world.store.load_records("counts") == []
