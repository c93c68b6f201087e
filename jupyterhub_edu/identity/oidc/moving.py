"""Moving over from GenericOAuthenticator: what each of its options becomes here.

Every trait that GenericOAuthenticator 17.4 defines stands in ``TRAITS``; each works, or is refused with its successor.
What changes for the better without being asked for: endpoints and keys are discovered, tokens are verified, people are
known by ``sub`` rather than by a name, and a claim that is missing takes nothing from anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from jupyterhub_edu.identity.former import Refused, Step, translate

__all__ = ["TRAITS", "from_genericoauthenticator"]

TRAITS: Final[Mapping[str, str]] = {
    "client_id": "client_id",
    "client_secret": "client_secret",
    "authorize_url": "issuer, which is derived from it for Keycloak",
    "token_url": "issuer; the address is discovered",
    "userdata_url": "issuer; the address is discovered",
    "userdata_from_id_token": "nothing: the ID token is verified and read first, userinfo only for what it lacks",
    "userdata_params": "nothing: userinfo is asked as the standard says",
    "userdata_token_method": "nothing: the access token goes in the header",
    "username_claim": "login_claim",
    "username_key": "login_claim",
    "auth_state_groups_key": "groups_claims, or roles_claims",
    "claim_groups_key": "groups_claims, or roles_claims",
    "allowed_groups": "rules; whoever the provider vouches for may log in, and rules say what they may",
    "admin_groups": "admins, by name: admin never comes from a group",
    "scope": "scope",
    "allowed_scopes": "nothing: what was granted shows in the claims",
    "extra_authorize_params": "extra_authorize_params",
    "extra_params": "nothing: the token endpoint is asked as the standard says",
    "token_params": "nothing: the token endpoint is asked as the standard says",
    "basic_auth": "nothing: the provider says how it takes the secret",
    "enable_pkce": "pkce",
    "oauth_callback_url": "the callback that the source's page names; register it at the provider",
    "logout_redirect_url": "logout: true, which ends the session at the provider and comes back",
    "login_service": "title of the source",
    "custom_403_message": "nothing: refusals have sentences of their own",
    "validate_server_cert": "ca_file: the certificate is always verified",
    "tls_verify": "ca_file: the certificate is always verified",
    "http_request_kwargs": "ca_file, timeout",
    "modify_auth_state_hook": "c.EduAuthenticator.post_auth_hook",
    "refresh_user_hook": "refresh of the source",
}
"""Each trait with what it becomes in the campus file."""

_IGNORED: Final = frozenset({"userdata_from_id_token", "basic_auth", "token_url", "userdata_url"})
"""What is found out here, whatever it was set to."""
_SAME: Final = {
    "client_id": "client_id",
    "client_secret": "client_secret",
    "extra_authorize_params": "extra_authorize_params",
    "enable_pkce": "pkce",
}
_DEFAULTS: Final[Mapping[str, Any]] = {
    "userdata_params": {},
    "userdata_token_method": "header",
    "allowed_groups": (),
    "admin_groups": (),
    "allowed_scopes": (),
    "extra_params": {},
    "token_params": {},
    "oauth_callback_url": "",
    "login_service": "",
    "custom_403_message": "",
    "validate_server_cert": True,
    "tls_verify": True,
    "http_request_kwargs": {},
    "modify_auth_state_hook": None,
    "refresh_user_hook": None,
}
"""Traits that must be as they are when nobody sets them; another value is refused."""
_KEYCLOAK: Final = "/protocol/openid-connect/"
_AUTH_STATE: Final = "oauth_user."


def from_genericoauthenticator(config: Mapping[str, Any]) -> dict[str, Any] | list[str]:
    """Translate GenericOAuthenticator's options into the keys of a source of type ``oidc``.

    The result is yet to be validated: what was unsafe there (no TLS) is refused there, with its fix.

    Args:
        config: values by trait, as set under ``c.GenericOAuthenticator`` or ``c.EduAuthenticator``.

    Returns:
        Keys for the campus file; or every refusal, as sentences that begin with the trait's name.
    """
    refusals = [
        f"{name}: GenericOAuthenticator has no such option"
        for name in config
        if name not in TRAITS
    ]
    refusals += [
        f"{name}: {TRAITS[name]}"
        for name, default in _DEFAULTS.items()
        if name in config and _plain(config[name]) != _plain(default)
    ]
    return translate(config, _STEPS, refusals)


def _same(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: config[trait] for trait, key in _SAME.items() if trait in config}


def _issuer(config: Mapping[str, Any]) -> dict[str, Any]:
    url = str(config.get("authorize_url") or "")
    before, found, _ = url.partition(_KEYCLOAK)
    if found and "/realms/" in before:
        return {"issuer": before}
    if not url:
        return {}
    host = urlsplit(url).netloc
    raise Refused(
        f"authorize_url: set issuer to what the provider at {host} calls itself, in its .well-known/openid-configuration"
    )


def _login(config: Mapping[str, Any]) -> dict[str, Any]:
    for trait in ("username_claim", "username_key"):
        claim = config.get(trait)
        if not claim:
            continue
        if callable(claim):
            raise Refused(f"{trait}: a function cannot be kept; name a claim in login_claim")
        return {"login_claim": claim}
    return {}


def _groups(config: Mapping[str, Any]) -> dict[str, Any]:
    for trait in ("auth_state_groups_key", "claim_groups_key"):
        key = config.get(trait)
        if not key:
            continue
        if callable(key):
            raise Refused(f"{trait}: a function cannot be kept; name claims in groups_claims")
        if trait == "auth_state_groups_key" and not key.startswith(_AUTH_STATE):
            raise Refused(f"{trait}: only {_AUTH_STATE}<claim> is understood; set groups_claims")
        return {"groups_claims": [key.removeprefix(_AUTH_STATE)]}
    return {}


def _scope(config: Mapping[str, Any]) -> dict[str, Any]:
    scope = list(config.get("scope") or ())
    if not scope:
        return {}
    return {"scope": scope if "openid" in scope else ["openid", *scope]}


def _logout(config: Mapping[str, Any]) -> dict[str, Any]:
    # There it was an address written by hand; here it is discovered.
    return (
        {"logout": bool(config["logout_redirect_url"])}
        if config.get("logout_redirect_url")
        else {}
    )


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset | tuple | list) else value


_STEPS: Final[tuple[Step, ...]] = (
    _same,
    _issuer,
    _login,
    _groups,
    _scope,
    _logout,
)
