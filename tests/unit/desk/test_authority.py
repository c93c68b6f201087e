"""Who may do what by the API: every call of the document, as everybody, with everything that can be named.

A call that is added is tried here by itself. Where one fails that should not be here at all, look at its declaration.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import pytest

from jupyterhub_edu.desk.calls import Call
from jupyterhub_edu.desk.rates import Rate
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.desk.scopes import ADMIN, MANAGE, READ
from jupyterhub_edu.domain.acts import TABLE
from jupyterhub_edu.domain.people import CourseRole

from .api_world import CALLS, ApiWorld, Reply
from .bodies import bodies

A, B, NOWHERE = "ml", "db", "nowhere"
OF_COURSES: Final = [call for call in CALLS if "course" in call.parameters]
OF_ADMINS: Final = [call for call in CALLS if Code.ADMINS_ONLY in call.operation.refuses]
INSIDE: Final = {
    "asa": CourseRole.ASSISTANT,
    "ola": CourseRole.OBSERVER,
    "sue": CourseRole.STUDENT,
}


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One for the world and all that is asked of it."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture(autouse=True)
def as_often_as_one_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    """More is asked here than anybody may within a minute."""
    monkeypatch.setattr(Rate, "require", lambda *_: None)


@pytest.fixture(scope="module")
def world(
    loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiWorld]:
    """Shared: nothing that is refused changes it."""
    made = ApiWorld(tmp_path_factory.mktemp("campus"))
    loop.run_until_complete(made.__aenter__())
    made.tokens |= {
        "other": made.add_token("kari", "read:users:name!user"),
        "manager": made.add_token("kari", MANAGE),
        "reader": made.add_token("tea", READ),
    }
    yield made
    loop.run_until_complete(made.__aexit__())


class Asking:
    """Calls with what stands in the world, synchronously."""

    def __init__(self, world: ApiWorld, loop: asyncio.AbstractEventLoop) -> None:
        self.world, self._loop = world, loop

    def __call__(
        self, call: Call, who: str, body: Any = None, query: str = "", **names: str
    ) -> Reply:
        words = {name: known[0] for name, known in call.parameters.items() if known}
        given = {**dict.fromkeys(call.parameters, "nothing-such"), **words, **names}
        path = self.world.path_of(call, given) + query
        return self._loop.run_until_complete(self.world.call(call.method, path, who, body))


@pytest.fixture
def ask(world: ApiWorld, loop: asyncio.AbstractEventLoop) -> Asking:
    return Asking(world, loop)


def shown(reply: Reply, *typed: str) -> tuple[Any, ...]:
    """All that tells one answer from another; what was typed may stand in it."""
    body = reply.body.decode()
    for text in filter(None, typed):
        body = body.replace(text, "TYPED")
    headers = {
        name: value
        for name, value in reply.headers.get_all()
        if name not in {"Date", "Content-Length"}
    }
    return reply.status, headers, body


def names(call: Call, world: ApiWorld) -> Mapping[str, str]:
    """What of B the call's address can name."""
    return {name: one for name, one in world.named.items() if name in call.parameters}


def named(calls: list[Call]) -> Any:
    return pytest.mark.parametrize("call", calls, ids=lambda call: call.id)


@named(OF_COURSES)
def test_a_course_of_others_is_one_that_does_not_exist(
    ask: Asking, world: ApiWorld, call: Call
) -> None:
    of_b = names(call, world)
    statuses = set()
    # What a body says matters to nobody outside; the teacher of another course tries them all.
    many, two = bodies(call.operation.takes), bodies(call.operation.takes)[:2]
    for who, body in [*product(["tea"], many), *product(("asa", "ola", "stu", "nils"), two)]:
        there = ask(call, who, body, **of_b)
        nowhere = ask(call, who, body, **{**of_b, "course": NOWHERE})
        assert shown(there, B) == shown(nowhere, NOWHERE), (who, body)
        statuses.add((there.status, *there.codes))
    told = {(404, "no-such-course")}
    refused = {(403, "admins-only")} if call in OF_ADMINS else told
    assert statuses & refused, f"no body of {call.operation.takes} was read: {statuses}"
    assert statuses <= refused | {(400, "unreadable")}


@named([call for call in OF_COURSES if len(call.parameters) > 1])
def test_a_thing_of_another_course_is_one_that_does_not_exist(
    ask: Asking, world: ApiWorld, call: Call
) -> None:
    of_b = {**names(call, world), "course": A}
    for body in bodies(call.operation.takes):
        for name in of_b.keys() - {"course"}:
            there = ask(call, "tea", body, **of_b)
            nowhere = ask(call, "tea", body, **{**of_b, name: "nothing-such"})
            assert shown(there, of_b[name]) == shown(nowhere, "nothing-such"), (name, body)


