"""Entra ID and Graph as a subject: the fake on loopback, behind relays that speak TLS."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Redirect, Unavailable
from tests.contract.sources.subject import Kind, NotLetIn, Subject, changed, closing, faults_of
from tests.directories.campus import COURSES, Campus, Somebody, group_name
from tests.fakes.entra import EntraServer, FakeEntra, Reply
from tests.fakes.entra.directory import User
from tests.relay import FAULTS, Certificates, Relay

_ROLES: Final = tuple(CourseRole[name.upper()] for name in ("student", "assistant", "teacher"))
_OVERAGE: Final = 250


class EntraSubject(Subject[CodeGrant]):
    """A tenant in which everybody of the campus is, each in the groups of the directory."""

    source_type = "entra"

    def __init__(
        self, campus: Campus, fake: FakeEntra, relays: tuple[Relay, Relay], ca: str
    ) -> None:
        self.fake, self.relays, self._ca = fake, relays, ca
        for person in campus.people.values():
            groups = sorted(campus.group_names(person.login, nested=True))
            fake.tenant.add_user(person.login, person.name, groups=groups)
        super().__init__(campus)

    def keys(self) -> dict[str, Any]:
        own = {"login_domain": self.fake.tenant.domain, "ca_file": self._ca}
        return {**self.fake.settings(), **own}

    @property
    def rules(self) -> Iterable[tuple[str, CourseRole, str | None]]:
        for course in COURSES:
            for role in _ROLES:
                yield self.fake.group_id(group_name(course, str(role))), role, course

    async def fetch(self, person: Somebody, way: str = "", typed: str | None = None) -> CodeGrant:
        redirect = await self.source.redirect()
        assert isinstance(redirect, Redirect)
        upn = f"{typed or person.login}@{self.fake.tenant.domain}"
        try:
            return self.fake.browse(redirect, upn)
        except AssertionError as error:
            raise NotLetIn(str(error)) from None

    async def present(
        self, ticket: CodeGrant, source: Any = None
    ) -> Login | Gone | Denied | Unavailable:
        answer: Login | Gone | Denied | Unavailable = await (source or self.source).redeem(ticket)
        return answer

    async def forge(self, how: str, person: Somebody) -> Login | Gone | Denied | Unavailable:
        return await forge_grant(self, how, person)

    # -- the world ---------------------------------------------------------------------------------------------

    def _user(self, person: Somebody) -> User:
        return self.fake.person(f"{person.login}@{self.fake.tenant.domain}")

    def _groups(
        self, person: Somebody, groups: set[str]
    ) -> contextlib.AbstractContextManager[None]:
        return changed(self._user(person), "groups", groups)

    def without(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        user, group = self._user(person), self.fake.group_id(group_name(course, "student"))
        return self._groups(person, user.groups - {group})

    def with_(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        user, group = self._user(person), self.fake.group_id(group_name(course, "student"))
        return self._groups(person, user.groups | {group})

    def disabled(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return changed(self._user(person), "enabled", False)

    @contextlib.contextmanager
    def deleted(self, person: Somebody) -> Iterator[None]:
        user = self._user(person)
        self.fake.tenant.delete(user)
        try:
            yield
        finally:
            self.fake.tenant.users[user.id] = user

    def renamed(self, person: Somebody, new: str) -> contextlib.AbstractContextManager[None]:
        return changed(self._user(person), "upn", f"{new}@{self.fake.tenant.domain}")

    @contextlib.contextmanager
    def partial(self, person: Somebody) -> Iterator[None]:
        """Too many groups for the token, and a Graph that is out of order."""
        user, before = self._user(person), set(self._user(person).groups)
        self.fake.put_into_groups(user, _OVERAGE)
        self.fake.meddle = lambda service, _: Reply(503) if service == "graph" else None
        try:
            yield
        finally:
            user.groups = before
            self.fake.meddle = lambda service, _: None

    def fault(self, kind: str) -> contextlib.AbstractContextManager[None]:
        return faults_of(self.relays, kind)


Changed = Callable[[CodeGrant], CodeGrant]

FORGED: Final[Mapping[str, Changed]] = {
    "a code that nobody gave": lambda grant: dataclasses.replace(grant, code="x" * 80),
    "no code": lambda grant: dataclasses.replace(grant, code=""),
    "an endless code": lambda grant: dataclasses.replace(grant, code="x" * 10_000),
    "a code of strange letters": lambda grant: dataclasses.replace(grant, code="é\x00&code=1"),
    "another browser's code": lambda grant: dataclasses.replace(grant, verifier="y" * 64),
    "another login's nonce": lambda grant: dataclasses.replace(grant, nonce="z" * 22),
    "no nonce": lambda grant: dataclasses.replace(grant, nonce=""),
}
"""Codes that are not what they should be; those after the fourth need PKCE or a nonce."""
SPENT: Final = "a code that was used"
FORGERIES: Final = (SPENT, *FORGED)


async def forge_grant(
    subject: Subject[CodeGrant], how: str, person: Somebody
) -> Login | Gone | Denied | Unavailable:
    """Try to get in by a code that is not good."""
    grant = await subject.fetch(person)
    if how == SPENT:
        assert isinstance(await subject.present(grant), Login)
    else:
        grant = FORGED[how](grant)
    answer = await subject.present(grant)
    assert isinstance(answer, Login | Gone | Denied | Unavailable)
    return answer


@contextlib.asynccontextmanager
async def _opened(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
    campus: Campus = want.getfixturevalue("fjord")
    tls = Certificates()
    ca = tls.write_ca(want.getfixturevalue("tmp_path"))
    async with EntraServer() as server:
        ports = [urlsplit(url).port or 0 for url in (server.authority, server.graph)]
        authority, graph = (Relay("127.0.0.1", port, tls=tls) for port in ports)
        fake = server.fake
        fake.authority.origin = f"https://127.0.0.1:{authority.port}"
        fake.authority.graph_origin = fake.graph.origin = f"https://127.0.0.1:{graph.port}"
        subject = EntraSubject(campus, fake, (authority, graph), ca)
        async with closing(subject, authority, graph):
            yield subject


KINDS: Final[Mapping[str, Kind]] = {
    "Entra ID": Kind(
        _opened,
        "FAKE Entra",
        forgeries=FORGERIES,
        faults=FAULTS,
        partial=True,
        spellings={"in capitals": str.upper},
    ),
}
