"""Moodle's login page, and the pages and endpoints of the plugin ``local_oauth``."""

from __future__ import annotations

import base64
import html
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

from aiohttp import web

from .site import Site, User

_CODE_SECONDS: Final = 30
_TOKEN_SECONDS: Final = 3600
_COOKIE: Final = "MoodleSession"


@dataclass
class _Session:
    """A browser."""

    user: int = 0
    wants: str = ""
    login_token: str = field(default_factory=secrets.token_hex)
    sesskey: str = field(default_factory=lambda: secrets.token_hex(5))


@dataclass(frozen=True)
class _Grant:
    """What a code or a token stands for; ``redirect_uri`` as it was received, which may be not at all."""

    user: int
    client_id: str
    scope: str
    until: float
    redirect_uri: str = ""


class Pages:
    """Login and consent for browsers; tokens and people for clients."""

    def __init__(self, site: Callable[[], Site]) -> None:
        self._site = site
        self._sessions: dict[str, _Session] = {}
        self._consents: set[tuple[int, str, str]] = set()
        self._codes: dict[str, _Grant] = {}
        self._tokens: dict[str, _Grant] = {}

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/login/index.php", self._login_page)
        app.router.add_post("/login/index.php", self._log_in)
        app.router.add_get("/my/", self._home)
        app.router.add_route("*", "/local/oauth/login.php", self._authorize)
        app.router.add_post("/local/oauth/token.php", self._token)
        app.router.add_route("*", "/local/oauth/user_info.php", self._user_info)

    def give_code(self, user: int) -> str:
        """A code as login and consent give it."""
        code = secrets.token_hex(20)
        site = self._site()
        until = site.clock() + _CODE_SECONDS
        self._codes[code] = _Grant(user, site.client_id, "user_info", until)
        return code

    # -- Moodle ------------------------------------------------------------------------------------------------

    async def _login_page(self, request: web.Request) -> web.StreamResponse:
        return self._show_login(self._session(request), "")

    def _show_login(self, session: _Session, problem: str) -> web.Response:
        return self._page(
            session,
            f"""<h1>Log in to Example University</h1><p id="loginerrormessage">{html.escape(problem)}</p>
            <form id="login" method="post" action="/login/index.php">
            <input type="hidden" name="logintoken" value="{session.login_token}">
            <label for="username">Username</label> <input id="username" name="username">
            <label for="password">Password</label> <input id="password" name="password" type="password">
            <button id="loginbtn" type="submit">Log in</button></form>""",
        )

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        form, session = await request.post(), self._session(request)
        user = self._site().by_username(str(form.get("username", "")).strip().lower())
        right = (
            form.get("logintoken") == session.login_token
            and user is not None
            and not user.suspended
            and bool(user.password)
            and form.get("password") == user.password
        )
        if user is None or not right:
            return self._show_login(session, "Invalid login, please try again")
        fresh = _Session(user.id)
        key = secrets.token_hex(16)
        self._sessions[key] = fresh
        raise _cookied(web.HTTPSeeOther(session.wants or "/my/"), key)

    async def _home(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        user = self._user(session)
        return self._page(session, f"<h1>{html.escape(user.fullname if user else 'Nobody')}</h1>")

    # -- the plugin --------------------------------------------------------------------------------------------

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        query, session = request.query, self._session(request)
        user = self._user(session)
        client_id, kind = query.get("client_id"), query.get("response_type")
        if client_id is None or kind is None:
            return self._page(session, "<p>A required parameter was missing</p>", 404)
        back = _rebuilt(query)
        if user is None:
            session.wants = back
            raise _cookied(web.HTTPSeeOther("/login/index.php"), self._key_of(session))
        asked, scope = query.get("redirect_uri", ""), query.get("scope", "")
        if refusal := self._wrong_client(client_id, asked):
            return refusal
        target, state = asked or self._site().redirect_uris[0], query.get("state", "")
        if kind != "code":
            _fail(target, "unsupported_response_type", "Invalid or missing response type", state)
        if scope not in {"", "user_info"}:
            _fail(target, "invalid_scope", "An unsupported scope was requested", state)
        if (user.id, client_id, scope) not in self._consents:
            form = await request.post()
            if form.get("sesskey") != session.sesskey:
                return self._ask_consent(back, client_id, session)
            if "cancel" in form:
                said = "The user denied access to your application"
                _fail(target, "access_denied", said, state)
            self._consents.add((user.id, client_id, scope))
        code = secrets.token_hex(20)
        until = self._site().clock() + _CODE_SECONDS
        self._codes[code] = _Grant(user.id, client_id, scope, until, asked)
        raise web.HTTPFound(f"{target}?code={code}" + (f"&state={state}" if state else ""))

    def _wrong_client(self, client_id: str, redirect_uri: str) -> web.Response | None:
        """What is refused on Moodle's own page; without an address, exactly one must be registered."""
        registered = self._site().redirect_uris
        if client_id != self._site().client_id:
            return _refusal("invalid_client", "The client id supplied is invalid")
        if redirect_uri and redirect_uri not in registered:
            return _mismatch()
        if not redirect_uri and len(registered) != 1:
            return _refusal("invalid_uri", "No redirect URI was supplied or stored")
        return None

    def _ask_consent(self, back: str, client_id: str, session: _Session) -> web.Response:
        return self._page(
            session,
            f"""<p>Do you want to authorize <strong>{html.escape(client_id)}</strong>?</p>
            <form method="post" action="{html.escape(back)}">
            <input type="hidden" name="sesskey" value="{session.sesskey}">
            <button id="id_submitbutton" type="submit" name="submitbutton" value="1">Yes</button>
            <button id="id_cancel" type="submit" name="cancel" value="1">No</button></form>""",
        )

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form, site = await request.post(), self._site()
        kind = str(form.get("grant_type", ""))
        if kind != "authorization_code":
            return _refusal("unsupported_grant_type", f'Grant type "{kind}" not supported')
        if _client(request, form) != (site.client_id, site.client_secret):
            return _refusal("invalid_client", "The client credentials are invalid")
        code = str(form.get("code", ""))
        grant = self._codes.get(code)
        if grant is None or grant.until < site.clock():
            said = "Authorization code doesn't exist or is invalid for the client"
            return _refusal("invalid_grant", said)
        if grant.redirect_uri and form.get("redirect_uri") != grant.redirect_uri:
            return _mismatch()
        del self._codes[code]
        token = secrets.token_hex(20)
        until = site.clock() + _TOKEN_SECONDS
        self._tokens[token] = _Grant(grant.user, grant.client_id, grant.scope, until)
        answer = {
            "access_token": token,
            "expires_in": _TOKEN_SECONDS,
            "token_type": "Bearer",
            "scope": grant.scope or "user_info",
            "refresh_token": secrets.token_hex(20),
        }
        return _cookied(web.json_response(answer), secrets.token_hex(16))

    async def _user_info(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        sent = bearer if scheme == "Bearer" else form.get("access_token")
        token = str(sent or request.query.get("access_token", ""))
        if not token:
            return web.Response(status=401)
        grant = self._tokens.get(token)
        if grant is None or grant.until < self._site().clock():
            refusal = _refusal("invalid_token", "The access token provided is invalid", 401)
            refusal.headers["WWW-Authenticate"] = 'Bearer realm="Service"'
            return refusal
        user = self._site().users.get(grant.user)
        if user is None:
            return self._page(self._session(request), "<p>Invalid user</p>", 404)
        answer = {
            "id": str(user.id),
            "auth": "manual",
            "username": user.username,
            "idnumber": user.idnumber,
            "firstname": user.firstname,
            "lastname": user.lastname,
            "email": user.email,
            "lang": "en",
            "country": "",
            "phone1": "",
            "address": "",
            "description": "",
        }
        response = web.Response(text=json.dumps(answer), content_type="text/html", charset="utf-8")
        return _cookied(response, secrets.token_hex(16))

    # -- sessions ----------------------------------------------------------------------------------------------

    def _session(self, request: web.Request) -> _Session:
        """The browser's, or a new one; asked for once in each request."""
        known = self._sessions.get(request.cookies.get(_COOKIE, ""))
        return known or self._sessions.setdefault(secrets.token_hex(16), _Session())

    def _key_of(self, session: _Session) -> str:
        return next(key for key, known in self._sessions.items() if known is session)

    def _user(self, session: _Session) -> User | None:
        return self._site().users.get(session.user)

    def _page(self, session: _Session, body: str, status: int = 200) -> web.Response:
        text = f"<!DOCTYPE html><title>Example University</title><body>{body}</body>"
        response = web.Response(text=text, status=status, content_type="text/html")
        return _cookied(response, self._key_of(session))


def _rebuilt(query: Mapping[str, str]) -> str:
    """The address to come back to: redirect_uri and PKCE are lost, and nothing is encoded."""
    kept = ((name, query.get(name)) for name in ("client_id", "response_type", "scope", "state"))
    pairs = "&".join(f"{name}={value}" for name, value in kept if value)
    return f"/local/oauth/login.php?{pairs}"


def _client(request: web.Request, form: Mapping[str, Any]) -> tuple[str, str]:
    scheme, _, packed = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        name, _, secret = base64.b64decode(packed).decode().partition(":")
        return name, secret
    return str(form.get("client_id", "")), str(form.get("client_secret", ""))


def _fail(target: str, error: str, description: str, state: str) -> None:
    """Send the browser back with an error whose separators are escaped as in HTML."""
    said = f"error={error}&amp;error_description={quote_plus(description)}"
    raise web.HTTPFound(f"{target}?{said}" + (f"&amp;state={state}" if state else ""))


def _refusal(error: str, description: str, status: int = 400) -> web.Response:
    said = {"error": error, "error_description": description}
    return web.json_response(said, status=status)


def _mismatch() -> web.Response:
    said = {
        "error": "redirect_uri_mismatch",
        "error_description": "The redirect URI is missing or do not match",
        "error_uri": "http://tools.ietf.org/html/rfc6749#section-4.1.3",
    }
    return web.json_response(said, status=400)


def _cookied(response: Any, key: str) -> Any:
    response.set_cookie(_COOKIE, key, httponly=True, path="/")
    return response
