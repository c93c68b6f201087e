"""The OpenID source: logins by code, re-reads by refresh token, logouts both ways."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.domain.people import Identity, Person, person_key
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.identity.tokens import BadToken
from jupyterhub_edu.identity.web import NoAnswer, Web
from jupyterhub_edu.ports import (
    Answer,
    Clock,
    CodeGrant,
    Denied,
    Gone,
    Login,
    Redirect,
    Safe,
    StoreError,
    Unavailable,
)
from jupyterhub_edu.ports.sources import LoginShape

from .accounts import Account, Accounts
from .claims import Reading, Refusal, Unclear, lacks, read_identity
from .diagnosis import diagnose
from .logout import LogoutTokens
from .provider import NotGranted, Provider, Tokens
from .sessions import Session, Sessions
from .settings import OidcSettings
from .witnesses import Witnesses

__all__ = ["OidcSource"]

_log = logging.getLogger(__name__)
_LONGEST_HINT: Final = 4000
_LONGEST_CODE: Final = 4000
"""Keycloak calls a longer one no request at all, which would read as a fault of the hub's."""
_OUT_OF_USE: Final = {"User disabled": say("This account is disabled.")}
"""What Keycloak adds to ``invalid_grant`` when it is the account, not the session, that is refused."""


class OidcSource:
    """People as one OpenID provider knows them.

    Always holds:
        - people are known by ``sub`` of an ID token whose signature, issuer, audience, times and nonce hold; userinfo
          counts only where it speaks of the same ``sub``;
        - a claim that is missing is believed to be empty only if a newer token of somebody else carries it: Keycloak
          leaves out what would be an empty list;
        - a session that has ended says nothing about the account; where accounts are looked up, one that was found before
          and is no longer there is gone.

    Source:
        OpenID Connect Core 1.0; RFC 6749; RFC 9207; RP-Initiated Logout 1.0; Back-Channel Logout 1.0.
    """

    shape: ClassVar[LoginShape] = "redirect"

    def __init__(
        self, id: str, settings: OidcSettings, clock: Clock, safe: Safe, web: Web | None = None
    ) -> None:
        self._id, self._settings, self._clock = id, settings, clock
        self._web = web or Web(deadline=settings.timeout, ca_file=settings.ca_file)
        self._provider = Provider(settings, self._web, clock)
        self._sessions = Sessions(id, safe)
        self._logouts = LogoutTokens(self._provider.checker, clock)
        self._witnesses = Witnesses(self._call_witness, settings.timeout / 3)
        self._accounts: Accounts | None = None
        if settings.lookup:
            patience, url = settings.timeout / 3, settings.accounts_url
            self._accounts = Accounts(id, url, self._provider, self._web, patience)
        self._under_way: dict[str, asyncio.Task[Reading | None]] = {}
        self._told: dict[str, str] = {}

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        return self._id

    async def redirect(self) -> Redirect | Unavailable:
        """Where to send a browser now."""
        try:
            async with Patience(self._settings.timeout):
                metadata = await self._provider.metadata()
        except (NoAnswer, TimeoutError) as error:
            return Unavailable(_why(error))
        return Redirect(
            authorize_url=metadata.authorization_endpoint,
            client_id=self._settings.client_id,
            scope=tuple(self._settings.scope),
            pkce=self._settings.pkce,
            extra=self._settings.extra_authorize_params,
        )

    async def redeem(self, grant: CodeGrant) -> Login | Gone | Denied | Unavailable:
        """Exchange a code for an identity; a forged answer is Denied before the code goes anywhere."""
        try:
            async with Patience(self._settings.timeout):
                return await self._redeem(grant)
        except (NoAnswer, TimeoutError) as error:
            return Unavailable(_why(error))
        except Unclear as error:
            return Unavailable(_why(error), "person")
        except (BadToken, Refusal) as error:
            return Denied(f"the provider's token is not accepted: {error}")
        except NotGranted as refusal:
            # What a browser brought must not read as a fault of the source's.
            if refusal.is_about_grant or refusal.error == "invalid_request":
                return Denied(f"the code is not accepted: {refusal.description or refusal.error}")
            return Unavailable(_about_client(refusal))

    async def reread(self, person: Person) -> Answer:
        """Ask again by the refresh token that is kept; Gone only where the provider says that the account is out of use."""
        answer = await self._reread(person)
        if self._accounts and isinstance(answer, Unavailable) and answer.about != "source":
            return await self._look_up(self._accounts, person.subject) or answer
        return answer

    async def logout_url(self, person: Person, back_to: str) -> str | None:
        """Where a browser ends its session at the provider too (RP-Initiated Logout)."""
        if not self._settings.logout:
            return None
        try:
            async with Patience(self._settings.timeout):
                metadata = await self._provider.metadata()
                session = await self._sessions.load(person.subject)
        except (NoAnswer, TimeoutError):
            return None
        if not metadata.end_session_endpoint:
            return None
        query = {"client_id": self._settings.client_id, "post_logout_redirect_uri": back_to}
        if session and 0 < len(session.id_token) <= _LONGEST_HINT:
            query["id_token_hint"] = session.id_token
        joint = "&" if "?" in metadata.end_session_endpoint else "?"
        return f"{metadata.end_session_endpoint}{joint}{urlencode(query)}"

    async def logged_out(self, logout_token: str) -> str | None:
        """Take in a back-channel logout: the key of the person, whose session here is then over too."""
        try:
            async with Patience(self._settings.timeout):
                ended = await self._logouts.check(logout_token)
                subject = ended.subject or await self._sessions.subject_of(ended.session)
                if not subject:
                    return None
                await self._end(subject, ended.session)
        except (BadToken, NoAnswer, TimeoutError) as error:
            _log.warning("source %s: a logout token is not accepted: %s", self._id, _why(error))
            return None
        return person_key(self._id, subject)

    async def check(self) -> list[str]:
        """Ask the provider whether everything is as configured, and tell what logins have missed so far."""
        problems = await diagnose(self._settings, self._provider, self._web)
        if self._accounts and not problems:
            problems += filter(None, [await self._accounts.check()])
        return [*problems, *self._told.values()]

    async def close(self) -> None:
        """Let go of connections, and of questions that are under way."""
        await self._web.close()
        for task in (under_way := list(self._under_way.values())):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _reread(self, person: Person) -> Answer:
        try:
            async with Patience(self._settings.timeout):
                reading = await self._read_again(person.subject)
                if reading is None:
                    return await self._unasked(person.subject)
                return await self._conclude(reading)
        except NotGranted as refusal:
            if not refusal.is_about_grant:
                return Unavailable(_about_client(refusal))
            if why := _OUT_OF_USE.get(refusal.description):
                return Gone(self._clock(), why, person.subject)
            return Unavailable("the session at the provider has ended", "session")
        except (Unclear, Refusal) as error:
            return Unavailable(_why(error), "person")
        except (NoAnswer, BadToken, TimeoutError) as error:
            return Unavailable(_why(error))

    async def _redeem(self, grant: CodeGrant) -> Login:
        metadata = await self._provider.metadata()
        if grant.issuer != self._settings.issuer and (
            grant.issuer or metadata.answers_with_issuer
        ):
            raise BadToken("the answer comes from another issuer (iss)")
        if len(grant.code) > _LONGEST_CODE:
            raise BadToken("the code is longer than any")
        form = {"code": grant.code, "redirect_uri": grant.redirect_uri}
        if grant.verifier:
            form["code_verifier"] = grant.verifier
        tokens = await self._provider.grant(grant_type="authorization_code", **form)
        if not grant.nonce:
            raise BadToken("no nonce was sent")
        claims = await self._provider.checker.check(tokens.id_token, nonce=grant.nonce)
        reading, documents = await self._read(claims, tokens)
        await self._keep(claims["sub"], tokens.refresh_token, tokens.id_token, claims)
        state = {
            "access_token": tokens.access_token,
            "id_token": tokens.id_token,
            "scope": tokens.scope.split(),
            "oauth_user": {name: value for d in reversed(documents) for name, value in d.items()},
        }
        return Login(await self._conclude(reading), state)

    async def _unasked(self, subject: str) -> Unavailable:
        if (kept := await self._sessions.load(subject)) is not None and kept.is_over:
            return Unavailable("the session at the provider has ended", "session")
        return Unavailable("there is no refresh token to ask the provider with", "person")

    async def _look_up(self, accounts: Accounts, subject: str) -> Gone | None:
        """Gone if the account is disabled or not there any more; None if that is not told."""
        account = await accounts.look(subject)
        if account is Account.DISABLED:
            return Gone(self._clock(), _OUT_OF_USE["User disabled"], subject)
        if account is Account.NOT_THERE:
            kept = await self._sessions.load(subject)
            if kept is not None and kept.is_found:
                return Gone(self._clock(), say("This account is no longer there."), subject)
        return None

    async def _read_again(self, subject: str) -> Reading | None:
        """Ask about one person; callers at the same time share one question, for many refresh tokens hold once.

        It goes on when nobody waits any longer: the answer may hold the only refresh token that is still good.

        Returns:
            None if nothing is kept to ask with.
        """
        task = self._under_way.get(subject)
        if task is None:
            task = self._under_way[subject] = asyncio.create_task(self._refresh(subject))
            task.add_done_callback(lambda done: self._done(subject, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise NoAnswer("the source is closed") from None
            raise

    def _done(self, subject: str, task: asyncio.Task[Reading | None]) -> None:
        del self._under_way[subject]
        if not task.cancelled():
            task.exception()  # whoever still waits has it too

    async def _refresh(self, subject: str) -> Reading | None:
        kept = await self._sessions.load(subject)
        if kept is None or not kept.refresh_token:
            return None
        try:
            tokens = await self._provider.grant(
                grant_type="refresh_token", refresh_token=kept.refresh_token
            )
        except NotGranted as refusal:
            if refusal.is_about_grant and refusal.description not in _OUT_OF_USE:
                await self._end(subject, "")
            raise
        claims: Mapping[str, Any] = {"sub": subject, "sid": kept.sid}
        good = kept.id_token
        try:
            if tokens.id_token:
                claims = await self._provider.checker.check(tokens.id_token)
                good = tokens.id_token
            if claims["sub"] != subject:
                raise BadToken("the provider answered about somebody else")
        finally:
            # The old refresh token may be spent, whatever the new ID token is worth.
            await self._keep(subject, tokens.refresh_token or kept.refresh_token, good, claims)
        reading, _ = await self._read(claims, tokens)
        return reading

    async def _read(
        self, claims: Mapping[str, Any], tokens: Tokens
    ) -> tuple[Reading, list[Mapping[str, Any]]]:
        documents = [claims]
        if lacks(claims, self._settings) and tokens.access_token:
            try:
                documents.append(await self._provider.userinfo(tokens.access_token, claims["sub"]))
            except NoAnswer as silence:
                _log.info("source %s: no userinfo: %s", self._id, silence)
        reading = read_identity(self._id, self._settings, documents, self._clock())
        self._witnesses.note(claims["sub"], reading.seen)
        for key in reading.seen:
            self._told.pop(key, None)
        return reading, documents

    async def _conclude(self, reading: Reading) -> Identity:
        unknown = [
            missing
            for missing in reading.missing
            if not (
                missing.is_absent
                and await self._witnesses.is_empty(missing.key, reading.known.subject)
            )
        ]
        for missing in unknown:
            if self._told.get(missing.key) != missing.sentence:
                _log.warning("source %s: %s", self._id, missing.sentence)
                self._told[missing.key] = missing.sentence
        return reading.identity(complete=not unknown)

    async def _call_witness(self, subject: str) -> None:
        with contextlib.suppress(NoAnswer, NotGranted, Unclear, Refusal, BadToken):
            await self._read_again(subject)

    async def _keep(
        self, subject: str, refresh_token: str, id_token: str, claims: Mapping[str, Any]
    ) -> None:
        sid = claims.get("sid")
        session = Session(refresh_token, id_token, sid if isinstance(sid, str) else "")
        try:
            before = await self._sessions.load(subject)
            session = replace(session, is_found=before is not None and before.is_found)
            await self._sessions.save(subject, session)
            if not self._accounts or session.is_found:
                return
            if await self._accounts.look(subject) is Account.IN_USE:
                await self._sessions.save(subject, replace(session, is_found=True))
        except StoreError:
            _log.exception("source %s: what a re-read needs could not be kept", self._id)

    async def _end(self, subject: str, sid: str) -> None:
        try:
            await self._sessions.end(subject, sid)
        except StoreError:
            _log.exception("source %s: that a session is over could not be kept", self._id)


def _about_client(refusal: NotGranted) -> str:
    return (
        f"the provider refuses this hub ({refusal.error or 'without a code'}); "
        "compare client_id and client_secret with the client there"
    )


def _why(error: Exception) -> str:
    return str(error) or "the provider takes too long"
