"""The messages of a search, as octets.

ldap3 writes and reads them too. Searches are most of what a login asks of a directory, though, and by way of its objects
a login cost the hub more time than everything else that is done for it.

Source:
    RFC 4511 (messages and their encoding, 5.1), RFC 4515 (filters as text), RFC 2696 (pages).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from ldap3.operation.search import compile_filter, parse_filter
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]

__all__ = ["Answer", "Entry", "Search", "filter_octets", "read_answer", "search_request"]

_BOOLEAN, _INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_SEARCH, _ENTRY, _DONE, _REFERENCE, _INTERMEDIATE = 0x63, 0x64, 0x65, 0x73, 0x79
_AND, _OR, _EQUAL, _PRESENT, _CONTROLS = 0xA0, 0xA1, 0xA3, 0x87, 0xA0
_PAGED: Final = b"1.2.840.113556.1.4.319"
_SCOPES: Final = {"BASE": 0, "SUBTREE": 2}
_FOLLOW_ALIASES: Final = 3
_AT_ONCE: Final = 1 << 16
_MOST_LENGTH_OCTETS: Final = 4
_ENDED: Final = "session terminated by server"

_SIMPLE: Final = re.compile(
    r"\(([A-Za-z][A-Za-z0-9-]*)=(?:(\*)|((?:[A-Za-z0-9]|\\[0-9A-Fa-f]{2})*))\)"
)
_ESCAPED: Final = re.compile(rb"\\([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for.

    Attributes:
        attributes: names of attributes to bring along; ``1.1`` for none.
        scope: the whole subtree, or the base entry alone.
        limit: stop after this many entries (the answer then need not be complete); 0 for all.
    """

    base: str
    filter: str
    attributes: tuple[str, ...] = ("1.1",)
    scope: Literal["SUBTREE", "BASE"] = "SUBTREE"
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as received; attribute names in lower case, values as octets."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)

    def octets(self, attribute: str) -> tuple[bytes, ...]:
        """All values of an attribute; empty if it has none or may not be read."""
        return self.attributes.get(attribute.lower(), ())

    def texts(self, attribute: str) -> tuple[str, ...]:
        """All values of an attribute as text."""
        return tuple(map(_text, self.octets(attribute)))

    def text(self, attribute: str) -> str:
        """The first value of an attribute as text, or ``""``."""
        return next(iter(self.texts(attribute)), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to one search.

    Attributes:
        references: addresses under which a server says that more is to be found.
        code: LDAP's result code; 0 is success.
        message: the server's own words.
        cookie: what the next page is asked for with; empty after the last.
    """

    entries: list[Entry]
    references: list[list[str]]
    code: int
    message: str
    cookie: bytes


# -- writing -------------------------------------------------------------------------------------------------------


def search_request(id: int, search: Search, page: int, cookie: bytes) -> bytes:
    """Write one search.

    Args:
        id: the message's number on its connection.
        page: entries in an answer at most.
        cookie: of the page before, empty for the first.
    """
    request = _put(
        _SEARCH,
        _put(_OCTETS, _utf8(search.base)),
        _number(_ENUMERATED, _SCOPES[search.scope]),
        _number(_ENUMERATED, _FOLLOW_ALIASES),
        _number(_INTEGER, 0),
        _number(_INTEGER, 0),
        _put(_BOOLEAN, b"\0"),
        filter_octets(search.filter),
        _put(_SEQUENCE, *(_put(_OCTETS, _utf8(name)) for name in search.attributes)),
    )
    pages = _put(_SEQUENCE, _number(_INTEGER, page), _put(_OCTETS, cookie))
    control = _put(_SEQUENCE, _put(_OCTETS, _PAGED), _put(_OCTETS, pages))
    return _put(_SEQUENCE, _number(_INTEGER, id), request, _put(_CONTROLS, control))


def filter_octets(text: str) -> bytes:
    r"""Write a filter.

    Always holds:
        - what is not of the plain kinds that ``filters`` makes is written by ldap3.

    Raises:
        Exception: of ldap3's; not a filter.
    """
    simple = _SIMPLE.fullmatch(text)
    if simple is not None:
        name, any_value, value = simple.groups()
        if any_value:
            return _put(_PRESENT, name.encode())
        octets = _ESCAPED.sub(lambda pair: bytes.fromhex(pair[1].decode()), value.encode())
        return _put(_EQUAL, _put(_OCTETS, name.encode()), _put(_OCTETS, octets))
    joined = {"(&": _AND, "(|": _OR}.get(text[:2])
    parts = _parts(text[2:-1]) if joined and text.endswith(")") else None
    if joined is None or not parts:
        return _filter_by_ldap3(text)
    return _put(joined, *map(filter_octets, parts))


@lru_cache(64)
def _filter_by_ldap3(text: str) -> bytes:
    parsed = parse_filter(text, None, True, True, None, False)  # type: ignore[no-untyped-call]
    return bytes(encode(compile_filter(parsed.elements[0])))  # type: ignore[no-untyped-call]


def _parts(text: str) -> list[str] | None:
    """Filters that stand side by side; None where anything else stands between them."""
    parts, depth, begin = [], 0, 0
    for at, char in enumerate(text):
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                parts.append(text[begin : at + 1])
                begin = at + 1
        if depth <= 0 and char != ")":
            return None
    return parts if depth == 0 else None


def _put(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _number(tag: int, value: int) -> bytes:
    return _put(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


# -- reading -------------------------------------------------------------------------------------------------------


def read_answer(receive: Callable[[int], bytes], id: int) -> Answer:
    """Read what a server says to one search, to the end.

    Args:
        receive: gives so many octets at most, none once the line is closed; bounds time and octets.
        id: the number of the question.

    Raises:
        ValueError: this is no answer to it.
        EOFError: the server ended the connection.
    """
    entries: list[Entry] = []
    references: list[list[str]] = []
    for message, is_last_here in _messages(receive):
        ((_, at, end),) = _elements(message, 0, len(message), _SEQUENCE)
        (_, begin, stop), (kind, first, last), *controls = _elements(message, at, end)
        number = int.from_bytes(message[begin:stop], "big")
        if number != id:
            raise EOFError(_ENDED) if number == 0 else _garbled()
        if kind == _ENTRY:
            entries.append(_entry(message, first, last))
        elif kind == _REFERENCE:
            found = _elements(message, first, last, _OCTETS)
            references.append([_text(message[start:stop]) for _, start, stop in found])
        elif kind == _DONE and is_last_here:
            code, words = _result(message, first, last)
            return Answer(entries, references, code, words, _cookie(message, controls))
        elif kind != _INTERMEDIATE:
            raise _garbled()
    raise EOFError(_ENDED)


def _messages(receive: Callable[[int], bytes]) -> Iterator[tuple[bytes, bool]]:
    """Whole messages until the line is closed, and whether nothing was received behind each."""
    data, at = bytearray(), 0
    while True:
        end = _end_of_message(data, at)
        if end is not None and end <= len(data):
            yield bytes(data[at:end]), end == len(data)
            at = end
            continue
        del data[:at]
        at = 0
        more = receive(_AT_ONCE)
        if not more:
            return
        data += more


def _end_of_message(data: bytearray, at: int) -> int | None:
    """Where the message at ``at`` ends, perhaps behind what is there; None while that cannot be told."""
    if at < len(data) and data[at] != _SEQUENCE:
        raise _garbled()
    header = _header(data, at)
    return None if header is None else header[0] + header[1]


def _header(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Where the content of the element at ``at`` begins, and its length; None if the header is cut off."""
    if at + 2 > len(data):
        return None
    length = data[at + 1]
    if length < 0x80:
        return at + 2, length
    octets = length & 0x7F
    if not 0 < octets <= _MOST_LENGTH_OCTETS:
        raise _garbled()
    begin = at + 2 + octets
    if begin > len(data):
        return None
    return begin, int.from_bytes(data[at + 2 : begin], "big")


def _elements(
    message: bytes, at: int, end: int, tag: int | None = None
) -> list[tuple[int, int, int]]:
    """Tag, begin and end of the content of each element in a part of a message.

    Args:
        tag: the one that all of them must have; None for any.
    """
    found = []
    while at < end:
        header = _header(message, at)
        if header is None or sum(header) > end or tag not in {None, message[at]}:
            raise _garbled()
        begin, length = header
        found.append((message[at], begin, begin + length))
        at = begin + length
    return found


def _entry(message: bytes, at: int, end: int) -> Entry:
    (_, begin, stop), (_, first, last) = _elements(message, at, end)
    attributes = {}
    for _, start, over in _elements(message, first, last, _SEQUENCE):
        (_, a, b), (_, c, d) = _elements(message, start, over)
        values = _elements(message, c, d, _OCTETS)
        attributes[_text(message[a:b]).lower()] = tuple([message[y:z] for _, y, z in values])
    return Entry(_text(message[begin:stop]), attributes)


def _result(message: bytes, at: int, end: int) -> tuple[int, str]:
    (kind, begin, stop), _, (_, first, last), *_ = _elements(message, at, end)
    if kind != _ENUMERATED or begin == stop:
        raise _garbled()
    return int.from_bytes(message[begin:stop], "big"), _text(message[first:last])


def _cookie(message: bytes, controls: list[tuple[int, int, int]]) -> bytes:
    """The cookie of the next page, if the answer is one of several."""
    for _, at, end in controls:
        for _, begin, stop in _elements(message, at, end, _SEQUENCE):
            (_, first, last), *rest = _elements(message, begin, stop)
            if message[first:last] == _PAGED and rest:
                _, a, b = rest[-1]
                ((_, c, d),) = _elements(message, a, b, _SEQUENCE)
                _, (_, e, f) = _elements(message, c, d)
                return message[e:f]
    return b""


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def _garbled() -> ValueError:
    return ValueError("a garbled answer")
