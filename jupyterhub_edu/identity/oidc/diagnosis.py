"""What is wrong between this hub and a provider, in words that name the fix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jupyterhub_edu.identity.tokens import ALGORITHMS
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web, with_fix

from .provider import Metadata, Provider
from .settings import OidcSettings

__all__ = ["diagnose"]

_MOST_SECONDS_APART: Final = 30
_WAY: Final = "see that this machine may go there"
_PROBE: Final = {
    "grant_type": "authorization_code",
    "code": "jupyterhub-edu-check",
    "redirect_uri": "https://jupyterhub-edu.invalid/check",
}
_WRONG_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client"})


async def diagnose(settings: OidcSettings, provider: Provider, web: Web) -> list[str]:
    """Ask for everything that a login needs, as nobody in particular.

    Returns:
        Problems as sentences; empty when all is well. What only a login shows (whether the callback is registered, which
        claims there are) is not among them.
    """
    try:
        metadata = await provider.discover()
    except NoAnswer as silence:
        return [await _why_undiscovered(settings, provider, web, silence)]
    problems = [*_unsupported(settings, metadata)]
    try:
        await provider.keys.fetch()
    except NoAnswer as silence:
        told = f"the provider's keys cannot be had: {silence.why}"
        problems.append(with_fix(told, f"look at the provider, and {_WAY}"))
    try:
        reply = await provider.post_grant(_PROBE)
        problems += [*_about_token_endpoint(settings, metadata, reply)]
        problems += [*_about_clock(provider.seconds_ahead(reply))]
    except NoAnswer as silence:
        told = f"no code can be exchanged: {silence.why}"
        problems.append(with_fix(told, f"look at the provider, and {_WAY}"))
    return problems


async def _why_undiscovered(
    settings: OidcSettings, provider: Provider, web: Web, silence: NoAnswer
) -> str:
    if silence.status != 404:
        return with_fix(f"issuer: {silence.why}", f"compare the issuer, and {_WAY}")
    for other in _likely_issuers(settings.issuer):
        try:
            url = f"{other}/.well-known/openid-configuration"
            if (await web.get(url)).json().get("issuer") == other:
                return f"there is no issuer {settings.issuer}; did you mean {other}?"
        except (NoAnswer, AttributeError):
            continue
    return (
        f"{provider.discovery_url} does not exist; is the issuer right, and the realm's name? "
        "Keycloak's is https://host/realms/<realm>"
    )


def _likely_issuers(issuer: str) -> Iterator[str]:
    """The same provider as it is often miswritten: Keycloak's path before and after version 17, a slash too many."""
    bare = issuer.rstrip("/")
    if "/auth/realms/" in bare:
        yield bare.replace("/auth/realms/", "/realms/")
    elif "/realms/" in bare:
        yield bare.replace("/realms/", "/auth/realms/")
    else:
        yield f"{bare}/v2.0"


def _unsupported(settings: OidcSettings, metadata: Metadata) -> Iterator[str]:
    algorithms = metadata.listed("id_token_signing_alg_values_supported")
    if algorithms is not None and not set(algorithms) & set(ALGORITHMS):
        yield (
            f"the provider signs with {', '.join(algorithms)[:200]} only; choose RS256 or ES256 for the client there"
        )
    scopes = metadata.listed("scopes_supported")
    for scope in settings.scope:
        if scopes is not None and scope not in scopes:
            yield f"scope: the provider knows no {scope}; it knows {', '.join(scopes)[:200]}"
    if "code" not in (metadata.listed("response_types_supported") or ["code"]):
        yield "the provider does not offer logins by code; allow the authorization code flow there"
    if "refresh_token" not in (metadata.listed("grant_types_supported") or ["refresh_token"]):
        yield (
            "the provider hands out no refresh tokens, so that nobody can be read again; allow the grant type "
            "refresh_token there"
        )
    methods = metadata.listed("token_endpoint_auth_methods_supported")
    if settings.secret and methods and not _BY_SECRET & set(methods):
        yield (
            f"the provider takes no client secret, only {', '.join(methods)[:200]}; allow client_secret_basic there"
        )
    challenges = metadata.listed("code_challenge_methods_supported")
    if settings.pkce and challenges is not None and "S256" not in challenges:
        yield "the provider knows no code challenge S256; update it, or set pkce: false"


_BY_SECRET: Final = {"client_secret_basic", "client_secret_post"}


def _about_token_endpoint(
    settings: OidcSettings, metadata: Metadata, reply: Reply
) -> Iterator[str]:
    """A code that nobody made must be refused for being no code; for anything else, it is about us."""
    try:
        found = reply.json()
    except NoAnswer as silence:
        yield f"{silence.why}; look at what stands before the provider"
        return
    error = found.get("error") if isinstance(found, dict) else None
    if error in _WRONG_CLIENT or reply.status == 401:
        yield (
            f"the provider does not accept client_id {settings.client_id!r} with this client_secret; compare both with the "
            "client there, and whether it is enabled"
            if settings.secret
            else f"the provider wants a secret of client_id {settings.client_id!r}; set client_secret"
        )
    elif error not in {"invalid_grant", "invalid_request"}:
        yield (
            f"{metadata.token_endpoint} answers {reply.status} to a code, with {str(error)[:80]!r}; look into the "
            "provider's log"
        )


def _about_clock(ahead: float | None) -> Iterator[str]:
    if ahead is not None and abs(ahead) > _MOST_SECONDS_APART:
        yield (
            f"the provider's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours; tokens fail from "
            "60 s on: let both machines keep time (NTP)"
        )
