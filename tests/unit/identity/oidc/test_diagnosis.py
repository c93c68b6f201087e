"""What `check --connect` says of a provider, in words that name the fix; and settings that are no good."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from jupyterhub_edu.identity.oidc import OidcSettings
from jupyterhub_edu.identity.web import NoAnswer
from tests.fakes.oidc import ISSUER, AProvider, World
from tests.fakes.tokens import reply

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN, CERTS, DISCOVERY = (AProvider.url(name) for name in ("token", "certs", "discovery"))


def refused(error: str, status: int = 400, ahead: float = 0) -> Any:
    date = format_datetime(NOW + timedelta(seconds=ahead))
    return reply({"error": error}, status, TOKEN, Date=date)


# What is different at the provider, by address or as metadata; settings; words of the problem.
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "silence": ({DISCOVERY: NoAnswer("x cannot be found")}, {}, "issuer: x cannot be found"),
    "no such realm": ({DISCOVERY: reply({}, 404)}, {}, "and the realm's name?"),
    "an error": ({DISCOVERY: reply({}, 403, DISCOVERY)}, {}, "answers 403"),
    "a page": ({DISCOVERY: b"<html>"}, {}, "not JSON"),
    "a list": ({DISCOVERY: []}, {}, "no discovery document"),
    "another issuer": ({"issuer": "https://x.example"}, {}, "write the issuer as it does"),
    "no token endpoint": ({"token_endpoint": None}, {}, "names no token_endpoint"),
    "an endpoint without TLS": (
        {"token_endpoint": "http://login.campus.example/token"},
        {},
        "token_endpoint: http://login.campus.example/token without TLS",
    ),
    "an optional endpoint that is no address": ({"userinfo_endpoint": 7}, {}, "userinfo_endpoint"),
    "no keys": ({CERTS: NoAnswer("they are gone")}, {}, "keys cannot be had: they are gone"),
    "no key that could sign": ({CERTS: {"keys": []}}, {}, "no key that could check"),
    "a wrong secret": ({TOKEN: refused("invalid_client", 401)}, {}, "compare both"),
    "a wrong client at Keycloak": ({TOKEN: refused("unauthorized_client", 401)}, {}, "compare"),
    "a missing secret": (
        {TOKEN: refused("invalid_client", 401)},
        {"client_secret": None},
        "set client_secret",
    ),
    "another refusal": ({TOKEN: refused("server_error")}, {}, "'server_error'"),
    "a token endpoint that is a page": ({TOKEN: reply(b"<html>", 400)}, {}, "not JSON"),
    "a silent token endpoint": ({TOKEN: NoAnswer("silence")}, {}, "no code can be exchanged"),
    "too many questions": ({TOKEN: refused("slow_down", 429)}, {}, "too many"),
    "a clock that is ahead": (
        {TOKEN: refused("invalid_grant", ahead=95)},
        {},
        "95 s ahead of ours",
    ),
    "a clock that is behind": (
        {TOKEN: refused("invalid_grant", ahead=-95)},
        {},
        "95 s behind ours",
    ),
    "signatures by shared secret alone": (
        {"id_token_signing_alg_values_supported": ["HS256"]},
        {},
        "choose RS256",
    ),
    "a scope that is not known": (
        {"scopes_supported": ["openid", "email"]},
        {},
        "knows no profile",
    ),
    "no codes": ({"response_types_supported": ["id_token"]}, {}, "authorization code flow"),
    "no refresh tokens": (
        {"grant_types_supported": ["authorization_code"]},
        {},
        "nobody can be read again",
    ),
    "no client secrets": (
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {},
        "allow client_secret_basic",
    ),
    "no code challenges": ({"code_challenge_methods_supported": ["plain"]}, {}, "pkce: false"),
}


@pytest.mark.parametrize(("changes", "settings", "says"), WRONG.values(), ids=WRONG)
async def test_a_problem_names_its_fix(changes, settings, says):
    world = World(NOW, **settings)
    for where, what in changes.items():
        if where.startswith("https://"):
            world.provider.answers[where] = what
        else:
            world.provider.metadata[where] = what
    problems = await world.source.check()

    assert any(says in problem for problem in problems), problems
    assert not any("sesame" in problem for problem in problems)


async def test_where_all_is_well_there_is_nothing_to_say(world):
    world.provider.answers[TOKEN] = refused("invalid_grant", ahead=5)

    assert await world.source.check() == []


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("https://kc.example/auth/realms/uni", "https://kc.example/realms/uni"),
        ("https://kc.example/realms/uni", "https://kc.example/auth/realms/uni"),
        ("https://op.example/t1", "https://op.example/t1/v2.0"),
    ],
)
async def test_an_issuer_that_is_nearly_right_is_told(written, right):
    world = World(NOW, issuer=written)
    tail = "/.well-known/openid-configuration"
    world.provider.answers |= {written + tail: reply({}, 404), right + tail: {"issuer": right}}

    assert await world.source.check() == [f"there is no issuer {written}; did you mean {right}?"]


UNSAFE: dict[str, tuple[dict[str, Any], str]] = {
    "http": ({"issuer": "http://login.example/realms/uni"}, "insecure: i-know"),
    "no scheme": ({"issuer": "login.example/realms/uni"}, "https://"),
    "the discovery document itself": (
        {"issuer": f"{ISSUER}/.well-known/openid-configuration"},
        "leave out",
    ),
    "a query": ({"issuer": f"{ISSUER}?x=1"}, "no query"),
    "no openid": ({"scope": ["profile"]}, "openid is missing"),
    "an empty client": ({"client_id": ""}, "client_id"),
    "a file that is not there": ({"ca_file": "/nowhere/ca.pem"}, "no file"),
    "a parameter of ours": (
        {"extra_authorize_params": {"redirect_uri": "x"}},
        "by the hub itself",
    ),
    "an address as attribute": ({"attributes": {"mail": "email"}}, "can change hands"),
    "an address under another name": ({"attributes": {"key": "email"}}, "can change hands"),
    "an empty claim": ({"groups_claims": ["a..b"]}, "no claim"),
    "a wait without unit": ({"timeout": 3}, "say the unit"),
    "a key that is not there": ({"issuers": "x"}, "issuers"),
}


@pytest.mark.parametrize(("changes", "says"), UNSAFE.values(), ids=UNSAFE)
def test_settings_that_are_no_good_name_the_fix_and_no_secret(changes, says):
    right = {"issuer": ISSUER, "client_id": "hub", "client_secret": "sesame"}
    with pytest.raises(ValidationError) as caught:
        OidcSettings.model_validate(right | changes)

    assert says in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_http_is_accepted_where_somebody_accepts_it():
    settings = OidcSettings.model_validate(
        {"issuer": "http://login.example/x", "client_id": "hub", "insecure": "i-know"}
    )
    assert settings.secret is None
