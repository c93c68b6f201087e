"""A fake identity provider, and the source type ``fake-idp`` that logs people in by it.

It copies the outline of OpenID Connect's code flow, far enough for a hub: an authorize page that asks nothing and sends
the browser back at once, codes that are good once and only with the right verifier, callback and nonce, accounts that
can be disabled, a log-out page, log-out tokens that are good once. Tokens are not signed: hostile ones are tried on the
real sources. What it shall do next is set on the object: ``who``, ``error``, ``silent``, ``disabled``.

Alone: ``python -m tests.fakes.idp``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import aiohttp
from pydantic import BaseModel

from jupyterhub_edu.domain.people import Identity, Person, person_key
from jupyterhub_edu.identity import SourceType, Surroundings
from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Redirect, Unavailable
from jupyterhub_edu.ports.sources import LoginShape

__all__ = ["TYPE", "FakeIdp", "FakeIdpSource"]


class FakeIdp:
    """Listens on loopback until it is closed.

    Attributes:
        who: subject and login name of whoever logs in next.
        error: what a browser is sent back with instead of a code, or ``""``; ``html`` escapes it as Moodle does.
        silent: it takes codes and answers half a minute later.
        waiting: how many it has not answered yet.
        disabled: subjects whose account is disabled.
        asked: parameters of the last authorize request.
        logged_out: addresses that were given to the log-out page as the way back.
    """

    def __init__(self) -> None:
        self.who = "ada"
        self.error, self.html, self.silent, self.waiting = "", False, False, 0
        self.disabled: set[str] = set()
        self.asked: dict[str, str] = {}
        self.logged_out: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        idp, self._open = self, threading.Event()

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                idp._get(self)

            def do_POST(self) -> None:
                idp._post(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening, and let who waits go."""
        self._open.set()
        self._server.shutdown()
        self._server.server_close()

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        path, asked = _parsed(request)
        if path == "/authorize":
            self.asked = asked
            _redirect(request, f"{asked['redirect_uri']}?{self._answer(asked)}")
        elif path == "/logout":
            self.logged_out.append(asked["back"])
            _redirect(request, asked["back"])
        else:
            self._say_person(request, path.removeprefix("/person/"))

    def _answer(self, asked: Mapping[str, str]) -> str:
        answer = {"state": asked["state"]}
        if self.error:
            text = urlencode({"error": self.error, "error_description": "<b>no</b>", **answer})
            return text.replace("&", "&amp;") if self.html else text
        code = secrets.token_hex(20)
        self._codes[code] = {**asked, "who": self.who}
        return urlencode({"code": code, **answer})

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        sent = dict(parse_qsl(request.rfile.read(int(request.headers["Content-Length"])).decode()))
        if self.silent:
            self.waiting += 1
            self._open.wait(30)
            self.waiting -= 1
        asked = self._codes.pop(sent.get("code", ""), None)
        if asked is None or not _fits(asked, sent):
            _say(request, {"error": "invalid_grant"}, 400)
        else:
            self._say_person(request, asked["who"])

    def _say_person(self, request: BaseHTTPRequestHandler, who: str) -> None:
        _say(request, {"sub": f"id-{who.removeprefix('id-')}", "active": who not in self.disabled})


def _fits(asked: Mapping[str, str], sent: Mapping[str, str]) -> bool:
    digest = hashlib.sha256(sent.get("verifier", "").encode()).digest()
    return (
        base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked.get("code_challenge")
        and asked["code_challenge_method"] == "S256"
        and sent.get("redirect_uri") == asked["redirect_uri"]
        and bool(sent.get("nonce"))
        and sent["nonce"] == asked["nonce"]
    )


def _parsed(request: BaseHTTPRequestHandler) -> tuple[str, dict[str, str]]:
    address = urlsplit(request.path)
    return address.path, {name: values[-1] for name, values in parse_qs(address.query).items()}


def _redirect(request: BaseHTTPRequestHandler, to: str) -> None:
    request.send_response(302)
    request.send_header("Location", to)
    request.send_header("Content-Length", "0")
    request.end_headers()


def _say(request: BaseHTTPRequestHandler, what: Any, status: int = 200) -> None:
    body = json.dumps(what).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


class FakeIdpSettings(BaseModel):
    """``url`` of the provider; ``leave``: log-out goes on to it."""

    url: str
    leave: bool = True


class FakeIdpSource:
    """Logs people in by a FakeIdp; account names are subjects without ``id-``."""

    shape: ClassVar[LoginShape] = "redirect"

    def __init__(self, id: str, settings: FakeIdpSettings, world: Surroundings) -> None:
        self.id, self._settings, self._clock = id, settings, world.clock
        self._used: set[str] = set()

    async def redirect(self) -> Redirect | Unavailable:
        return Redirect(f"{self._settings.url}/authorize", "the-hub", ("openid", "groups"))

    async def redeem(self, grant: CodeGrant) -> Login | Gone | Denied | Unavailable:
        sent = {
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
            "verifier": grant.verifier,
            "nonce": grant.nonce,
        }
        match await self._ask("POST", "/token", data=sent):
            case {"sub": subject, "active": True}:
                state = {"access_token": f"access-{subject}", "id_token": f"id-token-{subject}"}
                return Login(self._identity(subject), state)
            case {"sub": subject}:
                return Gone(self._clock(), "This account is disabled.", subject)
            case {"error": error}:
                return Denied(f"the provider said {error}")
        return Unavailable("the provider does not answer")

    async def reread(self, person: Person) -> Identity | Gone | Unavailable:
        match await self._ask("GET", f"/person/{person.login}"):
            case {"active": True}:
                return self._identity(person.subject)
            case {"active": False}:
                return Gone(self._clock(), "This account is disabled.")
        return Unavailable("the provider does not answer")

    async def logout_url(self, person: Person, back_to: str) -> str | None:
        if not self._settings.leave:
            return None
        return f"{self._settings.url}/logout?{urlencode({'back': back_to})}"

    async def logged_out(self, logout_token: str) -> str | None:
        """Tokens look like ``bye:<subject>:<jti>``."""
        match logout_token.split(":"):
            case ["bye", subject, jti] if jti not in self._used:
                self._used.add(jti)
                return person_key(self.id, subject)
        return None

    async def check(self) -> list[str]:
        return []

    async def close(self) -> None: ...

    def _identity(self, subject: str) -> Identity:
        login = subject.removeprefix("id-")
        return Identity(self.id, subject, login, login.capitalize(), self._clock(), groups=None)

    async def _ask(self, method: str, path: str, **how: Any) -> Any:
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, f"{self._settings.url}{path}", **how) as reply,
            ):
                return await reply.json()
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError):
            return None


TYPE = SourceType(FakeIdpSettings, FakeIdpSource, "Single sign-on")
"""What stands in the registry under ``fake-idp``."""


if __name__ == "__main__":
    idp = FakeIdp()
    print(idp.url, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        idp.close()
