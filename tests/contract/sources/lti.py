"""A learning platform as a subject: the fake on loopback, behind a relay that speaks TLS. LTI tells of no account's end."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict

from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.web import Reply
from jupyterhub_edu.ports import Denied, Launch, LaunchRequest, Redirect, Unavailable
from tests.contract.sources.subject import Kind, Subject, changed, closing, entry
from tests.directories.campus import COURSES, Campus, Somebody
from tests.fakes.lti import CANVAS, FakePlatform, PlatformServer
from tests.fakes.lti.school import Account, Course
from tests.fakes.tokens import forge, private_key
from tests.relay import FAULTS, Certificates, Relay

_HUB = "https://hub.campus.example/hub"
_YOUNG = timedelta(seconds=31)
"""Rosters are believed for half a minute."""


@dataclass(frozen=True)
class Posted:
    """What the platform's page posts, and what the hub remembers of the beginning."""

    request: LaunchRequest
    id_token: str = field(repr=False)
    nonce: str


class LtiSubject(Subject[Posted]):
    """A platform with everybody of the campus in their courses; each course is entered by a launch of its own."""

    source_type = "lti"
    when_disabled: ClassVar[type] = Identity
    when_deleted: ClassVar[type] = Identity

    def __init__(self, campus: Campus, platform: FakePlatform, relay: Relay, ca: str) -> None:
        self.platform, self.relay, self._ca = platform, relay, ca
        platform.accounts = {
            person.login: Account(str(id), person.login, person.name)
            for id, person in enumerate(campus.people.values(), start=100)
        }
        platform.courses = {
            course: Course(course, course, course.capitalize(), roles=_roles(campus, course))
            for course in COURSES
        }
        super().__init__(campus)
        platform.clock = platform.issuer.clock = self.clock
        platform.tool.keyset = self.source.keyset

    def keys(self) -> dict[str, Any]:
        return {"platforms": {"fake": self.platform.settings()}, "ca": self._ca}

    @property
    def patience(self) -> dict[str, Any]:
        return {}

    @property
    def course_fields(self) -> Sequence[str]:
        return ("label",)

    def ways_in(self, person: Somebody) -> Sequence[str]:
        return tuple(person.roles) or COURSES[:1]

    async def fetch(self, person: Somebody, way: str = "", typed: str | None = None) -> Posted:
        sent = self.platform.initiation(person.login, way or self.ways_in(person)[0])
        request = LaunchRequest(
            issuer=sent["iss"],
            hint=sent["login_hint"],
            target=sent["target_link_uri"],
            client_id=sent["client_id"],
            deployment=sent["lti_deployment_id"],
            message_hint=sent["lti_message_hint"],
        )
        redirect = self.source.begin(request)
        assert isinstance(redirect, Redirect)
        nonce = secrets.token_urlsafe(16)
        query = {**redirect.extra, "client_id": redirect.client_id, "nonce": nonce}
        query["scope"] = " ".join(redirect.scope)
        posted = self.platform.respond(query)
        return Posted(request, posted["id_token"], nonce)

    async def present(self, ticket: Posted, source: Any = None) -> Launch | Denied | Unavailable:
        answer: Launch | Denied | Unavailable = await (source or self.source).launched(
            ticket.request, ticket.id_token, ticket.nonce
        )
        return answer

    async def forge(self, how: str, person: Somebody) -> Launch | Denied | Unavailable:
        return await self.present(FORGERIES[how](self, person, await self.fetch(person)))

    def token(self, person: Somebody, posted: Posted, **claims: Any) -> str:
        """What the platform would have said, with other claims."""
        course = self.ways_in(person)[0]
        said = self.platform.claims(person.login, course, nonce=posted.nonce)
        return self.platform.issuer.token(**(said | claims))

    def forget(self) -> None:
        self.clock.ahead += _YOUNG

    # -- the world ---------------------------------------------------------------------------------------------

    def without(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        return entry(self.platform.courses[course].roles, person.login)

    def with_(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        return entry(self.platform.courses[course].roles, person.login, "student")

    def disabled(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return self._everywhere("suspended", person)

    def deleted(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return self._everywhere("roles", person)

    @contextlib.contextmanager
    def _everywhere(self, what: str, person: Somebody) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for course in self.platform.courses.values():
                if what == "suspended":
                    with_them = course.suspended | {person.login}
                    stack.enter_context(changed(course, "suspended", with_them))
                else:
                    stack.enter_context(entry(course.roles, person.login))
            yield

    @contextlib.contextmanager
    def renamed(self, person: Somebody, new: str) -> Iterator[None]:
        account = self.platform.accounts[person.login]
        with contextlib.ExitStack() as stack:
            stack.enter_context(changed(account, "username", new))
            stack.enter_context(entry(self.platform.accounts, new, account))
            for course in self.platform.courses.values():
                if role := course.roles.get(person.login):
                    stack.enter_context(entry(course.roles, new, role))
            yield

    @contextlib.contextmanager
    def partial(self, person: Somebody) -> Iterator[None]:
        """One course's roster is out of order."""
        path = self.platform.dialect.roster.format(self.ways_in(person)[0])
        self.platform.fault[path] = lambda: Reply(503, CIMultiDict(), b"")
        try:
            yield
        finally:
            del self.platform.fault[path]

    def fault(self, kind: str) -> contextlib.AbstractContextManager[None]:
        return self.relay.fault(kind)


def _roles(campus: Campus, course: str) -> dict[str, Any]:
    return {p.login: p.roles[course] for p in campus.people.values() if course in p.roles}


Forgery = Callable[[LtiSubject, Somebody, Posted], Posted]


def _saying(**claims: Any) -> Forgery:
    return lambda subject, person, posted: replace(
        posted, id_token=subject.token(person, posted, **claims)
    )


def _signed(subject: LtiSubject, person: Somebody, posted: Posted, key: Any) -> Posted:
    issuer = subject.platform.issuer
    claims = subject.platform.claims(person.login, "ml", nonce=posted.nonce)
    return replace(posted, id_token=forge(issuer.header(), issuer.claims(**claims), key))


FORGERIES: Final[Mapping[str, Forgery]] = {
    "no token": lambda subject, person, posted: replace(posted, id_token=""),
    "no signature": lambda subject, person, posted: _signed(subject, person, posted, None),
    "another's signature": lambda subject, person, posted: _signed(
        subject, person, posted, private_key("RSA", 77)
    ),
    "another launch's nonce": lambda subject, person, posted: replace(posted, nonce="z" * 22),
    "another tool's token": _saying(aud="another-tool"),
    "another platform's token": _saying(iss="https://lms.elsewhere.example"),
    "yesterday's token": _saying(iat=1, exp=2),
    "another deployment": _saying(
        **{"https://purl.imsglobal.org/spec/lti/claim/deployment_id": "77"}
    ),
    "a platform that is not known": lambda subject, person, posted: replace(
        posted, request=replace(posted.request, issuer="https://lms.elsewhere.example")
    ),
}


@contextlib.asynccontextmanager
async def _opened(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
    campus: Campus = want.getfixturevalue("fjord")
    tls = Certificates()
    ca = tls.write_ca(want.getfixturevalue("tmp_path"))
    async with PlatformServer(CANVAS) as server:
        platform = server.platform
        relay = Relay("127.0.0.1", urlsplit(platform.url).port or 0, tls=tls)
        server.register(_HUB, "src", custom={"login": "$Canvas.user.loginId"})
        platform.url = platform.issuer.issuer = f"https://127.0.0.1:{relay.port}"
        async with closing(LtiSubject(campus, platform, relay, ca), relay) as subject:
            yield subject


KINDS: Final[Mapping[str, Kind]] = {
    "LTI 1.3": Kind(
        _opened,
        "FAKE platform",
        forgeries=tuple(FORGERIES),
        faults=FAULTS,
        partial=True,
    ),
}
