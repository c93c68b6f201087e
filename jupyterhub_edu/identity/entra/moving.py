"""Moving over from AzureAdOAuthenticator: what each of its options becomes here.

Every trait that AzureAdOAuthenticator 17.4 and OAuthenticator define stands in ``TRAITS``; each works, or is refused with
its successor. What changes for the better without being asked for: tokens are verified, people are known by their object
id, groups are re-read, and more than 200 of them are not none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from jupyterhub_edu.identity.former import Refused, Step, translate

__all__ = ["TRAITS", "from_azuread"]

_NO_EFFECT: Final = "nothing: it had no effect on a login"

TRAITS: Final[Mapping[str, str]] = {
    "tenant_id": "tenant",
    "graph_url": "authority: it was the login host's address in spite of its name",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "authorize_url": "tenant and authority, if it is the tenant's own",
    "token_url": "tenant and authority, if it is the tenant's own",
    "username_claim": "login_claim, for preferred_username, upn and oid; the display name, its default, names nobody",
    "scope": "nothing: what is needed is asked for",
    "auth_state_groups_key": "rules over group ids and role/<value>; groups: none if it was user.roles",
    "user_groups_claim": "rules over group ids and role/<value>; groups: none if it was roles",
    "allowed_groups": "rules: who matches none is in no course and starts nothing",
    "admin_groups": "admins of the campus file, by exact name",
    "allowed_scopes": "rules",
    "allow_all": "always so: a login gives an account, rules give what it may do",
    "allow_existing_users": "adopt of the source, at most of one",
    "login_service": "title of the source",
    "oauth_callback_url": "the callback https://<hub>/hub/edu/login/<source>/callback; register it as a redirect URI",
    "logout_redirect_url": "logout, if it was Entra's logout page",
    "enable_pkce": "always so",
    "basic_auth": "nothing: the secret is sent in the form",
    "validate_server_cert": "always so",
    "http_request_kwargs": "timeout; proxies and certificates are the machine's",
    "extra_authorize_params": "nothing: the login's address holds what Entra needs",
    "token_params": "nothing: the form holds what Entra needs",
    "custom_403_message": "contact of the campus file, which stands in every refusal",
    "modify_auth_state_hook": "c.EduAuthenticator.post_auth_hook",
    "refresh_user_hook": "nothing: people are read again by their refresh token",
    "userdata_url": _NO_EFFECT,
    "userdata_params": _NO_EFFECT,
    "userdata_token_method": _NO_EFFECT,
    "userdata_from_id_token": _NO_EFFECT,
}
"""Each trait with what it becomes in the campus file."""

_ENDPOINT: Final = re.compile(r"(https?://[^/]+)/([^/]+)/oauth2(?:/v2\.0)?/(?:authorize|token)/?")
_LOGOUT: Final = re.compile(r"https?://[^/]+/[^/]+/oauth2(?:/v2\.0)?/logout/?(?:\?.*)?")
_LOGIN_CLAIMS: Final = frozenset({"preferred_username", "upn", "oid"})
_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access", "User.Read"})
_HARMLESS: Final[Mapping[str, Any]] = {
    "allow_all": (True, False),
    "allow_existing_users": (False,),
    "enable_pkce": (True,),
    "validate_server_cert": (True,),
    "basic_auth": (True, False),
}
"""Values that mean the same here, or nothing."""
_MUST_GO: Final = (
    *("allowed_groups", "admin_groups", "allowed_scopes", "login_service", "oauth_callback_url"),
    *("http_request_kwargs", "extra_authorize_params", "token_params", "custom_403_message"),
    *("modify_auth_state_hook", "refresh_user_hook"),
)
"""Options without a counterpart in the source; empty ones are let pass."""
_Step = Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any]]


def from_azuread(
    config: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any] | list[str]:
    """Translate AzureAdOAuthenticator's options into the keys of a source of type ``entra``.

    Args:
        config: values by trait, as set under ``c.AzureAdOAuthenticator`` or ``c.OAuthenticator``.
        environ: where tenant, client id and secret are looked for if they are not set, as AzureAdOAuthenticator does.

    Returns:
        Keys for the campus file; or every refusal, as sentences that begin with the trait's name.
    """
    refusals = [
        f"{name}: AzureAdOAuthenticator has no such option of its own; one of JupyterHub's goes on under c.EduAuthenticator"
        for name in config
        if name not in TRAITS
    ]
    refusals += [
        f"{name}: remove it; instead: {TRAITS[name]}" for name in _MUST_GO if config.get(name)
    ]
    refusals += [
        f"{name}: {config[name]!r} cannot stay; {TRAITS[name]}"
        for name, values in _HARMLESS.items()
        if name in config and config[name] not in values
    ]

    def within(step: _Step) -> Step:
        return lambda config: step(config, environ)

    return translate(config, map(within, _STEPS), refusals)


def _place(config: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Tenant and cloud, which must be the same wherever they are named."""
    tenants = {config.get("tenant_id") or environ.get("AAD_TENANT_ID")}
    hosts = {str(config.get("graph_url") or "").rstrip("/")}
    for name in ("authorize_url", "token_url"):
        if url := config.get(name):
            found = _ENDPOINT.fullmatch(url)
            if found is None:
                raise Refused(
                    f"{name}: {url} is no endpoint of a tenant; set tenant and authority"
                )
            hosts.add(found[1])
            tenants.add(found[2])
    tenants -= {None, ""}
    hosts -= {""}
    if len(tenants) > 1 or len(hosts) > 1:
        raise Refused(
            "tenant_id: it and the addresses name several tenants or clouds; keep one of them"
        )
    if not tenants:
        raise Refused(
            "tenant_id: not set, so that anybody with a Microsoft account could log in; set tenant to the Directory "
            "(tenant) ID"
        )
    return {"tenant": tenants.pop(), **({"authority": hosts.pop()} if hosts else {})}


