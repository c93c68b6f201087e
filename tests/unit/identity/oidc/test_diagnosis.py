"""What `check --connect` says of a provider, in words that name the fix; and settings that are no good."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from jupyterhub_edu.identity.oidc import OidcSettings
from jupyterhub_edu.identity.web import NoAnswer
from tests.fakes.oidc import ACCOUNTS, ISSUER, AProvider, World
from tests.fakes.tokens import reply
from tests.said import assert_said, said

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN, CERTS, DISCOVERY = (AProvider.url(name) for name in ("token", "certs", "discovery"))


def refused(error: str, status: int = 400, ahead: float = 0) -> Any:
    date = format_datetime(NOW + timedelta(seconds=ahead))
    return reply({"error": error}, status, TOKEN, Date=date)


def only_codes(form: Any) -> Any:
    by_itself = form["grant_type"] == "client_credentials"
    return refused("unauthorized_client", 401) if by_itself else refused("invalid_grant")


# What is different at the provider, by address or as metadata; settings.
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the provider's name is misspelt": (
        {DISCOVERY: NoAnswer(f"{DISCOVERY} cannot be found: its name is not known")},
        {},
    ),
    "the realm is misspelt": ({DISCOVERY: reply({}, 404)}, {}),
    "something before the provider keeps us out": ({DISCOVERY: reply({}, 403, DISCOVERY)}, {}),
    "a web page is at the issuer": ({DISCOVERY: reply(b"<html>", 200, DISCOVERY)}, {}),
    "the provider calls itself otherwise": ({"issuer": "https://login.campus.example/x"}, {}),
    "the provider has no token endpoint": ({"token_endpoint": None}, {}),
    "an endpoint has no TLS": ({"token_endpoint": "http://login.campus.example/token"}, {}),
    "the keys cannot be had": ({CERTS: NoAnswer(f"{CERTS} does not answer within 5 s")}, {}),
    "no key could have signed": ({CERTS: reply({"keys": []}, 200, CERTS)}, {}),
    "the client's secret is wrong": ({TOKEN: refused("invalid_client", 401)}, {}),
    "the client is unknown or disabled (Keycloak)": (
        {TOKEN: refused("unauthorized_client", 401)},
        {},
    ),
    "the client has a secret and we have none": (
        {TOKEN: refused("invalid_client", 401)},
        {"client_secret": None},
    ),
    "the provider fails": ({TOKEN: refused("server_error")}, {}),
    "a web page is at the token endpoint": ({TOKEN: reply(b"<html>", 400, TOKEN)}, {}),
    "the token endpoint is silent": (
        {TOKEN: NoAnswer(f"{TOKEN} does not answer within 5 s")},
        {},
    ),
    "the provider's clock is ahead": ({TOKEN: refused("invalid_grant", ahead=95)}, {}),
    "the provider's clock is behind": ({TOKEN: refused("invalid_grant", ahead=-95)}, {}),
    "tokens are signed with the client's secret": (
        {"id_token_signing_alg_values_supported": ["HS256"]},
        {},
    ),
    "a scope is not known": ({"scopes_supported": ["openid", "email"]}, {}),
    "the flow with codes is off": ({"response_types_supported": ["id_token"]}, {}),
    "there are no refresh tokens": ({"grant_types_supported": ["authorization_code"]}, {}),
    "clients may have no secret": (
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {},
    ),
    "accounts are to be looked up and the client has no service account": (
        {TOKEN: only_codes},
        {"lookup": "keycloak"},
    ),
    "accounts are to be looked up and the client may not see them": (
        {f"{ACCOUNTS}?max=1": reply({"error": "HTTP 403 Forbidden"}, 403)},
        {"lookup": "keycloak"},
    ),
    "accounts are to be looked up and the admin API is kept from the hub": (
        {f"{ACCOUNTS}?max=1": reply(b"<html>", 404, ACCOUNTS)},
        {"lookup": "keycloak"},
    ),
    "there is no PKCE": ({"code_challenge_methods_supported": ["plain"]}, {}),
}
SAID = said("OpenID Connect, Keycloak")


@pytest.mark.parametrize("mistake", WRONG)
async def test_a_mistake_is_told_with_its_fix(mistake):
    changes, settings = WRONG[mistake]
    world = World(NOW, **settings)
    for where, what in changes.items():
        if where.startswith("https://"):
            world.provider.answers[where] = what
        else:
            world.provider.metadata[where] = what
    problems = await world.source.check()

    assert_said(SAID[mistake], problems)
    assert not any("sesame" in problem for problem in problems)


MIGHT_BE: dict[str, tuple[dict[str, Any], str]] = {
    "a list in the place of the discovery document": ({DISCOVERY: []}, "no discovery document"),
    "an endpoint that is no address": ({"userinfo_endpoint": 7}, "userinfo_endpoint"),
    "too many questions": ({TOKEN: refused("slow_down", 429)}, "too many"),
}


@pytest.mark.parametrize(("changes", "says"), MIGHT_BE.values(), ids=MIGHT_BE)
async def test_what_is_less_likely_is_told_too(changes, says):
    world = World(NOW)
    world.provider.answers |= {k: v for k, v in changes.items() if k.startswith("https://")}
    world.provider.metadata |= {k: v for k, v in changes.items() if not k.startswith("https://")}

    assert any(says in problem for problem in await world.source.check())


def test_the_page_has_these_rows_and_no_others():
    assert set(SAID) == {*WRONG, NEARLY}


async def test_where_all_is_well_there_is_nothing_to_say(world):
    world.provider.answers[TOKEN] = refused("invalid_grant", ahead=5)

    assert await world.source.check() == []


NEARLY = "the issuer has Keycloak's path of another release"


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

    problems = await world.source.check()
    assert problems == [f"there is no issuer {written}; did you mean {right}?"]
    assert_said(SAID[NEARLY], problems)


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
    "accounts of a provider that has no admin API": (
        {"issuer": "https://op.example", "lookup": "keycloak"},
        "only Keycloak's accounts",
    ),
    "accounts at no address": ({"lookup": "yes"}, "write keycloak, or an address"),
    "accounts without TLS": (
        {"lookup": "http://kc.example/admin/realms/uni"},
        "insecure: i-know",
    ),
    "accounts without a secret": (
        {"lookup": "keycloak", "client_secret": None},
        "needs a client_secret",
    ),
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
