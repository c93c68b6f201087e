"""A hostile login name changes no filter's shape, as an independent reader of the wire sees it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyterhub_edu.identity.ldap.filters import all_of, any_of, equals, present, require_filter
from jupyterhub_edu.identity.ldap.messages import filter_octets

PERSON = "(|(objectClass=person)(objectClass=posixAccount))"
_AND, _OR, _EQUAL = 0xA0, 0xA1, 0xA3


def read(octets: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element, by the rules of BER alone."""
    found = []
    while octets:
        tag, length, at = octets[0], octets[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(octets[2:at], "big")
        found.append((tag, octets[at : at + length]))
        octets = octets[at + length :]
    return found


def shape(octets: bytes) -> object:
    """Operators and attribute names, without values."""
    ((tag, content),) = read(octets)
    if tag in {_AND, _OR}:
        parts = []
        for inner_tag, inner in read(content):
            length = len(inner).to_bytes(4, "big")
            parts.append(shape(bytes([inner_tag, 0x84]) + length + inner))
        return tag, parts
    assert tag == _EQUAL, "equality and nothing else"
    name, value = read(content)
    return tag, name[1], None if name[1] == b"uid" else value[1]


def value_of_login(octets: bytes) -> bytes:
    ((_, whole),) = read(octets)
    _, (_, comparison) = read(whole)
    return read(comparison)[1][1]


HARMLESS = shape(filter_octets(all_of([PERSON, equals("uid", "s1")])))
hostile = st.text(
    st.one_of(
        st.sampled_from("()*\\\0&|!=<>~:;,+\"'#/ \n\r\t{}%$äŐ\u202e\u0308"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)


@settings(max_examples=50 * settings().max_examples)
@given(hostile)
@example("*")
@example("s1)(uid=*")
@example("\\2a")
@example("*)(|(objectClass=*")
@example("\x00")
@example("")
def test_no_login_changes_the_shape(login):
    sent = filter_octets(all_of([PERSON, equals("uid", login)]))

    assert shape(sent) == HARMLESS
    assert value_of_login(sent) == login.encode()


@given(st.binary(min_size=1, max_size=32))
def test_octets_arrive_as_they_are(octets):
    sent = filter_octets(all_of([PERSON, equals("uid", octets)]))

    assert value_of_login(sent) == octets


def test_filters_are_put_together():
    assert any_of([present("member")]) == "(member=*)"
    assert any_of([present("a"), equals("b", "c*")]) == "(|(a=*)(b=c\\2a))"


@pytest.mark.parametrize(
    "text", ["", "x", "(uid=a", "uid=a", "(uid)", "()", "((uid=a))x", "(&(a=b)"]
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(ValueError, match="not a search filter"):
        require_filter(text)


@pytest.mark.parametrize("text", [PERSON, "(!(userAccountControl:1.2.840.113556.1.4.803:=2))"])
def test_an_administrators_filter_is_kept(text):
    assert require_filter(text) == text
