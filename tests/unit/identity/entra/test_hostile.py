"""The hostile tokens that every checker is held to, as logins and as re-reads of Entra."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.ports import Denied, Login, Unavailable
from tests.fakes.entra import FakeEntra, Reply, Request
from tests.fakes.tokens import AnIssuer
from tests.unit.identity.test_hostile_tokens import HOSTILE, NONCE, NOW

from .conftest import World


class Attacked(World):
    """Entra's keys are an issuer's that signs as a row will have it."""

    def __init__(self) -> None:
        fake = FakeEntra(frozen=NOW)
        super().__init__(fake)
        issuer = f"{fake.authority.origin}/{fake.tenant.id}/v2.0"
        self.issuer = AnIssuer(fake.clock, issuer=issuer, audience=fake.app.id)

        def keys(service: str, request: Request) -> Reply | None:
            asked = request.path.endswith("/discovery/v2.0/keys")
            return Reply.of(200, self.issuer.jwks()) if asked else None

        fake.meddle = keys
        fake.bend = lambda claims: self.issuer.token(**claims)

    async def attack(self) -> Any:
        redirect = await self.source.redirect()
        return await self.source.redeem(self.fake.browse(redirect, "ann", nonce=NONCE))


async def test_an_honest_token_of_that_issuer_is_a_login():
    answer = await Attacked().attack()

    assert isinstance(answer, Login), answer


@pytest.mark.parametrize("case", HOSTILE)
async def test_no_hostile_token_is_a_login(case: str):
    world = Attacked()
    world.fake.bend = lambda claims: HOSTILE[case](world.issuer, claims)

    assert isinstance(await world.attack(), Denied)


@pytest.mark.parametrize("case", [row for row in HOSTILE if "nonce" not in row])
async def test_no_hostile_token_changes_what_is_known_of_somebody(case: str):
    """A re-read was asked without a nonce, so that none is looked for."""
    world = Attacked()
    known = await world.login("ann")
    world.fake.bend = lambda claims: HOSTILE[case](world.issuer, claims)

    answer = await world.reread(known)
    assert isinstance(answer, Unavailable)
    world.fake.bend = lambda claims: world.issuer.token(**claims)
    assert isinstance(await world.reread(known), Identity)
