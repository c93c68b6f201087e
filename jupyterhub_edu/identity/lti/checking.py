"""Whether a platform works as configured, in words that name the fix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from jupyterhub_edu.identity.keys import KeySet
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web
from jupyterhub_edu.ports import Clock, StoreError

from .claims import Context
from .key import ToolKey
from .memory import Memory
from .platforms import Platform
from .rosters import Rosters
from .settings import PlatformSettings

__all__ = ["check_platforms"]

_CLOCKS_DIFFER: Final = timedelta(seconds=45)
_DISCOVERY: Final = {"moodle": "/mod/lti/openid-configuration.php"}


async def check_platforms(
    platforms: Iterable[Platform],
    memory: Memory,
    key: ToolKey,
    web: Web,
    clock: Clock,
    *,
    rosters: bool,
) -> list[str]:
    """Ask every platform everything that can be asked without a launch.

    Args:
        rosters: whether rosters are to be read.

    Returns:
        Problems, as sentences that begin with the platform's name.
    """
    problems: list[str] = []
    for platform in platforms:
        try:
            known = await memory.contexts(platform.name)
            has_key = await key.is_made()
        except StoreError as error:
            return [f"the store does not answer: {error}"]
        steps = [
            _keys(platform.settings, platform.keys, web, clock),
            _authorize(platform.settings, web),
            _issuer(platform.settings, web),
        ]
        if rosters and platform.has_rosters:
            some = next((c for c in reversed(list(known.values())) if c.roster), None)
            steps.append(_rosters(platform.rosters, some, has_key=has_key))
        problems += [f"{platform.name}: {one}" for step in steps async for one in step]
    return problems


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


async def _rosters(
    rosters: Rosters, context: Context | None, *, has_key: bool
) -> AsyncIterator[str]:
    """Try them with the key that the platform may know; one made only now it cannot."""
    try:
        await (rosters.token(anew=True) if has_key else rosters.try_as_stranger())
    except NoAnswer as silence:
        fix = "write the platform's access token URL, or leave it out for no rosters"
        told = silence.why.startswith("no access token")
        yield f"token: {silence.why}" if told else f"token: {silence.why}; {fix}"
        return
    if context is None or not has_key:
        return
    try:
        await rosters.read(context)
    except NoAnswer as silence:
        yield f"the roster of course {context.id}: {silence.why}"
