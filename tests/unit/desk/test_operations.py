"""Declared operations: what a handler's method says of itself, and what is read, counted and paged by it."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyterhub.scopes import Scope

from jupyterhub_edu.desk.api import API
from jupyterhub_edu.desk.calls import Undeclared, calls_of
from jupyterhub_edu.desk.openapi import document
from jupyterhub_edu.desk.operations import operation, operation_of
from jupyterhub_edu.desk.paging import page_of
from jupyterhub_edu.desk.rates import Rate
from jupyterhub_edu.desk.reading import read_body, read_query
from jupyterhub_edu.desk.refusals import Code, DeskError
from jupyterhub_edu.desk.scopes import READ
from jupyterhub_edu.wire.grants import GrantWish
from jupyterhub_edu.wire.shapes import Page, Paged
from jupyterhub_edu.wire.tags import tag_of
from jupyterhub_edu.wire.usage import UsageQuery


class ThingsAPI(API):
    """An address with all that can be declared."""

    @operation(
        READ,
        does="Do it.",
        takes=GrantWish,
        query=Paged,
        answers={200: Page[str], 204: None},
        refuses={Code.STALE},
        rate=Rate(1, timedelta(minutes=1)),
    )
    async def post(self, course_id: str, *, wish: GrantWish, asked: Paged) -> None:
        self.got = (course_id, wish, asked)


def a_handler(body: bytes = b"{}", name: str = "ada", **query: list[bytes]) -> Any:
    request = SimpleNamespace(body=body, query_arguments=query, path="/x")
    return SimpleNamespace(
        current_user=SimpleNamespace(name=name),
        request=request,
        parsed_scopes={READ: Scope.ALL},
        expanded_scopes={READ},
        db=None,
    )


@pytest.fixture
def post() -> Any:
    rate = Rate(1, timedelta(minutes=1))

    @operation(READ, does="x", takes=GrantWish, query=Paged, answers={204: None}, rate=rate)
    async def post(handler: Any, course_id: str, *, wish: Any, asked: Any) -> None:
        handler.got = (course_id, wish, asked)

    return post


async def test_a_method_is_given_what_was_read(post: Any) -> None:
    handler = a_handler(b'{"hours": 2}', limit=[b"5"])
    await post(handler, "ml")
    assert handler.got == ("ml", {"hours": 2}, {"limit": 5})


@pytest.mark.parametrize(
    "handler", [a_handler(b'{"hour": 2}'), a_handler(limit=[b"0"])], ids=["body", "query"]
)
async def test_what_does_not_fit_its_shape_is_refused_before_the_method(
    post: Any, handler: Any
) -> None:
    with pytest.raises(DeskError) as refusal:
        await post(handler, "ml")
    assert refusal.value.code is Code.UNREADABLE
    assert not hasattr(handler, "got")


async def test_one_call_too_many_is_told_when_the_next_may_come(post: Any) -> None:
    await post(a_handler(), "ml")
    await post(a_handler(name="bob"), "ml")
    with pytest.raises(DeskError) as refusal:
        await post(a_handler(), "ml")
    assert refusal.value.code is Code.TOO_OFTEN
    assert int(refusal.value.headers["Retry-After"]) <= 60


async def test_without_the_scope_nothing_is_read(post: Any) -> None:
    handler = a_handler(b"no json")
    handler.parsed_scopes, handler.expanded_scopes = {}, set()
    with pytest.raises(Exception, match="403"):
        await post(handler, "ml")


def test_the_hub_sees_the_arguments_of_the_address_alone() -> None:
    assert [*inspect.signature(ThingsAPI.post).parameters] == ["self", "course_id"]


def test_a_declaration_tells_all_that_can_be_refused() -> None:
    declared = operation_of(ThingsAPI.post)
    assert declared is not None
    always = {Code.NO_ACCOUNT, Code.NOT_READY}
    body = {Code.UNREADABLE, Code.TOO_LARGE}
    assert declared.refuses == always | body | {Code.STALE, Code.TOO_OFTEN}


def test_a_method_that_declares_nothing_is_told_what_to_write() -> None:
    class Silent(API):
        async def get(self) -> None: ...

    with pytest.raises(Undeclared, match=r"Silent.get answers .* write @operation"):
        calls_of([("/api/edu/silent", Silent)])


# -- addresses ---------------------------------------------------------------------------------------------------------

PATTERNS = {
    "/api/edu/courses": ["/edu/courses"],
    "/api/edu/courses/([^/]+)": ["/edu/courses/{course}"],
    "/api/edu/courses/([^/]+)/things/?": ["/edu/courses/{course}/things"],
    "/api/edu/c/([^/]+)/s/([^/]+)(?:/([^/]*))?": [
        "/edu/c/{course}/s/{user}",
        "/edu/c/{course}/s/{user}/{server}",
    ],
    r"/api/edu/x\.json": ["/edu/x.json"],
    "/edu/courses": [],
}


@pytest.mark.parametrize(("pattern", "paths"), PATTERNS.items(), ids=PATTERNS)
def test_a_pattern_is_an_address_with_names(pattern: str, paths: list[str]) -> None:
    class Any_(API):
        @operation(READ, does="x", answers={204: None})
        async def get(self, course_id: str, hub_name: str, server: str = "") -> None: ...

    assert [call.path for call in calls_of([(pattern, Any_)])] == paths


def test_words_of_a_pattern_are_the_only_ones() -> None:
    class Act(API):
        @operation(READ, does="x", answers={204: None})
        async def post(self, act: str) -> None: ...

    (call,) = calls_of([("/api/edu/(begin|end)", Act)])
    assert call.parameters == {"act": ("begin", "end")}


def test_the_document_says_what_is_declared() -> None:
    told = document([("/api/edu/courses/([^/]+)/things", ThingsAPI)])
    one = told["paths"]["/edu/courses/{course}/things"]["post"]
    assert one["tags"] == ["things"]
    assert one["security"] == [{"token": [READ]}]
    assert [p["name"] for p in one["parameters"]] == ["course", "limit", "cursor", "If-Match"]
    assert [*one["responses"]] == ["200", "204", "400", "403", "412", "413", "429", "503"]
    assert "Retry-After" in one["responses"]["429"]["headers"]
    body = one["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert told["components"]["schemas"][body]["additionalProperties"] is False


# -- pages of a list ---------------------------------------------------------------------------------------------------


@given(st.sets(st.text(max_size=4)), st.integers(1, 5), st.data())
def test_every_row_that_stays_is_shown_once_whatever_comes_and_goes(
    names: set[str], limit: int, data: Any
) -> None:
    seen: list[str] = []
    rows, asked = set(names), Paged(limit=limit)
    stays = set(names)
    while True:
        part, following = page_of(rows, asked, lambda row: (row,))
        seen += part
        if following is None:
            break
        gone = data.draw(st.sets(st.sampled_from(sorted(rows)))) if rows else set()
        rows = (rows - gone) | data.draw(st.sets(st.text(max_size=4), max_size=2))
        stays -= gone - set(seen)
        asked = Paged(limit=limit, cursor=following)
    assert seen == sorted(set(seen))
    assert stays <= set(seen)


@pytest.mark.parametrize("cursor", ["x", "", "W10", "e30=", "WzFd", "ü", "////"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(DeskError):
        page_of(["a"], Paged(cursor=cursor), lambda row: (row,))


# -- how often ---------------------------------------------------------------------------------------------------------


def test_calls_are_counted_within_a_length_of_time() -> None:
    now = 0.0
    rate = Rate(2, timedelta(seconds=10), clock=lambda: now)
    rate.require("ada")
    now = 4
    rate.require("ada")
    now = 9.5
    with pytest.raises(DeskError) as refusal:
        rate.require("ada")
    assert refusal.value.headers["Retry-After"] == "1"
    now = 10
    rate.require("ada")
    rate.require("bob")


def test_whoever_asked_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyterhub_edu.desk.rates._MOST_PEOPLE", 2)
    rate = Rate(1, timedelta(hours=1))
    for name in ("ada", "bob", "cid"):
        rate.require(name)
    rate.require("ada")
    with pytest.raises(DeskError):
        rate.require("cid")


# -- reading -----------------------------------------------------------------------------------------------------------

NO_BODY = {
    "no json": b"{",
    "a list": b"[]",
    "null": b"null",
    "too deep": b"[" * 100_000,
    "no text": b"\xff",
    "an unknown key": b'{"hour": 1}',
    "a number for text": b'{"person": 1}',
    "text for a number": b'{"hours": "1"}',
    "true for a number": b'{"servers": true}',
    "no number": b'{"hours": NaN}',
    "an instant without a zone": b'{"starts": "2026-12-01T10:00:00"}',
    "an instant before all time": b'{"starts": "0001-01-01T00:00:00+23:00"}',
    "a line break": b'{"why": "a\\nb"}',
    "too long": json.dumps({"why": "x" * 501}).encode(),
}


@pytest.mark.parametrize("raw", NO_BODY.values(), ids=NO_BODY)
def test_a_body_is_read_strictly(raw: bytes) -> None:
    with pytest.raises(DeskError) as refusal:
        read_body(raw, GrantWish)
    assert refusal.value.code is Code.UNREADABLE
    assert refusal.value.jupyterhub_message.isprintable()


def test_what_is_unreadable_is_told_with_its_place_and_without_what_was_sent() -> None:
    with pytest.raises(DeskError) as refusal:
        read_body(b'{"starts": "<script>"}', GrantWish)
    words = refusal.value.jupyterhub_message
    assert "starts: an instant such as 2026-12-01T14:00:00+01:00" in words
    assert "script" not in words


QUERIES: dict[str, dict[str, list[bytes]]] = {
    "unknown": {"x": [b"1"]},
    "twice": {"course": [b"ml", b"db"]},
    "no day": {"from": [b"yesterday"]},
    "another word": {"by": [b"day", b"week"]},
    "no text": {"course": [b"\xff"]},
}


@pytest.mark.parametrize("arguments", QUERIES.values(), ids=QUERIES)
def test_a_query_is_read_strictly(arguments: dict[str, list[bytes]]) -> None:
    with pytest.raises(DeskError):
        read_query(arguments, UsageQuery)


def test_a_query_is_read_with_its_lists() -> None:
    arguments = {"by": [b"day", b"person"], "from": [b"2026-11-01"], "_xsrf": [b"x"]}
    found = read_query(arguments, UsageQuery)
    assert found == {"by": ["day", "person"], "from": "2026-11-01"}


# -- two who edit the same ---------------------------------------------------------------------------------------------


def test_a_tag_is_of_what_is_shown_and_not_of_how_it_is_written() -> None:
    assert tag_of({"a": 1, "b": "é"}) == tag_of({"b": "é", "a": 1})
    assert tag_of({"a": 1}) != tag_of({"a": "1"})


SEEN = {
    "nothing said": (None, True),
    "anything": ("*", True),
    "the same": (f'"{tag_of([1])}"', True),
    "one of several": (f'"x", "{tag_of([1])}"', True),
    "another": ('"x"', False),
    "weak": (f'W/"{tag_of([1])}"', False),
}


@pytest.mark.parametrize(("seen", "unchanged"), SEEN.values(), ids=SEEN)
def test_a_second_editor_is_told_what_is_there_now(seen: str | None, unchanged: bool) -> None:
    headers = {} if seen is None else {"If-Match": seen}
    handler: Any = SimpleNamespace(request=SimpleNamespace(headers=headers))
    if unchanged:
        API.require_unchanged(handler, [1])
        return
    with pytest.raises(DeskError) as refusal:
        API.require_unchanged(handler, [1])
    told = refusal.value.as_json()
    assert (told["status"], told["current"]) == (412, [1])
