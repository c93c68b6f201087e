"""Reading back what the core keeps as small records: strictly, and with words for what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from jupyterhub_edu.ports import Record, StoreError

__all__ = ["instant", "number", "reading", "text", "texts"]


@contextmanager
def reading(record: Record) -> Iterator[None]:
    """Let what cannot be read be a StoreError that names the record.

    Raises:
        StoreError: something in it is missing, or of another kind than what was written.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        what = f"The record {record.id!r} of the kind {record.kind!r}"
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise StoreError(f"{what} cannot be read: {why}.") from error


def instant(value: Any) -> datetime:
    """An aware instant in UTC, from ISO 8601.

    Raises:
        ValueError: it is none.
    """
    at = datetime.fromisoformat(text(value))
    if at.tzinfo is None:
        raise ValueError(f"an instant without a zone: {value!r}")
    return at.astimezone(UTC)


def text(value: Any) -> str:
    """Text.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"not text: {value!r}")
    return value


def number(value: Any) -> int:
    """A whole number that is not negative.

    Raises:
        ValueError: it is none.
    """
    if type(value) is not int or value < 0:
        raise ValueError(f"not a number: {value!r}")
    return value


def texts(value: Any) -> dict[str, str]:
    """Text by text.

    Raises:
        ValueError: it is anything else.
    """
    return {text(key): text(one) for key, one in dict(value).items()}
