"""A whole campus in real directories: everybody's groups, one server dying of two, and what a login costs on the wire."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import ldap3
import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity import SOURCE_TYPES, Surroundings
from jupyterhub_edu.ports import FormSource, utc_now
from tests.directories.campus import COURSES, STUDENTS, Campus, make_campus
from tests.directories.directory import Directory
from tests.directories.samba import SambaAd
from tests.directories.slapd import SUFFIX, Slapd, add_courses
from tests.fakes.people import as_person
from tests.relay import Relay


def make_source(directory: Directory, **changes: Any) -> FormSource:
    ldap = SOURCE_TYPES["ldap"]
    settings = directory.settings(timeout="20s", **changes)
    source = ldap.make(
        "src", ldap.settings.model_validate(settings), Surroundings(utc_now, ForgetfulSafe())
    )
    return cast(FormSource, source)


def groups_of(identity: Identity) -> frozenset[str]:
    assert identity.groups is not None
    return identity.groups


async def log_in(source: FormSource, login: str, password: str) -> Identity:
    answer = await source.authenticate(login, password)
    assert isinstance(answer, Identity), answer
    return answer


@pytest.fixture(params=["slapd", "samba_ad"])
def directory(request: pytest.FixtureRequest) -> Directory:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("nested", [False, True], ids=["direct groups", "nested groups"])
async def test_everybody_logs_in_with_exactly_their_groups(directory: Directory, nested: bool):
    source = make_source(directory, nested=nested)
    subjects = set()
    for person in directory.campus.people.values():
        identity = await log_in(source, person.login, person.password)
        names = directory.campus.group_names(person.login, nested=nested)
        assert groups_of(identity) == set(map(directory.group_dn, names)), person.login
        assert identity.name == person.name
        subjects.add(identity.subject)
    await source.close()

    assert len(subjects) == len(directory.campus.people)


def test_the_same_seed_gives_the_same_campus(fjord: Campus):
    again = make_campus(fjord.seed)

    assert again == fjord
    students = [p for p in fjord.people.values() if "student" in p.roles.values()]
    assert len(students) >= STUDENTS - len(COURSES)


async def test_a_teacher_of_one_course_who_studies_another(directory: Directory):
    source = make_source(directory)
    both = directory.campus.both
    identity = await log_in(source, both.login, both.password)
    await source.close()

    expected = {"lecturers", "ml-staff", "stat"}
    assert {
        group.partition(",")[0].removeprefix("CN=") for group in groups_of(identity)
    } == expected


@pytest.fixture
def second_slapd(fjord: Campus) -> Iterator[Slapd]:
    second = Slapd(fjord)
    try:
        second.open()
        yield second
    finally:
        second.process.remove()


@pytest.fixture
def both_authorities(slapd: Slapd, second_slapd: Slapd, tmp_path: Path) -> str:
    ca = tmp_path / "both.crt"
    ca.write_text("".join(Path(one.ca).read_text() for one in (slapd, second_slapd)))
    return str(ca)


async def test_one_of_two_servers_is_frozen_and_no_login_is_lost(
    slapd: Slapd, second_slapd: Slapd, both_authorities: str
):
    servers = [second_slapd.url, slapd.url]
    source = make_source(slapd, servers=servers, tls={"ca": both_authorities})
    people = list(slapd.campus.people.values())
    await log_in(source, people[0].login, people[0].password)

    with second_slapd.silent():
        logins = (log_in(source, person.login, person.password) for person in people)
        assert len(await asyncio.gather(*logins)) == len(people)
    await source.close()


@pytest.fixture
def relay(slapd: Slapd) -> Iterator[Relay]:
    url = urlsplit(slapd.plain_url)
    relay = Relay("127.0.0.1", url.port or 389)
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def many_courses(slapd: Slapd) -> Iterator[str]:
    """The entry below which "both" is in 1, 20 and 500 courses, in an entry each."""
    base = f"ou=Many,{SUFFIX}"
    with slapd.administrator() as administrator:
        administrator.add(base, "organizationalUnit")
        dns = [base, *add_courses(administrator, base, slapd.person_dn("both"), (1, 20, 500))]
    yield base
    with slapd.administrator() as administrator:
        for dn in reversed(dns):
            administrator.delete(dn)


@pytest.mark.parametrize("nested", [False, True], ids=["direct groups", "nested groups"])
@pytest.mark.parametrize("courses", [1, 20, 500])
async def test_a_login_costs_the_same_however_many_courses(
    slapd: Slapd, relay: Relay, many_courses: str, courses: int, nested: bool
):
    """Search, then the bind and the search for groups at once: three messages in two round trips."""
    plain = {"servers": [relay.url], "tls": None, "groups": f"ou={courses},{many_courses}"}
    source = make_source(slapd, nested=nested, **plain)
    both = slapd.campus.both
    identity = await log_in(source, both.login, both.password)
    assert len(groups_of(identity)) == courses
    before, opened = relay.requests, relay.connections

    for _ in range(5):
        await log_in(source, both.login, both.password)
    assert relay.requests - before == 5 * 3
    await source.reread(as_person(identity))
    assert relay.requests - before == 5 * 3 + 2
    assert relay.connections == opened
    await source.close()


async def test_a_simple_bind_without_tls_is_told_and_nobody_is_lost(samba_ad: SambaAd):
    """An Active Directory that demands TLS answers a plain bind with result 8, which says nothing about anybody."""
    source = make_source(samba_ad, servers=[f"ldap://{samba_ad.host}"], tls=None)
    problems = await source.check()
    await source.close()

    assert len(problems) == 1
    assert "refuses the service account" in problems[0]


async def test_an_expired_account_is_gone(samba_ad: SambaAd):
    source = make_source(samba_ad)
    person = samba_ad.campus.some("assistant")
    known = as_person(await log_in(source, person.login, person.password))
    samba_ad.set(person.login, accountExpires="130000000000000000")
    try:
        for answer in (
            await source.reread(known),
            await source.authenticate(person.login, person.password),
        ):
            assert "expired" in getattr(answer, "why", "")
    finally:
        samba_ad.set(person.login, accountExpires="0")
        await source.close()


async def test_the_primary_group_counts(samba_ad: SambaAd):
    """memberOf does not show it, nor does the group list its members."""
    person = samba_ad.campus.some("assistant", "intro")
    group = samba_ad.group_dn("lecturers")
    with samba_ad.administrator() as administrator:
        administrator.search(
            group, "(objectClass=*)", ldap3.BASE, attributes=["primaryGroupToken"]
        )
        found = (administrator.response or [])[0]
        token = int(found["raw_attributes"]["primaryGroupToken"][0])
    samba_ad.add_to_group(person.login, "lecturers")
    samba_ad.set(person.login, primaryGroupID=token)
    try:
        for nested in (False, True):
            source = make_source(samba_ad, nested=nested)
            identity = await log_in(source, person.login, person.password)
            await source.close()
            assert group in groups_of(identity)
    finally:
        samba_ad.set(person.login, primaryGroupID=513)
        samba_ad.remove_from_group(person.login, "lecturers")


async def test_the_domains_root_as_base_brings_references_that_do_not_count(samba_ad: SambaAd):
    root = samba_ad.people.partition(",")[2]
    source = make_source(samba_ad, people=root, groups=root)
    both = samba_ad.campus.both
    identity = await log_in(source, both.login, both.password)
    await source.close()

    assert samba_ad.group_dn("ml-staff") in groups_of(identity)
    assert f"CN=Domain Users,CN=Users,{root}" in groups_of(identity)
