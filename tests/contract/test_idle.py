"""Whether servers and devices are in use, asked of servers on this machine that misbehave in one way each."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jupyterhub_edu.hub import HubWatching, activity
from jupyterhub_edu.inventory import MeasuredDevices
from jupyterhub_edu.ports import Activity
from tests.listening import listening

NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STATUS = {"started": "2026-10-06T06:00:00Z", "last_activity": "2026-10-06T07:30:00Z"}
KERNEL = {"last_activity": "2026-10-06T07:00:00.5Z", "execution_state": "idle"}
Says = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class AServer:
    """Answers each path as told, and notes what it was asked with which head."""

    def __init__(self) -> None:
        self.says: dict[str, Says] = {}
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.url = ""

    def jupyter(self, **instead: Says) -> None:
        """An ordinary server, but for one of its answers."""
        usual: dict[str, Says] = {
            "status": packed(STATUS),
            "kernels": packed([KERNEL]),
            "terminals": packed([]),
        }
        self.says = {f"/user/ada/api/{name}": said for name, said in {**usual, **instead}.items()}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        self.asked.append(path)
        self.heads.append(head)
        said = self.says.get(path.partition("?")[0], refusal(404))
        if isinstance(said, bytes):
            writer.write(said)
            await writer.drain()
        else:
            await said(writer)


def packed(body: object, head: bytes = HEAD) -> bytes:
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head + f"Content-Length: {len(said)}\r\nConnection: close\r\n\r\n".encode() + said


def refusal(status: int, headers: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} No\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )


async def silent(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(600)


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"[" * 65536 + b"\r\n")
        await writer.drain()


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"[")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.fixture
async def server() -> AsyncIterator[AServer]:
    one = AServer()
    async with listening(one.answer) as where:
        one.url = f"http://{where}/user/ada/"
        yield one


# -- servers -------------------------------------------------------------------------------------------------------


class Hub:
    """As much of a hub as has accounts with servers and gives out tokens."""

    def __init__(self, url: str) -> None:
        self.tokens: list[dict[str, Any]] = []
        self.dropped: list[str] = []
        self.spawner = SimpleNamespace(
            name="",
            api_token="",
            ready=True,
            granted={"admission": "a1"},
            server=SimpleNamespace(url=url, base_url="/user/ada/"),
            pod_name="jupyter-ada",
            namespace="hub",
        )
        self.account = SimpleNamespace(
            name="ada",
            spawners={"": self.spawner},
            orm_user=SimpleNamespace(new_api_token=self._new),
        )

    def _new(self, **what: Any) -> str:
        self.tokens.append(what)
        return f"token-{len(self.tokens)}"


@pytest.fixture
def hub(server: AServer, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(server.url)
    app = SimpleNamespace(users=hub, internal_ssl=False)
    monkeypatch.setattr(activity, "attached", lambda: SimpleNamespace(app=app))
    accounts = {"ada": hub.account}
    monkeypatch.setattr(activity, "find_account", lambda users, name: accounts.get(name))
    monkeypatch.setattr(activity, "drop_token", hub.dropped.append)
    return hub


def ended(id: str = "a1") -> Any:
    return SimpleNamespace(id=id)


@pytest.fixture
async def watching(hub: Hub) -> AsyncIterator[HubWatching]:
    one = HubWatching(clock=lambda: NOW, within=1.0)
    yield one
    await one.close()


async def test_an_ordinary_server_says_when_it_worked_and_is_not_disturbed(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter()
    told = await watching.activity("a1", "ada", "")
    worked_at = datetime(2026, 10, 6, 7, 0, 0, 500000, tzinfo=UTC)
    assert told == Activity(worked_at, True, "hub/jupyter-ada")
    paths = [path.partition("?") for path in server.asked]
    assert [path for path, _, _ in paths] == [
        f"/user/ada/api/{name}" for name in ("status", "kernels", "terminals")
    ]
    assert {query for _, _, query in paths} == {"no_track_activity=1"}


async def test_it_is_shown_the_token_that_it_has_itself(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter()
    hub.spawner.api_token = "its-own"
    assert await watching.activity("a1", "ada", "") is not None
    assert all("Authorization: token its-own" in head for head in server.heads)
    watching.forget(ended())
    assert (hub.tokens, hub.dropped) == ([], [])


async def test_a_server_that_refuses_its_own_token_is_shown_another(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter(status=refusal(403))
    hub.spawner.api_token = "its-own"
    await watching.activity("a1", "ada", "")
    server.jupyter()
    for _ in range(2):
        assert await watching.activity("a1", "ada", "") is not None
    assert "token token-1" in server.heads[-1]
    assert (len(hub.tokens), hub.dropped) == (1, [])


async def test_nothing_that_was_made_for_a_session_is_left_when_it_has_ended(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter()
    for number in range(20):
        hub.spawner.granted = {"admission": f"a{number}"}
        hub.spawner.api_token = "its-own" * (number % 2)
        assert await watching.activity(f"a{number}", "ada", "") is not None
        watching.forget(ended(f"a{number}"))
    assert hub.dropped == [f"token-{number}" for number in range(1, 11)]
    assert watching._keys == {}


async def test_without_its_own_it_is_shown_a_token_for_itself_alone_and_the_same_for_a_while(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter()
    await watching.activity("a1", "ada", "")
    await watching.activity("a1", "ada", "")
    (token,) = hub.tokens
    assert token["scopes"] == ["access:servers!server=ada/"]
    assert token["expires_in"] == 3600
    assert token["note"].startswith("Server at /user/ada/")
    assert all("Authorization: token token-1" in head for head in server.heads)
    assert not any("Cookie" in head for head in server.heads)


async def test_without_terminals_kernels_are_enough(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter(terminals=refusal(404))
    assert await watching.activity("a1", "ada", "") is not None


FAULTS: dict[str, dict[str, Says]] = {
    "no server that we know": {"status": refusal(404)},
    "a server that does not let us in": {"status": refusal(403)},
    "kernels that are not shown": {"kernels": refusal(404)},
    "silence": {"kernels": silent},
    "an octet now and then": {"kernels": dripping},
    "no end": {"kernels": endless},
    "a reset": {"status": lambda writer: _abort(writer)},
    "something that is not HTTP": {"status": b"220 mail.example ESMTP\r\n\r\n"},
    "something that is not JSON": {"status": packed(b"<html>")},
    "text of no encoding": {"status": packed(b"\xff\xfe\xfd")},
    "brackets without end": {"kernels": packed(b"[" * 100_000)},
    "a number without end": {"kernels": packed(b"9" * 100_000)},
    "a bomb": {
        "kernels": packed(gzip.compress(b"[]" * 10_000_000), HEAD + b"Content-Encoding: gzip\r\n")
    },
    "more kernels than fit": {"kernels": packed([KERNEL] * 5000)},
    "kernels that are none": {"kernels": packed({"last_activity": "now"})},
    "kernels of another kind": {"kernels": packed(["k1"])},
    "an instant that is none": {"kernels": packed([{**KERNEL, "last_activity": "yesterday"}])},
    "an instant of nowhere": {
        "kernels": packed([{**KERNEL, "last_activity": "2026-10-06T07:00:00"}])
    },
    "an instant before time": {
        "kernels": packed([{**KERNEL, "last_activity": "0001-01-01T00:00:00+14:00"}])
    },
    "a status of another server": {"status": packed({"started": "now"})},
    "a way to somebody else": {
        "status": refusal(302, "Location: http://127.0.0.1:1/user/bob/api/status\r\n")
    },
    "a way in circles": {"status": refusal(302, "Location: /user/ada/api/status\r\n")},
    "another protocol": {"status": refusal(101, "Upgrade: websocket\r\nConnection: Upgrade\r\n")},
    "a head without end": {
        "status": HEAD + b"X: " + b"x" * 1_000_000 + b"\r\nContent-Length: 2\r\n\r\n[]"
    },
}


async def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_whatever_a_server_does_nothing_is_known_of_it(
    server: AServer, hub: Hub, watching: HubWatching, fault: dict[str, Says]
) -> None:
    server.jupyter(**fault)
    assert await watching.activity("a1", "ada", "") is None
    server.jupyter()
    assert await watching.activity("a1", "ada", "") is not None


async def test_a_token_that_opens_no_more_is_not_shown_again(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter(status=refusal(403))
    await watching.activity("a1", "ada", "")
    server.jupyter()
    await watching.activity("a1", "ada", "")
    assert "token token-2" in server.heads[-1]
    assert hub.dropped == ["token-1"]


async def test_a_server_that_answers_nonsense_costs_no_new_token_at_each_look(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter(kernels=packed(b"<html>"))
    for _ in range(3):
        assert await watching.activity("a1", "ada", "") is None
    assert len(hub.tokens) == 1


async def test_nobody_is_asked_but_the_server_of_this_admission(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter()
    assert await watching.activity("a2", "ada", "") is None
    assert await watching.activity("a1", "bob", "") is None
    assert await watching.activity("a1", "ada", "second") is None
    hub.spawner.ready = False
    assert await watching.activity("a1", "ada", "") is None
    assert (server.asked, hub.tokens) == ([], [])


async def test_slow_servers_are_asked_sixteen_at_a_time(
    server: AServer, hub: Hub, watching: HubWatching
) -> None:
    server.jupyter(status=silent)
    async with asyncio.timeout(60):
        told = await asyncio.gather(*(watching.activity("a1", "ada", "") for _ in range(20)))
    assert told == [None] * 20


# -- devices -------------------------------------------------------------------------------------------------------


def vector(*samples: tuple[dict[str, str], str]) -> dict[str, object]:
    result = [{"metric": labels, "value": [1.5, value]} for labels, value in samples]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def pod(name: str) -> dict[str, str]:
    return {"namespace": "hub", "pod": name}


@pytest.fixture
def devices(server: AServer) -> MeasuredDevices:
    url = server.url.removesuffix("/user/ada/")
    return MeasuredDevices(lambda: (url, "use[$idle]", timedelta(minutes=30)), within=1.0)


async def test_anything_above_zero_is_work(server: AServer, devices: MeasuredDevices) -> None:
    samples = vector(
        (pod("a"), "0"),
        (pod("b"), "0.5"),
        (pod("c"), "NaN"),
        ({"pod": "d"}, "1"),
        (pod("e"), "7"),
        (pod("e"), "0"),
    )
    server.says["/api/v1/query"] = packed(samples)
    assert await devices.worked() == {"hub/a": False, "hub/b": True, "hub/e": True}
    assert server.asked == ["/api/v1/query?query=use%5B1800s%5D"]


async def test_a_campus_that_measures_nothing_asks_nobody(server: AServer) -> None:
    assert await MeasuredDevices(lambda: None).worked() is None
    assert server.asked == []


NO_ANSWERS: dict[str, Says] = {
    "silence": silent,
    "no end": endless,
    "a refusal": refusal(422),
    "a way to elsewhere": refusal(302, "Location: http://127.0.0.1:1/\r\n"),
    "something that is not JSON": packed(b"<html>"),
    "brackets without end": packed(b"[" * 100_000),
    "an error": packed({"status": "error", "error": "parse error"}),
    "an answer without all of its stores": packed(
        {**vector((pod("a"), "0")), "warnings": ["gone"]}
    ),
    "a number instead of a vector": packed(
        {"status": "success", "data": {"resultType": "scalar", "result": [1.5, "1"]}}
    ),
    "samples of another kind": packed(
        {"status": "success", "data": {"resultType": "vector", "result": [7]}}
    ),
    "labels that are none": packed(
        {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": 3, "value": [1, "1"]}]},
        }
    ),
}


@pytest.mark.parametrize("said", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_what_is_no_answer_says_nothing_of_any_pod(
    server: AServer, devices: MeasuredDevices, said: Says, caplog: pytest.LogCaptureFixture
) -> None:
    server.says["/api/v1/query"] = said
    with caplog.at_level(logging.WARNING):
        assert await devices.worked() == {}
    assert "the use of devices is not known" in caplog.text
