"""Groups: from the token, else from Graph, else unknown; never empty by mistake."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.fakes.entra import FakeEntra, Reply, Request

from .conftest import World


async def test_groups_in_the_token_ask_nothing_of_graph(world: World, fake: FakeEntra):
    everything = fake.put_into_groups(fake.person("ann"), 199)

    assert (await world.login("ann")).groups == everything
    assert fake.count("graph") == 0


async def test_an_overage_asks_graph_once(world: World, fake: FakeEntra):
    everything = fake.put_into_groups(fake.person("ann"), 200)

    assert (await world.login("ann")).groups == everything
    assert fake.count("graph") == 1


async def test_an_overage_with_app_roles_keeps_the_roles(world: World, fake: FakeEntra):
    everything = fake.put_into_groups(fake.person("ola"), 300)

    assert (await world.login("ola")).groups == everything | {"role/Teacher"}


async def test_groups_inside_groups_count(world: World, fake: FakeEntra):
    fake.tenant.add_group("ml-students", inside=["everybody"])
    fake.put_into_groups(fake.person("ann"), 250)

    assert fake.group_id("everybody") in ((await world.login("ann")).groups or ())


@pytest.mark.parametrize(("count", "pages"), [(998, 1), (999, 2), (3_000, 4)])
async def test_every_page_is_read(world: World, fake: FakeEntra, count: int, pages: int):
    everything = fake.put_into_groups(fake.person("ann"), count)

    assert (await world.login("ann")).groups == everything
    assert fake.count("graph") == pages


async def test_pages_may_be_smaller_than_asked_for(world: World, fake: FakeEntra):
    everything = fake.put_into_groups(fake.person("ann"), 300)
    fake.graph.page = 7

    assert (await world.login("ann")).groups == everything


async def test_a_late_loop_leaves_time_for_the_next_page(
    world: World, fake: FakeEntra, monkeypatch: pytest.MonkeyPatch
):
    everything = fake.put_into_groups(fake.person("ann"), 300)
    fake.graph.page, left = 100, list[float]()
    get = world.web.get

    async def late(url: str, **what: Any) -> Any:
        if what.get("deadline") is not None:
            left.append(what["deadline"])
            time.sleep(0.3)  # noqa: ASYNC251 - the loop stands still, longer in all than a log-in may take
        return await get(url, **what)

    monkeypatch.setattr(world.web, "get", late)
    source = world.make(timeout="800 ms")

    assert (await world.login("ann", source)).groups == everything
    assert len(left) >= 4
    assert min(left) > 0.4


async def test_a_token_without_groups_does_not_say_that_there_are_none(
    world: World, fake: FakeEntra
):
    """Entra leaves the claim out for people in no group, and for everybody where the app does not ask for it."""
    fake.app.group_claims = None
    assert (await world.login("ann")).groups == frozenset({fake.group_id("ml-students")})

    fake.person("ann").groups.clear()
    assert (await world.login("ann")).groups == frozenset()


async def test_where_groups_do_not_count_graph_is_never_asked(fake: FakeEntra):
    world = World(fake, groups="none")
    fake.put_into_groups(fake.person("ola"), 300)

    assert (await world.login("ola")).groups == frozenset({"role/Teacher"})
    assert fake.count("graph") == 0
    redirect = await world.source.redirect()
    assert redirect.scope == ("openid", "profile", "offline_access")


ODD: dict[str, dict[str, Any]] = {
    "a text": {"groups": "964b183f-168a-5076-9e29-2eded7e48d14"},
    "an object": {"groups": {"964b183f-168a-5076-9e29-2eded7e48d14": 1}},
    "null": {"groups": None},
    "names": {"groups": ["ml-staff"]},
    "ids and a name": {"groups": ["964b183f-168a-5076-9e29-2eded7e48d14", "ml-staff"]},
    "a role in disguise": {"groups": ["role/Admin"]},
    "numbers": {"groups": [1, 2]},
    "lists": {"groups": [["964b183f-168a-5076-9e29-2eded7e48d14"]]},
    "groups and an overage": {"_claim_names": {"groups": "src1"}},
    "an overage of the implicit kind": {"hasgroups": True},
    "an overage elsewhere": {
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://evil.example/steal"}},
    },
}


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_claim_is_not_believed_and_graph_is_asked_at_its_own_address(
    world: World, fake: FakeEntra, case: str
):
    fake.bend = lambda token: token | ODD[case]
    identity = await world.login("ann")

    assert identity.groups == frozenset({fake.group_id("ml-students")})
    user = fake.person("ann").id
    assert [one for one in fake.requests if one.startswith("graph")] == [
        f"graph GET /v1.0/users/{user}/transitiveMemberOf/microsoft.graph.group"
    ]


async def test_an_access_token_of_somebody_else_shows_nobodys_groups(
    world: World, fake: FakeEntra
):
    """The ID token is ann's, what came with it would speak for ola."""
    ann = fake.person("ann")
    fake.app.group_claims = None
    fake.bend = lambda token: token | {"oid": ann.id}

    identity = await world.login("ola")
    assert identity.subject.endswith(ann.id)
    assert identity.groups is None


