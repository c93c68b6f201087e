"""Any call of the API, well-formed or not, one after another by four people: no failure, no answer that is not documented.

At least 5,000 cases in ``make test``, 50,000 in ``make test-api``; how many is printed.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
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
from .bodies import bodies

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
WELL_FORMED: Final = {
    f"{call.method.upper()} {call.path}": [
        {**body, **{key: NAMES[key][0] for key in body.keys() & NAMES.keys()}}
        for body in bodies(call.operation.takes)
        if isinstance(body, dict)
    ]
    for call in CALLS
    if call.operation.takes is not None
}
"""By call: bodies that say one thing each; what is made of a schema alone says several, which few calls take."""
STEPS: Final = 25 if settings().max_examples >= 200 else 10


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


class Told:
    """What was answered, by call and status."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()


class Story:
    """Calls one after another, from the world as it was at first."""

    def __init__(self, world: ApiWorld, loop: asyncio.AbstractEventLoop, told: Told) -> None:
        self._world, self._loop, self._told = world, loop, told
        self._step = 0
        loop.run_until_complete(world.renew())
        self._ids: defaultdict[str, list[str]] = defaultdict(list)
        for name, one in world.named.items():
            self._ids[name].append(one)

    def call(self, case: Any) -> None:
        """Make the call, and look whether its answer is documented."""
        self._name_what_is_there(case)
        if self._step % 3 == 0 and case.operation.label in WELL_FORMED:
            good = WELL_FORMED[case.operation.label]
            case.body = good[self._step // 3 % len(good)]
        how = case.as_transport_kwargs(base_url="http://hub.test/hub/api")
        known = {"method", "url", "headers", "params", "json", "data"}
        sent = requests.Request(**{key: how[key] for key in known & how.keys()}).prepare()
        reply = self._loop.run_until_complete(self._send(sent))
        self._told.answers[case.operation.label, reply.status] += 1
        self._note(case, reply)
        headers: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in reply.headers.get_all():
            headers[name.lower()].append(value)
        response = Response(reply.status, headers, reply.body, sent, 0.01, verify=False)
        case.validate_response(response, checks=CHECKS)
        self._step += 1

    async def _send(self, sent: requests.PreparedRequest) -> Reply:
        seen = sent.headers.get("If-Match")
        return await self._world.call(
            str(sent.method),
            str(sent.path_url).removeprefix("/hub/api"),
            PRINCIPALS[self._step % len(PRINCIPALS)],
            sent.body.encode() if isinstance(sent.body, str) else sent.body,
            **{} if seen is None else {"If_Match": str(seen)},
        )

    def _name_what_is_there(self, case: Any) -> None:
        """Use the names that answers gave, every other time."""
        for name in case.path_parameters or ():
            known = self._ids[name]
            if name not in NAMES and known and self._step % 2:
                case.path_parameters[name] = known[self._step // 2 % len(known)] or "lab"

    def _note(self, case: Any, reply: Reply) -> None:
        told = reply.json
        if reply.status == 201 and isinstance(told, dict) and isinstance(told.get("id"), str):
            self._ids[case.operation.path.rpartition("/")[2].rstrip("s")].append(told["id"])


@pytest.mark.hypothesis
@pytest.mark.timeout(1800)
def test_every_answer_is_one_that_is_documented(
    world: ApiWorld, loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    told, examples = Told(), settings().max_examples
    # What is refused is logged, and nobody reads it here.
    caplog.set_level("CRITICAL")
    schema = schemathesis.openapi.from_dict(a_document())
    operations: Any = [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]
    cases = [operation.as_strategy() for operation in operations]

    @settings(suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(st.data())
    def law(data: st.DataObject) -> None:
        story = Story(world, loop, told)
        for _ in range(STEPS):
            story.call(data.draw(cases[data.draw(st.integers(0, len(cases) - 1))]))

    law()
    statuses: Counter[int] = Counter()
    for (_, status), times in told.answers.items():
        statuses[status] += times
    asked, count = {label for label, _ in told.answers}, statuses.total()
    print(f"{count} cases of {len(asked)} calls by {len(PRINCIPALS)} people: {dict(statuses)}")
    assert count >= STEPS * examples
    if examples >= 200:
        assert asked == {f"{call.method.upper()} {call.path}" for call in CALLS}
        assert {200, 201, 202, 204, 400, 403, 404, 409} <= statuses.keys()
