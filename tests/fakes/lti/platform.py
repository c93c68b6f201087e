"""The platform without a socket: requests in, answers out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from multidict import CIMultiDict

from jupyterhub_edu.identity.web import NoAnswer, Reply, Web
from jupyterhub_edu.ports import utc_now
from tests.fakes.tokens import AnIssuer

from .school import Account, Course, Kind, launch_roles, roster_roles, some_accounts, some_courses

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
NRPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
_MOODLES_WORDS = b'{\n  "error" : ""kid" invalid, unable to lookup correct key"\n}\n'
"""What Moodle 4 and 5 answer to a key that is not in the tool's keyset: no JSON."""
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Dialect:
    """What differs between makers.

    Attributes:
        lives: seconds that an ID token is good for.
        page: members on one page of a roster; 0 for all.
    """

    kind: Kind
    authorize: str
    keys: str
    token: str
    roster: str
    lives: int
    page: int


MOODLE = Dialect(
    "moodle",
    "/mod/lti/auth.php",
    "/mod/lti/certs.php",
    "/mod/lti/token.php",
    "/mod/lti/services.php/CourseSection/{}/bindings/1/memberships",
    lives=60,
    page=0,
)
CANVAS = Dialect(
    "canvas",
    "/api/lti/authorize_redirect",
    "/api/lti/security/jwks",
    "/login/oauth2/token",
    "/api/lti/courses/{}/names_and_roles",
    lives=3600,
    page=50,
)


@dataclass
class Registration:
    """One tool as the platform's administrator has registered it.

    Attributes:
        keyset: fetches the tool's public keys.
        shares_names: whether people's names and logins are sent.
        custom: parameters, variables in them not yet filled in.
    """

    client_id: str = "hub-at-school"
    deployments: tuple[str, ...] = ("1",)
    login_url: str = "https://hub.school.example/hub/edu/lti/lms/login"
    redirect_uris: tuple[str, ...] = ("https://hub.school.example/hub/edu/lti/lms/launch",)
    target: str = "https://hub.school.example/hub/edu/lti/lms/launch"
    keyset: Callable[[], Awaitable[Mapping[str, Any]]] | None = None
    rosters: bool = True
    shares_names: bool = True
    custom: dict[str, str] = field(default_factory=dict)


