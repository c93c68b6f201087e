"""Starts without devices wait in no line, and for the hub alone: asked for again by itself until it takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jupyterhub_edu.core import starting
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Phase, ServersBusy, ServersError
from tests.eventually import eventually
from tests.fakes.campus import a_core, enrol
from tests.fakes.world import FakeHub


class BusyHub(FakeHub):
    """Answers 429 as long as it is busy; what it starts takes what is reserved, as the spawner does."""

    busy = True
    core: Any

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        if self.busy:
            raise ServersBusy("the hub answered 429")
        await super().start(hub_name, server, options)
        person = self.core.roll.by_hub_name(hub_name)
        request = StartRequest(
            person.key, options["course"], options["profile"], options["options"]
        )
        await self.core.book.admit(request, person, server)


@pytest.fixture
async def core(monkeypatch):
    monkeypatch.setattr(starting, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(starting, "_LONGEST_PAUSE", 0.001)
    hub = BusyHub()
    core: Any = a_core(hub=hub)
    hub.core = core
    yield core
    await core.close()


async def join(core: Any, login: str = "ada") -> Any:
    person = await enrol(core, login, ml=CourseRole.STUDENT)
    return await core.line.join(StartRequest(person.key, "ml", "notebook"), person)


def phase(core: Any, login: str) -> Phase | None:
    standing = core.line.standing(login)
    return standing.phase if standing else None


async def becomes(core: Any, login: str, wanted: Phase) -> None:
    await eventually(lambda: phase(core, login) is wanted)


async def test_everybody_gets_a_server_once_the_hub_takes_more(core):
    for login in ("ada", "bob", "eve"):
        standing = await join(core, login)
        assert standing.phase in {Phase.STARTING, Phase.SOON}
        await becomes(core, login, Phase.SOON)
    assert core.line.length("cpu") == 0
    core.servers.busy = False
    await eventually(lambda: len(core.servers.started) == 3)
    assert len(core.book.admissions()) == 3
    for admission in core.book.admissions():
        await core.book.run(admission.id)
        await becomes(core, admission.hub_name, Phase.STARTED)


async def test_who_leaves_holds_nothing(core):
    await join(core)
    await becomes(core, "ada", Phase.SOON)
    assert await core.line.leave("ada")
    assert phase(core, "ada") is None
    assert core.book.admissions() == []


async def test_a_start_that_fails_is_tried_again_and_then_told(core):
    asked = 0

    async def broken(*_: Any) -> None:
        nonlocal asked
        asked += 1
        raise ServersError("no such image")

    core.servers.start = broken
    await join(core)
    for times in (1, 2):
        await eventually(lambda: asked == times and phase(core, "ada") is Phase.SOON)  # noqa: B023
        assert core.line.standing("ada").estimate is None
        core.clock.pass_(minutes=5)
        await core.line.tend()
    await becomes(core, "ada", Phase.STRUCK)
    assert core.book.admissions() == []
