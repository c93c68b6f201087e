"""What a connection makes of a server's answers; real servers are met in tests/contract."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from jupyterhub_edu.identity.ldap import LdapSettings
from jupyterhub_edu.identity.ldap.connection import (
    Connection,
    Incomplete,
    Search,
    ServerFailed,
    Silent,
)
from jupyterhub_edu.identity.ldap.settings import parse_address
from jupyterhub_edu.identity.ldap.transport import make_tls_context
from tests.unit.identity.ldap import wire
from tests.unit.identity.ldap.fakes import SETTINGS

SEARCH = Search("dc=x", "(uid=ann)", ("member",))


class FakeLdap:
    """Stands in for ldap3.Connection and its socket: answers from a list, notes what was asked."""

    answers: list[Any]

    def __init__(self, server: Any, **options: Any) -> None:
        self.options, self.socket, self.strategy, self.server = options, self, self, server
        self.asked: list[Any] = []
        self.user = self.password = self.authentication = self.request = self.result = None
        self._answer = b""

    def open(self, **_: Any) -> None: ...

    def close(self) -> None: ...

    def bind(self, **_: Any) -> None:
        self.result = self._next((self.user, self.password, self.authentication))

    def extended(self, oid: str) -> None:
        self.result = self._next(oid)

    def sendall(self, octets: bytes) -> None:
        id, asked = wire.read_request(octets)
        messages = self._next((asked["base"], *asked["attributes"]))
        self._answer = b"".join(make(id) for make in messages)

    def recv(self, size: int) -> bytes:
        piece, self._answer = self._answer[:size], self._answer[size:]
        return piece

    def _next(self, asked: Any) -> Any:
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def ldap(monkeypatch: pytest.MonkeyPatch) -> type[FakeLdap]:
    monkeypatch.setattr("jupyterhub_edu.identity.ldap.connection.ldap3.Connection", FakeLdap)
    return FakeLdap


def connect(ldap: type[FakeLdap], *answers: Any) -> tuple[Connection, FakeLdap]:
    ldap.answers = list(answers)
    settings = LdapSettings.model_validate(SETTINGS)
    address = parse_address("ldaps://one.example")
    made = Connection(address, make_tls_context(settings), settings, soon())
    return made, made._ldap  # type: ignore[return-value]


def soon() -> float:
    return time.monotonic() + 60


Message = Callable[[int], bytes]
"""A message of an answer, once the number of the question is known."""


def page(*messages: Message, code: int = 0, cookie: bytes = b"") -> list[Message]:
    return [*messages, lambda id: wire.done(id, code, "", cookie)]


def found(dn: str, **values: list[bytes]) -> Message:
    return lambda id: wire.entry(id, (dn, values))


def ranged(dn: str, span: str, *octets: bytes) -> Message:
    return lambda id: wire.entry(id, (dn, {f"member;range={span}": octets}))


def test_pages_are_read_to_the_end(ldap):
    made, _ = connect(
        ldap,
        page(found("cn=a"), cookie=b"1"),
        page(found("cn=b"), cookie=b"2"),
        page(found("cn=c")),
    )

    assert [entry.dn for entry in made.search(SEARCH, soon())] == ["cn=a", "cn=b", "cn=c"]


def test_a_limit_stops_early(ldap):
    made, fake = connect(ldap, page(found("cn=a"), cookie=b"1"))

    assert len(made.search(Search("dc=x", "(a=b)", limit=1), soon())) == 1
    assert len(fake.asked) == 1


def test_values_beyond_the_servers_range_are_fetched(ldap):
    made, fake = connect(
        ldap,
        page(ranged("cn=a", "0-1", b"1", b"2")),
        page(ranged("cn=a", "2-3", b"3", b"4")),
        page(ranged("cn=a", "4-*", b"5")),
    )

    (entry,) = made.search(SEARCH, soon())
    assert entry.octets("member") == (b"1", b"2", b"3", b"4", b"5")
    assert fake.asked[1:] == [("cn=a", "member;range=2-*"), ("cn=a", "member;range=4-*")]


@pytest.mark.parametrize("rest", [page(), page(found("cn=a")), page(ranged("cn=a", "2-3"))])
def test_values_that_are_kept_back_are_not_the_whole_truth(ldap, rest):
    made, _ = connect(ldap, page(ranged("cn=a", "0-1", b"1", b"2")), rest)

    with pytest.raises(Incomplete, match="keeps back"):
        made.search(SEARCH, soon())


def reference(uri: str) -> Message:
    return lambda id: wire.reference(id, [uri])


PARTIAL = {
    "size limit": page(found("cn=a"), code=4),
    "time limit": page(code=3),
    "administrative limit": page(code=11),
    "referral": page(code=10),
    "no such object": page(code=32),
    "may not": page(code=50),
    "a part elsewhere": page(found("cn=a"), reference("ldap://other.example/ou=B,dc=x")),
    "a child domain": page(reference("ldap://ad.example/DC=child,DC=x")),
}


@pytest.mark.parametrize("case", PARTIAL)
def test_an_answer_in_part_is_no_answer(ldap, case):
    made, _ = connect(ldap, PARTIAL[case])

    with pytest.raises(Incomplete):
        made.search(SEARCH, soon())


def test_partitions_without_people_do_not_count(ldap):
    own = ("DC=DomainDnsZones,DC=x", "DC=ForestDnsZones,DC=x", "CN=Configuration,DC=x")
    made, _ = connect(
        ldap, page(found("cn=a"), *(reference(f"ldaps://ad.x/{name}") for name in own))
    )

    assert len(made.search(SEARCH, soon())) == 1


@pytest.mark.parametrize(
    "answer",
    [
        page(code=51),
        page(code=52),
        OSError("connection reset"),
        IndexError("a decoder stumbled"),
        [lambda id: wire.done(id)[:-1]],
        [lambda id: wire.done(id + 1)],
        [lambda id: wire.done(id), lambda id: wire.done(id)],
    ],
)
def test_another_server_may_do_better(ldap, answer):
    made, _ = connect(ldap, answer)

    with pytest.raises(ServerFailed):
        made.search(SEARCH, soon())


def test_a_bind_sends_what_was_typed_octet_by_octet(ldap):
    made, fake = connect(ldap, {"result": 49, "message": "no"})
    result = made.bind("cn=a", "pä\u00adss\x07", soon())

    assert (result.code, result.message) == (49, "no")
    assert fake.asked == [("cn=a", "pä\u00adss\x07".encode(), "SIMPLE")]
    assert fake.password is None


@pytest.mark.parametrize(("dn", "password"), [("cn=a", ""), ("cn=a", " \x00"), ("", "sesame")])
def test_half_a_bind_is_never_sent(ldap, dn, password):
    made, fake = connect(ldap)

    with pytest.raises(ValueError, match="both"):
        made.bind(dn, password, soon())
    assert fake.asked == []


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        ({"result": 0, "responseValue": b"dn:cn=a"}, "dn:cn=a"),
        ({"result": 0, "responseValue": b""}, ""),
        ({"result": 0, "responseValue": None}, ""),
        ({"result": 2}, None),
    ],
)
def test_who_am_i(ldap, answer, who):
    made, _ = connect(ldap, answer)

    assert made.who_am_i(soon()) == who


def test_no_schema_is_fetched_and_no_referral_followed(ldap):
    _, fake = connect(ldap)

    assert fake.options["auto_referrals"] is False
    assert fake.options["auto_range"] is False
    assert fake.asked == []


def test_no_time_left_is_the_servers_silence(ldap):
    settings = LdapSettings.model_validate(SETTINGS)
    address = parse_address("ldaps://one.example")

    with pytest.raises(Silent):
        Connection(address, make_tls_context(settings), settings, time.monotonic() - 1)
