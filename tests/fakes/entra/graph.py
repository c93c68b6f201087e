"""Graph v1.0, as far as a hub reads it, behind its published throttling."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from .authority import Authority, Grant
from .changes import Changes
from .directory import SchoolClass, Tenant, User
from .http import Reply, Request
from .throttle import EDUCATION, IDENTITY_S, Bucket, cost_of

_READS_PEOPLE = {"User.Read.All", "Directory.Read.All"}
_READS_GROUPS = {*_READS_PEOPLE, "GroupMember.Read.All", "Group.Read.All"}
_READS_CLASSES = {"EduRoster.Read.All", "EduRoster.ReadWrite.All"}
_READS_CHANGES = {
    "/groups/delta": {"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"},
    "/users/delta": _READS_PEOPLE,
}
_CAST = "/microsoft.graph.group"


class Problem(Exception):
    """An answer in the shape of Graph's errors."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Graph:
    """Answers for people and for the app, by what each was allowed.

    Attributes:
        page: most entries of a page, whatever was asked for (Graph may give fewer, too).
        retry_after: whether a 429 says when to come back.
        calls, refused: how many questions came, and how many of them were too many (429).
    """

    def __init__(
        self, authority: Authority, now: Callable[[], float], units: int = IDENTITY_S
    ) -> None:
        self.origin = authority.graph_origin
        self._authority = authority
        self.identity, self.education = Bucket(units, now), Bucket(EDUCATION, now)
        self.changes = Changes(lambda: self.origin)
        self.page = 999
        self.retry_after = True
        self.calls = self.refused = 0

    def answer(self, request: Request) -> Reply:
        self.calls += 1
        path = request.path.removeprefix("/v1.0")
        try:
            grant = self._authority.grant_behind(request.bearer)
            if grant is None:
                raise Problem(401, "InvalidAuthenticationToken", "Access token has expired.")
            spent = self._throttled(request, path)
            if isinstance(spent, Reply):
                return spent
            return Reply.of(200, self._content(request, path, grant), spent)
        except Problem as problem:
            request_id = str(uuid.uuid4())
            inner = {"request-id": request_id, "client-request-id": request_id}
            error = {"code": problem.code, "message": problem.message, "innerError": inner}
            return Reply.of(problem.status, {"error": error})

    def _throttled(self, request: Request, path: str) -> Reply | dict[str, str]:
        school = path.startswith("/education/")
        bucket = self.education if school else self.identity
        cost = 1 if school else cost_of(path, request.query)
        wait = bucket.take(cost)
        if not wait:
            near = (
                {"x-ms-throttle-limit-percentage": f"{bucket.used:.2f}"}
                if bucket.used > 0.8
                else {}
            )
            return {"x-ms-resource-unit": str(cost), **near}
        self.refused += 1
        headers = {
            "x-ms-throttle-scope": f"Tenant_Application/ReadWrite/{self._authority.app.id}/tenant",
            "x-ms-throttle-information": "ResourceUnitLimitExceeded",
        }
        if self.retry_after:
            headers["Retry-After"] = str(int(wait) + 1)
        error = {"code": "TooManyRequests", "message": "Too many requests."}
        return Reply.of(429, {"error": error}, headers)

    def _content(self, request: Request, path: str, grant: Grant) -> dict[str, Any]:
        tenant = grant.tenant
        if path in _READS_CHANGES:
            _require(grant, app=_READS_CHANGES[path])
            page = self.changes.answer(request, path, tenant)
            if page is None:
                raise Problem(410, "syncStateNotFound", "The sync state generation is not found.")
            return page
        if path == "/education/classes":
            _require(grant, app=_READS_CLASSES)
            return self._listed(request, map(_class, tenant.classes.values()))
        if found := re.fullmatch(r"/education/classes/([^/]+)/(members|teachers)", path):
            _require(grant, app=_READS_CLASSES)
            return self._listed(request, _people_of(tenant, found[1], found[2]))
        if found := re.fullmatch(r"/education/(me|users/[^/]+)/(classes|taughtClasses)", path):
            user = _subject(grant, found[1], {"EduRoster.ReadBasic"}, _READS_CLASSES)
            return self._listed(request, map(_class, _classes_of(tenant, user, found[2])))
        if found := re.fullmatch(rf"/(me|users/[^/]+)/transitiveMemberOf({_CAST})?", path):
            user = _subject(grant, found[1], {"User.Read"}, _READS_GROUPS)
            return self._memberships(request, tenant, user, cast=bool(found[2]))
        if path == "/users":
            _require(grant, app=_READS_PEOPLE)
            return self._listed(request, map(_user, tenant.users.values()))
        if found := re.fullmatch(r"/(me|users/[^/]+)", path):
            user = _subject(grant, found[1], {"User.Read"}, _READS_PEOPLE)
            return _selected(request, _user(user))
        if found := re.fullmatch(r"/applications\(appId='([^']+)'\)", path):
            _require(grant, app={"Application.Read.All"})
            return _selected(request, self._registration())
        raise Problem(400, "BadRequest", f"Resource not found for the segment '{path}'.")

    def _memberships(
        self, request: Request, tenant: Tenant, user: User, *, cast: bool
    ) -> dict[str, Any]:
        eventual = request.headers.get("consistencylevel") == "eventual"
        if cast and not (eventual and request.query.get("$count") == "true"):
            raise Problem(
                400, "Request_UnsupportedQuery", "The cast needs $count and ConsistencyLevel."
            )
        groups = (tenant.groups[id] for id in sorted(tenant.groups_of(user)))
        rows = ({"id": group.id, "displayName": group.name} for group in groups)
        return self._listed(request, rows)

    def _listed(self, request: Request, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """One page; the next one's address holds everything that was asked."""
        found = [_selected(request, row) for row in rows]
        asked, start = request.query.get("$top", "100"), request.query.get("$skiptoken", "0")
        if not asked.isdigit() or not 1 <= int(asked) <= 999:
            raise Problem(400, "Request_BadRequest", "Invalid page size specified.")
        first, size = int(start), min(int(asked), self.page)
        content: dict[str, Any] = {"@odata.context": f"{self.origin}/v1.0/$metadata"}
        if request.query.get("$count") == "true" and first == 0:
            content["@odata.count"] = len(found)
        if first + size < len(found):
            query = urlencode({**request.query, "$skiptoken": str(first + size)})
            content["@odata.nextLink"] = f"{self.origin}{request.path}?{query}"
        content["value"] = found[first : first + size]
        return content

    def _registration(self) -> dict[str, Any]:
        app = self._authority.app
        return {
            "appId": app.id,
            "groupMembershipClaims": app.group_claims,
            "passwordCredentials": [
                {"endDateTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"} for ends in app.secrets.values()
            ],
            "web": {"redirectUris": sorted(app.redirect_uris)},
        }


def _require(grant: Grant, app: set[str]) -> None:
    if grant.user is not None or not grant.scopes & app:
        message = "Insufficient privileges to complete the operation."
        raise Problem(403, "Authorization_RequestDenied", message)


def _subject(grant: Grant, who: str, delegated: set[str], app: set[str]) -> User:
    """The person that is asked about, if the asker may."""
    if who == "me":
        if grant.user is None:
            raise Problem(
                400, "BadRequest", "/me request is only valid with delegated authentication flow."
            )
        if not grant.scopes & delegated:
            message = "Insufficient privileges to complete the operation."
            raise Problem(403, "Authorization_RequestDenied", message)
        return grant.user
    id = who.removeprefix("users/")
    if grant.user is not None and grant.user.id == id and grant.scopes & delegated:
        return grant.user
    _require(grant, app)
    user = grant.tenant.users.get(id)
    if user is None:
        raise Problem(404, "Request_ResourceNotFound", f"Resource '{id}' does not exist.")
    return user


def _people_of(tenant: Tenant, id: str, which: str) -> Iterable[Mapping[str, Any]]:
    found = tenant.classes.get(id)
    if found is None:
        raise Problem(404, "Request_ResourceNotFound", f"Resource '{id}' does not exist.")
    members = found.members if which == "members" else found.teachers
    return [_user(tenant.users[member]) for member in sorted(members)]


def _classes_of(tenant: Tenant, user: User, which: str) -> list[SchoolClass]:
    return [
        found
        for found in tenant.classes.values()
        if user.id in (found.members if which == "classes" else found.teachers)
    ]


def _class(found: SchoolClass) -> dict[str, Any]:
    return {
        "id": found.id,
        "displayName": found.name,
        "classCode": found.code or None,
        "externalId": found.external_id or None,
        "externalSource": "sis" if found.external_id else "manual",
    }


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "displayName": user.name,
        "userPrincipalName": user.upn,
        "accountEnabled": user.enabled,
        "userType": "Guest" if user.is_guest else "Member",
    }


def _selected(request: Request, row: Mapping[str, Any]) -> dict[str, Any]:
    wanted = request.query.get("$select")
    return {key: value for key, value in row.items() if not wanted or key in wanted.split(",")}
