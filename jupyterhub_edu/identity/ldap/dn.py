r"""Distinguished names: read as servers spell them, compared by meaning, written in one spelling.

Servers re-spell names (``\,`` comes back as ``\2C``), so two names are compared by ``dn_key``, never as text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

__all__ = ["Dn", "dn_key", "format_dn", "is_below", "parse_dn", "rdn_value"]

Rdn = tuple[tuple[str, str], ...]
Dn = tuple[Rdn, ...]
"""RDNs from the entry upwards; each holds pairs of attribute type (upper case) and value (decoded, NFC)."""

_TYPE: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*) *= *")
_PAIR: Final = re.compile(r"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SPECIAL: Final = re.compile(r'[,+"\\<>;]')
_KEPT: Final = 4096
"""Names that are remembered as read: a campus has some hundred groups, and each login brings a few dozen of them."""


@lru_cache(_KEPT)
def parse_dn(text: str) -> Dn:
    r"""Parse a distinguished name.

    Raises:
        ValueError: not a distinguished name.

    Source:
        RFC 4514, and the older quoted and ``;``-separated spellings of RFC 2253 only as far as ``\``-escapes go.

    Example:
        >>> parse_dn("cn=Smith\\2C Jo, ou=People")
        ((('CN', 'Smith, Jo'),), (('OU', 'People'),))
    """
    rdns: list[Rdn] = []
    pairs: list[tuple[str, str]] = []
    at = 0
    while text.strip():
        found = _TYPE.match(text, at)
        if found is None:
            raise ValueError(f"not a distinguished name: {text[:200]!r}")
        end = _end_of_value(text, found.end())
        pairs.append((found[1].upper(), _decode(text[found.end() : end])))
        if text[end : end + 1] != "+":
            rdns.append(tuple(sorted(pairs)))
            pairs = []
        if end == len(text):
            break
        at = end + 1
    return tuple(rdns)


@lru_cache(_KEPT)
def format_dn(dn: Dn) -> str:
    r"""Write a name in one spelling: types upper-case, no blanks around separators, values as decoded.

    Always holds:
        - ``parse_dn(format_dn(dn)) == dn``;
        - a separator inside a value stays escaped, so that a group whose *name* is ``ml-staff,OU=Courses`` does not
          read like a group ``ml-staff`` below ``OU=Courses``.
    """
    return ",".join("+".join(f"{kind}={_encode(value)}" for kind, value in rdn) for rdn in dn)


@lru_cache(_KEPT)
def dn_key(dn: Dn) -> Dn:
    """What two spellings of one name have in common: case and runs of blanks do not count."""
    return tuple(tuple((kind, _fold(value)) for kind, value in rdn) for rdn in dn)


def is_below(dn: Dn, base: Dn) -> bool:
    """Whether the name lies at or below ``base``."""
    return not base or dn_key(dn)[-len(base) :] == dn_key(base)


def rdn_value(dn: Dn) -> str:
    """The value by which the entry is named below its parent; ``""`` for the root."""
    return dn[0][0][1] if dn else ""


def _end_of_value(text: str, at: int) -> int:
    while at < len(text) and text[at] not in ",+;":
        at += 2 if text[at] == "\\" else 1
    return min(at, len(text))


def _decode(value: str) -> str:
    """Undo escapes; blanks at the ends do not belong to the value unless they are escaped."""
    value = value.lstrip(" ")
    while value.endswith(" ") and not value.endswith("\\ "):
        value = value[:-1]
    raw = bytearray()
    at = 0
    for pair in _PAIR.finditer(value):
        raw += value[at : pair.start()].encode("utf-8", "surrogatepass")
        raw += bytes.fromhex(pair[1]) if pair[1] else pair[2].encode("utf-8", "surrogatepass")
        at = pair.end()
    raw += value[at:].encode("utf-8", "surrogatepass")
    return unicodedata.normalize("NFC", raw.decode("utf-8", "backslashreplace"))


def _encode(value: str) -> str:
    out = _SPECIAL.sub(r"\\\g<0>", value)
    out = "".join(f"\\{ord(char):02X}" if ord(char) < 0x20 else char for char in out)
    if out[:1] in {" ", "#"}:
        out = "\\" + out
    if out.endswith(" ") and not out.endswith("\\ "):
        out = out[:-1] + "\\ "
    return out


def _fold(value: str) -> str:
    return unicodedata.normalize("NFC", " ".join(value.casefold().split()))