GRAPH_FAULTS: dict[str, Reply | None] = {
    "silent": None,
    "429 with a long pause": Reply(429, b"", {"Retry-After": "30"}),
    "403": Reply.of(403, {"error": {"code": "Authorization_RequestDenied"}}),
    "401": Reply.of(401, {"error": {"code": "InvalidAuthenticationToken"}}),
    "404": Reply.of(404, {"error": {"code": "Request_ResourceNotFound"}}),
    "500": Reply(500),
    "503": Reply(503),
    "no JSON": Reply(200, b"<html>"),
    "a list": Reply(200, b"[]"),
    "no value": Reply(200, b"{}"),
    "value is a text": Reply.of(200, {"value": "x"}),
    "rows are texts": Reply.of(200, {"value": ["x"]}),
    "rows without id": Reply.of(200, {"value": [{"displayName": "ml-staff"}]}),
    "ids are numbers": Reply.of(200, {"value": [{"id": 7}]}),
    "the next page is elsewhere": Reply.of(
        200, {"value": [], "@odata.nextLink": "https://evil.example/v1.0/users"}
    ),
    "the next page is at a look-alike": Reply.of(
        200, {"value": [], "@odata.nextLink": "https://graph.fake.evil.example/v1.0/x"}
    ),
    "the next page is elsewhere by user info": Reply.of(
        200, {"value": [], "@odata.nextLink": "https://graph.fake@evil.example/v1.0/x"}
    ),
    "the next page is no text": Reply.of(200, {"value": [], "@odata.nextLink": 7}),
    "the next page is the same": Reply.of(
        200, {"value": [], "@odata.nextLink": "https://graph.fake/v1.0/again"}
    ),
}


@pytest.mark.parametrize("fault", GRAPH_FAULTS)
async def test_when_graph_fails_groups_are_unknown_and_the_login_holds(
    fake: FakeEntra, fault: str
):
    world = World(fake, timeout="300ms")
    fake.put_into_groups(fake.person("ola"), 300)
    before = await world.login("ola")
    reply = GRAPH_FAULTS[fault]
    if reply is None:
        fake.silent.add("graph")
    fake.meddle = lambda service, request: reply if service == "graph" else None

    identity = await world.login("ola")
    assert identity.key == before.key
    assert identity.groups is None
    again = await world.reread(before)
    assert again.groups is None  # type: ignore[union-attr]


async def test_a_page_that_is_missing_makes_all_unknown(world: World, fake: FakeEntra):
    fake.put_into_groups(fake.person("ann"), 2_000)
    fake.meddle = lambda service, request: Reply(503) if "$skiptoken" in request.query else None

    assert (await world.login("ann")).groups is None


async def test_graph_gets_what_it_needs(world: World, fake: FakeEntra):
    """An OData cast needs the header and the count; logins go first."""
    asked: list[Request] = []
    fake.meddle = lambda service, request: asked.append(request) if service == "graph" else None
    fake.put_into_groups(fake.person("ann"), 2_000)
    await world.login("ann")

    assert all(one.headers["consistencylevel"] == "eventual" for one in asked)
    assert all(one.headers["x-ms-throttle-priority"] == "high" for one in asked)
    assert asked[0].query == {"$select": "id", "$count": "true", "$top": "999"}
    assert len(asked) == 3


async def test_nothing_of_tokens_or_people_stands_in_the_log(
    world: World, fake: FakeEntra, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    fake.put_into_groups(fake.person("ann"), 300)
    fake.silent.add("graph")
    await world.login("ann")

    assert "does not know somebody's groups" in caplog.text
    for secret in ("canary", "fake.", "ann@", json.dumps("Ann Berg")):
        assert secret not in caplog.text
