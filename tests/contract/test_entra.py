"""What the Entra source has beside what every source must have: Graph apart from the authority, pages, rosters.

Against the fake, which is no Entra, over HTTP; what only reads runs against a live tenant where the environment names one.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Identity, Person, Roster
from jupyterhub_edu.identity import SOURCE_TYPES, Surroundings
from jupyterhub_edu.identity.entra import EntraRosterSource
from jupyterhub_edu.ports import CodeGrant, Login, Redirect, Unavailable, utc_now
from tests.fakes.entra import EntraServer, FakeEntra, live
from tests.fakes.entra.fake import CALLBACK, SECRET, address, grant_of
from tests.fakes.people import as_person
from tests.relay import FAULTS, Certificates, Relay

SERVICES = ("authority", "graph")


class World:
    """The fake behind two relays, and sources that ask it."""

    def __init__(self, server: EntraServer, relays: dict[str, Relay], ca: str) -> None:
        self.fake, self.relays, self.ca = server.fake, relays, ca
        self.safe = ForgetfulSafe()
        self.sources: list[Any] = []
        authority, graph = (f"https://127.0.0.1:{relays[one].port}" for one in SERVICES)
        self.fake.authority.origin = authority
        self.fake.authority.graph_origin = self.fake.graph.origin = graph

    def source(self, **changes: Any) -> Any:
        kind = SOURCE_TYPES["entra"]
        patient = {"timeout": "20s", "ca_file": self.ca}  # nothing is asserted about seconds
        keys = self.fake.settings(**(patient | changes))
        made = kind.make(
            "src", kind.settings.model_validate(keys), Surroundings(utc_now, self.safe)
        )
        self.sources.append(made)
        return made

    async def code(self, source: Any, who: str) -> CodeGrant:
        """Log in at the fake as a browser does, which no relay breaks."""
        asked = await source.redirect()
        assert isinstance(asked, Redirect)
        return self.fake.browse(asked, who)

    async def login(self, source: Any, who: str) -> Identity:
        answer = await source.redeem(await self.code(source, who))
        assert isinstance(answer, Login), answer
        return answer.identity


@pytest.fixture(scope="module")
def certificates() -> dict[str, Certificates]:
    return {service: Certificates() for service in SERVICES}


@pytest.fixture
async def server() -> AsyncIterator[EntraServer]:
    async with EntraServer() as server:
        yield server


@pytest.fixture
def relays(
    server: EntraServer, certificates: dict[str, Certificates]
) -> Iterator[dict[str, Relay]]:
    urls = {"authority": urlsplit(server.authority), "graph": urlsplit(server.graph)}
    made = {
        name: Relay(str(url.hostname), url.port or 0, tls=certificates[name])
        for name, url in urls.items()
    }
    yield made
    for relay in made.values():
        relay.close()


@pytest.fixture
def ca(certificates: dict[str, Certificates], tmp_path: Path) -> str:
    trusted = [Path(one.write_ca(tmp_path)).read_text() for one in certificates.values()]
    (tmp_path / "ca.pem").write_text("".join(trusted))
    return str(tmp_path / "ca.pem")


@pytest.fixture
async def world(server: EntraServer, relays: dict[str, Relay], ca: str) -> AsyncIterator[World]:
    world = World(server, relays, ca)
    yield world
    for source in world.sources:
        await source.close()


async def test_more_groups_than_a_token_holds_are_all_there(world: World):
    world.fake.put_into_groups(world.fake.person("ann"), 2_500)
    everything = frozenset(world.fake.tenant.groups_of(world.fake.person("ann")))
    source = world.source()
    identity = await world.login(source, "ann")

    assert identity.groups == everything
    assert world.fake.count("graph") == 3
    again = await source.reread(as_person(identity))
    assert isinstance(again, Identity)
    assert again.groups == everything


@pytest.mark.parametrize("fault", FAULTS)
async def test_while_graph_is_broken_groups_are_unknown_and_it_heals(world: World, fault: str):
    everything = world.fake.put_into_groups(world.fake.person("ann"), 300)
    source = world.source()
    known = await world.login(source, "ann")
    others = await world.login(source, "ola")
    assert known.groups == everything
    with world.relays["graph"].fault(fault):
        impatient = world.source(timeout="3s")
        answer = await impatient.reread(as_person(known))
        assert isinstance(answer, Identity), answer
        assert answer.groups is None
        login = await impatient.redeem(await world.code(source, "ann"))
        assert isinstance(login, Login), login
        assert login.identity.groups is None
        unharmed = await impatient.reread(as_person(others))
        assert isinstance(unharmed, Identity)
        assert unharmed.groups == others.groups

    healed = await world.source().reread(as_person(known))
    assert isinstance(healed, Identity)
    assert healed.groups == everything


@pytest.mark.parametrize("fault", FAULTS)
async def test_while_graph_is_broken_there_are_no_rosters_and_it_heals(world: World, fault: str):
    world.fake.app.permissions = {"User.Read.All", "EduRoster.Read.All"}
    world.fake.tenant.add_class("ML", students=[world.fake.person("ann")])
    source = world.source(education=True, app_permissions=True)
    assert isinstance(source, EntraRosterSource)
    known = await source.courses()
    assert not isinstance(known, Unavailable)
    [course] = known
    if fault not in {"silent", "drip"}:  # they would be waited for a minute
        with world.relays["graph"].fault(fault):
            assert isinstance(await source.courses(), Unavailable)
            assert isinstance(await source.roster(course), Unavailable)

    roster = await source.roster(course)
    assert isinstance(roster, Roster)
    assert [(one.login, one.roles) for one in roster.members] == [
        ("ann@fjord.example", frozenset({CourseRole.STUDENT}))
    ]
    assert isinstance(await source.roster(CourseRef("no such class")), Unavailable)


async def test_connections_are_kept(world: World):
    source = world.source()
    known = as_person(await world.login(source, "ann"))
    before = world.relays["authority"].connections
    for _ in range(20):
        assert isinstance(await source.reread(known), Identity)

    assert world.relays["authority"].connections == before


# --- the fake as a server ---


async def test_the_fake_can_be_used_with_a_browser():
    async with EntraServer() as server, aiohttp.ClientSession() as browser:
        source = _source(server.fake)
        url = address(await source.redirect(), CALLBACK, "v" * 48, "n")
        async with browser.get(url) as page:
            text = await page.text()
        assert "Ann Berg" in text
        who = server.fake.person("ann").id
        async with browser.get(f"{url}&login_hint={who}", allow_redirects=False) as sent:
            came = sent.headers["Location"]
        answer = await source.redeem(grant_of(came, CALLBACK, "v" * 48, "n"))
        assert isinstance(answer, Login)
        await source.close()


async def test_the_fake_runs_alone():
    port = 20_000 + secrets.randbelow(20_000)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "tests.fakes.entra", str(port)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        said = b""
        while SECRET.encode() not in said:
            said += (line := await process.stdout.readline())
            assert line, said
        url = f"http://127.0.0.1:{port}/common/v2.0/.well-known/openid-configuration"
        async with aiohttp.ClientSession() as client, client.get(url) as reply:
            assert (await reply.json())["issuer"].endswith("/{tenantid}/v2.0")
    finally:
        process.terminate()
        await process.wait()


def _source(fake: FakeEntra) -> Any:
    kind = SOURCE_TYPES["entra"]
    settings = kind.settings.model_validate(fake.settings(timeout="20s"))
    return kind.make("src", settings, Surroundings(utc_now, ForgetfulSafe()))


# --- a live tenant ---


@pytest.mark.skipif("ENTRA_TENANT" not in os.environ, reason="ENTRA_TENANT names no live tenant")
async def test_a_live_tenant_knows_somebody_again():
    kind, safe = SOURCE_TYPES["entra"], ForgetfulSafe()
    source: Any = kind.make(
        "src", kind.settings.model_validate(live.settings()), Surroundings(utc_now, safe)
    )
    subject = os.environ["ENTRA_SUBJECT"]
    await safe.save(f"src:{subject}", {"token": os.environ["ENTRA_REFRESH_TOKEN"]})
    person = Person(f"src:{subject}", "x", "src", subject, "x", "X", None, True, utc_now())
    try:
        assert await source.check() == []
        answer = await source.reread(person)
        assert isinstance(answer, Identity), answer
        assert answer.subject == subject
        assert answer.groups is not None
        if isinstance(source, EntraRosterSource):
            courses = await source.courses()
            assert not isinstance(courses, Unavailable)
            for course in courses:
                assert not isinstance(await source.roster(course), Unavailable)
    finally:
        await source.close()
