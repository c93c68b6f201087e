r"""Search filters whose shape no value can change.

Every octet that is not a plain letter or digit goes out as ``\xx`` (RFC 4515), also where the grammar would not ask for
it: what is not special cannot be forgotten.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Final

from ldap3.operation.search import parse_filter

__all__ = ["all_of", "any_of", "equals", "present", "require_filter"]

_PLAIN: Final = frozenset((string.ascii_letters + string.digits).encode())


def equals(attribute: str, value: str | bytes) -> str:
    """The filter for entries that hold this very value; octets are sent as they are, text as UTF-8."""
    octets = value.encode("utf-8", "replace") if isinstance(value, str) else value
    escaped = "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in octets)
    return f"({attribute}={escaped})"


def present(attribute: str) -> str:
    """The filter for entries that hold any value of the attribute."""
    return f"({attribute}=*)"


def any_of(filters: Iterable[str]) -> str:
    """The filter for entries that one of these finds."""
    return _joined("|", filters)


def all_of(filters: Iterable[str]) -> str:
    """The filter for entries that each of these finds."""
    return _joined("&", filters)


def require_filter(text: str) -> str:
    """Give back a filter that an administrator wrote, if it is one.

    Raises:
        ValueError: not a filter in parentheses.
    """
    try:
        if not (text.startswith("(") and text.endswith(")")):
            raise ValueError("no parentheses")
        parse_filter(text, None, False, False, None, False)  # type: ignore[no-untyped-call]
    except Exception as error:  # ldap3 raises many kinds, IndexError among them
        raise ValueError(
            f"not a search filter: {text[:200]!r}; write one as in (objectClass=person)"
        ) from error
    return text


def _joined(sign: str, filters: Iterable[str]) -> str:
    parts = list(filters)
    return parts[0] if len(parts) == 1 else f"({sign}{''.join(parts)})"
