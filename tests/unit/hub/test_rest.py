"""Servers by the hub's own REST API: a fake hub on a Unix socket says what a hub may say."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from jupyterhub_edu.hub import HubServers, attach, rest, running
from jupyterhub_edu.hub.rest import _live
from jupyterhub_edu.ports import ServersBusy, ServersError, ServersSilent
from tests.eventually import eventually

Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]
READY = {"ready": True, "pending": None, "url": "/user/ada/"}
STARTING = {"ready": False, "pending": "spawn", "url": "/user/ada/"}
STOPPING = {"ready": True, "pending": "stop", "url": "/user/ada/"}
DOWN = {"ready": False, "pending": None, "url": "/user/ada/"}


def user(name: str = "ada", **servers: Any) -> dict[str, Any]:
    return {"name": name, "servers": {key.removeprefix("_"): s for key, s in servers.items()}}


class FakeHub:
    """Gives the replies it is told, in turn, the last one again and again; notes what it was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.headers: dict[str, str] = {}

    def says(self, method: str, path: str, *replies: Reply) -> None:
        self.replies[f"{method} {path}"] = list(replies)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = f"{request.method} {request.rel_url.raw_path_qs.removeprefix('/hub/api/')}"
        self.asked.append(asked)
        self.headers = dict(request.headers)
        if request.can_read_body:
            self.bodies.append(await request.json())
        queue = self.replies[asked.partition("?")[0]]
        status, body, *headers = queue.pop(0) if len(queue) > 1 else queue[0]
        head = headers[0] if headers else {}
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers=head)
        if body is None:
            return web.Response(status=status, headers=head)
        return web.json_response(body, status=status, headers=head)


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeHub]:
    fake = FakeHub()
    with tempfile.TemporaryDirectory() as folder:
        socket = str(Path(folder) / "hub")
        monkeypatch.setattr(aiohttp, "TCPConnector", lambda **_: aiohttp.UnixConnector(socket))
        monkeypatch.setattr(rest, "_POLL", 0.001)
        monkeypatch.setattr(running, "_attached", None)
        ours = logging.getLogger("jupyterhub_edu")
        monkeypatch.setattr(ours, "parent", ours.parent)
        monkeypatch.setattr(ours, "level", ours.level)
        address = SimpleNamespace(ip="", port=8081, proto="http", base_url="/hub/")
        log = logging.getLogger("a hub")
        attach(SimpleNamespace(hub=address, log=log, internal_ssl=False))
        runner = web.ServerRunner(web.Server(fake))
        await runner.setup()
        await web.UnixSite(runner, socket).start()
        yield fake
        await runner.cleanup()


@pytest.fixture
async def servers(hub: FakeHub) -> AsyncIterator[HubServers]:
    servers = HubServers("t0ken", patience=10)
    yield servers
    await servers.close()


# -- stopping ------------------------------------------------------------------------------------------------------

STOPS: dict[str, tuple[list[Reply], list[Reply], str]] = {
    "stopped at once": ([(204, None)], [], ""),
    "followed until it is down": (
        [(202, None)],
        [(200, user(_=STOPPING)), (200, user(_=STOPPING)), (200, user(_=DOWN))],
        "",
    ),
    "followed until the account is gone": ([(202, None)], [(404, {"message": "no"})], ""),
    "no such server is stopped already": ([(404, {"message": "no"})], [], ""),
    "not running is stopped already": ([(400, {"message": "not running"})], [(200, user())], ""),
    "starting cannot be stopped now": (
        [(400, {"message": "is pending spawn"})],
        [(200, user(_=STARTING))],
        "the hub answered 400: is pending spawn",
    ),
    "no right to it": ([(403, {"message": "Forbidden"})], [], "the hub answered 403: Forbidden"),
    "an error without words": ([(500, None)], [], "the hub answered 500"),
    "an error that is a page": ([(502, "<html>Bad Gateway</html>")], [], "the hub answered 502"),
    "an error while it is followed": (
        [(202, None)],
        [(500, {"message": "broken"})],
        "the hub answered 500: broken",
    ),
}


@pytest.mark.parametrize(("stop", "look", "problem"), STOPS.values(), ids=STOPS)
async def test_stop(hub, servers, stop, look, problem):
    hub.says("DELETE", "users/ada/server", *stop)
    hub.says("GET", "users/ada", *look)
    if problem:
        with pytest.raises(ServersError) as error:
            await servers.stop("ada", "")
        assert str(error.value) == problem
    else:
        await servers.stop("ada", "")
    assert hub.asked[0] == "DELETE users/ada/server"
    assert len([asked for asked in hub.asked if asked.startswith("DELETE")]) == 1
    assert hub.bodies == []  # "remove" would stand there


async def test_another_server_of_the_account_does_not_hold_up_a_stop(hub, servers):
    hub.says("DELETE", "users/ada/servers/two", (202, None))
    hub.says("GET", "users/ada", (200, user(_=READY)))
    await servers.stop("ada", "two")


@pytest.mark.parametrize(
    ("name", "server", "path"),
    [
        ("a/b?c#d", "", "users/a%2Fb%3Fc%23d/server"),
        ("../admin", "../x", "users/..%2Fadmin/servers/..%2Fx"),
        ("ольга", "", "users/%D0%BE%D0%BB%D1%8C%D0%B3%D0%B0/server"),
    ],
    ids=["signs of addresses", "a way up", "another script"],
)
async def test_a_name_is_one_part_of_the_address(hub, servers, name, server, path):
    hub.says("DELETE", path, (204, None))
    await servers.stop(name, server)
    assert hub.asked == [f"DELETE {path}"]


