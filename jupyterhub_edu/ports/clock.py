"""The time, as something that is handed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "utc_now"]

Clock = Callable[[], datetime]
"""Gives the present instant, aware UTC."""


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)
