"""Reading what comes with a call, strictly, against its shape: what a shape does not know is refused, never left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from .refusals import Code, DeskError

__all__ = ["adapter", "read_body", "read_query"]

_XSRF: Final = "_xsrf"
"""What a page may send with any call; the hub has checked it."""
_SAID: Final = 200


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:
    """What reads and describes a shape; made once."""
    return TypeAdapter(shape)


def read_body(raw: bytes, shape: Any) -> Any:
    """A JSON body of this shape; an empty one is ``{}``.

    Raises:
        DeskError: it is anything else; says where and why.
    """
    try:
        return adapter(shape).validate_json(raw or b"{}")
    except ValidationError as error:
        raise _unreadable(error) from None


def read_query(arguments: Mapping[str, Sequence[bytes]], shape: Any) -> Any:
    """The arguments of an address, in this shape: each once, but for those that are lists.

    Raises:
        DeskError: they are anything else; says where and why.
    """
    kinds = get_type_hints(shape)
    found: dict[str, Any] = {}
    try:
        for name, values in arguments.items():
            texts = [value.decode() for value in values]
            if name != _XSRF:
                found[name] = texts if get_origin(kinds.get(name)) is list else _only(texts)
        # An address has text alone, so numbers are read from it.
        return adapter(shape).validate_python(found, strict=False)
    except ValidationError as error:
        raise _unreadable(error) from None
    except ValueError:
        raise DeskError(Code.UNREADABLE) from None


def _only(texts: Sequence[str]) -> str:
    (text,) = texts
    return text


def _unreadable(error: ValidationError) -> DeskError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    what = first["msg"].removeprefix("Value error, ")
    words = f"{where}: {what}" if where else what
    return DeskError(Code.UNREADABLE, "".join(c for c in words if c.isprintable())[:_SAID])
