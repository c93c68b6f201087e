"""An OpenID provider's endpoints: found by discovery, spoken to as this client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

from jupyterhub_edu.identity.tokens import ALGORITHMS, BadToken, KeySet, TokenChecker, parse_object
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web, require_https
from jupyterhub_edu.ports import Clock

from .settings import OidcSettings

__all__ = ["Metadata", "NotGranted", "Provider", "Tokens"]

_FRESH: Final = timedelta(hours=1)
_BETWEEN_ATTEMPTS: Final = timedelta(minutes=1)
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL: Final = ("userinfo_endpoint", "end_session_endpoint")


class NotGranted(Exception):
    """The token endpoint refused.

    Attributes:
        error: the code of RFC 6749, cut and printable; ``""`` if there was none.
        description: what it adds, cut and printable.
    """

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error, self.description = error, description

    @property
    def is_about_grant(self) -> bool:
        """Whether it is the code or the refresh token that was refused, rather than this client."""
        return self.error == "invalid_grant"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint handed out; ``""`` for what it did not. Nothing in it is verified yet."""

    id_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says about itself, checked.

    Attributes:
        answers_with_issuer: every answer to a login carries ``iss`` (RFC 9207).
        document: all of it.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    answers_with_issuer: bool
    document: Mapping[str, Any] = field(repr=False)

    def listed(self, name: str) -> list[str] | None:
        """A list of texts; None if it is not said."""
        found = self.document.get(name)
        return [x for x in found if isinstance(x, str)] if isinstance(found, list) else None