@named([call for call in OF_COURSES if call.operation.act is not None])
def test_a_role_to_which_the_table_gives_nothing_is_refused(
    ask: Asking, world: ApiWorld, call: Call
) -> None:
    gives = TABLE[call.operation.act]  # type: ignore[index]
    refused = [who for who, role in INSIDE.items() if role not in gives]
    for who, body in product(refused, bodies(call.operation.takes)[:2]):
        reply = ask(call, who, body, course=A)
        assert reply.status in {400, 403, 404}, (reply.status, reply.body)
        assert reply.status != 400 or reply.codes == ["unreadable"], reply.body


@named(OF_ADMINS)
def test_what_administrators_may_is_refused_to_others_whatever_exists(
    ask: Asking, world: ApiWorld, call: Call
) -> None:
    told = set()
    for who, body in product(("tea", "stu", "nils"), bodies(call.operation.takes)[:2]):
        there = ask(call, who, body, _query(call), **names(call, world))
        nowhere = ask(call, who, body, _query(call))
        assert shown(there) == shown(nowhere)
        told.add((there.status, *there.codes))
    assert (403, "admins-only") in told
    assert told <= {(403, "admins-only"), (400, "unreadable")}


def _query(call: Call, **more: str) -> str:
    """What the address must be asked, and more."""
    if call.operation.query is None:
        return ""
    least = {**bodies(call.operation.query)[0], **more}
    return "?" + "&".join(f"{name}={value}" for name, value in least.items())


@named(CALLS)
def test_without_an_account_or_the_scope_nothing_is_told(
    ask: Asking, world: ApiWorld, call: Call
) -> None:
    for who, body in product(("nobody", "other", "robot"), bodies(call.operation.takes)[:2]):
        reply = ask(call, who, body, _query(call), **names(call, world))
        if who == "robot" and call.id == "get_openapi_json":
            continue  # it tells of nobody
        assert reply.status in {403, 404} | ({400} if who == "robot" else set())
        assert reply.status != 404 or call.operation.scope not in {READ, MANAGE, ADMIN}


@named([call for call in CALLS if call.operation.scope == ADMIN])
def test_a_token_of_an_administrator_that_only_manages_does_no_more(
    ask: Asking, world: ApiWorld, call: Call
) -> None:
    reply = ask(call, "manager", bodies(call.operation.takes)[0], _query(call))
    assert (reply.status, reply.codes) == (403, [])


@named([call for call in CALLS if call.method != "get" and call.operation.scope == MANAGE])
def test_a_token_that_only_reads_changes_nothing(ask: Asking, world: ApiWorld, call: Call) -> None:
    reply = ask(call, "reader", bodies(call.operation.takes)[0], course=A)
    assert (reply.status, reply.codes) == (403, [])


def test_a_course_in_a_question_is_told_of_like_one_in_an_address(ask: Asking) -> None:
    asked = [
        call
        for call in CALLS
        if call.operation.query is not None
        and "course" in getattr(call.operation.query, "__annotations__", {})
        and call not in OF_ADMINS
    ]
    assert asked
    for call in asked:
        there, nowhere = (ask(call, "tea", query=_query(call, course=one)) for one in (B, NOWHERE))
        assert shown(there, B) == shown(nowhere, NOWHERE), call.id
        assert there.status == 404, call.id


@pytest.mark.parametrize("who", ["tea", "stu", "nils"])
@pytest.mark.parametrize("there", [B, B.upper()])
def test_what_one_used_oneself_tells_of_no_course_of_others(
    ask: Asking, who: str, there: str
) -> None:
    (usage,) = (call for call in CALLS if call.id == "get_usage")
    known, nowhere = (
        ask(usage, who, query=_query(usage, course=one, person=who)) for one in (there, NOWHERE)
    )
    assert shown(known, there) == shown(nowhere, NOWHERE)
    assert (known.status, known.codes) == (404, ["no-such-course"])


@pytest.mark.parametrize("who", ["tea", "nils"])
def test_who_is_outside_a_course_counts_for_nothing_in_its_refusals(
    ask: Asking, world: ApiWorld, who: str
) -> None:
    (join,) = (call for call in CALLS if call.id == "post_line")
    reply = ask(join, who, {"course": B, "profile": "notebook"})
    assert reply.codes == ["not-enrolled"]
    assert world.core.counts.of(B) == {}
