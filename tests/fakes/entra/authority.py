"""The authority: discovery, keys, authorize, token, logout; errors in AADSTS shape."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from .directory import Application, Tenant, User, guid
from .http import Reply, Request

CODE_LIFE = timedelta(minutes=10)
ACCESS_LIFE = timedelta(minutes=75)
IDLE = timedelta(days=90)
MOST_GROUPS = 200
_SHARED = {"common", "organizations"}


class Refusal(Exception):
    """An answer with an AADSTS number."""

    def __init__(self, error: str, number: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.error, self.number, self.text, self.status = error, number, text, status


@dataclass
class Grant:
    """What stands behind a code, a refresh token or an access token."""

    user: User | None
    tenant: Tenant
    scopes: frozenset[str]
    at: datetime
    nonce: str = ""
    challenge: str = ""
    redirect_uri: str = ""


@dataclass(frozen=True)
class Key:
    kid: str
    private: rsa.RSAPrivateKey

    def public(self, issuer: str) -> dict[str, Any]:
        published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        del published["key_ops"]
        return published | {"use": "sig", "kid": self.kid, "x5t": self.kid, "issuer": issuer}


@lru_cache
def _made(number: int) -> Key:
    """Keys cost time, so tests of one run share them."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Key(guid("key", str(number))[:27], private)


