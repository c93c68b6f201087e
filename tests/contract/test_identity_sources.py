"""What every identity source answers: yes, no, or unknown; never one for the other."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole, Identity, Person
from jupyterhub_edu.identity import SOURCE_TYPES, Surroundings
from jupyterhub_edu.identity.roster import hash_password
from jupyterhub_edu.ports import Denied, FormSource, Gone, Unavailable, utc_now
from tests.directories.campus import Campus, Somebody
from tests.directories.directory import Directory
from tests.directories.relay import FAULTS, Relay
from tests.directories.slapd import BLIND_DN, SHORT_DN, Slapd

pytestmark = pytest.mark.real


class Subject:
    """One source under test, and how to change the world behind it.

    Attributes:
        expected: the groups or claims that the source must state about somebody.
    """

    def __init__(self, campus: Campus, make: Callable[..., FormSource]) -> None:
        self.campus, self.make = campus, make
        self.source = make()

    def expected(self, person: Somebody) -> frozenset[Any]:
        raise NotImplementedError

    def stated(self, identity: Identity) -> frozenset[Any]:
        return identity.groups or frozenset()

    @contextlib.contextmanager
    def without_group(self, person: Somebody) -> Iterator[frozenset[Any]]:
        """Somebody is no longer a student of ml; yields what is left."""
        raise NotImplementedError

    @contextlib.contextmanager
    def without(self, person: Somebody) -> Iterator[None]:
        """Somebody is gone from the world."""
        raise NotImplementedError

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        """The world does not answer."""
        raise NotImplementedError


class DirectorySubject(Subject):
    def __init__(self, directory: Directory, **settings: Any) -> None:
        self.directory = directory
        self.nested = bool(settings.get("nested", directory.schema == "active-directory"))

        def make(**changes: Any) -> FormSource:
            patient = {"timeout": "20s"}  # nothing is asserted about seconds
            return make_source("ldap", directory.settings(**(patient | settings | changes)))

        self.style = settings.get("groups")
        super().__init__(directory.campus, make)

    def group_dn(self, name: str) -> str:
        if isinstance(self.directory, Slapd) and self.style:
            return self.directory.group_dn(name, self.style.partition(",")[0].removeprefix("ou="))
        return self.directory.group_dn(name)

    def expected(self, person: Somebody) -> frozenset[Any]:
        names = self.campus.group_names(person.login, nested=self.nested)
        return frozenset(map(self.group_dn, names))

    @contextlib.contextmanager
    def without_group(self, person: Somebody) -> Iterator[frozenset[Any]]:
        attribute = {"unique": "uniqueMember", "posix": "memberUid"}.get(
            str(self.style).partition(",")[0].removeprefix("ou="), "member"
        )
        member = (
            person.login if attribute == "memberUid" else self.directory.person_dn(person.login)
        )
        group = self.group_dn("ml")
        self.directory.modify(group, {attribute: [("MODIFY_DELETE", [member])]})
        try:
            yield self.expected(person) - {group, self.group_dn("ml-g1")}
        finally:
            self.directory.modify(group, {attribute: [("MODIFY_ADD", [member])]})

    @contextlib.contextmanager
    def without(self, person: Somebody) -> Iterator[None]:
        self.directory.disable(person.login)
        try:
            yield
        finally:
            self.directory.enable(person.login)

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        with self.directory.silent():
            yield


class RosterSubject(Subject):
    def __init__(self, campus: Campus, folder: Path) -> None:
        self.people, self.passwords = folder / "people.csv", folder / "passwords"
        some = [person.login for person in (campus.some("student"), campus.both)]
        lines = [f"{login}:{hash_password(campus.people[login].password)}" for login in some]
        self.passwords.write_text("\n".join(lines))
        super().__init__(campus, self._make)
        self.write()

    def _make(self, **_: Any) -> FormSource:
        keys = {"people": self.people, "passwords": self.passwords}
        return make_source("roster", keys)

    def write(self, *, without: str = "", unenrolled: str = "") -> None:
        rows = ["person,name,course,course_role"]
        for person in self.campus.people.values():
            if person.login == without:
                continue
            roles = {} if person.login == unenrolled else person.roles
            for course, role in roles.items() or {"": ""}.items():
                rows.append(f'{person.login},"{person.name}",{course},{role}')
        self.people.write_text("\n".join(rows), encoding="utf-8")

    def expected(self, person: Somebody) -> frozenset[Any]:
        words = {str(role): role for role in CourseRole}
        return frozenset(
            CourseClaim(CourseRef(course), words[role]) for course, role in person.roles.items()
        )

    def stated(self, identity: Identity) -> frozenset[Any]:
        return identity.claims

    @contextlib.contextmanager
    def without_group(self, person: Somebody) -> Iterator[frozenset[Any]]:
        self.write(unenrolled=person.login)
        yield frozenset()
        self.write()

    @contextlib.contextmanager
    def without(self, person: Somebody) -> Iterator[None]:
        self.write(without=person.login)
        yield
        self.write()

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        self.people.write_bytes(b"person,name,course,course_role\ns1,\xff,,\n")
        yield
        self.write()


def make_source(kind: str, keys: dict[str, Any]) -> FormSource:
    of_kind = SOURCE_TYPES[kind]
    source = of_kind.make(
        "src", of_kind.settings.model_validate(keys), Surroundings(utc_now, ForgetfulSafe())
    )
    return cast(FormSource, source)


SUBJECTS: dict[str, Callable[[pytest.FixtureRequest], Subject]] = {
    "roster file": lambda want: RosterSubject(
        want.getfixturevalue("fjord"), want.getfixturevalue("tmp_path")
    ),
    "groupOfNames": lambda want: DirectorySubject(want.getfixturevalue("slapd")),
    "groupOfNames, nested": lambda want: DirectorySubject(
        want.getfixturevalue("slapd"), nested=True
    ),
    "groupOfUniqueNames": lambda want: DirectorySubject(
        want.getfixturevalue("slapd"), groups=Slapd.groups_of("unique")
    ),
    "groupOfUniqueNames, nested": lambda want: DirectorySubject(
        want.getfixturevalue("slapd"), groups=Slapd.groups_of("unique"), nested=True
    ),
    "posixGroup": lambda want: DirectorySubject(
        want.getfixturevalue("slapd"), groups=Slapd.groups_of("posix")
    ),
    "rfc2307bis": lambda want: DirectorySubject(want.getfixturevalue("slapd_bis")),
    "rfc2307bis, nested": lambda want: DirectorySubject(
        want.getfixturevalue("slapd_bis"), nested=True
    ),
    "Active Directory": lambda want: DirectorySubject(want.getfixturevalue("samba_ad")),
    "Active Directory, direct groups": lambda want: DirectorySubject(
        want.getfixturevalue("samba_ad"), nested=False
    ),
}


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    subject = SUBJECTS[request.param](request)
    yield subject
    await subject.source.close()


async def logged_in(subject: Subject, person: Somebody) -> tuple[Identity, Person]:
    """Log in; on a busy machine a source with a short deadline may need a few attempts."""
    answer = await subject.source.authenticate(person.login, person.password)
    for _ in range(9):
        if not isinstance(answer, Unavailable):
            break
        answer = await subject.source.authenticate(person.login, person.password)
    assert isinstance(answer, Identity), answer
    return answer, as_person(answer)


def as_person(identity: Identity) -> Person:
    return Person(
        key=identity.key,
        hub_name=identity.login,
        source=identity.source,
        subject=identity.subject,
        login=identity.login,
        name=identity.name,
        site_role=None,
        active=True,
        answered_at=identity.at,
    )


async def test_a_source_that_works_has_nothing_to_say(subject: Subject):
    assert await subject.source.check() == []


async def test_yes_names_the_person_and_every_group(subject: Subject):
    before = datetime.now(UTC)
    for person in (subject.campus.some("student"), subject.campus.both):
        identity, known = await logged_in(subject, person)

        assert identity.login == person.login
        assert identity.name == person.name
        assert identity.at >= before
        assert subject.stated(identity) == subject.expected(person)
        again = await subject.source.reread(known)
        assert isinstance(again, Identity)
        assert dataclasses.replace(again, at=identity.at) == identity


@pytest.mark.parametrize("password", ["", " ", "\x00", "\t \x00", "wrong", "x" * 10_000, "Ω\x07"])
async def test_a_wrong_password_is_denied(subject: Subject, password: str):
    person = subject.campus.some("student")

    assert isinstance(await subject.source.authenticate(person.login, password), Denied)


@pytest.mark.parametrize(
    "login",
    ["", " ", "nobody", "*", "s-*", "s-ml)(uid=*", "\x00", "s-ml\x00", "a" * 10_000, "é\\"],
)
async def test_a_name_that_nobody_has_is_denied(subject: Subject, login: str):
    password = subject.campus.some("student").password

    assert isinstance(await subject.source.authenticate(login, password), Denied)


async def test_out_of_the_group_takes_effect_at_once_and_back_as_well(subject: Subject):
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)
    with subject.without_group(person) as left:
        answer = await subject.source.reread(known)
        assert isinstance(answer, Identity), answer
        assert subject.stated(answer) == left

    answer = await subject.source.reread(known)
    assert isinstance(answer, Identity), answer
    assert subject.stated(answer) == subject.expected(person)


async def test_no_is_gone_for_a_reread_and_lets_nobody_in(subject: Subject):
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)
    with subject.without(person):
        assert isinstance(await subject.source.reread(known), Gone)
        answer = await subject.source.authenticate(person.login, person.password)
        assert isinstance(answer, Gone | Denied)

    await logged_in(subject, person)


async def test_unknown_is_neither_yes_nor_no(subject: Subject):
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)
    impatient = subject.make(timeout="500ms")
    with subject.broken():
        assert isinstance(await impatient.reread(known), Unavailable)
    await impatient.close()

    assert isinstance(await subject.source.reread(known), Identity)


async def test_a_closed_source_is_unavailable_and_does_not_raise(subject: Subject):
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)
    await subject.source.close()

    assert isinstance(await subject.source.reread(known), Unavailable)
    assert isinstance(
        await subject.source.authenticate(person.login, person.password), Unavailable
    )


# --- directories alone ---


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


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_broken_line_is_unknown_and_heals(directory: Directory, relay: Relay, fault: str):
    subject = relayed(directory, relay)
    person = subject.campus.some("student")
    _, known = await logged_in(subject, person)

    with relay.fault(fault):
        for _ in range(2):
            assert isinstance(await subject.source.reread(known), Unavailable)
            answer = await subject.source.authenticate(person.login, person.password)
            assert isinstance(answer, Unavailable)
        assert await subject.source.check()

    await logged_in(subject, person)
    await subject.source.close()


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


async def test_another_login_name_is_the_same_person(directory: Directory):
    subject = DirectorySubject(directory)
    person = subject.campus.some("student", "stat")
    identity, known = await logged_in(subject, person)
    directory.rename(person.login, "s-renamed")
    try:
        answer = await subject.source.reread(known)
        assert isinstance(answer, Identity)
        assert (answer.subject, answer.login) == (identity.subject, "s-renamed")
    finally:
        if isinstance(directory, Slapd):
            with directory.administrator() as administrator:
                administrator.modify_dn(f"uid=s-renamed,{directory.people}", f"uid={person.login}")
        else:
            directory.rename(person.login, person.login)
    await subject.source.close()


@pytest.mark.parametrize("typed", ["S-ML", " s-ml ", "s-Ml"])
async def test_the_login_is_the_directorys_spelling(directory: Directory, typed: str):
    subject = DirectorySubject(directory)
    person = subject.campus.people["s-ml"]
    answer = await subject.source.authenticate(typed, person.password)

    assert isinstance(answer, Identity)
    assert answer.login == "s-ml"
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


async def test_an_entry_that_was_deleted_is_gone(slapd: Slapd):
    subject = DirectorySubject(slapd)
    slapd.add_person("short-lived", "a password")
    answer = await subject.source.authenticate("short-lived", "a password")
    assert isinstance(answer, Identity)
    slapd.delete("short-lived")

    assert isinstance(await subject.source.reread(as_person(answer)), Gone)
    assert isinstance(await subject.source.authenticate("short-lived", "a password"), Denied)
    await subject.source.close()


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
