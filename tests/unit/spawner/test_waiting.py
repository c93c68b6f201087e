"""Starts that must wait take a place in the line, and the hub's own page forwards those who stand in it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.handlers.pages import SpawnPendingHandler
from tornado import web

from jupyterhub_edu import hub
from jupyterhub_edu.core import provide
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.ports import Phase, StoreError
from jupyterhub_edu.spawner.waiting import EduSpawnPendingHandler, JoinsTheLine
from tests.fakes.campus import a_core, enrol
from tests.fakes.line import FakeLine, a_standing

FULL = Reason(Code.NO_CAPACITY, "quota")
CLOSED = Reason(Code.COURSE_CLOSED, "suspended", {"title": "ML"})


@pytest.fixture
async def core():
    """A core with ada, a student of ml, and a line that does as it is told."""
    core: Any = a_core()
    provide(lambda: core)
    await enrol(core, "ada", ml=CourseRole.STUDENT)
    core.line = FakeLine()
    yield core
    provide(None)


def an_account(name="ada", *, remembered=None, **spawner):
    defaults = {
        "orm_spawner": SimpleNamespace(user_options=remembered),
        "active": False,
        "_spawn_future": None,
        "admitted": False,
    }
    one = SimpleNamespace(**{**defaults, **spawner})
    return SimpleNamespace(name=name, spawners={"": one, "two": one})


class Spawns:
    """The hub's part of a page that starts servers: it says what it is told to say."""

    def __init__(self, answer: Any, actor: str = "ada") -> None:
        self.answer, self.current_user = answer, SimpleNamespace(name=actor)
        self.request = SimpleNamespace(remote_ip="192.0.2.7")

    async def spawn_single_user(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Starting(JoinsTheLine, Spawns):
    pass


def busy() -> web.HTTPError:
    """What the hub raises above its own limit on concurrent starts."""
    return web.HTTPError(429, "Too many users trying to log in right now.")


async def test_what_may_start_starts(core):
    assert await Starting("begun").spawn_single_user(an_account(), options={}) == "begun"
    assert core.line.standing("ada") is None


@pytest.mark.parametrize("answer", [hub.refusal(Decision(None, (FULL,))), busy()], ids=str)
async def test_who_may_wait_takes_a_place(core, answer):
    wish = {"course": "ml", "profile": "gpu", "options": {}}
    await Starting(answer).spawn_single_user(an_account(), "two", options=wish)
    standing = core.line.standing("ada")
    assert (standing.place.request.course, standing.place.request.profile) == ("ml", "gpu")
    assert standing.server == "two"


async def test_without_options_the_remembered_ones_are_waited_for(core):
    user = an_account(remembered={"profile": "gpu"})
    await Starting(busy()).spawn_single_user(user)
    assert core.line.standing("ada").place.request.profile == "gpu"


async def test_a_start_that_is_refused_after_it_has_begun_takes_a_place_too(core):
    spawn = asyncio.get_running_loop().create_future()
    user = an_account(_spawn_future=spawn)
    start = asyncio.create_task(
        Starting("begun").spawn_single_user(user, options={"profile": "gpu"})
    )
    await asyncio.sleep(0)
    assert not start.done()
    spawn.set_exception(hub.refusal(Decision(None, (FULL,))))
    await start
    assert core.line.standing("ada").place.request.profile == "gpu"


async def test_a_start_that_holds_its_admission_is_not_waited_for(core):
    spawn = asyncio.get_running_loop().create_future()
    user = an_account(_spawn_future=spawn, admitted=True)
    assert await Starting("begun").spawn_single_user(user, options={}) == "begun"
    spawn.cancel()


async def test_a_spawn_that_fails_is_the_hubs_to_tell(core):
    spawn = asyncio.get_running_loop().create_future()
    spawn.set_exception(web.HTTPError(500, "no such image"))
    user = an_account(_spawn_future=spawn)
    assert await Starting("begun").spawn_single_user(user, options={}) == "begun"
    assert core.line.standing("ada") is None


NOT_WAITED_FOR = {
    "the policy": hub.refusal(Decision(None, (CLOSED,))),
    "the policy, and full": hub.refusal(Decision(None, (CLOSED, FULL))),
    "a failure": web.HTTPError(500, "broken"),
}


@pytest.mark.parametrize("answer", NOT_WAITED_FOR.values(), ids=NOT_WAITED_FOR)
async def test_what_cannot_be_waited_for_is_told(core, answer):
    with pytest.raises(web.HTTPError) as raised:
        await Starting(answer).spawn_single_user(an_account(), options={})
    assert raised.value is answer
    assert core.line.standing("ada") is None


async def test_nobody_is_put_into_the_line_by_somebody_else(core):
    with pytest.raises(web.HTTPError):
        await Starting(busy(), actor="tea").spawn_single_user(an_account(), options={})
    assert core.line.standing("ada") is None


async def test_a_refusal_of_the_line_is_told(core):
    core.line.refuses = (CLOSED,)
    with pytest.raises(web.HTTPError) as raised:
        await Starting(busy()).spawn_single_user(an_account(), options={"profile": "gpu"})
    assert raised.value.edu_decision.reasons == (CLOSED,)  # type: ignore[attr-defined]


async def test_a_place_that_cannot_be_kept_is_no_place(core):
    core.line.broken = StoreError("the disk is full")
    with pytest.raises(web.HTTPError) as raised:
        await Starting(busy()).spawn_single_user(an_account(), options={"profile": "gpu"})
    assert raised.value.status_code == 503


# -- the hub's spawn-pending page ----------------------------------------------------------------------------------


class Pending(EduSpawnPendingHandler):
    """The hub's page without a request."""

    def __init__(self, user: Any, **query: str) -> None:
        self._jupyterhub_user, self.query, self.shown = user, query, ""
        self.parsed_scopes = {"servers": True}

    hub: Any = SimpleNamespace(base_url="/hub/")

    def get_query_argument(self, name: str, default: Any = None, strip: bool = True) -> Any:
        return self.query.get(name, default)

    def redirect(self, url: str, *_: Any, **__: Any) -> None:
        self.shown = url


@pytest.fixture
def show(core, monkeypatch):
    """``await show(user, "two", next=...)``: the address that was forwarded to, or ``"the hub's own"``."""

    async def own(self, user_name, server_name=""):
        self.shown = "the hub's own"

    monkeypatch.setattr(SpawnPendingHandler, "get", own)

    async def ask(user, server="", *, of="ada", **query):
        page = Pending(user, **query)
        get: Any = EduSpawnPendingHandler.get
        while hasattr(get, "__wrapped__"):  # without the hub's checks of who asks
            get = get.__wrapped__
        await get(page, of, server)
        return page.shown

    return ask


FORWARDS = {
    Phase.WAITING: "/hub/edu/line/",
    Phase.SOON: "/hub/edu/line/",
    Phase.STARTING: "/hub/edu/line/",
    Phase.STARTED: "the hub's own",
    Phase.STRUCK: "the hub's own",
}


@pytest.mark.parametrize(("phase", "shown"), FORWARDS.items(), ids=FORWARDS)
async def test_who_stands_in_the_line_is_forwarded(core, show, phase, shown):
    await core.line.tell("ada", a_standing(phase))
    assert await show(an_account()) == shown


async def test_where_the_page_was_to_lead_goes_along(core, show):
    await core.line.tell("ada", a_standing())
    assert (
        await show(an_account(), next="/user/ada/a b") == "/hub/edu/line/?next=%2Fuser%2Fada%2Fa+b"
    )


OWN = {
    "in no line": (None, an_account(), "", "ada"),
    "a server that starts": (a_standing(Phase.STARTING), an_account(active=True), "", "ada"),
    "another server": (a_standing(), an_account(), "two", "ada"),
    "somebody else's": (a_standing(), an_account("tea"), "", "ada"),
}


@pytest.mark.parametrize(("standing", "user", "server", "of"), OWN.values(), ids=OWN)
async def test_the_hub_shows_its_own_page_of(core, show, standing, user, server, of):
    await core.line.tell("ada", standing)
    assert await show(user, server, of=of) == "the hub's own"
