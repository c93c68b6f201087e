"""An issuer's public keys: fetched when needed, kept while it is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import jwt

from jupyterhub_edu.ports import Clock

from .web import NoAnswer, Web

__all__ = ["ALGORITHMS", "BadToken", "KeySet"]

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures that are accepted: those that need a private key to make, with a digest that still holds."""

_MOST_KEYS: Final = 100
_SMALLEST_RSA: Final = 2048
_BETWEEN_FETCHES: Final = timedelta(minutes=1)
_FETCH_AGAIN: Final = timedelta(hours=1)
_CURVES: Final = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class BadToken(Exception):
    """A token that proves nothing.

    Attributes:
        why: one sentence's end for the log, without anything out of the token that could be used.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str | None
    algorithms: tuple[str, ...]
    public: Any


KeysFrom: TypeAlias = str | Callable[[], Awaitable[str]]


class KeySet:
    """An issuer's public keys, fetched when they are needed.

    Always holds:
        - callers at the same time share one fetch;
        - a key that is not known asks the issuer at most once a minute;
        - keys stay in use while the issuer is silent, and are asked for again, aside, after an hour.

    Source:
        RFC 7517; OpenID Connect Core 1.0, section 10.1.1.
    """

    def __init__(self, web: Web, jwks_url: KeysFrom, clock: Clock) -> None:
        """Fetch nothing yet.

        Args:
            jwks_url: the address, or what finds it out (discovery) and may raise NoAnswer.
        """
        self._web, self._from, self._clock = web, jwks_url, clock
        self._keys: tuple[_Key, ...] = ()
        self._tried_at: datetime | None = None
        self._silence: NoAnswer | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """The one key with this id that may make such a signature; without an id, the only one that may.

        Raises:
            BadToken: the issuer has no such key, or several.
            NoAnswer: the issuer does not say.
        """
        found = self._matching(kid, algorithm)
        if not found and self._may_ask():
            await self.fetch()
            found = self._matching(kid, algorithm)
        elif self._age() >= _FETCH_AGAIN:
            self._begin()
        if len(found) == 1:
            return found[0].public
        if not found and self._silence is not None:
            raise NoAnswer(self._silence.why)
        raise BadToken("it is signed with a key that the issuer does not have")

    async def fetch(self) -> None:
        """Ask the issuer now, or wait for the call that is under way.

        Raises:
            NoAnswer: it does not say.
        """
        await asyncio.shield(self._begin())
        if self._silence is not None:
            raise NoAnswer(self._silence.why)

    def algorithms(self) -> frozenset[str]:
        """What the keys that are known could have signed with."""
        return frozenset(name for key in self._keys for name in key.algorithms)

    def _may_ask(self) -> bool:
        """Whether a missing key is reason to ask: none is known, the answer is on its way, or the last is old enough."""
        return not self._keys or self._fetching is not None or self._age() >= _BETWEEN_FETCHES

    def _age(self) -> timedelta:
        return timedelta.max if self._tried_at is None else self._clock() - self._tried_at

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            url = self._from if isinstance(self._from, str) else await self._from()
            reply = await self._web.get(url)
            self._keys = _parse_keys(reply.json() if reply.status == 200 else None, reply.url)
            self._silence = None
        except NoAnswer as silence:
            self._silence = silence
        finally:
            self._fetching = None

    def _matching(self, kid: str | None, algorithm: str) -> list[_Key]:
        return [
            key
            for key in self._keys
            if algorithm in key.algorithms and (kid is None or key.kid == kid)
        ]


def _parse_keys(found: Any, url: str) -> tuple[_Key, ...]:
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise NoAnswer(f"{url} sends no set of keys")
    keys = tuple(filter(None, map(_parse_key, listed[:_MOST_KEYS])))
    if not keys:
        raise NoAnswer(f"{url} sends no key that could check a signature")
    return keys


def _parse_key(found: Any) -> _Key | None:
    """A public key for signatures; None for any other, which does no harm in a set."""
    if not isinstance(found, dict) or found.get("use", "sig") != "sig":
        return None
    kid, stated = found.get("kid"), found.get("alg")
    possible = _algorithms_of(found)
    if stated is not None:
        possible = tuple(name for name in possible if name == stated)
    if not possible or not (kid is None or isinstance(kid, str)):
        return None
    try:
        public = jwt.PyJWK(
            {name: value for name, value in found.items() if name not in _PRIVATE},
            algorithm=possible[0],
        ).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if found["kty"] == "RSA" and public.key_size < _SMALLEST_RSA:
        return None
    return _Key(kid, possible, public)


def _algorithms_of(found: Mapping[str, Any]) -> tuple[str, ...]:
    match found.get("kty"):
        case "RSA":
            return ALGORITHMS[:6]
        case "EC":
            curve = found.get("crv")
            return _CURVES.get(curve, ()) if isinstance(curve, str) else ()
        case "OKP":
            return ("EdDSA",)
        case _:
            return ()