class Provider:
    """One provider, as one client of it.

    Always holds:
        - what was discovered stays in use while the provider is silent; callers at the same time share one question;
        - no address without TLS is used, except on this machine or where that is accepted.

    Source:
        OpenID Connect Discovery 1.0; RFC 8414; RFC 6749, section 2.3.1.
    """

    def __init__(self, settings: OidcSettings, web: Web, clock: Clock) -> None:
        self._settings, self._web, self._clock = settings, web, clock
        self._known: Metadata | None = None
        self._tried_at: datetime | None = None
        self._silence: NoAnswer | None = None
        self._asking: asyncio.Task[None] | None = None
        self.keys = KeySet(web, self._jwks_uri, clock)
        self.checker = TokenChecker(
            self.keys,
            issuer=settings.issuer,
            audience=settings.client_id,
            algorithms=ALGORITHMS,
            clock=clock,
        )

    @property
    def discovery_url(self) -> str:
        """Where the provider says what it is."""
        return f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"

    async def metadata(self) -> Metadata:
        """What the provider says about itself, an hour old at most while it answers.

        Raises:
            NoAnswer: it has never said so.
        """
        age = self._clock() - self._tried_at if self._tried_at is not None else None
        if self._known is None:
            await asyncio.shield(self._ask())
        elif age is None or age >= (_BETWEEN_ATTEMPTS if self._silence else _FRESH):
            self._ask()
        if self._known is None:
            raise NoAnswer(self._silence.why if self._silence else "it was not asked")
        return self._known

    async def grant(self, **form: str) -> Tokens:
        """Ask the token endpoint for tokens.

        Args:
            form: the grant's own fields.

        Raises:
            NotGranted: it refuses.
            NoAnswer: it does not answer, or with nothing that makes sense.
        """
        reply = await self.post_grant(form)
        found = reply.json()
        if reply.status != 200 or not isinstance(found, dict):
            raise _refusal(reply, found)
        named = ("id_token", "access_token", "refresh_token", "scope")
        return Tokens(**{name: _text(found.get(name)) for name in named})

    async def post_grant(self, form: Mapping[str, str]) -> Reply:
        """Send a form to the token endpoint as this client.

        Raises:
            NoAnswer: silence, or 429, which says nothing about the grant.
        """
        metadata = await self.metadata()
        id, secret = self._settings.client_id, self._settings.secret
        known = metadata.listed("token_endpoint_auth_methods_supported")
        sent, auth = dict(form), None
        if secret is None:
            sent["client_id"] = id
        elif known is not None and "client_secret_basic" not in known:
            sent |= {"client_id": id, "client_secret": secret}
        else:
            # RFC 6749, section 2.3.1: encoded as in a form before they are joined by a colon.
            auth = (quote(id, safe=""), quote(secret, safe=""))
        reply = await self._web.post(metadata.token_endpoint, sent, auth=auth)
        if reply.status == 429:
            raise NoAnswer(f"{metadata.token_endpoint} answers too many requests (429)", 429)
        return reply

    async def userinfo(self, access_token: str, subject: str) -> Mapping[str, Any]:
        """What the provider says of the person whom the access token is for.

        Raises:
            BadToken: it speaks of somebody else than ``subject``.
            NoAnswer: it does not say.
        """
        url = (await self.metadata()).userinfo_endpoint
        if not url or not access_token.isascii():
            raise NoAnswer("the provider has no userinfo")
        reply = await self._web.get(url, headers={"Authorization": f"Bearer {access_token}"})
        if reply.status != 200:
            raise NoAnswer(f"{reply.url} answers {reply.status}", reply.status)
        try:
            found = parse_object(reply.body)
        except BadToken:
            raise NoAnswer(f"{reply.url} sends no JSON object") from None
        if found.get("sub") != subject:
            raise BadToken("userinfo speaks of somebody else")
        return found

    async def discover(self) -> Metadata:
        """Ask now.

        Raises:
            NoAnswer: it does not say, says nothing that can be used, or is another provider than it should be.
        """
        reply = await self._web.get(self.discovery_url)
        if reply.status != 200:
            raise NoAnswer(f"{reply.url} answers {reply.status}", reply.status)
        found = reply.json()
        if not isinstance(found, dict):
            raise NoAnswer(f"{reply.url} is no discovery document")
        if found.get("issuer") != self._settings.issuer:
            raise NoAnswer(
                f"the provider calls itself {str(found.get('issuer'))[:200]!r}, not {self._settings.issuer!r}; "
                "write the issuer as it does"
            )
        for name in _NEEDED:
            if not isinstance(found.get(name), str):
                raise NoAnswer(f"{reply.url} names no {name}")
        return Metadata(
            **{name: self._address(found, name) for name in (*_NEEDED, *_OPTIONAL)},
            answers_with_issuer=found.get("authorization_response_iss_parameter_supported")
            is True,
            document=found,
        )

    def seconds_ahead(self, reply: Reply) -> float | None:
        """How far the provider's clock is ahead of ours, by the header ``Date``; None if that is not told."""
        try:
            there = parsedate_to_datetime(reply.headers.get("Date", ""))
            return (there - self._clock()).total_seconds()
        except (ValueError, TypeError):
            return None

    def _address(self, found: Mapping[str, Any], name: str) -> str:
        url = found.get(name) or ""
        if not isinstance(url, str):
            raise NoAnswer(f"the provider's {name} is no address")
        if url:
            try:
                require_https(url, self._settings.insecure)
            except ValueError as error:
                raise NoAnswer(f"the provider's {name}: {str(error)[:300]}") from None
        return url

    def _ask(self) -> asyncio.Task[None]:
        if self._asking is None:
            self._asking = asyncio.create_task(self._discover())
        return self._asking

    async def _discover(self) -> None:
        self._tried_at = self._clock()
        try:
            self._known, self._silence = await self.discover(), None
        except NoAnswer as silence:
            self._silence = silence
        finally:
            self._asking = None

    async def _jwks_uri(self) -> str:
        return (await self.metadata()).jwks_uri


def _refusal(reply: Reply, found: Any) -> NotGranted | NoAnswer:
    if not 400 <= reply.status < 500 or not isinstance(found, dict):
        return NoAnswer(f"{reply.url} answers {reply.status} with nothing that makes sense")
    return NotGranted(_shown(found.get("error")), _shown(found.get("error_description")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _shown(value: Any) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in _text(value)[:120])
