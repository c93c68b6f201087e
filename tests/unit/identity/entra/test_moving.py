"""Every trait of AzureAdOAuthenticator works here or is refused with its successor."""

from __future__ import annotations

from typing import Any

import pytest
from oauthenticator.azuread import AzureAdOAuthenticator
from oauthenticator.oauth2 import OAuthenticator

from jupyterhub_edu.identity.entra import EntraSettings
from jupyterhub_edu.identity.entra.moving import TRAITS, from_azuread

TENANT = "8f1c2d3e-0000-4000-8000-000000000001"
APP = "8f1c2d3e-0000-4000-8000-000000000002"
LOGIN = "https://login.microsoftonline.com"
BASE = {
    "tenant_id": TENANT,
    "client_id": APP,
    "client_secret": "a~secret-value",
    "username_claim": "preferred_username",
}
KEYS = {"tenant": TENANT, "client_id": APP, "client_secret": "a~secret-value"}


def moved(environ: dict[str, str] | None = None, **changes: Any) -> dict[str, Any] | list[str]:
    config = {key: value for key, value in (BASE | changes).items() if value is not None}
    return from_azuread(config, environ or {})


def test_the_usual_options_are_three_keys():
    found = moved()

    assert found == KEYS
    assert EntraSettings.model_validate(found).allowed_tenants == {TENANT}


def test_what_stood_in_the_environment_still_counts():
    environ = {"AAD_TENANT_ID": TENANT, "OAUTH_CLIENT_ID": APP, "OAUTH_CLIENT_SECRET": "s~s"}
    found = moved(environ, tenant_id=None, client_id=None, client_secret=None)

    assert found == KEYS | {"client_secret": "s~s"}


WORKS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"username_claim": "upn"}, {"login_claim": "upn"}),
    ({"username_claim": "oid"}, {"login_claim": "oid"}),
    ({"graph_url": "https://login.microsoftonline.us/"}, {"authority": LOGIN[:-3] + "us"}),
    ({"authorize_url": f"{LOGIN}/{TENANT}/oauth2/authorize"}, {"authority": LOGIN}),
    ({"token_url": f"{LOGIN}/{TENANT}/oauth2/v2.0/token"}, {"authority": LOGIN}),
    ({"tenant_id": None, "token_url": f"{LOGIN}/{TENANT}/oauth2/token"}, {"authority": LOGIN}),
    ({"auth_state_groups_key": "user.groups"}, {}),
    ({"auth_state_groups_key": "user.roles"}, {"groups": "none"}),
    ({"user_groups_claim": "groups"}, {}),
    ({"user_groups_claim": "roles"}, {"groups": "none"}),
    ({"scope": ["openid", "https://graph.microsoft.com/User.Read"]}, {}),
    ({"logout_redirect_url": f"{LOGIN}/{TENANT}/oauth2/logout"}, {"logout": True}),
    ({"allow_all": True}, {}),
    ({"allow_existing_users": False}, {}),
    ({"enable_pkce": True}, {}),
    ({"basic_auth": True}, {}),
    ({"validate_server_cert": True}, {}),
    ({"userdata_url": "https://graph.microsoft.com/oidc/userinfo"}, {}),
    ({"userdata_params": {"a": "b"}}, {}),
    ({"userdata_token_method": "url"}, {}),
    ({"userdata_from_id_token": True}, {}),
    ({"allowed_groups": set(), "custom_403_message": ""}, {}),
]


@pytest.mark.parametrize(("set_", "became"), WORKS, ids=lambda row: str(row)[:60])
def test_an_option_that_works(set_: dict[str, Any], became: dict[str, Any]):
    found = moved(**set_)

    assert found == KEYS | became
    EntraSettings.model_validate(found)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"tenant_id": None}, "tenant_id: not set"),
    ({"token_url": f"{LOGIN}/{APP}/oauth2/token"}, "tenant_id: it and the addresses"),
    (
        {
            "graph_url": "https://login.microsoftonline.us",
            "token_url": f"{LOGIN}/{TENANT}/oauth2/token",
        },
        "tenant_id",
    ),
    ({"authorize_url": "https://sso.fjord.example/login"}, "authorize_url"),
    ({"client_id": None}, "client_id: not set"),
    ({"client_secret": None}, "client_secret: not set"),
    ({"username_claim": None}, "username_claim: accounts are named by name"),
    ({"username_claim": "name"}, "username_claim"),
    ({"username_claim": "email"}, "login_claim"),
    ({"username_claim": "unique_name"}, "login_claim"),
    ({"username_claim": lambda user: user["name"]}, "a function"),
    ({"scope": ["openid", "Files.Read"]}, "scope: Files.Read"),
    ({"auth_state_groups_key": "user.wids"}, "auth_state_groups_key: user.wids"),
    ({"auth_state_groups_key": lambda state: []}, "auth_state_groups_key: a function"),
    ({"user_groups_claim": "wids"}, "rules see group ids"),
    ({"allowed_groups": {"x"}}, "allowed_groups: remove it; instead: rules"),
    ({"admin_groups": {"x"}}, "admins of the campus file"),
    ({"allowed_scopes": ["x"]}, "allowed_scopes"),
    ({"allow_existing_users": True}, "adopt"),
    ({"login_service": "Fjord"}, "title"),
    ({"oauth_callback_url": "https://hub/hub/oauth_callback"}, "/hub/edu/login/<source>/callback"),
    ({"logout_redirect_url": "https://fjord.example/bye"}, "logout_redirect_url"),
    ({"enable_pkce": False}, "enable_pkce"),
    ({"validate_server_cert": False}, "validate_server_cert"),
    ({"http_request_kwargs": {"proxy_host": "x"}}, "http_request_kwargs"),
    ({"extra_authorize_params": {"prompt": "login"}}, "extra_authorize_params"),
    ({"token_params": {"a": "b"}}, "token_params"),
    ({"custom_403_message": "No."}, "contact"),
    ({"modify_auth_state_hook": print}, "post_auth_hook"),
    ({"refresh_user_hook": print}, "refresh_user_hook"),
    ({"admin_users": {"ann"}}, "goes on under c.EduAuthenticator"),
]


@pytest.mark.parametrize(("set_", "words"), REFUSED, ids=lambda row: str(row)[:60])
def test_an_option_that_cannot_stay_names_its_successor(set_: dict[str, Any], words: str):
    refusals = moved(**set_)

    assert isinstance(refusals, list)
    assert any(words in refusal for refusal in refusals), refusals
    assert "a~secret-value" not in str(refusals)


def test_everything_that_is_wrong_is_told_at_once():
    refusals = moved(client_id=None, username_claim="name", enable_pkce=False)

    assert len(refusals) == 3


def test_no_trait_is_forgotten():
    own = {
        *AzureAdOAuthenticator.class_own_traits(config=True),
        *OAuthenticator.class_own_traits(config=True),
    }
    assert own == set(TRAITS)


def test_every_trait_has_a_row():
    rows = [key for row, _ in (*WORKS, *REFUSED) for key in row]

    assert set(TRAITS) <= set(rows)
