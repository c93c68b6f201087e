"""Single values of rows to what the databases keep, and back.

Always holds:
    - instants are stored as whole microseconds since 1970 UTC;
    - text that one of the databases could not keep (NUL, half a surrogate pair) is refused for all of them;
    - each reader raises ValueError for what its writer never wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from typing import Any, Final, TypeVar

from jupyterhub_edu.ports import StoreError

__all__ = [
    "Row",
    "an_object",
    "instant",
    "maybe",
    "micros",
    "reading",
    "set_of_texts",
    "spell",
    "string",
    "text",
    "texts",
    "whole",
    "word",
    "writing",
]

Row = Mapping[str, Any]
"""A row that was read, by the names of its columns."""

_Word = TypeVar("_Word", bound=Enum)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_From = TypeVar("_From")
_To = TypeVar("_To")


def maybe(convert: Callable[[_From], _To], value: _From | None) -> _To | None:
    """Convert a value that may be None."""
    return None if value is None else convert(value)


def spell(word: Enum | None) -> str | None:
    """Spell a word of a fixed set, or None."""
    return None if word is None else str(word)


def word(kind: type[_Word]) -> Callable[[str], _Word]:
    """Make the reader of a fixed set's words."""
    words = _members(kind)

    def read(text: str) -> _Word:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        found: _Word = words[text]
        return found

    return read


@cache
def _members(kind: type[Enum]) -> Mapping[str, Any]:
    return {str(member): member for member in kind}


def text(text: str) -> str:
    """Give the text back if every database can keep it."""
    if "\0" in text:
        raise ValueError("text with a NUL character cannot be kept")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text with half a surrogate pair cannot be kept") from None
    return text


def micros(at: datetime) -> int:
    """Spell an aware instant as microseconds since 1970 UTC."""
    if at.tzinfo is None:
        raise ValueError(f"an instant without a time zone: {at}")
    return (at - _EPOCH) // _MICROSECOND


def instant(micros: object) -> datetime:
    """Read an instant."""
    return _EPOCH + whole(micros) * _MICROSECOND


def whole(value: object) -> int:
    """Read a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a whole number")


def string(value: object) -> str:
    """Read text."""
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not text")


def an_object(value: object) -> dict[str, Any]:
    """Read a JSON object."""
    if isinstance(value, dict):
        return value
    raise ValueError(f"{value!r} is not a JSON object")


def texts(value: object) -> dict[str, str]:
    """Read a JSON object of texts."""
    return {key: string(text) for key, text in an_object(value).items()}


@lru_cache(maxsize=4096)
def set_of_texts(text: str) -> frozenset[str]:
    """A set from JSON; equal ones are one object, for most enrolments have the sections of many others."""
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError(f"{found!r} is not a JSON list")
    return frozenset(map(string, found))


@contextmanager
def writing(what: str, name: str) -> Iterator[None]:
    """Let what cannot be kept be a StoreError that names it."""
    try:
        yield
    except ValueError as error:
        raise StoreError(f"The {what} {name!r} was not kept: {error}.") from error


@contextmanager
def reading(table: str, row: Row, *key: str) -> Iterator[None]:
    """Let what cannot be read be a StoreError that names the row."""
    try:
        yield
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        name = ", ".join(repr(row[column]) for column in key)
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise StoreError(
            f"The row {name} of the table {table} cannot be read: {why}. It was changed by hand or by "
            "another version of jupyterhub-edu; put back what this version knows."
        ) from error
