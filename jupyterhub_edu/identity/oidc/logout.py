"""Logout tokens: a provider says that a session has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.identity.tokens import BadToken, TokenChecker
from jupyterhub_edu.ports import Clock

__all__ = ["Ended", "LogoutTokens"]

_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_FRESH: Final = timedelta(minutes=5)
_MOST_REMEMBERED: Final = 10_000
_LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class Ended:
    """Whose session has ended.

    Attributes:
        subject: ``""`` if only the session is named.
        session: ``""`` for all of the person's.
    """

    subject: str
    session: str


class LogoutTokens:
    """Checks logout tokens; each is good once.

    Source:
        OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.
    """

    def __init__(self, checker: TokenChecker, clock: Clock) -> None:
        self._checker, self._clock = checker, clock
        self._used: dict[str, datetime] = {}

    async def check(self, token: str) -> Ended:
        """Check a logout token.

        Raises:
            BadToken: it is none, not fresh, or was seen before.
            NoAnswer: the provider's keys cannot be had.
        """
        claims = await self._checker.check(
            token, required=("jti", "events"), types=("jwt", "logout+jwt")
        )
        events = claims["events"]
        if not isinstance(events, Mapping) or not isinstance(events.get(_EVENT), Mapping):
            raise BadToken("it is about no logout")
        if "nonce" in claims:
            raise BadToken("it is an ID token in disguise (nonce)")
        ended = Ended(claims.get("sub", ""), _id(claims, "sid"))
        if not ended.subject and not ended.session:
            raise BadToken("it names nobody")
        self._use_up(_id(claims, "jti"), claims["iat"])
        return ended

    def _use_up(self, jti: str, iat: float) -> None:
        """Called last: what is forged must not fill the memory."""
        now = self._clock()
        if now.timestamp() - iat > _FRESH.total_seconds():
            raise BadToken("it is too old")
        self._used = {id: at for id, at in self._used.items() if now - at <= 2 * _FRESH}
        if jti in self._used:
            raise BadToken("it was used before")
        if len(self._used) >= _MOST_REMEMBERED:
            raise BadToken("too many logouts at one time")
        self._used[jti] = now


def _id(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        raise BadToken(f"its {name} is no id")
    return value
