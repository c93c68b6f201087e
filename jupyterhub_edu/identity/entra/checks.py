"""What ``jupyterhub-edu check --connect`` says about an Entra source, in words that name the fix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from jupyterhub_edu.identity.tokens import KeySet
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web, with_fix
from jupyterhub_edu.ports import Clock

from .authority import AppBearer, Authority
from .graph import Forbidden, Graph, NotThere
from .refusals import Refusal, parse_refusal
from .settings import EntraSettings

__all__ = ["check_connection"]

_MOST_SKEW: Final = timedelta(seconds=60)
_SOON: Final = timedelta(days=14)
_PATIENCE: Final = 10.0
_WAY: Final = "compare authority, and see that this machine may go there (a proxy, a firewall)"


async def check_connection(
    settings: EntraSettings,
    web: Web,
    keys: KeySet,
    authority: Authority,
    graph: Graph,
    clock: Clock,
) -> list[str]:
    """Ask the authority, and Graph where the app has permissions of its own.

    Not to be seen from here: whether the callback's address is registered (Entra says AADSTS50011 to the browser), unless
    the app may read its own registration.

    Returns:
        Problems as sentences; after one that makes the rest pointless, no further ones.
    """
    try:
        problems = [one async for one in _discovered(settings, web, clock)]
        if not problems:
            await keys.fetch()
            for tenant in sorted(settings.allowed_tenants):
                problems += [
                    one async for one in _as_app(settings, authority, graph, tenant, clock)
                ]
    except NoAnswer as error:
        return [with_fix(error.why, _WAY)]
    return problems


async def _discovered(settings: EntraSettings, web: Web, clock: Clock) -> AsyncIterator[str]:
    """Whether the tenant is there, is of the cloud that is named, and our clocks agree."""
    url = f"{settings.authority}/{settings.tenant}/v2.0/.well-known/openid-configuration"
    reply = await web.get(url)
    if reply.status != 200:
        yield f"tenant: {parse_refusal(reply).why}"
        return
    found: Any = reply.json()
    issuer = found.get("issuer") if isinstance(found, Mapping) else None
    expected = settings.issuer("{tenantid}" if settings.tenants else settings.tenant)
    if issuer != expected:
        yield f"authority: the tenant calls its issuer {str(issuer)[:100]!r} where {expected!r} is expected; name its own cloud"
    skew = _skew(reply, clock())
    if abs(skew) > _MOST_SKEW:
        seconds = round(skew.total_seconds())
        yield f"this machine's clock is {seconds:+d} s off Entra's, so that tokens are refused; let NTP set it"


def _skew(reply: Reply, now: datetime) -> timedelta:
    try:
        return now - parsedate_to_datetime(reply.headers.get("Date", ""))
    except (ValueError, TypeError):
        return timedelta()


async def _as_app(
    settings: EntraSettings, authority: Authority, graph: Graph, tenant: str, clock: Clock
) -> AsyncIterator[str]:
    """Whether Entra knows the app and its secret, and Graph its permissions."""
    tokens = await authority.for_app(tenant)
    if isinstance(tokens, Refusal):
        yield tokens.why
        return
    if not settings.app_permissions:
        return
    bearer = AppBearer(authority, tenant, clock)
    asked = {"/users": "User.Read.All"}
    if settings.education:
        asked["/education/classes"] = "EduRoster.Read.All"
    for path, permission in asked.items():
        try:
            page = await graph.one(path, {"$select": "id", "$top": "1"}, bearer, _PATIENCE)
        except Forbidden:
            yield (
                f"the application permission {permission} is missing; add it under API permissions, Microsoft Graph, "
                "and grant admin consent"
            )
        else:
            if not page.get("value"):
                yield f"Graph shows nothing at {path}; is this the right tenant, and is there any?"
    async for problem in _registration(settings, graph, bearer, clock()):
        yield problem


async def _registration(
    settings: EntraSettings, graph: Graph, bearer: AppBearer, now: datetime
) -> AsyncIterator[str]:
    """The app's registration, where Application.Read.All shows it."""
    path = f"/applications(appId='{settings.client_id}')"
    query = {"$select": "groupMembershipClaims,passwordCredentials,web"}
    try:
        app = await graph.one(path, query, bearer, _PATIENCE)
    except (Forbidden, NotThere):
        return  # not granted, or registered in another tenant
    if settings.groups == "claim" and app.get("groupMembershipClaims") in (None, "None"):
        yield (
            "the app emits no groups claim, so that Graph is asked at every login; add it under Token configuration as "
            "Group ID, or set groups: none"
        )
    site = app.get("web")
    if isinstance(site, Mapping) and not site.get("redirectUris"):
        yield "the app has no redirect URI for the platform Web; register the callback's address under Authentication"
    ends = _last_end(app.get("passwordCredentials"))
    if ends is not None and ends - now < _SOON:
        yield f"the app's last client secret ends on {ends:%Y-%m-%d}; make a new one under Certificates & secrets"


def _last_end(secrets: object) -> datetime | None:
    """When the last secret ends; None if that is not told."""
    try:
        return max(datetime.fromisoformat(one["endDateTime"]) for one in secrets)  # type: ignore[attr-defined]
    except (TypeError, ValueError, KeyError):
        return None
