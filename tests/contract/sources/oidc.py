"""OpenID providers as subjects: a real Keycloak, behind a relay that speaks TLS, and the npm package oidc-provider."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import pytest

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Redirect, Unavailable
from tests.contract.sources.entra import FORGERIES, forge_grant
from tests.contract.sources.subject import Kind, NotLetIn, Subject, closing
from tests.directories.campus import Campus, Somebody
from tests.providers.browser import CALLBACK, Browser, LoginRefused
from tests.providers.keycloak import Keycloak
from tests.providers.oidc_provider import SECRET as PROVIDER_SECRET
from tests.providers.oidc_provider import OidcProvider
from tests.relay import FAULTS, Certificates, Relay

_SECRET: Final = "canary: +/=%&é of the client"
_MIXED_UP: Final = "another provider's answer"


class CampusRealm:
    """A realm that calls itself by a relay's address, with some people of the campus in groups of full paths."""

    def __init__(self, keycloak: Keycloak, campus: Campus, folder: Path) -> None:
        self.keycloak, self.campus = keycloak, campus
        tls = Certificates()
        self.ca = tls.write_ca(folder)
        self.relay = Relay("127.0.0.1", keycloak.port, tls=tls)
        name, url = f"contract-{campus.seed}", f"https://127.0.0.1:{self.relay.port}"
        self.issuer = f"{url}/realms/{name}"
        attributes = {"frontendUrl": url}
        self.realm = keycloak.realm(name, attributes=attributes, editUsernameAllowed=True)
        self.client = self.realm.add_client("hub", _SECRET, ("groups",))
        self.ids: dict[str, str] = {}
        roles = ("student", "assistant", "teacher")
        some = [*map(campus.some, roles), campus.some("student", "stat")]
        for person in (*some, campus.both, campus.people["nobody-yet"]):
            self.add(person)

    def add(self, person: Somebody) -> None:
        """Somebody with their groups."""
        self.ids[person.login] = self.realm.add_person(
            person.login, person.password, firstName=person.given, lastName=person.family
        )
        for name in sorted(self.campus.group_names(person.login, nested=False)):
            self.realm.join(self.ids[person.login], f"/courses/{name}")

    def close(self) -> None:
        """Remove the realm."""
        self.keycloak.admin("DELETE", f"/{self.realm.name}")
        self.relay.close()


class OidcSubject(Subject[CodeGrant]):
    """People log in with a browser; who is deleted has no session any more, which says nothing of the account."""

    source_type = "oidc"
    when_deleted: ClassVar[type] = Unavailable

    def __init__(self, campus: Campus, issuer: str, secret: str, ca: str | None = None) -> None:
        self._issuer, self._secret, self._ca = issuer, secret, ca
        super().__init__(campus)

    def keys(self) -> dict[str, Any]:
        ca = {"ca_file": self._ca} if self._ca else {}
        return {
            "issuer": self._issuer,
            "client_id": "hub",
            "client_secret": self._secret,
            **ca,
        }

    def account(self, login: str) -> str:
        """What somebody types at the provider."""
        return login

    @property
    def rules(self) -> Iterable[tuple[str, CourseRole, str | None]]:
        yield "/courses/<course>", CourseRole.STUDENT, None
        yield "/courses/<course>-ta", CourseRole.ASSISTANT, None
        yield "/courses/<course>-staff", CourseRole.TEACHER, None

    async def fetch(self, person: Somebody, way: str = "", typed: str | None = None) -> CodeGrant:
        redirect = await self.source.redirect()
        assert isinstance(redirect, Redirect), redirect
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": redirect.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": " ".join(redirect.scope),
            "state": "x",
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            **redirect.extra,
        }
        url = f"{redirect.authorize_url}?{urlencode(query)}"
        browser = Browser(self._ca)
        try:
            account = typed or self.account(person.login)
            back = await asyncio.to_thread(browser.log_in, url, account, person.password)
        except LoginRefused as refused:
            raise NotLetIn(str(refused)[:200]) from None
        finally:
            browser.close()
        if "code" not in back:
            raise NotLetIn(str(back))
        return CodeGrant(back["code"], CALLBACK, verifier, nonce, back.get("iss", ""))

    async def present(
        self, ticket: CodeGrant, source: Any = None
    ) -> Login | Gone | Denied | Unavailable:
        answer: Login | Gone | Denied | Unavailable = await (source or self.source).redeem(ticket)
        return answer

    async def forge(self, how: str, person: Somebody) -> Login | Gone | Denied | Unavailable:
        if how == _MIXED_UP:
            grant = await self.fetch(person)
            other = dataclasses.replace(grant, issuer="https://login.elsewhere.example")
            return await self.present(other)
        return await forge_grant(self, how, person)


