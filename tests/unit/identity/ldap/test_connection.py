"""What a connection makes of a server's answers; real servers are met in tests/contract."""

import time
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
from tests.unit.identity.ldap.fakes import SETTINGS

SEARCH = Search("dc=x", "(uid=ann)", ("member",))


class FakeLdap:
    """Stands in for ldap3.Connection: answers from a list, notes what was asked."""

    answers: list[Any]

    def __init__(self, server: Any, **options: Any) -> None:
        self.options, self.socket, self.strategy = options, None, self
        self.asked: list[Any] = []
        self.user = self.password = self.authentication = self.request = None

    def open(self, **_: Any) -> None: ...

    def close(self) -> None: ...

    def bind(self, **_: Any) -> Any:
        return self._next((self.user, self.password, self.authentication))

    def search(self, base: str, filter: str, **options: Any) -> Any:
        return self._next((base, *options["attributes"]))

    def extended(self, oid: str) -> Any:
        return self._next(oid)

    def _next(self, asked: Any) -> Any:
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return (True, *answer, None)


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


def page(*entries: Any, code: int = 0, cookie: bytes = b"", description: str = "success") -> Any:
    control = {"1.2.840.113556.1.4.319": {"value": {"cookie": cookie}}}
    return {"result": code, "description": description, "controls": control}, list(entries)


def found(dn: str, **values: list[bytes]) -> dict[str, Any]:
    raw = {name.replace("__", ";range="): octets for name, octets in values.items()}
    return {"type": "searchResEntry", "raw_dn": dn.encode(), "raw_attributes": raw}


def ranged(dn: str, span: str, *octets: bytes) -> dict[str, Any]:
    return {
        "type": "searchResEntry",
        "raw_dn": dn.encode(),
        "raw_attributes": {f"member;range={span}": list(octets)},
    }


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


def reference(uri: str) -> dict[str, Any]:
    return {"type": "searchResRef", "uri": [uri]}


PARTIAL = {
    "size limit": page(found("cn=a"), code=4, description="sizeLimitExceeded"),
    "time limit": page(code=3, description="timeLimitExceeded"),
    "administrative limit": page(code=11, description="adminLimitExceeded"),
    "referral": page(code=10, description="referral"),
    "no such object": page(code=32, description="noSuchObject"),
    "may not": page(code=50, description="insufficientAccessRights"),
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
        page(code=51, description="busy"),
        page(code=52, description="unavailable"),
        OSError("connection reset"),
        IndexError("a decoder stumbled"),
    ],
)
def test_another_server_may_do_better(ldap, answer):
    made, _ = connect(ldap, answer)

    with pytest.raises(ServerFailed):
        made.search(SEARCH, soon())


def test_a_bind_sends_what_was_typed_octet_by_octet(ldap):
    made, fake = connect(ldap, ({"result": 49, "message": "no"}, None))
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
    made, _ = connect(ldap, (answer, None))

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
