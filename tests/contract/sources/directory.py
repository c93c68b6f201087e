"""Real directories as subjects: OpenLDAP in four shapes of groups, Samba as an Active Directory."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from ldap3.core.exceptions import LDAPNoSuchObjectResult

from jupyterhub_edu.domain.people import CourseRole, Identity
from jupyterhub_edu.ports import Answer, Denied
from tests.contract.sources.subject import PATIENT, Kind, Subject, closing
from tests.directories.campus import Somebody
from tests.directories.directory import Directory
from tests.directories.slapd import Slapd
from tests.relay import FAULTS, LDAP, Certificates, Relay

_SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "in capitals": str.upper,
    "with blanks around it": lambda login: f" {login} ",
    "in mixed case": str.title,
}
_MEMBER = {"unique": "uniqueMember", "posix": "memberUid"}


class DirectorySubject(Subject[tuple[str, str]]):
    """One directory; its sources speak to it directly, or to relays before it."""

    source_type = "ldap"

    def __init__(self, directory: Directory, relay: Relay | None = None, **settings: Any) -> None:
        self.directory, self.relay, self._own = directory, relay, settings
        self.nested = bool(settings.get("nested", directory.schema == "active-directory"))
        self.style = str(settings.get("groups")).partition(",")[0].removeprefix("ou=")
        super().__init__(directory.campus)

    def keys(self) -> dict[str, Any]:
        return self.directory.settings(**self._own)

    @property
    def patience(self) -> dict[str, Any]:
        return {} if "timeout" in self._own else PATIENT

    @property
    def rules(self) -> Iterable[tuple[str, CourseRole, str | None]]:
        yield "CN=<course>,*", CourseRole.STUDENT, None
        yield "CN=<course>-ta,*", CourseRole.ASSISTANT, None
        yield "CN=<course>-staff,*", CourseRole.TEACHER, None

    async def fetch(
        self, person: Somebody, way: str = "", typed: str | None = None
    ) -> tuple[str, str]:
        return typed or person.login, person.password

    async def present(self, ticket: tuple[str, str], source: Any = None) -> Answer | Denied:
        answer: Answer | Denied = await (source or self.source).authenticate(*ticket)
        return answer

    async def forge(self, how: str, person: Somebody) -> Answer | Denied:
        return await self.present(FORM_FORGERIES[how](person))

    def group_dn(self, name: str) -> str:
        """A group's name as rules see it."""
        if isinstance(self.directory, Slapd) and "groups" in self._own:
            return self.directory.group_dn(name, self.style)
        return self.directory.group_dn(name)

    def groups_of(self, person: Somebody) -> frozenset[str]:
        """The groups that the source must state."""
        names = self.campus.group_names(person.login, nested=self.nested)
        return frozenset(map(self.group_dn, names))

    @contextlib.contextmanager
    def without(self, person: Somebody, course: str) -> Iterator[None]:
        self._member(person, course, "MODIFY_DELETE")
        try:
            yield
        finally:
            self._member(person, course, "MODIFY_ADD")

    @contextlib.contextmanager
    def with_(self, person: Somebody, course: str) -> Iterator[None]:
        self._member(person, course, "MODIFY_ADD")
        try:
            yield
        finally:
            self._member(person, course, "MODIFY_DELETE")

    def _member(self, person: Somebody, group: str, how: str) -> None:
        attribute = _MEMBER.get(self.style, "member")
        dn = self.directory.person_dn(person.login)
        value = person.login if attribute == "memberUid" else dn
        self.directory.modify(self.group_dn(group), {attribute: [(how, [value])]})

    def _rename_member(self, login: str, new: str) -> None:
        """Where groups hold login names, whoever renames somebody changes them too."""
        if self.style == "posix":
            change = {"memberUid": [("MODIFY_DELETE", [login]), ("MODIFY_ADD", [new])]}
            for name, logins in self.campus.members.items():
                if {login, new} & set(logins):
                    self.directory.modify(self.group_dn(name), change)

    @contextlib.contextmanager
    def disabled(self, person: Somebody) -> Iterator[None]:
        self.directory.disable(person.login)
        try:
            yield
        finally:
            self.directory.enable(person.login)

    @contextlib.contextmanager
    def newcomer(self) -> Iterator[Somebody]:
        person = Somebody("short-lived", "Short", "Lived", "A-password-of-1-newcomer", {})
        self.directory.add(person)
        try:
            yield person
        finally:
            with contextlib.suppress(LDAPNoSuchObjectResult):
                self.directory.delete(person.login)

    @contextlib.contextmanager
    def deleted(self, person: Somebody) -> Iterator[None]:
        """A newcomer; those who are in groups would not come back into them."""
        self.directory.delete(person.login)
        yield

    @contextlib.contextmanager
    def renamed(self, person: Somebody, new: str) -> Iterator[None]:
        self.directory.rename(person.login, new)
        self._rename_member(person.login, new)
        try:
            yield
        finally:
            self._rename_member(new, person.login)
            moved = isinstance(
                self.directory, Slapd
            )  # where the login name is part of the entry's
            self.directory.rename(new if moved else person.login, person.login)

    def fault(self, kind: str) -> contextlib.AbstractContextManager[None]:
        assert self.relay is not None
        return self.relay.fault(kind)


