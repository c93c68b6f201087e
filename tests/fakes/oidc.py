"""An OpenID provider without a socket, for tests of what is made of its answers. A fake: it copies Keycloak 26.

As Keycloak does, it leaves a claim out that would be an empty list, tells a disabled account from an ended session only
by ``error_description``, and sends a new refresh token with each answer.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.oidc import OidcSettings, OidcSource
from jupyterhub_edu.ports import CodeGrant, Login
from tests.fakes.tokens import AnIssuer, FakeWeb, reply
from tests.fakes.world import AClock

ISSUER = "https://login.campus.example/realms/uni"
ACCOUNTS = "https://login.campus.example/admin/realms/uni/users"
CALLBACK = "https://hub.campus.example/hub/edu/login/kc/callback"
_BASE = f"{ISSUER}/protocol/openid-connect"
_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass
class Account:
    """Somebody at the provider; ``claims`` beside the standard ones."""

    sub: str
    login: str
    groups: list[str] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True
    sid: str = ""


class AProvider(FakeWeb):
    """The provider's accounts, and its endpoints as ``Web`` sees them.

    Attributes:
        id_token: changes the claims of every ID token that is made; None leaves one out.
        userinfo: the same for userinfo.
        makes: what makes an ID token of claims, in the place of an honest signature.
        mapper: whether groups are put into tokens at all.
        sees: whether the client's own service account may see accounts by the admin API; None: it has none.
        renamed: ``sub`` is not the id that accounts have there (a pairwise mapper).
    """

    def __init__(self, clock: AClock, **metadata: Any) -> None:
        self.clock, self.issuer = clock, AnIssuer(clock, issuer=ISSUER)
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{_BASE}/auth",
            "token_endpoint": f"{_BASE}/token",
            "jwks_uri": f"{_BASE}/certs",
            "userinfo_endpoint": f"{_BASE}/userinfo",
            "end_session_endpoint": f"{_BASE}/logout",
            "authorization_response_iss_parameter_supported": True,
            **metadata,
        }
        super().__init__(
            {
                self.url("discovery"): lambda _: self.metadata,
                self.url("certs"): lambda _: self.issuer.jwks(),
                self.url("token"): self._token,
                self.url("userinfo"): self._userinfo,
                f"{ACCOUNTS}?max=1": lambda _: self._as_service() or [{"id": "sub-first"}],
            }
        )
        self.accounts: dict[str, Account] = {}
        self.codes: dict[str, tuple[Account, str]] = {}
        self.refresh: dict[str, Account] = {}
        self.id_token: dict[str, Any] = {}
        self.userinfo_claims: dict[str, Any] = {}
        self.makes: Any = self.issuer.token
        self.mapper = True
        self.sees: bool | None = True
        self.service_token = ""
        self.renamed = False
        self._access: dict[str, Account] = {}

    @staticmethod
    def url(name: str) -> str:
        if name == "discovery":
            return f"{ISSUER}/.well-known/openid-configuration"
        return f"{_BASE}/{name}"

    def add(self, login: str, *groups: str, **claims: Any) -> Account:
        """Add an account."""
        account = Account(f"sub-{login}", login, list(groups), claims)
        self.accounts[login] = account
        self.answers[f"{ACCOUNTS}/{account.sub}"] = lambda _: self._account(account)
        return account

    def delete(self, login: str) -> None:
        """Delete an account, and so end its sessions."""
        self.end_session(login)
        del self.accounts[login]

    def code(self, login: str, nonce: str = "n-1") -> CodeGrant:
        """What a browser brings back after this login."""
        account, code = self.accounts[login], secrets.token_hex(8)
        account.sid = secrets.token_hex(4)
        self.codes[code] = account, nonce
        return CodeGrant(code, CALLBACK, verifier="v", nonce=nonce, issuer=ISSUER)

    def end_session(self, login: str) -> None:
        """End all sessions of an account."""
        for token in [t for t, a in self.refresh.items() if a.login == login]:
            del self.refresh[token]

    def logout_token(self, login: str, **changed: Any) -> str:
        """A logout token as Keycloak sends it; None leaves a claim out."""
        account = self.accounts[login]
        honest = {
            "sub": account.sub,
            "sid": account.sid,
            "jti": secrets.token_hex(8),
            "events": {_EVENT: {}},
        }
        return self.issuer.token(**(honest | changed))

    def _claims(self, account: Account) -> dict[str, Any]:
        listed = {"groups": account.groups} if account.groups and self.mapper else {}
        return {
            "sub": account.sub,
            "preferred_username": account.login,
            "name": account.login.title(),
            **listed,
            **account.claims,
        }

    def _token(self, form: Any) -> Any:
        nonce: str | None = None
        if form["grant_type"] == "client_credentials":
            if self.sees is None:
                return reply({"error": "unauthorized_client"}, 401)
            self.service_token = secrets.token_hex(8)
            return {"access_token": self.service_token}
        if form["grant_type"] == "refresh_token":
            account = self.refresh.get(form["refresh_token"])
            if account is None:
                return _refused("Session not active")
            if not account.enabled:
                return _refused("User disabled")
            del self.refresh[form["refresh_token"]]
        else:
            if form["code"] not in self.codes:
                return _refused("Code not valid")
            account, nonce = self.codes.pop(form["code"])
        refresh, access = secrets.token_hex(8), secrets.token_hex(8)
        self.refresh[refresh], self._access[access] = account, account
        claims = {**self._claims(account), "nonce": nonce, "sid": account.sid} | self.id_token
        return {
            "id_token": self.makes(**claims),
            "access_token": access,
            "refresh_token": refresh,
            "scope": "openid profile",
        }

    def _userinfo(self, _: Any) -> Any:
        token = self.headers[-1]["Authorization"].removeprefix("Bearer ")
        account = self._access.get(token)
        if account is None:
            return reply({"error": "invalid_token"}, 401)
        found = self._claims(account) | self.userinfo_claims
        return {name: value for name, value in found.items() if value is not None}

    def _as_service(self) -> Any:
        """Why the admin API refuses; None if it does not."""
        if self.headers[-1]["Authorization"] != f"Bearer {self.service_token}":
            return reply({"error": "HTTP 401 Unauthorized"}, 401)
        return None if self.sees else reply({"error": "HTTP 403 Forbidden"}, 403)

    def _account(self, account: Account) -> Any:
        if (refused := self._as_service()) is not None:
            return refused
        if self.renamed or account not in self.accounts.values():
            return reply({"error": "User not found"}, 404)
        return {"id": account.sub, "username": account.login, "enabled": account.enabled}


def _refused(description: str) -> Any:
    return reply({"error": "invalid_grant", "error_description": description}, 400)


class World:
    """A provider, and a source that asks it."""

    def __init__(self, now: datetime, **settings: Any) -> None:
        self.clock = AClock(now)
        self.provider = AProvider(self.clock)
        self.safe = ForgetfulSafe()
        self.settings = OidcSettings.model_validate(
            {"issuer": ISSUER, "client_id": "hub", "client_secret": "sesame:1"} | settings
        )
        self.source = self.make()

    def make(self) -> OidcSource:
        """A source as it is after the hub started."""
        return OidcSource("kc", self.settings, self.clock, self.safe, self.provider)

    async def log_in(self, login: str) -> Identity:
        """Log in, or fail."""
        answer = await self.source.redeem(self.provider.code(login))
        assert isinstance(answer, Login), answer
        return answer.identity
