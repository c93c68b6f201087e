"""What is true of directories alone: several servers, kept connections, incomplete answers, odd names, groups to the letter."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.ports import Denied, Gone, Unavailable
from tests.contract.sources import directory as kinds
from tests.contract.sources.directory import DirectorySubject, stated
from tests.contract.sources.subject import School
from tests.directories.campus import Somebody
from tests.directories.directory import Directory
from tests.directories.slapd import BLIND_DN, SHORT_DN, Slapd
from tests.relay import Relay

pytestmark = pytest.mark.real


async def logged_in(subject: DirectorySubject, person: Somebody) -> tuple[Identity, Person]:
    return await School(subject).enter(person)


@pytest.mark.parametrize("kind", kinds.KINDS)
async def test_every_group_is_stated_to_the_letter(kind: str, request: pytest.FixtureRequest):
    async with kinds.KINDS[kind].open(request) as subject:
        assert isinstance(subject, DirectorySubject)
        some = [subject.campus.some("student", nested=nested) for nested in (False, True)]
        for person in (*some, subject.campus.both):
            identity, _ = await logged_in(subject, person)
            assert stated(identity) == subject.groups_of(person)


@pytest.fixture(params=["slapd", "samba_ad"])
def directory(request: pytest.FixtureRequest) -> Directory:
    return request.getfixturevalue(request.param)


@pytest.fixture
def relay(directory: Directory) -> Iterator[Relay]:
    url = urlsplit(directory.url)
    relay = Relay(str(url.hostname), url.port or 636)
    yield relay
    relay.close()


def relayed(directory: Directory, relay: Relay, **changes: Any) -> DirectorySubject:
    url = f"ldaps://127.0.0.1:{relay.port}"
    tls = {"ca": directory.ca, "name": urlsplit(directory.url).hostname}
    return DirectorySubject(
        directory, **({"servers": [url], "tls": tls, "timeout": "2s"} | changes)
    )


async def test_a_silent_directory_holds_up_nobody_else(directory: Directory, relay: Relay):
    silent = relayed(directory, relay, timeout="10s")
    well = DirectorySubject(directory)
    person = silent.campus.some("student")
    _, known = await logged_in(silent, person)
    with relay.fault("silent"):
        waiting = [asyncio.create_task(silent.source.reread(known)) for _ in range(20)]
        await asyncio.sleep(0)
        await logged_in(well, person)
        assert not any(task.done() for task in waiting)
        answers = await asyncio.gather(*waiting)

    assert all(isinstance(answer, Unavailable) for answer in answers)
    await silent.source.close()
    await well.source.close()


@pytest.mark.parametrize("fault", ["silent", "refuse", "reset"])
async def test_when_one_of_two_servers_dies_no_login_is_lost(
    directory: Directory, relay: Relay, fault: str
):
    both = [f"ldaps://127.0.0.1:{relay.port}", directory.url]
    tls = {"ca": directory.ca}
    if urlsplit(directory.url).hostname != "127.0.0.1":
        tls["name"] = str(urlsplit(directory.url).hostname)
    subject = DirectorySubject(directory, servers=both, tls=tls, timeout="20s")
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)
    assert relay.connections > 0

    with relay.fault(fault):
        answers = await asyncio.gather(
            *(subject.source.authenticate(person.login, person.password) for _ in range(20))
        )
        assert all(isinstance(answer, Identity) for answer in answers)
        assert isinstance(await subject.source.reread(known), Identity)
    await subject.source.close()


async def test_connections_are_kept(directory: Directory, relay: Relay):
    subject = relayed(directory, relay, timeout="20s")
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)
    await logged_in(subject, person)
    opened = relay.connections
    for _ in range(10):
        await logged_in(subject, person)
        await subject.source.reread(known)

    assert relay.connections == opened
    await subject.source.close()


async def test_a_restarted_server_is_met_again_on_a_new_connection(slapd: Slapd):
    subject = DirectorySubject(slapd)
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)
    with slapd.stopped():
        assert isinstance(await subject.source.reread(known), Unavailable)

    assert isinstance(await subject.source.reread(known), Identity)
    await subject.source.close()


PARTIAL: dict[str, dict[str, Any]] = {
    "a search cut off by the server's limit": {
        "bind": {"dn": SHORT_DN, "password": "hub-password"}
    },
    "a service account that sees nothing": {"bind": {"dn": BLIND_DN, "password": "hub-password"}},
    "a wrong service password": {"bind": {"dn": Slapd.bind_dn, "password": "wrong"}},
    "people searched where nothing is": {"people": "ou=Nowhere,dc=fjord,dc=example"},
    "groups searched where nothing is": {"groups": "ou=Nowhere,dc=fjord,dc=example"},
    "groups searched where there are none": {"groups": "ou=People,dc=fjord,dc=example"},
    "an authority that did not sign": {"tls": {}},
    "a server of another name": {"tls": {"ca": None, "name": "other.example"}},
    "an id that nobody has": {"id_attribute": "employeeNumber"},
}


@pytest.mark.parametrize("case", PARTIAL)
async def test_an_answer_that_is_not_the_whole_truth_is_unknown(slapd: Slapd, case: str):
    """Each of these would otherwise read as "gone" or "in no group"."""
    whole = DirectorySubject(slapd)
    changes = dict(PARTIAL[case])
    if changes.get("tls", {}).get("name"):
        changes["tls"] = {"ca": slapd.ca, "name": "other.example"}
    person = slapd.campus.both
    slapd.modify(slapd.group_dn("intro"), {"member": [("MODIFY_ADD", [slapd.person_dn("both")])]})
    try:
        _, known = await logged_in(whole, person)
        subject = DirectorySubject(slapd, **changes)
        assert isinstance(await subject.source.reread(known), Unavailable)
        answer = await subject.source.authenticate(person.login, person.password)
        assert isinstance(answer, Unavailable | Denied)
        await subject.source.close()
    finally:
        slapd.remove_from_group("both", "intro")
        await whole.source.close()


async def test_two_entries_of_one_name_let_nobody_in(slapd: Slapd):
    subject = DirectorySubject(slapd)
    other = f"cn=twin,{slapd.people}"
    with slapd.administrator() as administrator:
        values = {"uid": "s-ml", "sn": "Twin", "userPassword": "a password"}
        administrator.add(other, "inetOrgPerson", values)
        try:
            for password in ("a password", slapd.campus.people["s-ml"].password):
                assert isinstance(await subject.source.authenticate("s-ml", password), Denied)
        finally:
            administrator.delete(other)
    await subject.source.close()


async def test_starttls_and_ldaps_both_log_in(slapd: Slapd):
    person = slapd.campus.both
    for servers in ([slapd.url], [slapd.plain_url]):
        subject = DirectorySubject(slapd, servers=servers, tls={"ca": slapd.ca, "start": True})
        await logged_in(subject, person)
        await subject.source.close()


async def test_a_name_that_asks_for_escapes_finds_its_person_and_groups(slapd: Slapd):
    login, group = 'jo,(*)\\ "x" ö', f"cn=ml\\, intro+x\\3d,{slapd.groups}"
    dn = f"cn=Jo\\, \\28x\\29 \\2a \\\\,{slapd.people}"
    with slapd.administrator() as administrator:
        administrator.add(
            dn, "inetOrgPerson", {"uid": login, "sn": "x", "userPassword": "a password"}
        )
        administrator.add(group, "groupOfNames", {"member": [dn]})
        subject = DirectorySubject(slapd)
        try:
            answer = await subject.source.authenticate(login, "a password")
            assert isinstance(answer, Identity)
            assert answer.login == login
            assert answer.groups == frozenset({"CN=ml\\, intro\\+x=,OU=names,DC=fjord,DC=example"})
        finally:
            administrator.delete(group)
            administrator.delete(dn)
            await subject.source.close()


async def test_only_members_of_allowed_groups_exist(slapd: Slapd):
    lecturers = slapd.group_dn("lecturers")
    subject = DirectorySubject(slapd, allowed_groups=[lecturers.lower().replace(",", " , ")])
    open_to_all = DirectorySubject(slapd)
    student = slapd.campus.some("student")
    _, known = await logged_in(open_to_all, student)

    assert isinstance(await subject.source.reread(known), Gone)
    assert isinstance(await subject.source.authenticate(student.login, student.password), Gone)
    await logged_in(subject, slapd.campus.both)
    await subject.source.close()
    await open_to_all.source.close()


async def test_the_name_alone_where_rules_want_that(slapd: Slapd):
    subject = DirectorySubject(slapd, group_name="cn")
    identity, _ = await logged_in(subject, slapd.campus.both)

    assert identity.groups == frozenset(slapd.campus.group_names("both", nested=False))
    await subject.source.close()