FORM_FORGERIES: Final[Mapping[str, Callable[[Somebody], tuple[str, str]]]] = {
    **{
        f"the password {name}": lambda person, password=password: (person.login, password)  # type: ignore[misc]
        for name, password in {
            "wrong": "wrong",
            "empty": "",
            "blank": " ",
            "NUL": "\x00",
            "blanks and NUL": "\t \x00",
            "endless": "x" * 10_000,
            "of strange letters": "Ω\x07",
        }.items()
    },
    **{
        f"the name {name}": lambda person, login=login: (login, person.password)  # type: ignore[misc]
        for name, login in {
            "unknown": "nobody",
            "empty": "",
            "blank": " ",
            "of a star": "*",
            "with a star": "s-*",
            "with a filter": "s-ml)(uid=*",
            "NUL": "\x00",
            "with NUL": "s-ml\x00",
            "endless": "a" * 10_000,
            "of strange letters": "é\\",
        }.items()
    },
}


def stated(identity: Identity) -> frozenset[str]:
    """The groups that a source has stated; it must state them."""
    assert identity.groups is not None
    return identity.groups


def _kind(
    fixture: str,
    against: str,
    *,
    faults: bool = False,
    settings: Callable[[], dict[str, Any]] = dict,
) -> Kind:
    @contextlib.asynccontextmanager
    async def opened(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
        directory: Directory = want.getfixturevalue(fixture)
        async with closing(DirectorySubject(directory, **settings())) as subject:
            yield subject

    @contextlib.asynccontextmanager
    async def opened_behind(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
        directory: Directory = want.getfixturevalue(fixture)
        tls, url = Certificates(), urlsplit(directory.url)
        relay = Relay(
            str(url.hostname), url.port or 636, tls=tls, server_tls=True, other_kind=LDAP
        )
        keys = {
            "servers": [f"ldaps://127.0.0.1:{relay.port}"],
            "tls": {"ca": tls.write_ca(want.getfixturevalue("tmp_path"))},
        }
        async with closing(DirectorySubject(directory, relay, **keys), relay) as subject:
            yield subject

    return Kind(
        opened_behind if faults else opened,
        against,
        forgeries=tuple(FORM_FORGERIES),
        faults=FAULTS if faults else (),
        finds=True,
        spellings=_SPELLINGS,
    )


_SLAPD, _AD = "OpenLDAP", "Samba AD"

KINDS: Final[Mapping[str, Kind]] = {
    "groupOfNames": _kind("slapd", _SLAPD, faults=True),
    "groupOfNames, nested": _kind("slapd", _SLAPD, settings=lambda: {"nested": True}),
    "groupOfUniqueNames": _kind(
        "slapd", _SLAPD, settings=lambda: {"groups": Slapd.groups_of("unique")}
    ),
    "groupOfUniqueNames, nested": _kind(
        "slapd", _SLAPD, settings=lambda: {"groups": Slapd.groups_of("unique"), "nested": True}
    ),
    "posixGroup": _kind("slapd", _SLAPD, settings=lambda: {"groups": Slapd.groups_of("posix")}),
    "rfc2307bis": _kind("slapd_bis", _SLAPD),
    "rfc2307bis, nested": _kind("slapd_bis", _SLAPD, settings=lambda: {"nested": True}),
    "Active Directory": _kind("samba_ad", _AD, faults=True),
    "Active Directory, direct groups": _kind("samba_ad", _AD, settings=lambda: {"nested": False}),
}
