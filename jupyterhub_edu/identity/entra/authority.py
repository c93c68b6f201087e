"""Entra's token endpoint: codes, refresh tokens and the app's own rights become tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from jupyterhub_edu.identity.web import NoAnswer, Web
from jupyterhub_edu.ports import Clock, CodeGrant

from .refusals import Refusal, parse_refusal
from .settings import EntraSettings

__all__ = ["AppBearer", "Authority", "PersonBearer", "Tokens"]

_EARLY: Final = timedelta(minutes=5)
_SHORTEST: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint hands out; what is not there is ``""``."""

    access: str = field(repr=False)
    id: str = field(repr=False)
    refresh: str = field(repr=False)
    life: timedelta
    scope: str = ""


class Authority:
    """Asks the token endpoint as the hub's app.

    Source:
        v2-oauth2-auth-code-flow.md; v2-oauth2-client-creds-grant-flow.md; refresh-tokens.md.
    """

    def __init__(self, settings: EntraSettings, web: Web) -> None:
        self._settings, self._web = settings, web

    async def redeem(self, grant: CodeGrant) -> Tokens | Refusal:
        """Exchange a code.

        Raises:
            NoAnswer
        """
        form = {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
            "code_verifier": grant.verifier,
            "scope": " ".join(self._settings.scopes),
        }
        return await self._ask("", form)

    async def refresh(self, tenant: str, token: str) -> Tokens | Refusal:
        """Exchange a refresh token of a person of this tenant.

        Raises:
            NoAnswer
        """
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "scope": " ".join(self._settings.scopes),
        }
        return await self._ask(tenant, form)

    async def for_app(self, tenant: str) -> Tokens | Refusal:
        """A token that speaks for the app itself.

        Raises:
            NoAnswer
        """
        scope = f"{self._settings.graph}/.default"
        return await self._ask(tenant, {"grant_type": "client_credentials", "scope": scope})

    async def _ask(self, tenant: str, form: Mapping[str, str]) -> Tokens | Refusal:
        secret = self._settings.client_secret.get_secret_value()
        whole = {**form, "client_id": self._settings.client_id, "client_secret": secret}
        url = self._settings.endpoint("token", tenant)
        reply = await self._web.post(url, whole, deadline=self._settings.timeout)
        if reply.status == 429:
            raise NoAnswer("Entra is asked too much; this has to wait", 429)
        if reply.status != 200:
            return parse_refusal(reply)
        return _parse_tokens(reply.json())


class PersonBearer:
    """The access token that came with somebody's login."""

    def __init__(self, tokens: Tokens) -> None:
        self._token = tokens.access

    async def token(self) -> str:
        """The one."""
        return self._token

    def reject(self, token: str) -> bool:
        """There is no other."""
        return False


class AppBearer:
    """Tokens for the app's own permissions in one tenant, made when needed and kept while they are good."""

    def __init__(self, authority: Authority, tenant: str, clock: Clock) -> None:
        self._authority, self._tenant, self._clock = authority, tenant, clock
        self._token = ""
        self._until = clock()
        self._making = asyncio.Lock()

    async def token(self) -> str:
        """The kept one, or a new one.

        Raises:
            NoAnswer
        """
        async with self._making:
            now = self._clock()
            if not self._token or now >= self._until:
                tokens = await self._authority.for_app(self._tenant)
                if isinstance(tokens, Refusal):
                    raise NoAnswer(tokens.why)
                self._token = tokens.access
                self._until = now + max(tokens.life - _EARLY, _SHORTEST)
            return self._token

    def reject(self, token: str) -> bool:
        """Forget it, so that another is made."""
        if token == self._token:
            self._token = ""
        return True


def _parse_tokens(content: Any) -> Tokens:
    if not isinstance(content, dict):
        raise NoAnswer("Entra's tokens are none")
    access, seconds = content.get("access_token"), content.get("expires_in")
    if not isinstance(access, str) or not access or not access.isascii():
        raise NoAnswer("Entra's answer holds no access token")
    return Tokens(
        access,
        _text(content.get("id_token")),
        _text(content.get("refresh_token")),
        timedelta(seconds=min(seconds, 86_400)) if type(seconds) is int else _SHORTEST,
        _text(content.get("scope")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