class Authority:
    """Answers for the tenants that it is given; the first is the app's home."""

    def __init__(
        self, tenants: list[Tenant], app: Application, clock: Callable[[], datetime]
    ) -> None:
        self.tenants, self.app, self.clock = tenants, app, clock
        self.origin, self.graph_origin = "https://login.fake", "https://graph.fake"
        self.bend: Callable[[dict[str, Any]], dict[str, Any] | str] = dict
        self.answers_as: str | None = None
        self._number = 0
        self._codes: dict[str, Grant] = {}
        self._spent: set[str] = set()
        self._refresh: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}

    # -- for tests ----------------------------------------------------------------------------------------------

    @property
    def key(self) -> Key:
        """What signs now."""
        return _made(self._number)

    def rotate(self) -> None:
        self._number += 1

    def grant_behind(self, access_token: str) -> Grant | None:
        """Who an access token speaks for; None for one that was never given or has expired."""
        grant = self._access.get(access_token)
        expired = grant is None or self.clock() - grant.at >= ACCESS_LIFE
        return None if expired else grant

    def forget_access_tokens(self) -> None:
        self._access.clear()

    # -- HTTP ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        found = re.fullmatch(
            r"/([^/]+)/(v2\.0/\.well-known/openid-configuration|discovery/v2\.0/keys|oauth2/v2\.0/\w+)",
            request.path,
        )
        if found is None:
            return Reply(404)
        try:
            tenant = self._tenant(found[1])
            match found[2].rpartition("/")[2]:
                case "openid-configuration":
                    return Reply.of(200, self._discovery(found[1], tenant))
                case "keys":
                    issuer = f"{self.origin}/{tenant.id if tenant else '{tenantid}'}/v2.0"
                    return Reply.of(200, {"keys": [self.key.public(issuer)]})
                case "authorize":
                    return self._authorize(request, found[1], tenant)
                case "token" if request.method == "POST":
                    return self._token(request.form, found[1], tenant)
                case "logout":
                    back = request.query.get("post_logout_redirect_uri")
                    return Reply.to(back) if back else Reply(200, b"Signed out.")
        except Refusal as refusal:
            return self._refused(refusal)
        return Reply(404)

    def _tenant(self, name: str) -> Tenant | None:
        if name in _SHARED:
            return None
        for tenant in self.tenants:
            if name in {tenant.id, tenant.domain, tenant.initial_domain}:
                return tenant
        raise Refusal("invalid_tenant", 90002, f"Tenant '{name}' not found.")

    def _refused(self, refusal: Refusal) -> Reply:
        now = f"{self.clock():%Y-%m-%d %H:%M:%SZ}"
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        text = f"AADSTS{refusal.number}: {refusal.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        content = {
            "error": refusal.error,
            "error_description": text,
            "error_codes": [refusal.number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{self.origin}/error?code={refusal.number}",
        }
        return Reply.of(refusal.status, content)

    def _discovery(self, name: str, tenant: Tenant | None) -> dict[str, Any]:
        base = f"{self.origin}/{name}"
        return {
            "issuer": f"{self.origin}/{tenant.id if tenant else '{tenantid}'}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "userinfo_endpoint": f"{self.graph_origin}/oidc/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "frontchannel_logout_supported": True,
            "http_logout_supported": True,
            "tenant_region_scope": "EU",
        }

    # -- authorize ----------------------------------------------------------------------------------------------

    def _authorize(self, request: Request, name: str, tenant: Tenant | None) -> Reply:
        asked = request.query
        if asked.get("client_id") != self.app.id:
            raise _unknown_app(asked.get("client_id", ""), name)
        back = asked.get("redirect_uri", "")
        if back not in self.app.redirect_uris:
            text = f"The redirect URI '{back}' specified in the request does not match."
            raise Refusal("invalid_request", 50011, text)
        who = asked.get("login_hint") or self.answers_as
        if not who:
            return self._choice(request)
        found = self._person(who, tenant)
        if isinstance(found, Refusal):
            refused = f"AADSTS{found.number}: {found.text}"
            return _back(back, error=found.error, error_description=refused, state=asked)
        user, home = found
        code = f"0.A{secrets.token_urlsafe(48)}"
        self._codes[code] = Grant(
            user,
            home,
            frozenset(asked.get("scope", "").split()),
            self.clock(),
            asked.get("nonce", ""),
            asked.get("code_challenge", ""),
            back,
        )
        return _back(back, code=code, session_state=str(uuid.uuid4()), state=asked)

    def _person(self, who: str, tenant: Tenant | None) -> tuple[User, Tenant] | Refusal:
        for one in [tenant] if tenant else self.tenants:
            user = one.find(who)
            if user is not None:
                return self._refusal(user, one) or (user, one)
        return Refusal("access_denied", 50034, "The user account does not exist in the directory.")

    def _choice(self, request: Request) -> Reply:
        """A page to choose somebody on, for people who try the fake by hand."""
        rows = []
        for tenant in self.tenants:
            for user in tenant.users.values():
                query = urlencode({**request.query, "login_hint": user.id})
                row = f'<li><a href="?{html.escape(query)}">{html.escape(user.name)}</a></li>'
                rows.append(row)
        page = f"<!doctype html><title>Fake Entra</title><h1>Who are you?</h1><ul>{''.join(rows)}</ul>"
        return Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    # -- token --------------------------------------------------------------------------------------------------

    def _token(self, form: Mapping[str, str], name: str, tenant: Tenant | None) -> Reply:
        self._check_client(form, name)
        match form.get("grant_type"):
            case "authorization_code":
                return self._from_code(form)
            case "refresh_token":
                return self._from_refresh(form, tenant)
            case "client_credentials":
                return self._for_the_app(form, tenant)
        raise Refusal("unsupported_grant_type", 70003, "The app requested an unsupported grant.")

    def _check_client(self, form: Mapping[str, str], name: str) -> None:
        if form.get("client_id") != self.app.id:
            raise _unknown_app(form.get("client_id", ""), name)
        secret = form.get("client_secret")
        if secret is None:
            text = "The request body must contain: 'client_assertion' or 'client_secret'."
            raise Refusal("invalid_client", 7000218, text, 401)
        ends = self.app.secrets.get(secret)
        if ends is None:
            text = f"Invalid client secret provided for app '{self.app.id}'."
            raise Refusal("invalid_client", 7000215, text, 401)
        if ends <= self.clock():
            text = f"The provided client secret keys for app '{self.app.id}' are expired."
            raise Refusal("invalid_client", 7000222, text, 401)

    def _from_code(self, form: Mapping[str, str]) -> Reply:
        code = form.get("code", "")
        if code in self._spent:
            raise Refusal("invalid_grant", 54005, "The code was already redeemed.")
        grant = self._codes.pop(code, None)
        if grant is None:
            raise Refusal("invalid_grant", 9002313, "Invalid request. Request is malformed.")
        self._spent.add(code)
        if self.clock() - grant.at >= CODE_LIFE:
            raise Refusal("invalid_grant", 70008, "The provided authorization code has expired.")
        if form.get("redirect_uri") != grant.redirect_uri:
            text = "The reply address does not match the one of the authorization request."
            raise Refusal("invalid_grant", 500112, text)
        if grant.challenge and _s256(form.get("code_verifier", "")) != grant.challenge:
            text = "The Code_Verifier does not match the code_challenge."
            raise Refusal("invalid_grant", 501481, text)
        return self._tokens(grant, grant.nonce)

    def _from_refresh(self, form: Mapping[str, str], tenant: Tenant | None) -> Reply:
        grant = self._refresh.get(form.get("refresh_token", ""))
        if grant is None or grant.user is None:
            raise Refusal("invalid_grant", 9002313, "Invalid request. Request is malformed.")
        if tenant is not None and tenant is not grant.tenant:
            raise Refusal("invalid_grant", 50034, "The account does not exist in the directory.")
        if self.clock() - grant.at >= IDLE:
            text = "The refresh token has expired due to inactivity."
            raise Refusal("invalid_grant", 700082, text)
        if refusal := self._refusal(grant.user, grant.tenant):
            raise refusal
        revoked = grant.user.revoked_at
        if revoked is not None and grant.at <= revoked:
            text = "The provided grant has expired due to it being revoked."
            raise Refusal("invalid_grant", 50173, text)
        scopes = frozenset(form["scope"].split()) if "scope" in form else grant.scopes
        return self._tokens(Grant(grant.user, grant.tenant, scopes, self.clock()), "")

    def _for_the_app(self, form: Mapping[str, str], tenant: Tenant | None) -> Reply:
        if tenant is None:
            raise Refusal("invalid_request", 9001023, "Not supported over the /common endpoint.")
        scope = form.get("scope", "")
        if scope != f"{self.graph_origin}/.default":
            raise Refusal(
                "invalid_scope", 1002012, f"The provided value for scope {scope} is not valid."
            )
        grant = Grant(None, tenant, frozenset(self.app.permissions), self.clock())
        return Reply.of(200, self._access_part(grant))

    def _refusal(self, user: User, tenant: Tenant) -> Refusal | None:
        """Why a person gets no token now."""
        if user.id not in tenant.users:
            text = f"The user account does not exist in the {tenant.id} directory."
            return Refusal("invalid_grant", 50034, text)
        if not user.enabled:
            return Refusal("invalid_grant", 50057, "The user account is disabled.")
        if self.app.assignment_required and not user.assigned:
            text = f"Your administrator has configured the application '{self.app.id}' to block users."
            return Refusal("invalid_grant", 50105, text)
        return None

    def _access_part(self, grant: Grant) -> dict[str, Any]:
        token = f"fake.{secrets.token_urlsafe(32)}"
        self._access[token] = grant
        life = int(ACCESS_LIFE.total_seconds())
        return {
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": token,
        }

    def _tokens(self, grant: Grant, nonce: str) -> Reply:
        asked = {scope.removeprefix(f"{self.graph_origin}/") for scope in grant.scopes}
        allowed = asked & {*self.app.delegated, "openid", "profile", "email", "offline_access"}
        lacking = {scope for scope in asked - allowed if scope != ".default"}
        if lacking:
            text = f"The user or administrator has not consented to use the application with ID '{self.app.id}'."
            raise Refusal("invalid_grant", 65001, text)
        given = Grant(grant.user, grant.tenant, frozenset(allowed), self.clock())
        content = self._access_part(given) | {"scope": " ".join(sorted(allowed))}
        if "openid" in allowed:
            content["id_token"] = self.sign(self.claims(given, nonce))
        if "offline_access" in allowed:
            refresh = f"1.A{secrets.token_urlsafe(96)}"
            self._refresh[refresh] = given
            content["refresh_token"] = refresh
        return Reply.of(200, content)

    def sign(self, claims: dict[str, Any]) -> str:
        """An ID token as this authority signs it, bent where a test wants that."""
        bent = self.bend(claims)
        if isinstance(bent, str):
            return bent
        headers = {"kid": self.key.kid}
        return jwt.encode(bent, self.key.private, algorithm="RS256", headers=headers)

    def claims(self, grant: Grant, nonce: str) -> dict[str, Any]:
        """What an ID token of version 2.0 says about somebody."""
        user, tenant, now = grant.user, grant.tenant, int(self.clock().timestamp())
        assert user is not None
        pairwise = hashlib.sha256(f"{self.app.id}/{tenant.id}/{user.id}".encode()).digest()
        claims: dict[str, Any] = {
            "aud": self.app.id,
            "iss": f"{self.origin}/{tenant.id}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + int(ACCESS_LIFE.total_seconds()),
            "sub": base64.urlsafe_b64encode(pairwise).decode().rstrip("="),
            "tid": tenant.id,
            "uti": secrets.token_urlsafe(16),
            "rh": f"1.A{secrets.token_urlsafe(12)}",
            "ver": "2.0",
        }
        if nonce:
            claims["nonce"] = nonce
        if "profile" in grant.scopes:
            claims |= {
                "oid": user.id,
                "name": user.name,
                "preferred_username": user.preferred_username,
            }
        if user.is_guest:
            claims |= {
                "idp": f"https://sts.windows.net/{guid('tenant', user.home)}/",
                "email": user.address,
            }
        if self.app.account_claim:
            claims["acct"] = int(user.is_guest)
        if user.roles:
            claims["roles"] = list(user.roles)
        return claims | self._groups(user, tenant)

    def _groups(self, user: User, tenant: Tenant) -> dict[str, Any]:
        """The groups claim, its overage, or nothing for somebody in no group."""
        groups = sorted(tenant.groups_of(user))
        if not self.app.group_claims or not groups:
            return {}
        if len(groups) <= MOST_GROUPS:
            return {"groups": groups}
        endpoint = f"https://graph.windows.net/{tenant.id}/users/{user.id}/getMemberObjects"
        return {
            "_claim_names": {"groups": "src1"},
            "_claim_sources": {"src1": {"endpoint": endpoint}},
        }


def _unknown_app(id: str, tenant: str) -> Refusal:
    text = f"Application with identifier '{id}' was not found in the directory '{tenant}'."
    return Refusal("unauthorized_client", 700016, text)


def _back(url: str, *, state: Mapping[str, str], **query: str) -> Reply:
    if "state" in state:
        query["state"] = state["state"]
    return Reply.to(f"{url}{'&' if '?' in url else '?'}{urlencode(query)}")


def _s256(verifier: str) -> str:
    return (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    )
