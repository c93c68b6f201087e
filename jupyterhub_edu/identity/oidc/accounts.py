"""Whether an account is still there and in use, by Keycloak's admin REST API: what a refused refresh token does not tell."""

from __future__ import annotations

import logging
import time
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import quote

from jupyterhub_edu.identity.web import NoAnswer, Reply, Web

from .provider import NotGranted, Provider

__all__ = ["Account", "Accounts"]

_log = logging.getLogger(__name__)
_REST_SECONDS: Final = 30.0
"""How long nothing is asked after a silence, so that logins do not wait for it one after the other."""
_NOBODY: Final = "User not found"
"""Keycloak's words for an id that nobody has; a realm or a path that is not there has others."""
_ROLE: Final = "give its service account the role view-users of realm-management"


class Account(Enum):
    """How an account stands at the provider."""

    IN_USE = auto()
    DISABLED = auto()
    NOT_THERE = auto()


class Accounts:
    """The realm's accounts, looked up as the hub's client itself.

    Always holds:
        - only Keycloak's own words about an account make it disabled or not there; anything else is no answer;
        - the token is one of the client's own, kept in memory alone.

    Args:
        source: the source's id, for the log.
        url: address of the realm's accounts, ``https://host/admin/realms/<realm>/users``.
        patience: seconds that one question may take.

    Source:
        Keycloak Admin REST API, ``GET /admin/realms/{realm}/users/{user-id}``; who may not list people is told 403 also
        of an id that nobody has, so that a 404 with these words is about the account (UsersResource.java).
    """

    def __init__(
        self, source: str, url: str, provider: Provider, web: Web, patience: float
    ) -> None:
        self._source, self._url, self._patience = source, url, patience
        self._provider, self._web = provider, web
        self._token = ""
        self._silence, self._rests_until = NoAnswer(""), 0.0
        self._logged = ""

    async def look(self, subject: str) -> Account | None:
        """How an account stands; None if that is not told, which the log then says once.

        Args:
            subject: its id, which is ``sub`` unless a mapper at the provider makes it something else.
        """
        try:
            account = await self._look(subject)
        except NoAnswer as silence:
            if silence.why != self._logged:
                _log.warning(
                    "source %s: accounts are not looked up: %s", self._source, silence.why
                )
                self._logged = silence.why
            return None
        self._logged = ""
        return account

    async def check(self) -> str:
        """What keeps accounts from being looked up, in words that name the fix; ``""`` if nothing does."""
        self._rests_until = 0.0
        try:
            reply = await self._ask(f"{self._url}?max=1")
            if reply.status == 200 and reply.json():
                return ""
        except NoAnswer as silence:
            return f"lookup: {silence.why}"
        if reply.status == 200:
            return f"lookup: the client sees nobody in the realm; if there is anybody, {_ROLE}"
        return f"lookup: {_why(reply)}"

    async def _look(self, subject: str) -> Account:
        reply = await self._ask(f"{self._url}/{quote(subject, safe='')}")
        found = _object(reply)
        if reply.status == 404 and found.get("error") == _NOBODY:
            return Account.NOT_THERE
        enabled = found.get("enabled")
        if reply.status != 200 or found.get("id") != subject or not isinstance(enabled, bool):
            raise NoAnswer(_why(reply), reply.status)
        return Account.IN_USE if enabled else Account.DISABLED

    async def _ask(self, url: str) -> Reply:
        if time.monotonic() < self._rests_until:
            raise self._silence
        try:
            reply = await self._get(url, self._token or await self._new_token())
            if reply.status == 401:
                reply = await self._get(url, await self._new_token())
        except NoAnswer as silence:
            self._silence, self._rests_until = silence, time.monotonic() + _REST_SECONDS
            raise
        return reply

    async def _get(self, url: str, token: str) -> Reply:
        headers = {"Authorization": f"Bearer {token}"}
        return await self._web.get(url, headers=headers, deadline=self._patience)

    async def _new_token(self) -> str:
        try:
            tokens = await self._provider.grant(grant_type="client_credentials")
        except NotGranted as refusal:
            raise NoAnswer(
                f"the client gets no token of its own ({refusal.error or 'without a code'}); switch Service account roles "
                f"on for it, and {_ROLE}"
            ) from None
        if not tokens.access_token or not tokens.access_token.isascii():
            raise NoAnswer("the client's own token is none")
        self._token = tokens.access_token
        return self._token


def _object(reply: Reply) -> dict[str, Any]:
    """The body as an object; empty where it is none, as with a page of whatever stands before the provider."""
    try:
        found = reply.json()
    except NoAnswer:
        return {}
    return found if isinstance(found, dict) else {}


def _why(reply: Reply) -> str:
    if reply.status == 403:
        return f"the client may not see accounts (403); {_ROLE}"
    if reply.status == 404:
        return f"{reply.url} is not there (404); can the hub reach the admin API, or is it at another address?"
    return f"{reply.url} answers {reply.status} with nothing that makes sense"
