"""The tool's own key: made once, kept sealed, its private half told to nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import jwt

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.identity.lti.key import ToolKey
from jupyterhub_edu.identity.lti.memory import Memory
from jupyterhub_edu.ports import StoreError

from .conftest import NOW


async def test_a_key_is_made_once_however_many_ask_and_found_again() -> None:
    safe = ForgetfulSafe()
    key = ToolKey(Memory("lms", safe))
    first, *others = await asyncio.gather(*(key.jwks() for _ in range(5)))

    assert all(other == first for other in others)
    assert await ToolKey(Memory("lms", safe)).jwks() == first
    assert set(first["keys"][0]) == {"kty", "n", "e", "use", "alg", "kid"}


async def test_an_assertion_is_signed_with_the_key_that_is_served() -> None:
    key = ToolKey(Memory("lms", ForgetfulSafe()))
    token = await key.assertion("hub", "https://lms.example/token", NOW)
    served = jwt.PyJWKSet.from_dict(await key.jwks())[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        served.key,
        algorithms=["RS256"],
        audience="https://lms.example/token",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["sub"]) == ("hub", "hub")
    assert claims["exp"] - claims["iat"] == 300


async def test_a_safe_that_cannot_be_written_costs_the_key_at_a_restart_and_nothing_else() -> None:
    class FullSafe(ForgetfulSafe):
        async def save(
            self, name: str, secret: Mapping[str, str] | None, *, whose: str = ""
        ) -> None:
            raise StoreError("the disk is full")

    key = ToolKey(Memory("lms", FullSafe()))
    assert await key.jwks() == await key.jwks()
