"""The Entra source: logins and re-reads by verified tokens, groups from the token or from Graph."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.domain.people import CourseClaim, Identity, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.identity.tokens import BadToken, KeySet, TokenChecker
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

from .authority import AppBearer, Authority, PersonBearer, Tokens
from .budget import Budget
from .checks import check_connection
from .classes import classes_of
from .graph import Bearer, Graph, NotThere
from .people import Somebody, map_claims, tenant_and_object
from .refusals import DEAD_TOKENS, GONE, Refusal
from .settings import EntraSettings

__all__ = ["EntraSource"]

_log = logging.getLogger(__name__)


class EntraSource:
    """People of one tenant, or of several that are listed.

    Always holds:
        - people are known by tenant and object id, and by nothing that may change or be chosen;
        - a token counts only if our tenant's key signed it, for us, now, in answer to our question;
        - groups that were not told are None; Graph's failing takes nothing from anybody and keeps nobody out;
        - Gone is told only by an answer about that very person, of that person's own tenant.

    Calls: a login asks the token endpoint once, a re-read too; Graph once more if the token does not hold the groups,
    and twice for education classes.

    Source:
        id-tokens.md, claims-validation.md, id-token-claims-reference.md (groups overage), refresh-tokens.md.
    """

    shape: ClassVar[LoginShape] = "redirect"

    def __init__(
        self,
        id: str,
        settings: EntraSettings,
        clock: Clock,
        safe: Safe,
        *,
        web: Web | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing.

        Args:
            web: what calls go through, for tests.
            now: seconds, by which Graph's budget is counted.
        """
        self._id, self._settings, self._clock, self._safe = id, settings, clock, safe
        self._web = web or Web(deadline=settings.timeout, ca_file=settings.ca_file)
        self._authority = Authority(settings, self._web)
        self._keys = KeySet(self._web, settings.keys_url, clock)
        self._checker = TokenChecker(
            self._keys,
            issuer=self._is_ours,
            audience=settings.client_id,
            algorithms=("RS256",),
            clock=clock,
        )
        self._graph = Graph(self._web, settings.graph, Budget(settings.graph_units, now))
        self._apps = {
            tenant: AppBearer(self._authority, tenant, clock)
            for tenant in settings.allowed_tenants
        }

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        return self._id

    async def redirect(self) -> Redirect:
        """Entra's authorize endpoint; needs no call."""
        return Redirect(
            self._settings.endpoint("authorize"),
            self._settings.client_id,
            self._settings.scopes,
            extra={"response_mode": "query"},
        )

    async def redeem(self, grant: CodeGrant) -> Login | Gone | Denied | Unavailable:
        """Exchange a code for an identity."""
        if not grant.nonce or not grant.verifier:
            return Denied("a login without nonce or code verifier")
        try:
            async with Patience(self._settings.timeout) as patience:
                tokens = await self._authority.redeem(grant)
                if isinstance(tokens, Refusal):
                    return self._not_redeemed(tokens)
                claims, somebody = await self._checked(tokens, grant.nonce)
        except (NoAnswer, TimeoutError) as error:
            return Unavailable(_why(error))
        except BadToken as error:
            return Denied(f"the ID token proves nothing: {error.why}")
        await self._remember(somebody, tokens)
        identity = await self._identity(somebody, tokens, patience.left())
        kept = {"access_token": tokens.access, "id_token": tokens.id, "scope": tokens.scope}
        return Login(identity, {**kept, "user": dict(claims)})

    async def reread(self, person: Person) -> Answer:
        """Ask for new tokens with the refresh token of the last login, which Entra grants to accounts in use."""
        found = tenant_and_object(person.subject)
        if found is None or found[0] not in self._settings.allowed_tenants:
            why = "the person is of a tenant that the campus file does not name"
            return Unavailable(why, "person")
        try:
            async with Patience(self._settings.timeout) as patience:
                tokens = await self._refreshed(found[0], person.subject)
                if not isinstance(tokens, Tokens):
                    return await self._without_tokens(*found, tokens)
                _, somebody = await self._checked(tokens, None)
        except (NoAnswer, BadToken) as error:
            return Unavailable(error.why)
        except (TimeoutError, StoreError) as error:
            return Unavailable(_why(error))
        if somebody.subject != person.subject:
            return Unavailable("Entra answers about somebody else")
        await self._remember(somebody, tokens)
        return await self._identity(somebody, tokens, patience.left())

    async def logout_url(self, person: Person, back_to: str) -> str | None:
        """Entra's logout page, where the settings want that; it asks which account to sign out if there are several."""
        if not self._settings.logout:
            return None
        query = urlencode({"post_logout_redirect_uri": back_to})
        return f"{self._settings.endpoint('logout')}?{query}"

    async def logged_out(self, logout_token: str) -> str | None:
        """Nobody: Entra has no back-channel logout, and its front-channel logout proves nothing."""
        return None

    async def check(self) -> list[str]:
        """Ask every service once."""
        return await check_connection(
            self._settings, self._web, self._keys, self._authority, self._graph, self._clock
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._web.close()

    # -- tokens -------------------------------------------------------------------------------------------------

    def _is_ours(self, claims: Mapping[str, Any]) -> bool:
        """The issuer is that of the tenant that the token names, and the tenant is allowed."""
        tenant = claims.get("tid")
        return (
            isinstance(tenant, str)
            and tenant in self._settings.allowed_tenants
            and claims["iss"] == self._settings.issuer(tenant)
        )

    async def _checked(
        self, tokens: Tokens, nonce: str | None
    ) -> tuple[Mapping[str, Any], Somebody]:
        """What an ID token says, and who it is about.

        Raises:
            BadToken, NoAnswer
        """
        if not tokens.id:
            raise BadToken("there is none")
        claims = await self._checker.check(
            tokens.id, nonce=nonce, required=("sub", "oid", "tid", "ver")
        )
        somebody = map_claims(claims, self._settings)
        if isinstance(somebody, str):
            raise BadToken(somebody)
        return claims, somebody

    def _not_redeemed(self, refusal: Refusal) -> Gone | Denied | Unavailable:
        if refusal.number in GONE:
            return Gone(self._clock(), GONE[refusal.number])
        return (Denied if refusal.is_about_login else Unavailable)(refusal.why)

    async def _refreshed(self, tenant: str, subject: str) -> Tokens | Refusal | None:
        """New tokens; None if no refresh token is kept.

        Raises:
            NoAnswer
            StoreError: it is not known whether one is.
        """
        kept = await self._safe.load(self._name(subject)) or {}
        if ended := kept.get("ended"):
            return Refusal("invalid_grant", int(ended))
        if not kept.get("token"):
            return None
        answer = await self._authority.refresh(tenant, kept["token"])
        if isinstance(answer, Refusal) and answer.number in DEAD_TOKENS:
            await self._keep(subject, {"ended": str(answer.number)})
        return answer

    async def _without_tokens(
        self, tenant: str, object_id: str, refusal: Refusal | None
    ) -> Gone | Unavailable:
        """What is known of somebody whom Entra gives no tokens for: by its refusal, or by asking Graph as the app."""
        if refusal is None:
            unknown = Unavailable("no refresh token is kept, until the next login", "person")
        elif refusal.number in GONE:
            return Gone(self._clock(), GONE[refusal.number])
        elif refusal.number in DEAD_TOKENS:
            unknown = Unavailable(f"a new login is needed: {refusal.why}", "session")
        else:
            unknown = Unavailable(refusal.why, "person" if refusal.is_about_login else "source")
        if unknown.about == "source" or not self._settings.app_permissions:
            return unknown
        return await self._seen_by_app(tenant, object_id) or unknown

    async def _seen_by_app(self, tenant: str, object_id: str) -> Gone | None:
        """Gone if Graph says that an account is out of use; None if it does not say so."""
        query = {"$select": "id,accountEnabled"}
        try:
            row = await self._graph.one(
                f"/users/{object_id}", query, self._apps[tenant], self._settings.timeout
            )
        except NotThere:
            return Gone(self._clock(), say("This account is no longer in the directory."))
        except NoAnswer as error:
            _log.warning("source %s cannot ask as the app: %s", self._id, error.why)
            return None
        disabled = row.get("accountEnabled") is False and row.get("id") == object_id
        return Gone(self._clock(), say("This account is disabled.")) if disabled else None

    async def _remember(self, somebody: Somebody, tokens: Tokens) -> None:
        if tokens.refresh:
            await self._keep(somebody.subject, {"token": tokens.refresh})

    def _name(self, subject: str) -> str:
        return f"{self._id}:{subject}"

    async def _keep(self, subject: str, secret: Mapping[str, str]) -> None:
        """Entra hands out a new refresh token each time; the old one stays good if this fails."""
        try:
            await self._safe.save(self._name(subject), secret)
        except StoreError as error:
            _log.warning("source %s cannot keep a refresh token: %s", self._id, error)

    # -- groups and classes -------------------------------------------------------------------------------------

    async def _identity(self, somebody: Somebody, tokens: Tokens, patience: float) -> Identity:
        at = self._clock()
        groups, claims = await asyncio.gather(
            self._groups(somebody, PersonBearer(tokens), patience),
            self._classes(somebody, PersonBearer(tokens), patience),
        )
        return Identity(
            source=self._id,
            subject=somebody.subject,
            login=somebody.login,
            name=somebody.name,
            at=at,
            groups=groups,
            claims=claims or frozenset(),
            covers=frozenset() if claims is None else None,
            attributes=somebody.attributes,
        )

    async def _groups(
        self, somebody: Somebody, bearer: Bearer, patience: float
    ) -> frozenset[str] | None:
        """All external groups; None if that is not known."""
        if self._settings.groups == "none":
            return somebody.marks
        if somebody.groups is not None:
            return somebody.marks | somebody.groups
        try:
            found = await self._graph.groups_of(somebody.object_id, bearer, patience)
        except (NoAnswer, NotThere) as error:
            _log.warning("source %s does not know somebody's groups: %s", self._id, _why(error))
            return None
        return somebody.marks | found

    async def _classes(
        self, somebody: Somebody, bearer: Bearer, patience: float
    ) -> frozenset[CourseClaim] | None:
        """All classes; None if they are not known."""
        if not self._settings.education:
            return frozenset()
        if self._settings.app_permissions:
            bearer = self._apps[somebody.tenant]
        try:
            async with Patience(patience):
                return await classes_of(self._graph, somebody.object_id, bearer, patience)
        except NotThere:
            return frozenset()  # somebody whom Education does not know has no class
        except (NoAnswer, TimeoutError) as error:
            _log.warning("source %s does not know somebody's classes: %s", self._id, _why(error))
            return None


def _why(error: Exception) -> str:
    if isinstance(error, NoAnswer):
        return error.why
    if isinstance(error, NotThere):
        return f"Graph does not know {error}"
    return str(error) or "Entra takes too long"
