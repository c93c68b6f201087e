"""A stop goes on by itself; whoever asked for it waits only a moment."""

from __future__ import annotations

import asyncio
import logging

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import ServersError, StoreError
from tests.audited import audited
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.world import AClock, FakeHub

AT_ONCE, SOON = 0.0, 10.0


class SlowHub(FakeHub):
    """Stops when it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.begun, self.go_on = 0, asyncio.Event(), asyncio.Event()

    async def stop(self, hub_name: str, server: str) -> None:
        self.asked += 1
        self.begun.set()
        await self.go_on.wait()
        await super().stop(hub_name, server)


class World:
    def __init__(self) -> None:
        self.hub = SlowHub()
        self.clock = AClock(NOW)
        campus = a_campus(courses=[a_course("ml"), a_course("db")])
        self.core: Core = a_core(campus, hub=self.hub, clock=self.clock)
        self.stops = self.core.stops

    async def session(self, course: str = "ml") -> Admission:
        ada = await enrol(self.core, "ada", ml=CourseRole.STUDENT, db=CourseRole.STUDENT)
        self.clock.pass_(minutes=1)
        return await self.core.book.admit(StartRequest(ada.key, course, "notebook"), ada, "")

    async def stop(self, session: Admission, within: float = SOON) -> bool:
        return await self.stops.stop("tea", session, "10.0.0.7", within)

    async def audit(self) -> list[tuple[str, str, str]]:
        return [(e.actor, e.target, e.address) for e in await audited(self.core.store)]


@pytest.fixture
def world() -> World:
    return World()


async def test_a_stop_is_audited_with_the_actors_address(world):
    session = await world.session()
    world.hub.go_on.set()
    assert await world.stop(session) is True
    assert world.hub.stopped == [("ada", "")]
    assert await world.audit() == [("tea", "ada", "10.0.0.7")]


async def test_who_does_not_want_to_wait_is_told_that_it_goes_on(world):
    session = await world.session()
    assert await world.stop(session, AT_ONCE) is False
    assert world.stops.is_stopping(session.id)
    world.hub.go_on.set()
    assert await world.stop(session) is True
    assert (world.hub.asked, len(await world.audit())) == (1, 1)


async def test_a_page_that_is_closed_does_not_cancel_the_stop(world):
    session = await world.session()
    page = asyncio.create_task(world.stop(session))
    await world.hub.begun.wait()
    page.cancel()
    await asyncio.gather(page, return_exceptions=True)
    world.hub.go_on.set()
    assert await world.stop(session) is True
    assert world.hub.stopped == [("ada", "")]


async def test_until_its_end_is_seen_a_stopped_session_is_stopping_and_not_stopped_again(world):
    session = await world.session()
    world.hub.go_on.set()
    await world.stop(session)
    assert world.stops.is_stopping(session.id)
    await world.stop(session)
    assert world.hub.asked == 1


async def test_a_stop_that_failed_may_be_tried_again(world):
    session = await world.session()
    world.hub.go_on.set()
    world.hub.broken = "the hub answered 500"
    with pytest.raises(ServersError):
        await world.stop(session)
    assert not world.stops.is_stopping(session.id)
    world.hub.broken = ""
    assert await world.stop(session) is True


async def test_what_cannot_be_audited_is_not_stopped(world, monkeypatch):
    session = await world.session()

    async def fail(entry):
        raise StoreError("disk full")

    monkeypatch.setattr(world.core.store, "append_audit", fail)
    with pytest.raises(StoreError):
        await world.stop(session)
    assert world.hub.asked == 0


async def test_a_stop_that_fails_after_everybody_has_left_is_logged(world, caplog):
    session = await world.session()
    world.hub.broken = "the hub answered 500"
    await world.stop(session, AT_ONCE)
    world.hub.go_on.set()
    with pytest.raises(ServersError):
        await world.stop(session)
    await asyncio.sleep(0)
    assert "the hub answered 500" in "".join(
        r.getMessage() for r in caplog.records if r.levelno == logging.ERROR
    )


async def test_a_session_that_is_ending_is_not_stopped_by_the_name_of_the_next_one_s_server(world):
    session = await world.session()
    await world.core.book.run(session.id)
    await world.session("db")
    world.hub.go_on.set()
    await world.stop(session)
    assert world.hub.asked == 0


async def test_a_server_that_is_another_course_s_by_the_time_of_the_stop_runs_on(
    world, monkeypatch
):
    session, append = await world.session(), world.core.store.append_audit
    world.hub.go_on.set()

    async def meanwhile(entry):
        await append(entry)
        await world.core.book.end(session.id)
        await world.session("db")

    monkeypatch.setattr(world.core.store, "append_audit", meanwhile)
    await world.stop(session)
    assert world.hub.asked == 0
