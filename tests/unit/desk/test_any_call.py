"""Any call of the API, well-formed or not, one after another by four people: no failure, no answer that is not documented.

Most calls are such as could succeed (``meant``), so that the others meet what those have left; between them time passes.
At least 9,000 cases in ``make test``, 90,000 in ``make test-api``; how many is printed, and how many were meant.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from jupyterhub_edu.desk import desk_routes
from jupyterhub_edu.desk.openapi import document
from jupyterhub_edu.desk.rates import Rate

from .api_world import CALLS, ApiWorld, Reply
from .meant import Meant, Wish, label

PRINCIPALS: Final = ("tea", "stu", "ben", "kari")
"""The teacher and a student of a course, the teacher of another, and an administrator of the site."""
NAMES: Final = {
    "course": ["ml", "db", "nowhere"],
    "user": ["stu", "bob", "nils", "nobody-such"],
    "person": ["stu", "bob", "nils", "ad:id-stu", "nobody-such"],
    "source": ["ad", "nothing-such"],
}
"""By parameter of an address: what it is tried with; other names are the ones that answers gave."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
STEPS: Final = 25 if settings().max_examples >= 200 else 10
STORIES, LONG = max(10, settings().max_examples // 2), 40
PASSES: Final = (1, 1, 5, 15, 70, 475)
"""Minutes that may pass between two calls."""
SELDOM: Final = 6
"""So many calls need not succeed in any story: what they need comes together once in some thousand calls."""


def a_document() -> dict[str, Any]:
    """The API's own, with names that exist, and no answer with a key of which it does not tell."""
    told = json.loads(json.dumps(document(desk_routes())))
    for shape in told["components"]["schemas"].values():
        if "properties" in shape:
            shape["additionalProperties"] = False
    for methods in told["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in NAMES:
                    parameter["schema"] = {"type": "string", "enum": NAMES[parameter["name"]]}
    return dict(told)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture(autouse=True)
def as_often_as_one_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often is known to the process, not to a world that is made anew."""
    monkeypatch.setattr(Rate, "require", lambda *_: None)


@pytest.fixture
def world(loop: asyncio.AbstractEventLoop, tmp_path: Any) -> Iterator[ApiWorld]:
    made = ApiWorld(tmp_path / "campus")
    loop.run_until_complete(made.__aenter__())
    yield made
    loop.run_until_complete(made.__aexit__())


@cache
def _operations() -> Any:
    schema = schemathesis.openapi.from_dict(a_document())
    return [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]


class Told:
    """What was answered, by call and status; of the calls that could succeed, too."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.meant: Counter[tuple[str, int]] = Counter()
        self.who: set[str] = set()


class Story:
    """Calls one after another, from the world as it was at first."""

    def __init__(
        self,
        world: ApiWorld,
        loop: asyncio.AbstractEventLoop,
        told: Told,
        operations: Any,
        chance: Random,
    ) -> None:
        self._world, self._loop, self._told, self._chance = world, loop, told, chance
        self._operations = {operation.label: operation for operation in operations}
        loop.run_until_complete(world.renew())
        self._meant = Meant(world)
        self._make(self._meant.founding())

    def go_on(self, draw: Any, made_up: Any) -> None:
        """One more call, or time passes.

        Args:
            draw: of hypothesis, for calls of the schema alone; ``made_up`` makes them. The others are chosen evenly.
        """
        if self._chance.random() < 0.3:
            self._call(draw, draw(made_up))
        else:
            self.go_on_meant()

    def go_on_meant(self) -> None:
        """One more call that could succeed, after a while or at once."""
        if self._chance.random() < 0.1:
            self._loop.run_until_complete(self._world.pass_(self._chance.choice(PASSES)))
        self._make(self._meant.wish(self._chance.choice))

    def _call(self, draw: Any, case: Any) -> None:
        """Make a call of the schema; the names that answers gave are used every other time."""
        if self._chance.random() < 0.5:
            for name in case.path_parameters or ():
                if name not in NAMES:
                    ids = [one for its in self._meant.known.values() for one in its]
                    case.path_parameters[name] = self._chance.choice(ids)
        how = case.as_transport_kwargs(base_url="http://hub.test/hub/api")
        known = {"method", "url", "headers", "params", "json", "data"}
        sent = requests.Request(**{key: how[key] for key in known & how.keys()}).prepare()
        reply = self._send(sent, self._chance.choice(PRINCIPALS))
        self._look(case, sent, reply)

    def _make(self, wish: Wish) -> None:
        path = self._world.path_of(wish.call, wish.parameters)
        sent = requests.Request(
            wish.call.method.upper(),
            f"http://hub.test/hub/api{path}",
            params=wish.query,
            data=None if wish.body is None else json.dumps(wish.body),
            headers={} if wish.seen is None else {"If-Match": wish.seen},
        ).prepare()
        reply = self._send(sent, wish.who)
        self._meant.note(wish, reply)
        self._told.meant[label(wish.call), reply.status] += 1
        case = self._operations[label(wish.call)].Case(path_parameters=wish.parameters)
        self._look(case, sent, reply)

    def _send(self, sent: requests.PreparedRequest, who: str) -> Reply:
        self._told.who.add(who)
        seen = sent.headers.get("If-Match")
        asked = self._world.call(
            str(sent.method),
            str(sent.path_url).removeprefix("/hub/api"),
            who,
            sent.body.encode() if isinstance(sent.body, str) else sent.body,
            **{} if seen is None else {"If_Match": str(seen)},
        )
        return self._loop.run_until_complete(asked)

    def _look(self, case: Any, sent: requests.PreparedRequest, reply: Reply) -> None:
        """Whether the answer is documented."""
        self._told.answers[case.operation.label, reply.status] += 1
        headers: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in reply.headers.get_all():
            headers[name.lower()].append(value)
        response = Response(reply.status, headers, reply.body, sent, 0.01, verify=False)
        case.validate_response(response, checks=CHECKS)


@pytest.mark.hypothesis
@pytest.mark.timeout(1800)
def test_every_answer_is_one_that_is_documented(
    world: ApiWorld, loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    told, examples = Told(), settings().max_examples
    # What is refused is logged, and nobody reads it here.
    caplog.set_level("CRITICAL")
    operations = _operations()
    made_up = st.sampled_from(operations).flatmap(lambda one: one.as_strategy())

    @settings(suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(st.data())
    def law(data: st.DataObject) -> None:
        chance = data.draw(st.randoms(use_true_random=True))
        story = Story(world, loop, told, operations, chance)
        for _ in range(STEPS):
            story.go_on(data.draw, made_up)

    law()
    _tell(told)
    assert told.answers.total() >= STEPS * examples
    if examples >= 200:
        assert {200, 201, 202, 204, 400, 403, 404, 409} <= {status for _, status in told.answers}


@pytest.mark.timeout(1800)
def test_every_call_succeeds_where_it_could(
    world: ApiWorld, loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    caplog.set_level("CRITICAL")
    for number in range(STORIES):
        # The number is the whole story: the same calls in the same order.
        story = Story(world, loop, told, _operations(), Random(number))  # noqa: S311 - no secret
        for _ in range(LONG):
            story.go_on_meant()
    _tell(told)
    done = {one for one, status in told.answers if status < 300}
    if STORIES >= 100:
        assert len({label(call) for call in CALLS} - done) <= SELDOM


def _tell(told: Told) -> None:
    """How many calls were answered how, for whoever runs it with ``-s``."""
    for words, answers in (("cases", told.answers), ("that could succeed", told.meant)):
        statuses: Counter[int] = Counter()
        for (_, status), times in sorted(answers.items()):
            statuses[status] += times
        calls = len({one for one, _ in answers})
        print(
            f"{statuses.total()} {words}, {calls} calls, {len(told.who)} people: {dict(statuses)}"
        )
