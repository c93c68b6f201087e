"""Lists that grow, a page at a time: a cursor is the sort key of the last row, so rows that come or go move nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sized
from heapq import nsmallest
from typing import Any, Final, NamedTuple, TypeVar

from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire.shapes import Paged

from .refusals import Code, DeskError

__all__ = ["PAGE", "NumberedPage", "numbered_page", "page_of"]

_T = TypeVar("_T")
PAGE: Final = 100
"""Rows of a page for which nobody says how many."""


def page_of(
    rows: Iterable[_T], asked: Paged, key: Callable[[_T], tuple[str, ...]]
) -> tuple[list[_T], str | None]:
    """The rows that are wanted, by their key, and the cursor of those after them; None at the end.

    Args:
        key: what no two rows share; rows are sorted by it.

    Raises:
        DeskError: the cursor is none.
    """
    after = _read(asked["cursor"]) if "cursor" in asked else None
    size = asked.get("limit", PAGE)
    left = (row for row in rows if after is None or key(row) > after)
    found = nsmallest(size + 1, left, key=key)
    return found[:size], _write(key(found[size - 1])) if len(found) > size else None


class NumberedPage(NamedTuple):
    """Which rows of its lists a page of the desk shows.

    Attributes:
        number: from 1.
        rows: of each list.
        more: there are rows after these in any list.
    """

    number: int
    rows: slice
    more: bool


def numbered_page(text: str, size: int, *lists: Sized) -> NumberedPage:
    """The page that an address asks for; the first for what is no number.

    Args:
        size: rows of each list on a page.
    """
    is_number = text.isascii() and text.isdigit() and len(text) < 4
    number = max(1, int(text)) if is_number else 1
    rows = slice((number - 1) * size, number * size)
    return NumberedPage(number, rows, any(len(one) > rows.stop for one in lists))


def _write(key: tuple[str, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read(cursor: str) -> tuple[str, ...]:
    try:
        key: Any = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error, RecursionError):
        key = None
    if not isinstance(key, list) or not all(isinstance(part, str) for part in key):
        raise DeskError(Code.UNREADABLE, say("cursor: take the next of an answer."))
    return tuple(key)
