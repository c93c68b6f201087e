"""Sentences for people: English wherever they are text, and in the language of whoever reads a page.

What ``say`` gives is a ``str``, the English sentence: logs, the audit, the API and the command line need know nothing more. It
also keeps what it was made from. Whatever makes HTML asks a value for ``__html__``, as escaping does, and gets it in the
language that ``speaking`` has set for the page, escaped. Nothing here knows where translations come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from html import escape
from types import MappingProxyType
from typing import Final, Protocol

__all__ = ["Tongue", "Words", "join_words", "mark", "say", "say_count", "speaking"]

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class Tongue(Protocol):
    """One language: what a sentence is called in it."""

    def gettext(self, message: str, /) -> str:
        """The same in this language, or as it stands."""

    def ngettext(self, singular: str, plural: str, number: int, /) -> str:
        """The form for a number."""


_TONGUE: Final[ContextVar[Tongue | None]] = ContextVar("jupyterhub_edu_tongue", default=None)


class Words(str):
    """An English sentence that can be told in other languages.

    Attributes:
        message: what catalogs know it by; values stand in braces. ``""`` for several put together.
        plural: the same for many, or ``""``.
        number: which of the two it is.
        values: what the braces stand for; those that are words themselves are told too, other values stay as they are.
    """

    __slots__ = ("message", "number", "plural", "values")
    message: str
    plural: str
    number: int
    values: Mapping[str, object]

    def __new__(
        cls,
        text: str,
        message: str = "",
        values: Mapping[str, object] = _NOTHING,
        plural: str = "",
        number: int = 0,
    ) -> Words:
        """Keep what a text was made from; ``say`` and its like make it."""
        self = super().__new__(cls, text)
        self.message, self.values, self.plural, self.number = message, values, plural, number
        return self

    def told(self, tongue: Tongue) -> str:
        """The sentence in a language. Plain text: escape it for HTML."""
        if not self.message:
            return "".join(_told(part, tongue) for part in self.values.values())
        message = (
            tongue.ngettext(self.message, self.plural, self.number)
            if self.plural
            else tongue.gettext(self.message)
        )
        if not self.values:
            return message
        return message.format(**{name: _told(one, tongue) for name, one in self.values.items()})

    def __str__(self) -> str:
        """Itself, so that the text of an exception is still known for what it is."""
        return self

    def __html__(self) -> str:
        """In the language of the page that is being made, escaped."""
        tongue = _TONGUE.get()
        return escape(self if tongue is None else self.told(tongue))


def _told(value: object, tongue: Tongue) -> str:
    if isinstance(value, Words):
        return value.told(tongue)
    return tongue.gettext(str(value)) if isinstance(value, Enum) else str(value)


def say(message: str, /, **values: object) -> Words:
    """A sentence; ``message`` is a literal, so that it can be collected for translators.

    >>> say("{who} is kept out.", who="Ada")
    'Ada is kept out.'
    """
    return Words(message.format(**values) if values else message, message, values)


def say_count(number: int, one: str, many: str, /, **values: object) -> Words:
    """A sentence about a number of things; its braces know the number as ``n``.

    >>> say_count(2, "{n} server", "{n} servers")
    '2 servers'
    """
    values = {"n": number, **values}
    text = (one if number == 1 else many).format(**values)
    return Words(text, one, values, many, number)


def join_words(parts: Iterable[object], between: str = "") -> Words:
    """Several put together, each of them told in the language of the whole."""
    pieces: list[object] = []
    for part in parts:
        pieces += [between, part] if pieces else [part]
    return Words(
        "".join(map(str, pieces)), "", {str(at): piece for at, piece in enumerate(pieces)}
    )


def mark(words: str) -> str:
    """Words that are translated where they are shown; the extraction of catalogs knows this name."""
    return words


@contextmanager
def speaking(tongue: Tongue) -> Iterator[None]:
    """Tell what is made into HTML within in this language; tasks beside this one speak their own."""
    token = _TONGUE.set(tongue)
    try:
        yield
    finally:
        _TONGUE.reset(token)
