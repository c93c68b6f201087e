"""What the shapes of all areas are made of: text, instants, pages of a list, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, Generic, NotRequired, TypeVar

# Pydantic reads those of the standard library from Python 3.12 on.
from typing_extensions import TypedDict

__all__ = [
    "Count",
    "Day",
    "Instant",
    "Minutes",
    "Named",
    "Page",
    "Paged",
    "Problem",
    "Reason",
    "Rule",
    "Text",
    "TypedDict",
    "one_of",
    "strict",
]

_T = TypeVar("_T")
_LONGEST: Final = 500
_MOST: Final = 1_000_000
_A_YEAR: Final = 366 * 24 * 60


class Rule:
    """What a value keeps to beside its type.

    Pydantic finds it in an annotation and asks it by the two methods below, so that this floor needs no package.

    Args:
        check: whether a value of the type keeps to it.
        said: the same as keywords of JSON Schema, as far as those can say it.
    """

    def __init__(self, check: Callable[[Any], bool], words: str, **said: Any) -> None:
        self._check, self._words, self._said = check, words, said

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """The type's own reading, then this check."""
        function = {"type": "no-info", "function": self._checked}
        return {"type": "function-after", "function": function, "schema": handler(source)}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        """The type's own schema, with what this says."""
        return {**handler(schema), **self._said}

    def _checked(self, value: Any) -> Any:
        if not self._check(value):
            raise ValueError(self._words)
        return value


def strict(shape: type[_T]) -> type[_T]:
    """Mark the shape of a body or a query: only its own keys, and no value turned from one type into another."""
    config = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
    setattr(shape, "__pydantic_config__", config)  # noqa: B010 - no type knows the name
    return shape


def one_of(*words: str) -> Rule:
    """One of these words, for text whose words another floor keeps."""
    return Rule(lambda word: word in words, f"one of {', '.join(words)}", enum=list(words))


def _is_text(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()


def _is_instant(text: str) -> bool:
    try:
        at = datetime.fromisoformat(text)
        return at.tzinfo is not None and at.utctimetuple() is not None
    except (ValueError, OverflowError):
        return False


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


Text = Annotated[
    str, Rule(_is_text, "at most 500 characters, without line breaks", maxLength=_LONGEST)
]
"""Text of a length that somebody types."""
Instant = Annotated[
    str, Rule(_is_instant, "an instant such as 2026-12-01T14:00:00+01:00", format="date-time")
]
"""ISO 8601 with its zone; in answers always UTC."""
Day = Annotated[str, Rule(_is_day, "a day such as 2026-12-01", format="date")]
"""A day of the campus's time zone."""
Minutes = Annotated[
    int, Rule(lambda n: 0 <= n <= _A_YEAR, "0 to 527040 minutes", minimum=0, maximum=_A_YEAR)
]
Count = Annotated[int, Rule(lambda n: 0 <= n <= _MOST, "0 to 1000000", minimum=0, maximum=_MOST)]
_Limit = Annotated[int, Rule(lambda n: 1 <= n <= 500, "1 to 500", minimum=1, maximum=500)]
_Cursor = Annotated[str, Rule(lambda text: len(text) <= 2000, "too long", maxLength=2000)]


class Named(TypedDict):
    """Somebody of a course; account and name are null for those of whom none is known."""

    person: str
    user: str | None
    name: str | None


@strict
class Paged(TypedDict, total=False):
    """Which part of a list is wanted: so many, after the ``next`` of the answer before."""

    limit: _Limit
    cursor: _Cursor


class Page(TypedDict, Generic[_T]):
    """Part of a list; ``next`` is null at its end."""

    items: list[_T]
    next: str | None


class Reason(TypedDict):
    """Why not: a machine code, the sentence, who can change it, and from when on it may be otherwise."""

    code: str
    sentence: str
    who: str
    retry_at: str | None


class Problem(TypedDict):
    """A refusal in the hub's shape; ``reasons`` is absent where the hub itself refuses, which may have no words either.

    ``current`` comes with ``stale`` alone: what is there now.
    """

    status: int
    message: str | None
    reasons: NotRequired[list[Reason]]
    current: NotRequired[Any]
