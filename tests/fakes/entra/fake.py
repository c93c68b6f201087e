"""Authority and Graph together, and a stand-in for the web between them and a source."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from multidict import CIMultiDict

from jupyterhub_edu.identity.web import NoAnswer, Web
from jupyterhub_edu.identity.web import Reply as WebReply
from jupyterhub_edu.ports import CodeGrant
from jupyterhub_edu.ports.sources import Redirect

from .authority import Authority
from .directory import Application, Tenant, User, guid
from .graph import Graph
from .http import Reply, Request
from .throttle import IDENTITY_S

CALLBACK = "https://hub.example/hub/edu/login/entra/callback"
SECRET = "canary-client-secret-of-the-fake"


@dataclass
class Clock:
    """Time that goes on by itself from a fixed offset, and can be moved."""

    offset: timedelta = timedelta()
    started: float = field(default_factory=time.monotonic)
    frozen: datetime | None = None

    def __call__(self) -> datetime:
        return (self.frozen or datetime.now(UTC)) + self.offset

    def seconds(self) -> float:
        return self().timestamp()

    def forward(self, **span: float) -> None:
        self.offset += timedelta(**span)


class FakeEntra:
    """One tenant with an app and people, a second tenant, and Graph for both."""

    def __init__(self, *, units: int = IDENTITY_S, frozen: datetime | None = None) -> None:
        self.clock = Clock(frozen=frozen)
        self.tenant, self.other = Tenant("fjord"), Tenant("elsewhere")
        self.app = Application(
            guid("app", "hub"), {SECRET: self.clock() + timedelta(days=180)}, {CALLBACK}
        )
        self.authority = Authority([self.tenant, self.other], self.app, self.clock)
        self.graph = Graph(self.authority, self.clock.seconds, units)
        self.services: dict[str, Authority | Graph] = {
            "authority": self.authority,
            "graph": self.graph,
        }
        self.silent: set[str] = set()
        self.meddle: Callable[[str, Request], Reply | None] = lambda service, request: None
        self.requests: list[str] = []
        self.tenant.add_user("ann", "Ann Berg", groups=["ml-students"])
        self.tenant.add_user("ola", "Ola Nordmann", groups=["ml-staff"], roles=["Teacher"])
        self.tenant.add_user("gjest", "Gro Gjest", groups=["ml-students"], home="home.example")
        self.other.add_user("eve", "Eve", roles=["Teacher"])

    @property
    def bend(self) -> Callable[[dict[str, Any]], dict[str, Any] | str]:
        return self.authority.bend

    @bend.setter
    def bend(self, how: Callable[[dict[str, Any]], dict[str, Any] | str]) -> None:
        self.authority.bend = how

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The keys of a source that asks this fake."""
        keys = {
            "tenant": self.tenant.id,
            "client_id": self.app.id,
            "client_secret": SECRET,
            "authority": self.authority.origin,
            "graph": self.authority.graph_origin,
        }
        return {key: value for key, value in (keys | changes).items() if value is not None}

    def person(self, login: str) -> User:
        found = self.tenant.find(login) or self.other.find(login)
        assert found is not None, login
        return found

    def group_id(self, name: str) -> str:
        return self.tenant.add_group(name).id

    def rotate(self) -> None:
        self.authority.rotate()

    def disable(self, user: User) -> None:
        user.enabled = False

    def revoke(self, user: User) -> None:
        """End all sessions of somebody: refresh tokens from before are void."""
        user.revoked_at = self.clock()

    def put_into_groups(self, user: User, count: int) -> frozenset[str]:
        """Put somebody into so many groups more; returns the ids of all that the person is in."""
        user.groups |= {self.tenant.add_group(f"filler {n}").id for n in range(count)}
        return frozenset(self.tenant.groups_of(user))

    def answer(self, service: str, request: Request) -> Reply | None:
        """What a service (``authority`` or ``graph``) answers; None while it is silent."""
        self.requests.append(f"{service} {request.method} {request.path}")
        if service in self.silent:
            return None
        if (meddled := self.meddle(service, request)) is not None:
            return meddled
        reply = self.services[service].answer(request)
        return replace(
            reply, headers={"Date": format_datetime(self.clock(), True), **reply.headers}
        )

    def count(self, service: str) -> int:
        """How many requests a service got."""
        return sum(request.startswith(service) for request in self.requests)

    def browse(
        self, redirect: Redirect, who: str, callback: str = CALLBACK, nonce: str = ""
    ) -> CodeGrant:
        """What a browser brings back when this person logs in.

        Raises:
            AssertionError: Entra does not send the browser back with a code; the text says what it answers.
        """
        verifier, nonce = secrets.token_urlsafe(48), nonce or secrets.token_urlsafe(16)
        url = address(redirect, callback, verifier, nonce, login_hint=who)
        reply = self.answer("authority", Request.of("GET", url))
        assert reply is not None, "silent"
        assert reply.status == 302, reply.body
        return grant_of(reply.headers["Location"], callback, verifier, nonce)


def address(redirect: Redirect, callback: str, verifier: str, nonce: str, **more: str) -> str:
    """Where a hub would send the browser."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = {
        "response_type": "code",
        "client_id": redirect.client_id,
        "redirect_uri": callback,
        "scope": " ".join(redirect.scope),
        "state": "a-state",
        "nonce": nonce,
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
        **redirect.extra,
        **more,
    }
    return f"{redirect.authorize_url}?{urlencode(query)}"


def grant_of(location: str, callback: str, verifier: str, nonce: str) -> CodeGrant:
    """What stands in the address that the browser was sent back to."""
    brought = dict(parse_qsl(urlsplit(location).query))
    assert "code" in brought, brought
    return CodeGrant(brought["code"], callback, verifier, nonce, brought.get("iss", ""))


class FakeWeb(Web):
    """``identity.web.Web`` whose servers are a FakeEntra; nothing else can be reached."""

    def __init__(self, fake: FakeEntra) -> None:
        super().__init__()
        self.fake, self.closed = fake, False

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> WebReply:
        return self._ask(Request.of("GET", url, params=params, headers=headers))

    async def post(
        self,
        url: str,
        data: Mapping[str, str] | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        deadline: float | None = None,
    ) -> WebReply:
        form = data if isinstance(data, Mapping) else {}
        return self._ask(Request.of("POST", url, headers=headers, form=form))

    async def close(self) -> None:
        self.closed = True

    def _ask(self, request: Request) -> WebReply:
        services = {
            self.fake.authority.origin: "authority",
            self.fake.authority.graph_origin: "graph",
        }
        if self.closed:
            raise NoAnswer("the source is closed")
        if request.origin not in services:
            raise NoAnswer(f"{request.origin} cannot be found: its name is not known")
        reply = self.fake.answer(services[request.origin], request)
        url = f"{request.origin}{request.path}"
        if reply is None:
            raise NoAnswer(f"{url} does not answer within 2.5 s")
        if reply.status >= 500:
            raise NoAnswer(f"{url} answers {reply.status}", reply.status)
        return WebReply(reply.status, CIMultiDict(reply.headers), reply.body, url)