class FakePlatform:
    """A platform with one tool.

    Attributes:
        page: members on one page of a roster, in the place of the dialect's.
        fault: what ``answer`` does in the place of answering, by path; for tests.
    """

    def __init__(
        self,
        dialect: Dialect = MOODLE,
        *,
        url: str = "https://lms.school.example",
        clock: Callable[[], datetime] = utc_now,
        registration: Registration | None = None,
    ) -> None:
        self.dialect, self.url, self.clock = dialect, url, clock
        self.tool = registration or Registration()
        self.accounts, self.courses = some_accounts(), some_courses()
        self.issuer = AnIssuer(clock, issuer=url, audience=self.tool.client_id)
        self.page = dialect.page
        self.fault: dict[str, Callable[[], Reply]] = {}
        self.asked: list[str] = []
        self._hints: dict[str, tuple[str, str, str]] = {}
        self._tokens: set[str] = set()

    def settings(self, **changed: Any) -> dict[str, Any]:
        """This platform as an entry of ``platforms`` in the campus file."""
        d = self.dialect
        return {
            "kind": d.kind,
            "url": self.url,
            "issuer": self.issuer.issuer,
            "client_id": self.tool.client_id,
            "deployments": list(self.tool.deployments),
            "authorize": self.url + d.authorize,
            "keys": self.url + d.keys,
            "token": self.url + d.token,
            **changed,
        }

    # -- launches ----------------------------------------------------------------------------------------------

    def initiation(self, username: str, course: str = "2", target: str = "") -> dict[str, str]:
        """The fields with which a course page sends a browser to the tool."""
        hint = json.dumps({"launchid": secrets.token_hex(4)})
        target = target or self.tool.target
        self._hints[hint] = (username, course, target)
        return {
            "iss": self.issuer.issuer,
            "login_hint": self.accounts[username].id,
            "target_link_uri": target,
            "lti_message_hint": hint,
            "client_id": self.tool.client_id,
            "lti_deployment_id": self.tool.deployments[0],
        }

    def respond(self, query: Mapping[str, str], logged_in: str | None = None) -> dict[str, str]:
        """The form that the platform posts back for an authentication request.

        Args:
            logged_in: who has a session in the browser; None: whoever the hint says.
        """
        username, course, target = self._hints.get(query.get("lti_message_hint", ""), ("", "", ""))
        state = query.get("state", "")
        wrong = {
            "invalid_request": query.get("response_type") != "id_token"
            or query.get("response_mode") != "form_post"
            or query.get("scope") != "openid"
            or not query.get("nonce"),
            "unauthorized_client": query.get("client_id") != self.tool.client_id,
            "login_required": not username
            or query.get("login_hint") != self.accounts[username].id
            or logged_in not in {None, username},
        }
        for error, is_so in wrong.items():
            if is_so:
                return {"error": error, "error_description": "no launch", "state": state}
        claims = self.claims(username, course, target, nonce=query["nonce"])
        return {"id_token": self.issuer.token(**claims), "state": state}

    def claims(
        self, username: str, course: str | None = "2", target: str = "", **more: Any
    ) -> dict[str, Any]:
        """What a launch says; ``None`` leaves a claim out."""
        who = self.accounts[username]
        where = self.courses[course] if course else None
        now = int(self.clock().timestamp())
        said: dict[str, Any] = {
            "sub": who.id,
            "exp": now + self.dialect.lives,
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}deployment_id": self.tool.deployments[0],
            f"{CLAIM}target_link_uri": target or self.tool.target,
            f"{CLAIM}resource_link": {"id": "1", "title": "Open in JupyterHub"},
            f"{CLAIM}roles": launch_roles(self.dialect.kind, who, where, self.courses)
            if where
            else [],
            f"{CLAIM}custom": self._custom(who, where),
            f"{CLAIM}lis": {
                "person_sourcedid": who.sourcedid,
                "course_section_sourcedid": where.sourcedid if where else "",
            },
        }
        if where:
            context = {"id": where.id, "label": where.label, "title": where.title}
            said[f"{CLAIM}context"] = {**context, "type": ["CourseSection"]}
            if self.tool.rosters:
                url = self.url + self.dialect.roster.format(where.id)
                said[NRPS] = {"context_memberships_url": url, "service_versions": ["2.0"]}
        if self.tool.shares_names:
            said |= {"name": who.name, "email": who.email}
            if self.dialect.kind == "moodle":
                said[f"{CLAIM}ext"] = {"user_username": who.username, "lms": "moodle-2"}
        return said | more

    # -- requests ----------------------------------------------------------------------------------------------

    async def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        form: Mapping[str, str],
    ) -> Reply:
        """Answer one request; browsers' pages are the server's."""
        self.asked.append(path)
        if path in self.fault:
            return self.fault[path]()
        d = self.dialect
        if path == d.keys:
            return self._reply(self.issuer.jwks())
        if path == d.token and method == "POST":
            return await self._access(form)
        if path == d.authorize:
            return self._reply({"error": "invalid_request"}, 400)
        if path == "/mod/lti/openid-configuration.php" and d.kind == "moodle":
            return self._reply({"issuer": self.issuer.issuer})
        for course in self.courses.values():
            if path == d.roster.format(course.id) and self.tool.rosters:
                return self._roster(course, query, headers)
        return self._reply({"errors": "not found"}, 404)

    async def _access(self, form: Mapping[str, str]) -> Reply:
        """An access token for an assertion that the tool's key has signed."""
        kind = "text/html; charset=UTF-8" if self.dialect.kind == "moodle" else "application/json"
        if form.get("grant_type") != "client_credentials":
            return self._reply({"error": "unsupported_grant_type"}, 400, kind)
        token = form.get("client_assertion", "")
        if self.dialect.kind == "moodle" and not self._is_ours(token):
            return self._reply({"error": "invalid_client"}, 400, kind)
        try:
            keys = await self.tool.keyset() if self.tool.keyset else {"keys": []}
        except OSError:  # nothing is read, which Moodle takes for a set of keys
            return Reply(500, CIMultiDict({"Content-Type": "text/html"}), b"")
        try:
            if form.get("client_assertion_type") != _ASSERTION:
                raise jwt.InvalidTokenError
            key = jwt.PyJWKSet.from_dict(dict(keys))[jwt.get_unverified_header(token)["kid"]]
            # Moodle does not look at the audience.
            looks: Any = {
                "verify_aud": self.dialect.kind != "moodle",
                "require": ["iss", "sub", "aud", "iat", "exp", "jti"],
                **dict.fromkeys(("verify_exp", "verify_iat"), False),
            }
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=self.url + self.dialect.token,
                options=looks,
            )
        except (jwt.PyJWTError, KeyError):
            if self.dialect.kind == "moodle":
                return Reply(400, CIMultiDict({"Content-Type": kind}), _MOODLES_WORDS)
            return self._reply({"error": "invalid_client"}, 400, kind)
        fresh = claims["iat"] - 60 <= self.clock().timestamp() < claims["exp"]
        if not fresh or {claims["iss"], claims["sub"]} != {self.tool.client_id}:
            return self._reply({"error": "invalid_client"}, 400, kind)
        if form.get("scope") != NRPS_SCOPE or not self.tool.rosters:
            return self._reply({"error": "invalid_scope"}, 400, kind)
        token = secrets.token_hex(16)
        self._tokens.add(token)
        given = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        return self._reply({**given, "scope": NRPS_SCOPE}, 200, kind)

    def _is_ours(self, assertion: str) -> bool:
        try:
            said = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.PyJWTError:
            return False
        return bool(said.get("sub") == self.tool.client_id)

    def forget_tokens(self) -> None:
        """No access token is good any more."""
        self._tokens.clear()

    def _roster(
        self, course: Course, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Reply:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self._tokens:
            return self._reply({"errors": "unauthorized"}, 401)
        url = self.url + self.dialect.roster.format(course.id)
        members = list(self._members(course))
        first, size = int(query.get("from", 0)), int(query.get("limit", self.page))
        shown = members[first : first + size] if size else members
        more: dict[str, str] = {}
        if size and first + size < len(members):
            following = urlencode({"limit": size, "from": first + size})
            more["Link"] = (
                f'<{url}?limit={size}&from=0>; rel="first", <{url}?{following}>; rel="next"'
            )
        context = {"id": course.id, "label": course.label, "title": course.title}
        kind = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json; charset=utf-8"
        return self._reply({"id": url, "context": context, "members": shown}, 200, kind, **more)

    def _members(self, course: Course) -> Sequence[dict[str, Any]]:
        rows = []
        for username, role in course.roles.items():
            who, out = self.accounts[username], username in course.suspended
            if out and self.dialect.kind == "moodle":
                continue  # Moodle leaves a suspended enrolment out, and calls a suspended account active
            row: dict[str, Any] = {
                "status": "Inactive" if out else "Active",
                "roles": roster_roles(self.dialect.kind, role),
                "user_id": who.id,
                "lis_person_sourcedid": who.sourcedid,
            }
            if self.tool.shares_names:
                row |= {"name": who.name, "email": who.email}
                if self.dialect.kind == "moodle":
                    row["ext_user_username"] = who.username
            rows.append(row)
        return rows

    def _custom(self, who: Account, where: Course | None) -> dict[str, str]:
        """Parameters with their variables filled in; one that is not known stays as it is."""
        known = {
            "$User.username": who.username,
            "$User.id": who.id,
            "$Canvas.user.loginId": who.username,
            "$Person.sourcedId": who.sourcedid,
            "$CourseSection.label": where.label if where else "",
        }
        return {key: known.get(value, value) for key, value in self.tool.custom.items()}

    @staticmethod
    def _reply(body: Any, status: int = 200, kind: str = "application/json", **more: str) -> Reply:
        headers = CIMultiDict({"Content-Type": kind, **more})
        return Reply(status, headers, json.dumps(body).encode())


class PlatformWeb(Web):
    """``Web`` to platforms that live in this process."""

    def __init__(self, *platforms: FakePlatform) -> None:
        super().__init__()
        self.platforms = platforms
        self.down = False
        self.closed = False

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        return await self._to("GET", url, params or {}, headers or {}, {})

    async def post(
        self,
        url: str,
        data: Mapping[str, str] | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        assert isinstance(data, Mapping)
        return await self._to("POST", url, {}, headers or {}, data)

    async def close(self) -> None:
        self.closed = True

    async def _to(
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        form: Mapping[str, str],
    ) -> Reply:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        here = [one for one in self.platforms if one.url == origin]
        if self.down or self.closed or not here:
            raise NoAnswer(f"{url} cannot be reached: Connection refused")
        query = {**dict(parse_qsl(parts.query)), **params}
        low = {name.lower(): value for name, value in headers.items()}
        reply = await here[0].answer(method, parts.path, query, low, form)
        if reply.status >= 500:
            raise NoAnswer(f"{url} answers {reply.status}", reply.status)
        return Reply(reply.status, reply.headers, reply.body, url)