class KeycloakSubject(OidcSubject):
    """A realm of a real Keycloak."""

    def __init__(self, of: CampusRealm) -> None:
        self.of, self.realm, self.ids = of, of.realm, of.ids
        super().__init__(of.campus, of.issuer, _SECRET, of.ca)

    @contextlib.contextmanager
    def without(self, person: Somebody, course: str) -> Iterator[None]:
        self.realm.leave(self.ids[person.login], f"/courses/{course}")
        try:
            yield
        finally:
            self.realm.join(self.ids[person.login], f"/courses/{course}")

    @contextlib.contextmanager
    def with_(self, person: Somebody, course: str) -> Iterator[None]:
        self.realm.join(self.ids[person.login], f"/courses/{course}")
        try:
            yield
        finally:
            self.realm.leave(self.ids[person.login], f"/courses/{course}")

    def disabled(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return self.realm.disabled(self.ids[person.login])

    @contextlib.contextmanager
    def deleted(self, person: Somebody) -> Iterator[None]:
        self.realm.delete(self.ids[person.login])
        try:
            yield
        finally:
            self.of.add(person)

    @contextlib.contextmanager
    def renamed(self, person: Somebody, new: str) -> Iterator[None]:
        self.realm.change(self.ids[person.login], username=new)
        try:
            yield
        finally:
            self.realm.change(self.ids[person.login], username=person.login)

    @contextlib.contextmanager
    def partial(self, person: Somebody) -> Iterator[None]:
        """Tokens no longer carry the groups."""
        path = f"/clients/{self.of.client}/protocol-mappers/models"
        (mapper,) = (m for m in self.realm.admin("GET", path) if m["name"] == "groups")
        self.realm.admin("DELETE", f"{path}/{mapper['id']}")
        try:
            yield
        finally:
            self.realm.admin("POST", path, {k: v for k, v in mapper.items() if k != "id"})

    def fault(self, kind: str) -> contextlib.AbstractContextManager[None]:
        return self.of.relay.fault(kind)


class ProviderSubject(OidcSubject):
    """A certified provider whose refusals never say that it is the account that may not be used any more."""

    when_disabled: ClassVar[type] = Unavailable

    def __init__(self, campus: Campus, provider: OidcProvider) -> None:
        self.provider = provider
        self._accounts = {login: login for login in campus.people}
        super().__init__(campus, provider.issuer, PROVIDER_SECRET)
        self._set_everybody("preferred_username", "name", "groups")

    def account(self, login: str) -> str:
        return self._accounts[login]

    @contextlib.contextmanager
    def _is(self, person: Somebody, claims: dict[str, Any] | None) -> Iterator[None]:
        self.provider.set_account(person.login, claims)
        try:
            yield
        finally:
            self.provider.set_account(person.login, _claims(self.campus, person))

    def without(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        claims = _claims(self.campus, person)
        claims["groups"].remove(f"/courses/{course}")
        return self._is(person, claims)

    def with_(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        claims = _claims(self.campus, person)
        claims["groups"].append(f"/courses/{course}")
        return self._is(person, claims)

    def disabled(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return self._is(person, None)

    deleted = disabled

    @contextlib.contextmanager
    def renamed(self, person: Somebody, new: str) -> Iterator[None]:
        self._accounts[new] = person.login
        with self._is(person, {**_claims(self.campus, person), "preferred_username": new}):
            yield

    @contextlib.contextmanager
    def partial(self, person: Somebody) -> Iterator[None]:
        """Of nobody any groups are told; for one alone that would mean that there are none."""
        self._set_everybody("preferred_username", "name")
        try:
            yield
        finally:
            self._set_everybody("preferred_username", "name", "groups")

    def _set_everybody(self, *names: str) -> None:
        accounts = {}
        for person in self.campus.people.values():
            claims = _claims(self.campus, person)
            accounts[person.login] = {name: claims[name] for name in names}
        self.provider._control("accounts", accounts)


def _claims(campus: Campus, person: Somebody) -> dict[str, Any]:
    names = campus.group_names(person.login, nested=False)
    groups = sorted(f"/courses/{name}" for name in names)
    return {"preferred_username": person.login, "name": person.name, "groups": groups}


@contextlib.asynccontextmanager
async def _opened(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
    realm: CampusRealm = want.getfixturevalue("campus_realm")
    async with closing(KeycloakSubject(realm)) as subject:
        yield subject


@contextlib.asynccontextmanager
async def _opened_provider(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
    provider: OidcProvider = want.getfixturevalue("new_provider")()
    async with closing(ProviderSubject(want.getfixturevalue("fjord"), provider)) as subject:
        yield subject


KINDS: Final[Mapping[str, Kind]] = {
    "OpenID Connect": Kind(
        _opened,
        "Keycloak",
        forgeries=(*FORGERIES, _MIXED_UP),
        faults=FAULTS,
        partial=True,
        spellings={"in capitals": str.upper},
    ),
    "OpenID Connect, strict": Kind(
        _opened_provider,
        "oidc-provider",
        forgeries=(*FORGERIES, _MIXED_UP),
        partial=True,
    ),
}