# -- starting ------------------------------------------------------------------------------------------------------

STARTS: dict[str, tuple[Reply, type[Exception] | None, str]] = {
    "ready at once": ((201, None), None, ""),
    "begun": ((202, None), None, ""),
    "not now": ((429, {"message": "too many"}), ServersBusy, "the hub answered 429: too many"),
    "refused": (
        (409, {"message": "All T4 are in use."}),
        ServersError,
        "the hub answered 409: All T4 are in use.",
    ),
    "the account is gone": ((404, None), ServersError, "the hub answered 404"),
}


@pytest.mark.parametrize(("reply", "error", "problem"), STARTS.values(), ids=STARTS)
async def test_start(hub, servers, reply, error, problem):
    hub.says("POST", "users/ada/server", reply)
    options = {"course": "ml", "profile": "gpu"}
    if error is None:
        await servers.start("ada", "", options)
    else:
        with pytest.raises(ServersError) as raised:
            await servers.start("ada", "", options)
        assert (raised.type, str(raised.value)) == (error, problem)
    assert hub.bodies[0] == options
    assert hub.headers["Authorization"] == "token t0ken"


async def test_patience_ends(hub):
    hub.says("DELETE", "users/ada/server", (202, None))
    hub.says("GET", "users/ada", (200, user(_=STOPPING)))
    impatient = HubServers("t", patience=0.05)
    with pytest.raises(ServersError, match=r"^ada's server did not stop within 0.05 s$"):
        await impatient.stop("ada", "")
    await impatient.close()


async def test_who_stops_waiting_is_not_told_of_patience(hub, servers):
    hub.says("DELETE", "users/ada/server", (202, None))
    hub.says("GET", "users/ada", (200, user(_=STOPPING)))
    stop = asyncio.create_task(servers.stop("ada", ""))
    await eventually(lambda: len(hub.asked) > 2)
    stop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stop


# -- what runs -----------------------------------------------------------------------------------------------------


def page(*users: Any, next: int | None = None) -> Reply:
    following = {"offset": next, "limit": 50, "url": "http://elsewhere"} if next else None
    return 200, {"items": list(users), "_pagination": {"offset": 0, "next": following}}


async def test_all_pages_are_read(hub, servers):
    hub.says(
        "GET",
        "users",
        page(user("ada", _=READY, two=STARTING), user("bob"), next=50),
        page(user("eve", _=STOPPING), next=100),
        page(),
    )
    live = await servers.live()
    assert [(s.hub_name, s.server, s.ready, s.pending) for s in live] == [
        ("ada", "", True, None),
        ("ada", "two", False, "spawn"),
        ("eve", "", True, "stop"),
    ]
    assert [asked.partition("offset=")[2] for asked in hub.asked] == ["0", "50", "100"]
    assert hub.headers["Accept"] == "application/jupyterhub-pagination+json"


UNREADABLE: dict[str, Reply] = {
    "no right to it": (403, {"message": "Forbidden"}),
    "a page of somebody else": (200, "<html>Welcome</html>"),
    "nothing": (200, None),
    "another shape": (200, [user()]),
}


@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_is_not_an_empty_hub(hub, servers, reply):
    hub.says("GET", "users", reply)
    with pytest.raises(ServersError):
        await servers.live()


async def test_a_hub_that_does_not_answer_is_told(hub, servers, monkeypatch):
    monkeypatch.setattr(aiohttp, "TCPConnector", lambda **_: aiohttp.UnixConnector("/nowhere"))
    for ask in (servers.live, lambda: servers.stop("ada", "")):
        with pytest.raises(ServersSilent, match="the hub's API does not answer"):
            await ask()


async def test_a_connection_is_kept_until_it_is_closed(hub, servers):
    hub.says("GET", "users", page())
    await servers.live()
    await servers.close()
    await servers.close()
    assert await servers.live() == []


# -- one account ---------------------------------------------------------------------------------------------------

ADMISSIONS: dict[str, tuple[Any, str | None]] = {
    "ours carries its admission": ({"edu": {"admission": "a1"}}, "a1"),
    "one that was started without us has none": ({"pod_name": "jupyter-ada"}, None),
    "no state may be seen": (None, None),
    "an empty state of ours": ({"edu": None}, None),
    "nothing granted": ({"edu": {}}, None),
}


@pytest.mark.parametrize(("state", "admission"), ADMISSIONS.values(), ids=ADMISSIONS)
def test_admission(state: Any, admission: str | None) -> None:
    (live,) = _live(user(_={**READY, "state": state}))
    assert live.admission == admission


def test_instants_are_utc() -> None:
    times = {"started": "2026-11-03T11:00:00.25+01:00", "last_activity": "2026-11-03T10:00:00Z"}
    (live,) = _live(user(_={**READY, **times}))
    assert live.started_at == datetime(2026, 11, 3, 10, 0, 0, 250_000, UTC)
    assert live.last_activity == datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
    assert _live(user(_=READY))[0].started_at is None


def test_an_account_without_servers_has_none() -> None:
    assert _live({"name": "ada"}) == []
    assert _live(user(_=DOWN)) == []
