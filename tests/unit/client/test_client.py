"""The client: what it asks, how it reads answers and refusals, and that it follows pages."""

from __future__ import annotations

import http.client
import inspect
import json
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from jupyterhub_edu.client import Client, CourseClient, Refused, Unreachable, calling
from jupyterhub_edu.desk import desk_routes
from jupyterhub_edu.desk.calls import calls_of
from jupyterhub_edu.desk.openapi import document

URL = "https://hub.example:8443/base/hub/api"


class FakeHub:
    """Answers one after another; what it was asked is kept."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: dict[str, str] = {}
        self.at: Any = None
        self.broken: Exception | None = None

    def answer(self, status: int, told: Any = None, **headers: str) -> None:
        text = b"" if told is None else json.dumps(told).encode()
        self.answers.append((status, text, headers))

    def __call__(self, host: str, port: int | None, timeout: float) -> FakeHub:
        self.at = (host, port)
        return self

    def connect(self) -> None:
        if self.broken is not None:
            raise self.broken
        self.sock = self

    def settimeout(self, timeout: float | None) -> None: ...

    def request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        self.asked.append((method, path, json.loads(body) if body else None))
        self.headers = headers

    def getresponse(self) -> Any:
        status, text, headers = self.answers.pop(0)
        reply: Any = BytesIO(text)

        told = {name.replace("_", "-"): one for name, one in headers.items()}
        return SimpleNamespace(status=status, read=reply.read, headers=told)

    def close(self) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    made = FakeHub()
    monkeypatch.setattr(calling, "_KINDS", {"https": made, "http": made})
    return made


@pytest.fixture
def client(hub: FakeHub) -> Client:
    return Client(URL, "secret")


def test_a_call_goes_to_the_hub_with_the_token(hub: FakeHub, client: Client) -> None:
    hub.answer(201, {"id": "g1"})
    given = client.course("ml").give({"hours": 5, "person": "ada"})
    assert given["id"] == "g1"
    assert hub.at == ("hub.example", 8443)
    wish = {"hours": 5, "person": "ada"}
    assert hub.asked == [("POST", "/base/hub/api/edu/courses/ml/grants", wish)]
    assert hub.headers["Authorization"] == "token secret"


def test_a_name_leads_nowhere_else(hub: FakeHub, client: Client) -> None:
    hub.answer(204)
    client.course("../sources?x=").stop("a/b", "lab 2")
    path = "/base/hub/api/edu/courses/..%2Fsources%3Fx%3D/servers/a%2Fb/lab%202"
    assert hub.asked == [("DELETE", path, None)]


def test_a_list_is_read_a_page_at_a_time(hub: FakeHub, client: Client) -> None:
    hub.answer(200, {"items": [{"id": "a"}, {"id": "b"}], "next": "a b"})
    hub.answer(200, {"items": [{"id": "c"}], "next": None})
    rows = client.courses()
    assert next(rows)["id"] == "a"
    assert len(hub.asked) == 1
    assert [row["id"] for row in rows] == ["b", "c"]
    assert hub.asked[1][1].endswith("/edu/courses?cursor=a+b")


def test_grants_and_exams_come_a_page_at_a_time_too(hub: FakeHub, client: Client) -> None:
    course = client.course("ml")
    hub.answer(200, {"grants": [{"id": "g1"}], "next": "x", "ceilings": {}})
    hub.answer(200, {"grants": [{"id": "g2"}], "next": None, "ceilings": {}})
    hub.answer(200, {"exams": [{"id": "e1"}], "next": None})
    hub.answer(200, {"grants": [], "next": None, "ceilings": {"hours": 5}})
    assert [grant["id"] for grant in course.grants()] == ["g1", "g2"]
    assert [exam["id"] for exam in course.exams()] == ["e1"]
    assert course.ceilings()["hours"] == 5
    assert [path.rpartition("/ml/")[2] for _, path, _ in hub.asked] == [
        *("grants", "grants?cursor=x", "exams", "grants?limit=1"),
    ]


def test_a_refusal_has_its_reasons(hub: FakeHub, client: Client) -> None:
    reason = {"code": "too-often", "sentence": "No.", "who": "nobody", "retry_at": None}
    hub.answer(429, {"status": 429, "message": "No.", "reasons": [reason]}, Retry_After="7")
    with pytest.raises(Refused, match=r"No\.") as refusal:
        client.usage({"course": "ml", "by": ["day", "person"]})
    assert hub.asked[0][1].endswith("/usage?course=ml&by=day&by=person")
    told = refusal.value
    assert (told.status, told.codes, told.retry_after) == (429, ["too-often"], 7)


def test_a_second_editor_is_told_what_is_there_now(hub: FakeHub, client: Client) -> None:
    hub.answer(412, {"status": 412, "message": "Changed.", "current": {"id": "e1"}})
    hub.answers.insert(0, (200, b"{}", {"ETag": '"tag"'}))
    client.course("ml").exam("e1")
    with pytest.raises(Refused) as refusal:
        client.course("ml").change_exam("e1", {"extra": {"ada": 5}}, seen=client.tag)
    assert hub.headers["If-Match"] == '"tag"'
    assert refusal.value.current == {"id": "e1"}


NO_HUB: dict[str, tuple[int, bytes]] = {
    "a page": (200, b"<html>"),
    "a page of a proxy": (502, b"<html>"),
}


@pytest.mark.parametrize("answer", NO_HUB.values(), ids=NO_HUB)
def test_what_is_no_hub_is_said(hub: FakeHub, client: Client, answer: tuple[int, bytes]) -> None:
    hub.answers.append((*answer, {}))
    with pytest.raises(Unreachable, match=r"does not answer at https://hub\.example"):
        client.use()


@pytest.mark.parametrize("error", [OSError("refused"), http.client.BadStatusLine("x")])
def test_silence_is_said(hub: FakeHub, client: Client, error: Exception) -> None:
    hub.broken = error
    with pytest.raises(Unreachable):
        client.use()


def test_a_redirect_is_not_followed(hub: FakeHub, client: Client) -> None:
    hub.answer(302, None, Location="https://elsewhere.example")
    with pytest.raises(Refused):
        client.use()
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("url", "token"), [("", "x"), ("ftp://hub", "x"), ("/hub/api", "x"), (URL, "")]
)
def test_a_hub_must_be_named(monkeypatch: pytest.MonkeyPatch, url: str, token: str) -> None:
    monkeypatch.delenv("JUPYTERHUB_API_URL", raising=False)
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN", raising=False)
    with pytest.raises(ValueError, match="JUPYTERHUB_API"):
        Client(url, token)


def test_a_server_of_the_hub_needs_to_say_nothing(
    monkeypatch: pytest.MonkeyPatch, hub: FakeHub
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_URL", URL)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    hub.answer(204)
    Client().leave_line()
    assert hub.asked == [("DELETE", "/base/hub/api/edu/line", None)]


_SOME: dict[str, Any] = {
    "user": "ada",
    "person": "ada",
    "id": "x1",
    "source": "ad",
    "wish": {},
    "query": {},
    "seen": '"t"',
    "sections": ["Lab 1"],
    "until": datetime(2026, 11, 24, tzinfo=UTC),
}
_OF = {Client: ("courses", "call", "course"), CourseClient: ("call",)}


@pytest.mark.parametrize("kind", _OF)
def test_every_method_asks_for_a_call_that_is_documented(
    hub: FakeHub, client: Client, kind: type
) -> None:
    known = document(desk_routes())["paths"]
    patterns = [(call.method, call.path.split("/")[1:], call) for call in calls_of(desk_routes())]
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if name.startswith("_") or name in _OF[kind]:
            continue
        one: Any = client if kind is Client else client.course("ml")
        needed = [*inspect.signature(method).parameters][1:]
        lists: dict[str, Any] = {key: [] for key in ("items", "people", "grants", "exams")}
        hub.answer(200, {**lists, "ceilings": {}, "next": None})
        told = getattr(one, name)(**{key: _SOME[key] for key in needed if key in _SOME})
        if inspect.isgenerator(told):
            list(told)
        verb, path, _ = hub.asked[-1]
        parts = path.partition("?")[0].removeprefix("/base/hub/api/").split("/")
        fits = [
            call.path
            for method_, pattern, call in patterns
            if method_ == verb.lower()
            and len(pattern) == len(parts)
            and all(p.startswith("{") or p == part for p, part in zip(pattern, parts, strict=True))
        ]
        assert fits, f"{name} asks for {verb} {path}"
        assert fits[0] in known
