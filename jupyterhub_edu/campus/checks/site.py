"""The campus as a whole: zone, dates, what must not be empty."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from ..mistakes import did_you_mean, show
from .context import Checker

__all__ = ["check_site"]

_MINUTE: Final = dt.timedelta(minutes=1)
_HOUR: Final = dt.timedelta(hours=1)
_LONGEST_STALE: Final = dt.timedelta(days=30)
_NEEDED: Final = {
    "sources": "nobody can log in",
    "flavors": "no profile can name one",
    "profiles": "nothing can be started",
    "courses": "nobody can start anything",
}


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_site(c: Checker) -> None:
    """Look at what stands at the top of the file."""
    _time_zone(c)
    for key, consequence in _NEEDED.items():
        if c.written.get(key) == {}:
            c.wrong((key,), f"is empty: {consequence}")
    if c.model.stale_after > _LONGEST_STALE:
        c.wrong(
            ("stale_after",),
            "longer than 30d: people who left would keep starting on devices",
            "12h is usual",
        )
    late = [id for id, source in c.sources.items() if source.refresh >= c.model.stale_after]
    if late:
        message = f"not longer than sources.{late[0]}.refresh, so every answer would be stale"
        c.wrong(("stale_after",), message, "12h is usual")
    _lengths(c)
    _idle(c)
    for key, term in c.model.terms.items():
        if term.until < term.starts:
            c.wrong(
                ("terms", key, "until"), f"before from ({term.starts})", "the last day, inclusive"
            )
    _same_terms(c)


def _lengths(c: Checker) -> None:
    for key, longest, words in (
        ("reclaim_warning", _HOUR, "1m to 1h"),
        ("starve_after", 24 * _HOUR, "1m to 1d"),
    ):
        if not _MINUTE <= getattr(c.model, key) <= longest:
            c.wrong((key,), "too short or too long", f"write {words}")


def _idle(c: Checker) -> None:
    after, measured = c.model.idle_device_after, c.model.device_metrics
    if after is not None and not 10 * _MINUTE <= after <= 24 * _HOUR:
        c.wrong(("idle_device_after",), "too short or too long", "write 10m to 1d")
    if measured is None:
        return
    if after is None:
        c.lacks(("device_metrics",), "measured for nothing", "add idle_device_after:")
    parts = urlsplit(measured.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        fix = "write http://host:port or https://host"
        c.wrong(("device_metrics", "url"), f"no address: {show(measured.url)}", fix)


def _time_zone(c: Checker) -> None:
    name = c.model.time_zone
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        fix = did_you_mean(name, _zones()) or "write an IANA name such as Europe/Oslo"
        c.wrong(("time_zone",), f"no such time zone: {show(name)}", fix)


def _same_terms(c: Checker) -> None:
    seen: dict[str, str] = {}
    for key in c.model.terms:
        other = seen.setdefault(key.casefold(), key)
        if other != key:
            c.wrong(("terms", key), f"reads like terms.{other}: case does not tell terms apart")
