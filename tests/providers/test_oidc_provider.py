"""Another provider than Keycloak: strict, with other habits, and each claim where it likes to have it."""

import asyncio
from typing import Any

import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.ports import Denied, Gone, Unavailable
from tests.fakes.people import as_person
from tests.providers.oidc_provider import SECRET, OidcProvider
from tests.providers.subject import ThroughBrowser
from tests.relay import FAULTS, Certificates, Relay

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ML = "/courses/ml/teachers"
OLA: dict[str, Any] = {"preferred_username": "ola", "name": "Ola Nordmann", "groups": [ML]}

HABITS: dict[str, dict[str, Any]] = {
    "claims in userinfo alone": {},
    "claims in the ID token": {"settings": {"conformIdTokenClaims": False}},
    "an elliptic key": {"client": {"id_token_signed_response_alg": "ES256"}},
    "RSA with PSS": {"client": {"id_token_signed_response_alg": "PS256"}},
    "the secret in the form": {"client": {"token_endpoint_auth_method": "client_secret_post"}},
    "refresh tokens that stay": {"settings": {"rotateRefreshToken": False}},
}


def source_of(provider: OidcProvider, **settings: Any) -> ThroughBrowser:
    return ThroughBrowser(
        ForgetfulSafe(),
        **({"issuer": provider.issuer, "client_secret": SECRET, "timeout": "20s"} | settings),
    )


async def arrive(source: ThroughBrowser) -> tuple[Identity, Person]:
    answer = await source.authenticate("ola", "any")
    assert isinstance(answer, Identity), answer
    return answer, as_person(answer)


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
async def test_a_provider_of_other_habits_serves_as_well(new_provider, habit):
    if habit.get("client", {}).get("token_endpoint_auth_method"):
        habit = {**habit, "settings": {"clientAuthMethods": ["client_secret_post"]}}
    provider = new_provider(**habit)
    provider.set_account("ola", OLA)
    source = source_of(provider)
    try:
        assert await source.check() == []
        identity, ola = await arrive(source)
        assert (identity.login, identity.name) == ("ola", "Ola Nordmann")
        assert identity.groups == frozenset({ML})

        provider.set_account("ola", OLA | {"groups": [], "preferred_username": "ola2"})
        answers = await asyncio.gather(*(source.reread(ola) for _ in range(3)))
        for answer in answers:
            assert isinstance(answer, Identity)
            assert (answer.login, answer.groups) == ("ola2", frozenset())
    finally:
        await source.close()


async def test_an_account_that_was_removed_must_log_in_and_cannot(new_provider):
    """This provider says no more than that the refresh token holds no longer."""
    provider = new_provider()
    provider.set_account("ola", OLA)
    source = source_of(provider)
    _, ola = await arrive(source)
    provider.set_account("ola", None)
    try:
        answer = await source.reread(ola)
        assert isinstance(answer, Unavailable)
        assert answer.about == "session"
        assert isinstance(await source.authenticate("ola", "any"), Denied | Gone)
    finally:
        await source.close()


async def test_a_grant_that_was_taken_back_is_a_session_that_has_ended(new_provider):
    provider = new_provider()
    provider.set_account("ola", OLA)
    source = source_of(provider)
    _, ola = await arrive(source)
    await asyncio.to_thread(provider.end_sessions, "ola")
    try:
        answer = await source.reread(ola)
        assert isinstance(answer, Unavailable)
        assert answer.about == "session"
        await arrive(source)
    finally:
        await source.close()


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another secret": ({}, {"client_secret": "other"}, "compare both with the client there"),
    "a scope that is not there": ({}, {"scope": ["openid", "groups"]}, "knows no groups"),
    "signatures by shared secret": (
        {
            "client": {"id_token_signed_response_alg": "HS256"},
            "settings": {"enabledJWA": {"idTokenSigningAlgValues": ["HS256"]}},
        },
        {},
        "choose RS256",
    ),
}


@pytest.mark.parametrize(("peculiar", "settings", "says"), WRONG.values(), ids=WRONG)
async def test_the_check_names_the_fix(new_provider, peculiar, settings, says):
    source = source_of(new_provider(**peculiar), **settings)
    problems = await source.check()
    await source.close()

    assert any(word in problem for problem in problems for word in says.split("|")), problems


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_before_anything_is_known_is_unknown_and_named(
    new_provider, tmp_path, fault
):
    provider = new_provider()
    certificates = Certificates()
    relay = Relay("127.0.0.1", provider.port, tls=certificates)
    provider.set_account("ola", OLA)
    ca = certificates.write_ca(tmp_path)
    address = f"https://127.0.0.1:{relay.port}"
    source = source_of(provider, issuer=address, ca_file=ca, timeout="1500ms")
    try:
        with relay.fault(fault):
            assert isinstance(await source.source.redirect(), Unavailable)
            problems = await source.check()
        assert problems
        assert not any(SECRET in problem for problem in problems)
    finally:
        await source.close()
        relay.close()
