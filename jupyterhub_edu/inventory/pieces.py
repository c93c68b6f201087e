"""Large answers in small pieces, so that reading 5,000 pods never holds the event loop up.

``json.loads`` of a long list is one call that lets nothing else run, in whatever thread: it keeps the interpreter's
lock. So a list is decoded object by object, with pauses in between.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Breather", "read_list"]

_PIECE_SECONDS: Final = 0.004
_DECODE: Final = json.JSONDecoder().raw_decode
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class Breather:
    """Lets the event loop run between pieces of long work."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def breathe(self) -> None:
        """Give way if the loop has not had its turn for 4 ms."""
        if time.monotonic() - self._since > _PIECE_SECONDS:
            await asyncio.sleep(0)
            self._since = time.monotonic()


async def read_list(
    body: bytes, take: Callable[[dict[str, Any]], None], breather: Breather
) -> dict[str, Any]:
    """Decode a Kubernetes list, handing over each item as soon as it is read.

    Returns:
        The list's ``metadata``.

    Raises:
        ValueError: it is no JSON object, or it ends too early.
    """
    text = body.decode()
    metadata: dict[str, Any] = {}
    at = _after(text, 0, "{")
    while True:
        key, at = _DECODE(text, _skip(text, at))
        at = _skip(text, _after(text, at, ":"))
        if key == "items" and text.startswith("[", at):
            at = await _read_items(text, at + 1, take, breather)
        else:
            value, at = _DECODE(text, at)
            if key == "metadata":
                metadata = value
        at = _skip(text, at)
        if text.startswith("}", at):
            return metadata
        at = _after(text, at, ",")


async def _read_items(
    text: str, at: int, take: Callable[[dict[str, Any]], None], breather: Breather
) -> int:
    at = _skip(text, at)
    if text.startswith("]", at):
        return at + 1
    while True:
        item, at = _DECODE(text, _skip(text, at))
        take(item)
        await breather.breathe()
        at = _skip(text, at)
        if text.startswith("]", at):
            return at + 1
        at = _after(text, at, ",")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _after(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if not text.startswith(sign, at):
        raise ValueError(f"not a list of Kubernetes: no {sign!r} at character {at}")
    return at + 1
