"""Every trait of GenericOAuthenticator works here or is refused with its successor."""

from typing import Any

import pytest
from jupyterhub.auth import Authenticator
from oauthenticator.generic import GenericOAuthenticator

from jupyterhub_edu.identity.oidc import OidcSettings
from jupyterhub_edu.identity.oidc.moving import TRAITS, from_genericoauthenticator

BASE = {
    "authorize_url": "https://login.example/realms/uni/protocol/openid-connect/auth",
    "client_id": "hub",
    "client_secret": "sesame",
}

WORKS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("authorize_url", {}, {"issuer": "https://login.example/realms/uni"}),
    ("token_url", {"token_url": "https://login.example/x"}, {}),
    ("userdata_url", {"userdata_url": "https://login.example/x"}, {}),
    ("client_id", {}, {"client_id": "hub"}),
    ("client_secret", {}, {"client_secret": "sesame"}),
    ("username_claim", {"username_claim": "sam"}, {"login_claim": "sam"}),
    ("username_key", {"username_key": "sam"}, {"login_claim": "sam"}),
    (
        "auth_state_groups_key",
        {"auth_state_groups_key": "oauth_user.realm_access.roles"},
        {"groups_claims": ["realm_access.roles"]},
    ),
    ("claim_groups_key", {"claim_groups_key": "teams"}, {"groups_claims": ["teams"]}),
    ("scope", {"scope": ["openid", "email"]}, {"scope": ["openid", "email"]}),
    ("scope", {"scope": ["email"]}, {"scope": ["openid", "email"]}),
    ("scope", {"scope": []}, {}),
    (
        "extra_authorize_params",
        {"extra_authorize_params": {"kc_idp_hint": "feide"}},
        {"extra_authorize_params": {"kc_idp_hint": "feide"}},
    ),
    ("enable_pkce", {"enable_pkce": False}, {"pkce": False}),
    ("basic_auth", {"basic_auth": True}, {}),
    ("userdata_from_id_token", {"userdata_from_id_token": True}, {}),
    (
        "logout_redirect_url",
        {"logout_redirect_url": "https://login.example/out"},
        {"logout": True},
    ),
    ("validate_server_cert", {"validate_server_cert": True}, {}),
    ("allowed_groups", {"allowed_groups": set()}, {}),
]
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("authorize_url", {"authorize_url": "https://accounts.example/o/auth"}, "issuer"),
    ("username_claim", {"username_claim": len}, "login_claim"),
    ("username_key", {"username_key": len}, "login_claim"),
    ("auth_state_groups_key", {"auth_state_groups_key": len}, "groups_claims"),
    ("auth_state_groups_key", {"auth_state_groups_key": "token.groups"}, "groups_claims"),
    ("claim_groups_key", {"claim_groups_key": len}, "groups_claims"),
    ("allowed_groups", {"allowed_groups": {"staff"}}, "rules"),
    ("admin_groups", {"admin_groups": {"root"}}, "admins"),
    ("allowed_scopes", {"allowed_scopes": ["x"]}, "claims"),
    ("extra_params", {"extra_params": {"a": "b"}}, "standard"),
    ("token_params", {"token_params": {"a": "b"}}, "standard"),
    ("userdata_params", {"userdata_params": {"a": "b"}}, "standard"),
    ("userdata_token_method", {"userdata_token_method": "url"}, "header"),
    ("oauth_callback_url", {"oauth_callback_url": "https://hub.example/x"}, "register"),
    ("login_service", {"login_service": "Campus"}, "title"),
    ("custom_403_message", {"custom_403_message": "No."}, "sentences"),
    ("validate_server_cert", {"validate_server_cert": False}, "ca_file"),
    ("tls_verify", {"tls_verify": False}, "ca_file"),
    ("http_request_kwargs", {"http_request_kwargs": {"proxy_host": "x"}}, "timeout"),
    ("modify_auth_state_hook", {"modify_auth_state_hook": len}, "post_auth_hook"),
    ("refresh_user_hook", {"refresh_user_hook": len}, "refresh"),
    ("no_such", {"no_such": 1}, "no such option"),
]


@pytest.mark.parametrize(("trait", "changed", "keys"), WORKS)
def test_works(trait: str, changed: dict[str, Any], keys: dict[str, Any]) -> None:
    found = from_genericoauthenticator(BASE | changed)

    assert isinstance(found, dict), found
    assert found.items() >= keys.items()
    OidcSettings.model_validate(found)


@pytest.mark.parametrize(("trait", "changed", "words"), REFUSED)
def test_refused(trait: str, changed: dict[str, Any], words: str) -> None:
    found = from_genericoauthenticator(BASE | changed)

    assert isinstance(found, list), found
    assert [one for one in found if one.startswith(f"{trait}: ") and words in one]


def test_every_trait_is_known_and_tried() -> None:
    theirs = set(GenericOAuthenticator.class_trait_names(config=True))
    own = theirs - set(Authenticator.class_trait_names(config=True))

    assert own == set(TRAITS)
    assert own == {row[0] for row in (*WORKS, *REFUSED)} - {"no_such"}


def test_all_refusals_are_told_at_once() -> None:
    found = from_genericoauthenticator(BASE | {"admin_groups": {"a"}, "username_claim": len})

    assert isinstance(found, list)
    assert len(found) == 2
