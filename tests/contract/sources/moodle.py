"""Moodle as a subject: the fake on loopback, behind a relay that speaks TLS."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Redirect, Unavailable
from tests.contract.sources.entra import FORGED, SPENT, forge_grant
from tests.contract.sources.subject import Kind, NotLetIn, Subject, changed, closing, entry
from tests.directories.campus import COURSES, Campus, Somebody
from tests.fakes.moodle import Course, Enrolment, FakeMoodle, Site, User
from tests.fakes.moodle.browser import Browser
from tests.fakes.moodle.site import SEPARATE_GROUPS, SERVICE
from tests.relay import FAULTS, Certificates, Relay

_CALLBACK = "https://hub.campus.example/hub/edu/login/src/callback"
_ROLES: Final = {"student": "student", "assistant": "teacher", "teacher": "editingteacher"}
"""Moodle's short names for what somebody is."""


def _site(campus: Campus) -> Site:
    site = Site(client_secret="canary-client-secret-of-moodle", redirect_uris=[_CALLBACK])
    site.token = "canary0token0of0moodles0services"
    site.users[SERVICE] = User(SERVICE, "wshub", "Web", "Service")
    for id, course in enumerate(COURSES, start=2):
        site.courses[id] = Course(id, course, course.capitalize(), groupmode=SEPARATE_GROUPS)
    for id, person in enumerate(campus.people.values(), start=100):
        site.users[id] = User(id, person.login, person.given, person.family, person.password)
        for course, role in person.roles.items():
            site.enrolments[_id(course), id] = Enrolment([_ROLES[role]])
    return site


def _id(course: str) -> int:
    return COURSES.index(course) + 2


class MoodleSubject(Subject[CodeGrant]):
    """A Moodle with everybody of the campus in their courses."""

    source_type = "moodle"

    def __init__(self, campus: Campus, moodle: FakeMoodle, relay: Relay, ca: str) -> None:
        self.moodle, self.site, self.relay, self._ca = moodle, moodle.site, relay, ca
        super().__init__(campus)

    def keys(self) -> dict[str, Any]:
        return {
            "url": self.site.wwwroot,
            "client_id": self.site.client_id,
            "client_secret": self.site.client_secret,
            "token": self.site.token,
            "canary": _id("ml"),
            "ca": self._ca,
            "timeout": "2.5s",
        }

    @property
    def course_fields(self) -> Sequence[str]:
        return ("shortname",)

    async def fetch(self, person: Somebody, way: str = "", typed: str | None = None) -> CodeGrant:
        redirect = await self.source.redirect()
        assert isinstance(redirect, Redirect)
        query = {
            "client_id": redirect.client_id,
            "response_type": "code",
            "scope": " ".join(redirect.scope),
            "redirect_uri": _CALLBACK,
            "state": "c3RhdGU",
        }
        # A browser is beside the line that breaks.
        async with Browser(self.moodle.url) as browser:
            with changed(self.site, "wwwroot", self.moodle.url):
                came = await browser.log_in(query, typed or person.login, person.password)
        code = parse_qs(urlsplit(came).query).get("code")
        if code is None:
            raise NotLetIn(came)
        return CodeGrant(code[0], _CALLBACK)

    async def present(
        self, ticket: CodeGrant, source: Any = None
    ) -> Login | Gone | Denied | Unavailable:
        answer: Login | Gone | Denied | Unavailable = await (source or self.source).redeem(ticket)
        return answer

    async def forge(self, how: str, person: Somebody) -> Login | Gone | Denied | Unavailable:
        return await forge_grant(self, how, person)

    # -- the world ---------------------------------------------------------------------------------------------

    def _user(self, person: Somebody) -> User:
        found = self.site.by_username(person.login)
        assert found is not None
        return found

    def without(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        return entry(self.site.enrolments, (_id(course), self._user(person).id))

    def with_(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        return entry(self.site.enrolments, (_id(course), self._user(person).id), Enrolment())

    def disabled(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return changed(self._user(person), "suspended", True)

    def deleted(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return changed(self._user(person), "deleted", True)

    def renamed(self, person: Somebody, new: str) -> contextlib.AbstractContextManager[None]:
        return changed(self._user(person), "username", new)

    @contextlib.contextmanager
    def partial(self, person: Somebody) -> Iterator[None]:
        """A login alone, which says nothing of courses."""
        with changed(self.site, "webservices", False):
            yield

    def fault(self, kind: str) -> contextlib.AbstractContextManager[None]:
        return self.relay.fault(kind)


@contextlib.asynccontextmanager
async def _opened(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
    campus: Campus = want.getfixturevalue("fjord")
    tls = Certificates()
    ca = tls.write_ca(want.getfixturevalue("tmp_path"))
    with FakeMoodle(_site(campus)) as moodle:
        relay = Relay("127.0.0.1", moodle.port, tls=tls)
        moodle.site.wwwroot = f"https://127.0.0.1:{relay.port}"
        async with closing(MoodleSubject(campus, moodle, relay, ca), relay) as subject:
            yield subject


KINDS: Final[Mapping[str, Kind]] = {
    "Moodle": Kind(
        _opened,
        "FAKE Moodle",
        forgeries=(SPENT, *list(FORGED)[:4]),
        faults=FAULTS,
        finds=True,
        partial=True,
        spellings={"in capitals": str.upper, "with blanks around it": lambda login: f" {login} "},
    ),
}
