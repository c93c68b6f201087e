"""What the commands for one course share: asking the hub that runs, and saying when something is in the campus's time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import typer

from .hub import HubSaysNo, ask_hub, is_a_hub_named
from .output import BAD, say, say_json

__all__ = ["Impossible", "address", "all_of", "at", "clock", "finish", "named", "pairs"]

_T = TypeVar("_T")
_FAILED = 2
_ROWS = 500


class Impossible(Exception):
    """It cannot be asked so; the text says what to write."""


def address(course: str, *more: str) -> str:
    """The address of something in a course, below ``edu/``."""
    return "/".join(["courses", *(quote(part, safe="") for part in (course, *more))])


async def clock(path: str, *times: str | None) -> tuple[ZoneInfo | None, list[str | None]]:
    """Times as the API takes them; one without a zone is in the campus's, which the hub is asked for.

    Args:
        path: an address that tells the campus's zone.
        times: such as ``2026-11-24T10:15``; None stays None.
    """
    if not any(times):
        return None, list(times)
    zone = ZoneInfo((await ask_hub("GET", path))["time_zone"])
    return zone, [_instant(time, zone) if time is not None else None for time in times]


async def all_of(path: str, key: str, **query: Any) -> Any:
    """A list that comes a page at a time, whole: the first answer, with the rows of all under ``key``."""
    found: Any = None
    cursor: dict[str, str] = {}
    while found is None or cursor:
        asked = urlencode({"limit": _ROWS, **query, **cursor})
        page = await ask_hub("GET", f"{path}?{asked}")
        found = page if found is None else {**found, key: [*found[key], *page[key]]}
        cursor = {"cursor": page["next"]} if page["next"] is not None else {}
    return {**found, "next": None}


def _instant(time: str, zone: ZoneInfo) -> str:
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        raise Impossible(f"not a time: {time}; write for example 2026-11-24T10:15") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC).isoformat()


def at(text: str | None, zone: str) -> str:
    """An instant of an answer, in the campus's time."""
    if text is None:
        return "-"
    return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def pairs(texts: Iterable[str] | None, what: str) -> dict[str, str]:
    """``KEY=VALUE`` as a mapping."""
    found = {}
    for text in texts or ():
        key, sign, value = text.rpartition("=")
        if not (key and sign and value):
            raise Impossible(f"not {what}: {text}")
        found[key] = value
    return found


def finish(
    ask: Callable[[], Awaitable[_T]], show: Callable[[_T], None], *, as_json: bool = False
) -> None:
    """Ask, and show the answer; what went wrong is told in words, and ends the command with 2."""
    try:
        if not is_a_hub_named():
            raise Impossible(
                "name the running hub with JUPYTERHUB_API_URL, and a token for it with JUPYTERHUB_API_TOKEN"
            )
        answer = asyncio.run(_awaited(ask))
    except (HubSaysNo, Impossible) as error:
        say((str(error), BAD), error=True)
        raise typer.Exit(_FAILED) from None
    if as_json:
        say_json(answer)
    else:
        show(answer)


async def _awaited(ask: Callable[[], Awaitable[_T]]) -> _T:
    return await ask()


def named(one: dict[str, Any] | None) -> str:
    """Somebody of an answer, by account or key, with their name."""
    if one is None:
        return "everybody"
    who = one["user"] or one["person"]
    return f"{who} ({one['name']})" if one.get("name") else str(who)