def _app(config: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    found = {
        "client_id": config.get("client_id") or environ.get("OAUTH_CLIENT_ID"),
        "client_secret": config.get("client_secret") or environ.get("OAUTH_CLIENT_SECRET"),
    }
    for name, value in found.items():
        if not value:
            raise Refused(f"{name}: not set")
    return found


def _names(config: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    claim = config.get("username_claim", "name")
    if not isinstance(claim, str) or claim not in _LOGIN_CLAIMS:
        told = claim if isinstance(claim, str) else "a function"
        raise Refused(
            f"username_claim: accounts are named by {told}, which several people may share or which may change hands; set "
            "login_claim to preferred_username, upn or oid, and rename the accounts before people log in"
        )
    return {} if claim == "preferred_username" else {"login_claim": claim}


def _groups(config: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    claim = config.get("user_groups_claim") or "groups"
    key = config.get("auth_state_groups_key") or f"user.{claim}"
    if key == "user.groups":
        return {}
    if key == "user.roles":
        return {"groups": "none"}
    told = key if isinstance(key, str) else "a function"
    raise Refused(
        f"auth_state_groups_key: {told} cannot stay; rules see group ids and role/<value>"
    )


def _scope(config: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    more = [
        scope
        for scope in config.get("scope") or ()
        if scope.removeprefix("https://graph.microsoft.com/") not in _SCOPES
    ]
    if more:
        raise Refused(
            f"scope: {' '.join(more)} is not asked for here; what groups and classes need is asked for without being listed"
        )
    return {}


def _logout(config: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    url = config.get("logout_redirect_url")
    if not url:
        return {}
    if _LOGOUT.fullmatch(url):
        return {"logout": True}
    raise Refused(
        f"logout_redirect_url: {url} is not Entra's; logging out ends at the hub's own page"
    )


_STEPS: Final[tuple[_Step, ...]] = (
    _place,
    _app,
    _names,
    _groups,
    _scope,
    _logout,
)
