"""Whether a platform works as configured, in words that name the fix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from jupyterhub_edu.identity.keys import KeySet
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web
from jupyterhub_edu.ports import Clock

from .claims import Context
from .rosters import Rosters
from .settings import PlatformSettings

__all__ = ["check_platform"]

_CLOCKS_DIFFER: Final = timedelta(seconds=45)
_DISCOVERY: Final = {"moodle": "/mod/lti/openid-configuration.php"}


async def check_platform(
    platform: PlatformSettings,
    keys: KeySet,
    rosters: Rosters | None,
    context: Context | None,
    web: Web,
    clock: Clock,
) -> list[str]:
    """Ask one platform everything that can be asked without a launch.

    Args:
        rosters: None where none are to be read.
        context: a course that was launched from, to try its roster.

    Returns:
        Problems, as sentences.
    """
    steps = (
        _keys(platform, keys, web, clock),
        _authorize(platform, web),
        _issuer(platform, web),
        _rosters(rosters, context),
    )
    return [problem for step in steps async for problem in step]


async def _keys(
    platform: PlatformSettings, keys: KeySet, web: Web, clock: Clock
) -> AsyncIterator[str]:
    try:
        reply = await web.get(platform.keys)
        if reply.status >= 400:
            yield f"keys: {platform.keys} answers {reply.status}; write the platform's public keyset URL"
            return
        await keys.fetch()
    except NoAnswer as silence:
        yield f"keys: {silence.why}; write the platform's public keyset URL"
        return
    if problem := _clocks(reply, clock):
        yield problem


def _clocks(reply: Reply, clock: Clock) -> str:
    """Whether both clocks tell the same time: launches live for as little as a minute."""
    try:
        theirs = parsedate_to_datetime(reply.headers.get("Date", ""))
        apart = clock() - theirs
    except (TypeError, ValueError):
        return ""
    if abs(apart) <= _CLOCKS_DIFFER:
        return ""
    way = "ahead of" if apart > timedelta() else "behind"
    seconds = round(abs(apart).total_seconds())
    return f"the hub's clock is {seconds} s {way} the platform's; set both by NTP, or launches are refused as too old"


async def _authorize(platform: PlatformSettings, web: Web) -> AsyncIterator[str]:
    try:
        reply = await web.get(platform.authorize)
    except NoAnswer as silence:
        if (
            silence.status is None
        ):  # an error or a way to a login page is what a question without words deserves
            yield f"authorize: {silence.why}; write the platform's authentication request URL"
        return
    if reply.status == 404:
        yield f"authorize: nothing is at {platform.authorize} (404); write the platform's authentication request URL"


async def _issuer(platform: PlatformSettings, web: Web) -> AsyncIterator[str]:
    """What the platform calls itself, where it says so without being logged in to."""
    path = _DISCOVERY.get(platform.kind)
    if path is None:
        return
    try:
        reply = await web.get((platform.url or "").rstrip("/") + path)
        found = reply.json() if reply.status == 200 else None
    except NoAnswer:
        return
    told = found.get("issuer") if isinstance(found, dict) else None
    if isinstance(told, str) and told != platform.issuer:
        yield f"issuer: the platform calls itself {told[:200]!r} and not {platform.issuer!r}; write it to the letter"


async def _rosters(rosters: Rosters | None, context: Context | None) -> AsyncIterator[str]:
    if rosters is None:
        return
    try:
        await rosters.token(anew=True)
    except NoAnswer as silence:
        yield f"token: {silence.why}"
        return
    if context is None:
        return
    try:
        await rosters.read(context)
    except NoAnswer as silence:
        yield f"the roster of course {context.id}: {silence.why}"
