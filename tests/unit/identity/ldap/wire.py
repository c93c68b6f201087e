"""A server's side of a search, in octets that ldap3's own objects make and read: an oracle for ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ldap3.operation.search import search_operation
from ldap3.protocol import rfc4511
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc2696 import RealSearchControlValue
from ldap3.strategy.base import BaseStrategy
from ldap3.utils.asn1 import decoder, encode  # type: ignore[attr-defined]

PAGED = "1.2.840.113556.1.4.319"

Found = tuple[str, Mapping[str, Iterable[bytes]]]


def message(id: int, kind: str, operation: Any, *controls: Any) -> bytes:
    """One LDAP message."""
    whole = rfc4511.LDAPMessage()
    whole["messageID"] = rfc4511.MessageID(id)
    whole["protocolOp"] = rfc4511.ProtocolOp().setComponentByName(kind, operation)
    if controls:
        listed = rfc4511.Controls()
        for place, control in enumerate(controls):
            listed.setComponentByPosition(place, control)
        whole["controls"] = listed
    return bytes(encode(whole))


def entry(id: int, found: Found) -> bytes:
    """A message with an entry."""
    dn, attributes = found
    row = rfc4511.SearchResultEntry()
    row["object"] = rfc4511.LDAPDN(dn)
    listed = rfc4511.PartialAttributeList()
    for place, (name, values) in enumerate(attributes.items()):
        attribute = rfc4511.PartialAttribute()
        attribute["type"] = rfc4511.AttributeDescription(name)
        octets = rfc4511.Vals()
        for at, value in enumerate(values):
            octets.setComponentByPosition(at, rfc4511.AttributeValue(value))
        attribute["vals"] = octets
        listed.setComponentByPosition(place, attribute)
    row["attributes"] = listed
    return message(id, "searchResEntry", row)


def reference(id: int, uris: Sequence[str]) -> bytes:
    """A message that says where more is to be found."""
    row = rfc4511.SearchResultReference()
    for place, uri in enumerate(uris):
        row.setComponentByPosition(place, rfc4511.URI(uri))
    return message(id, "searchResRef", row)


def done(id: int, code: int = 0, words: str = "", cookie: bytes | None = b"") -> bytes:
    """The last message; a cookie of None leaves out what is said of pages."""
    row = rfc4511.SearchResultDone()
    row["resultCode"] = rfc4511.ResultCode(code)
    row["matchedDN"] = rfc4511.LDAPDN("dc=x")
    row["diagnosticMessage"] = rfc4511.LDAPString(words)
    if cookie is None:
        return message(id, "searchResDone", row)
    pages = RealSearchControlValue()
    pages["size"], pages["cookie"] = 0, cookie
    return message(id, "searchResDone", row, build_control(PAGED, False, pages))


def request(
    id: int, base: str, filter: str, attributes: Sequence[str], page: int, cookie: bytes
) -> bytes:
    """A search as ldap3 would write it."""
    asked = search_operation(
        base, filter, "SUBTREE", 3, list(attributes), 0, 0, False, True, True, None, None, False
    )
    pages = RealSearchControlValue()
    pages["size"], pages["cookie"] = page, cookie
    return message(id, "searchRequest", asked, build_control(PAGED, False, pages))


def read_request(octets: bytes) -> tuple[int, dict[str, Any]]:
    """The number of a request and what it asks for, as ldap3 reads it."""
    whole, rest = decoder.decode(octets, asn1Spec=rfc4511.LDAPMessage())
    assert not rest
    kind = whole["protocolOp"].getName()
    component = whole["protocolOp"].getComponent()
    return int(whole["messageID"]), BaseStrategy.decode_request(kind, component)
