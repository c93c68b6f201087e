"""What goes over the line for a search: the same octets as ldap3's, and nothing read that is not an answer."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyterhub_edu.identity.ldap.filters import all_of, any_of, equals, present
from jupyterhub_edu.identity.ldap.messages import (
    Answer,
    Entry,
    Search,
    filter_octets,
    read_answer,
    search_request,
)
from tests.unit.identity.ldap import wire

ID = 7
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
simple = st.one_of(
    st.builds(equals, names, st.one_of(texts, st.binary(max_size=40))), st.builds(present, names)
)
by_hand = st.sampled_from(
    [
        "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
        "(|(objectClass=person)(objectClass=posixAccount))",
        "(&(a=b)(!(|(c=d*e)(f>=1))))",
        "(cn=Jo Smith)",
        "(cn=\\28x\\29)",
        "(cn=\\c3\\A9)",
        "(cn:dn:=x)",
        "(cn~=x)",
        "(cn=*x*)",
    ]
)
filters = st.recursive(
    st.one_of(simple, by_hand),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(any_of),
        st.lists(inner, min_size=2, max_size=4).map(all_of),
    ),
    max_leaves=6,
)


def lines(octets: bytes, sizes: Iterable[int] = ()) -> Callable[[int], bytes]:
    """A line over which these octets come, in pieces of these sizes first, and which is closed then."""
    left, pieces = bytearray(octets), iter(sizes)

    def receive(most: int) -> bytes:
        size = min(most, next(pieces, most))
        piece = bytes(left[:size])
        del left[:size]
        return piece

    return receive


# -- asking --------------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 2**31 - 1),
    texts,
    filters,
    st.lists(names, min_size=1, max_size=5),
    st.integers(1, 2**31 - 1),
    st.binary(max_size=200),
)
@example(ID, "dc=x", "(cn=" + "a" * 70_000 + ")", ["1.1"], 500, b"")
def test_a_search_is_octet_by_octet_what_ldap3_would_send(id, base, filter, wanted, page, cookie):
    sent = search_request(id, Search(base, filter, tuple(wanted)), page, cookie)

    assert sent == wire.request(id, base, filter, wanted, page, cookie)


def test_the_base_alone_can_be_asked_for():
    sent = search_request(ID, Search("cn=a", "(a=*)", ("member",), "BASE"), 1, b"")
    _, asked = wire.read_request(sent)

    assert (asked["base"], asked["scope"], asked["attributes"]) == ("cn=a", 0, ["member"])


@pytest.mark.parametrize("text", ["(&)", "(&(a=b)", "(&(a=b))c)", "(&a=b)", "((a=b))x", ""])
def test_what_is_no_filter_is_not_sent(text):
    with pytest.raises(Exception):  # noqa: B017, PT011 - of ldap3's own, of many kinds
        filter_octets(text)


# -- being answered ------------------------------------------------------------------------------------------------

values = st.lists(st.binary(max_size=300), max_size=3)
found = st.tuples(texts, st.dictionaries(names, values, max_size=3))
sizes = st.lists(st.integers(1, 500), max_size=30)


@given(st.lists(found, max_size=5), st.lists(texts, max_size=2), texts, st.binary(), sizes)
@example([("cn=a", {"member": [b"x" * 70_000] * 3})], [], "", b"", [1] * 20)
def test_what_a_server_says_is_what_is_read(rows, uris, words, cookie, pieces):
    said = [wire.entry(ID, row) for row in rows]
    said += [wire.reference(ID, [uri]) for uri in uris]
    octets = b"".join(said) + wire.done(ID, 4, words, cookie)

    answer = read_answer(lines(octets, pieces), ID)
    entries = [
        Entry(dn, {name.lower(): tuple(octets) for name, octets in attributes.items()})
        for dn, attributes in rows
    ]
    assert answer == Answer(entries, [[uri] for uri in uris], 4, words, cookie)


def test_without_a_word_of_pages_there_is_no_next():
    assert read_answer(lines(wire.done(ID, cookie=None)), ID).cookie == b""


def test_lengths_may_be_written_longer_than_need_be():
    inner = wire.done(ID)[2:]  # Active Directory writes four octets
    octets = b"\x30\x84" + len(inner).to_bytes(4, "big") + inner

    assert read_answer(lines(octets), ID).code == 0


ANSWER = wire.entry(ID, ("cn=a", {"member": [b"1", b"2"]})) + wire.done(ID, 0, "", b"next")
NO_ANSWER: dict[str, bytes] = {
    "nothing": b"",
    "another tongue": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "half an answer": ANSWER[:-1],
    "no end": wire.entry(ID, ("cn=a", {})),
    "the answer to another question": wire.done(ID + 1),
    "more than the answer": wire.done(ID) + b"\x30",
    "a second answer behind": wire.done(ID) + wire.done(ID),
    "another kind of answer": wire.done(ID).replace(b"\x65", b"\x69", 1),
    "a length without end": b"\x30\x80" + wire.done(ID)[2:],
    "a length of five octets": b"\x30\x85\x00\x00\x00\x00\x05",
    "an inner length beyond the message": b"\x30\x05\x02\x01\x07\x65\x7f",
    "a result without a code": b"\x30\x09\x02\x01\x07\x65\x04\x04\x00\x04\x00",
    "a code without octets": b"\x30\x0b\x02\x01\x07\x65\x06\x0a\x00\x04\x00\x04\x00",
    "a farewell": b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00",
}


@pytest.mark.parametrize("octets", NO_ANSWER.values(), ids=NO_ANSWER)
def test_what_is_no_answer_is_not_taken_for_one(octets):
    with pytest.raises((ValueError, EOFError)):
        read_answer(lines(octets), ID)


def fails_cleanly(octets: bytes) -> Any:
    try:
        return read_answer(lines(octets), ID)
    except (ValueError, EOFError):
        return None


@given(st.integers(0, len(ANSWER) - 1), st.integers(0, 255), st.binary(max_size=8))
def test_a_garbled_answer_is_refused_or_read_and_breaks_nothing(at, octet, more):
    fails_cleanly(ANSWER[:at] + bytes((octet,)) + more + ANSWER[at + 1 :])
    fails_cleanly(b"\x30" + bytes((octet,)) + more)


@given(st.integers(0, len(ANSWER) - 1))
def test_an_answer_that_breaks_off_is_none(at):
    assert fails_cleanly(ANSWER[:at]) is None
