"""A directory of plain values that answers searches and counts them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jupyterhub_edu.identity.ldap.connection import Entry, Search

_EQUAL = re.compile(r"\(([A-Za-z]+)=((?:[A-Za-z0-9]|\\[0-9a-f]{2})+)\)")
_PRESENT = re.compile(r"\(([A-Za-z]+)=\*\)")


@dataclass
class FakeDirectory:
    """Finds an entry by any equality or presence in the filter; bases and other operators do not count."""

    entries: list[Entry] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)

    async def ask(self, search: Search) -> list[Entry]:
        self.searches.append(search)
        if search.scope == "BASE":
            return [entry for entry in self.entries if entry.dn == search.base]
        wanted = {(name.lower(), octets(value)) for name, value in _EQUAL.findall(search.filter)}
        some = {name.lower() for name in _PRESENT.findall(search.filter)}
        return [
            entry
            for entry in self.entries
            if any((name, value) in wanted or name in some for name, value in pairs(entry))
        ]


def entry(dn: str, **attributes: str | bytes | list[str]) -> Entry:
    """An entry as a server sends it."""
    return Entry(dn, {name.lower(): tuple(as_octets(value)) for name, value in attributes.items()})


def pairs(one: Entry) -> Iterable[tuple[str, bytes]]:
    return ((name, value) for name, values in one.attributes.items() for value in values)


def octets(escaped: str) -> bytes:
    parts = re.findall(r"\\([0-9a-f]{2})|(.)", escaped)
    return b"".join(bytes.fromhex(code) if code else plain.encode() for code, plain in parts)


def as_octets(value: str | bytes | list[str]) -> Iterable[bytes]:
    if isinstance(value, bytes):
        return [value]
    return [one.encode() for one in ([value] if isinstance(value, str) else value)]


def sid(*parts: int) -> bytes:
    """A security identifier, S-1-5-..., as octets."""
    packed = b"".join(part.to_bytes(4, "little") for part in parts)
    return bytes([1, len(parts)]) + (5).to_bytes(6, "big") + packed


SETTINGS: dict[str, Any] = {
    "servers": ["ldaps://one.example"],
    "schema": "openldap",
    "people": "ou=People,dc=x",
    "groups": "ou=Groups,dc=x",
    "bind": {"dn": "cn=hub,dc=x", "password": "sesame"},
}
