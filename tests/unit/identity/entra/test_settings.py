"""What a campus file may say of Entra; every refusal names its fix."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.entra import EntraSettings

TENANT = "8f1c2d3e-0000-4000-8000-000000000001"
OTHER = "8f1c2d3e-0000-4000-8000-000000000002"
SAFE = {"tenant": TENANT, "client_id": OTHER, "client_secret": "a~secret-value"}


def settings(**changes: Any) -> EntraSettings:
    keys = {key: value for key, value in (SAFE | changes).items() if value is not None}
    return EntraSettings.model_validate(keys)


def test_three_keys_are_enough():
    found = settings(tenant=TENANT.upper())

    assert found.allowed_tenants == {TENANT}
    assert found.endpoint("token") == (
        f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    )
    assert found.issuer(TENANT) == f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert found.scopes[-1] == "https://graph.microsoft.com/User.Read"


def test_scopes_are_what_is_needed_and_no_more():
    basic = ("openid", "profile", "offline_access")

    assert settings(groups="none").scopes == basic
    assert settings(groups="none", education=True).scopes == (
        *basic,
        "https://graph.microsoft.com/EduRoster.ReadBasic",
    )
    assert settings(groups="none", education=True, app_permissions=True).scopes == basic


def test_several_tenants_are_listed():
    found = settings(tenant="organizations", tenants=[TENANT, OTHER.upper()])

    assert found.allowed_tenants == {TENANT, OTHER}
    assert "/organizations/" in found.endpoint("authorize")
    assert f"/{OTHER}/" in found.endpoint("token", OTHER)


def test_another_cloud_is_another_address():
    found = settings(
        authority="https://login.microsoftonline.us/", graph="https://graph.microsoft.us"
    )

    assert found.issuer(TENANT).startswith("https://login.microsoftonline.us/8f1c")
    assert found.scopes[-1] == "https://graph.microsoft.us/User.Read"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no tenant": ({"tenant": None}, "tenant"),
    "any organization": ({"tenant": "common"}, "people of any organization"),
    "private accounts": ({"tenant": "consumers"}, "private accounts"),
    "a domain, which may change hands": ({"tenant": "fjord.example"}, "Directory (tenant) ID"),
    "organizations without a list": ({"tenant": "organizations"}, "belong together"),
    "an empty list": ({"tenant": "organizations", "tenants": []}, "at least 1"),
    "a list beside one tenant": ({"tenants": [OTHER]}, "belong together"),
    "the tenant of private accounts": (
        {"tenant": "9188040d-6c67-4c5b-b112-36a304b66dad"},
        "invite such people as guests",
    ),
    "the tenant of private accounts on the list": (
        {"tenant": "organizations", "tenants": ["9188040d-6c67-4c5b-b112-36a304b66dad"]},
        "invite such people as guests",
    ),
    "a client id that is a name": ({"client_id": "hub"}, "Application (client) ID"),
    "no secret": ({"client_secret": None}, "client_secret"),
    "an empty secret": ({"client_secret": " "}, "empty client_secret"),
    "the secret's id": ({"client_secret": OTHER}, "its value"),
    "no TLS": ({"authority": "http://login.fjord.example"}, "https://"),
    "no TLS to Graph": ({"graph": "http://graph.fjord.example"}, "https://"),
    "no such file of certificates": ({"ca_file": "/no/ca.pem"}, "no file /no/ca.pem"),
    "no unit": ({"timeout": 3}, "say the unit"),
    "a domain that is none": ({"login_domain": "fjord"}, "fjord.example"),
    "rosters of several tenants": (
        {
            "tenant": "organizations",
            "tenants": [TENANT],
            "education": True,
            "app_permissions": True,
        },
        "a source for each tenant",
    ),
    "e-mail as a name": ({"login_claim": "email"}, "preferred_username"),
    "the display name as a name": ({"login_claim": "name"}, "preferred_username"),
    "more of Graph than any tenant gets": ({"graph_units": 8_000}, "6400"),
    "e-mail as an attribute": ({"attributes": {"who": "email"}}, "can change hands"),
    "the principal name as an attribute": ({"attributes": {"who": "upn"}}, "can change hands"),
    "an unknown key": ({"user_claim": "name"}, "user_claim"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_unsafe_or_unclear_is_refused_with_its_fix(case: str):
    changes, words = REFUSED[case]
    with pytest.raises(ValidationError) as refused:
        settings(**changes)

    assert words in str(refused.value)
    assert "a~secret-value" not in str(refused.value)


def test_http_is_accepted_by_who_says_so_and_on_this_machine():
    settings(authority="http://login.fjord.example", insecure="i-know")
    settings(authority="http://127.0.0.1:8090", graph="http://localhost:8091")


def test_the_registry_makes_it():
    kind = SOURCE_TYPES["entra"]

    assert kind.needs_safe
    assert kind.course_fields == ("id", "code", "external_id")
