"""Reading single values of what somebody wants of the API, strictly."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar, overload

from .refusals import Code, DeskError

__all__ = ["done", "instant", "iso", "minutes", "names", "text"]

_T = TypeVar("_T")
_LONGEST: Final = 500
_MOST: Final = 5000
"""Names in one list; more than any course has."""
_A_YEAR: Final = 366 * 24 * 60


def text(value: object) -> str:
    """Text of a length that somebody types.

    Raises:
        DeskError: it is anything else.
    """
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise DeskError(Code.UNREADABLE)
    return value


@overload
def instant(value: str) -> datetime: ...
@overload
def instant(value: object) -> datetime | None: ...
def instant(value: object) -> datetime | None:
    """An instant of ISO 8601 with its zone, in UTC; None for null.

    Raises:
        DeskError: it is anything else.
    """
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(text(value))
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise DeskError(Code.UNREADABLE)


def minutes(value: object) -> timedelta:
    """A length of time in whole minutes.

    Raises:
        DeskError: it is anything else, negative, or longer than a year.
    """
    if type(value) is not int or not 0 <= value <= _A_YEAR:
        raise DeskError(Code.UNREADABLE)
    return timedelta(minutes=value)


def names(value: object) -> tuple[str, ...] | None:
    """A list of names; None for null.

    Raises:
        DeskError: it is anything else.
    """
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MOST:
        raise DeskError(Code.UNREADABLE)
    return tuple(map(text, value))


async def done(act: Awaitable[_T], refusals: Mapping[type[Exception], Code]) -> _T:
    """Wait for an act, its refusals in the desk's words; with the act's own where it has some.

    Raises:
        DeskError: it was refused.
    """
    try:
        return await act
    except tuple(refusals) as error:
        code = next(code for kind, code in refusals.items() if isinstance(error, kind))
        more = str(error) if code in _OWN_WORDS else ""
        raise DeskError(code, more, alike=getattr(error, "alike", ())) from error


_OWN_WORDS: Final = frozenset(
    {
        Code.ABOVE_CEILING,
        Code.CANNOT_GIVE,
        Code.CANNOT_ADJUST,
        Code.CANNOT_EXAMINE,
        Code.NOT_IN_COURSE,
        Code.SEVERAL_PEOPLE,
        Code.CANNOT_REQUEST,
        Code.CANNOT_MAKE_COURSE,
        Code.CANNOT_MAKE_CODE,
        Code.CANNOT_START_CLASS,
        Code.CANNOT_SEND,
        Code.CANNOT_HELP,
    }
)
"""Refusals of which the act says more than the row: what it says is for whoever asks."""


def iso(at: datetime | None) -> str | None:
    """An instant for an answer."""
    return at.isoformat() if at is not None else None
