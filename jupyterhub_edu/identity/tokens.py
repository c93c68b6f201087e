"""JSON Web Tokens: whose key signed them, for whom, when; PyJWT verifies signatures, everything else is checked here."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import jwt

from jupyterhub_edu.ports import Clock

from .web import NoAnswer, Web

__all__ = ["ALGORITHMS", "BadToken", "KeySet", "TokenChecker", "parse_object"]

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures that are accepted: those that need a private key to make, with a digest that still holds."""

_LONGEST_TOKEN: Final = 128 << 10
_LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_MOST_KEYS: Final = 100
_SMALLEST_RSA: Final = 2048
_BETWEEN_FETCHES: Final = timedelta(minutes=1)
_FETCH_AGAIN: Final = timedelta(hours=1)
_CURVES: Final = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
_jws: Final = jwt.PyJWS(algorithms=ALGORITHMS)


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


class TokenChecker:
    """Tells what a token proves.

    Always holds:
        - claims are returned only if the signature is one of the accepted kinds, made with the issuer's key, and issuer,
          audience and times hold by our clock;
        - nothing that the token says chooses a key from elsewhere or weakens a check;
        - a member that stands twice in it makes the token bad.

    Source:
        OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725.
    """

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str | Callable[[Mapping[str, Any]], bool],
        audience: str,
        algorithms: Sequence[str] = ALGORITHMS,
        leeway: float = 60,
        clock: Clock,
    ) -> None:
        """Remember what to expect.

        Args:
            issuer: the exact issuer, or what decides from the claims (whose ``iss`` is text) whether it is a good one.
            audience: our name at the issuer.
            algorithms: some of ``ALGORITHMS``.
            leeway: seconds by which clocks may differ.
        """
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self._algorithms = frozenset(algorithms) & frozenset(ALGORITHMS)
        self._leeway, self._clock = leeway, clock

    async def check(
        self,
        token: str,
        *,
        nonce: str | None = None,
        required: Iterable[str] = ("sub",),
        types: Iterable[str] = ("jwt",),
    ) -> Mapping[str, Any]:
        """Check a token.

        Args:
            nonce: the one that was sent with the question; None where none was.
            required: claims without which it says nothing; ``iss``, ``aud``, ``exp`` and ``iat`` are always required.
            types: media types that the header may state, in lower case; one that states none passes.

        Returns:
            The claims.

        Raises:
            BadToken: it proves nothing.
            NoAnswer: the issuer's keys cannot be had.
        """
        kid, algorithm = self._read_header(token, types)
        key = await self._keys.find(kid, algorithm)
        try:
            octets = _jws.decode(token, key, algorithms=[algorithm])
        except jwt.InvalidTokenError:
            raise BadToken("its signature is not right") from None
        claims = parse_object(octets)
        for name in ("iss", "aud", "exp", "iat", *required):
            if claims.get(name) in (None, "", [], {}):
                raise BadToken(f"it has no {name}")
        self._check_parties(claims)
        self._check_times(claims)
        _check_subject(claims)
        if nonce is not None and not _is_same(claims.get("nonce"), nonce):
            raise BadToken("it answers another question (nonce)")
        return claims

    def _read_header(self, token: object, types: Iterable[str]) -> tuple[str | None, str]:
        if not isinstance(token, str) or not token.isascii():
            raise BadToken("it is no token")
        if len(token) > _LONGEST_TOKEN:
            raise BadToken("it is longer than any honest token")
        header = parse_object(_octets(token.partition(".")[0]))
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "jwt")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise BadToken("it is not signed in a way that is accepted")
        if not (kid is None or isinstance(kid, str)):
            raise BadToken("its key's id is no text")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
            raise BadToken("it is a token of another kind")
        if "crit" in header or "b64" in header or "zip" in header:
            raise BadToken("it wants something of its reader that is not known here")
        return kid, algorithm

    def _check_parties(self, claims: Mapping[str, Any]) -> None:
        issuer, audience, party = claims["iss"], claims["aud"], claims.get("azp")
        if not isinstance(issuer, str) or not (
            self._issuer(claims) if callable(self._issuer) else issuer == self._issuer
        ):
            raise BadToken("it comes from another issuer")
        named = [audience] if isinstance(audience, str) else audience
        if not isinstance(named, list) or self._audience not in named:
            raise BadToken("it is meant for somebody else (aud)")
        if party != self._audience and (party is not None or len(named) > 1):
            raise BadToken("it was made for somebody else (azp)")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock().timestamp()
        if _instant(claims, "exp") <= now - self._leeway:
            raise BadToken("it has expired")
        if _instant(claims, "iat") > now + self._leeway:
            raise BadToken("it was made in the future; is a clock wrong?")
        if "nbf" in claims and _instant(claims, "nbf") > now + self._leeway:
            raise BadToken("it does not hold yet; is a clock wrong?")


def parse_object(octets: bytes) -> dict[str, Any]:
    """Parse a JSON object in which no member stands twice.

    Raises:
        BadToken: it is none.
    """
    try:
        found = json.loads(
            octets.decode("utf-8", "strict"),
            object_pairs_hook=_members,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise BadToken("it is no JSON, or says a thing twice") from None
    if not isinstance(found, dict):
        raise BadToken("it is no object")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _octets(part: str) -> bytes:
    try:
        return base64.b64decode(
            part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True
        )
    except (ValueError, binascii.Error):
        raise BadToken("it is no token") from None


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadToken(f"its {name} is no time")
    return value


def _check_subject(claims: Mapping[str, Any]) -> None:
    subject = claims.get("sub")
    if subject is not None and not (
        isinstance(subject, str)
        and 0 < len(subject) <= _LONGEST_SUBJECT
        and subject.isprintable()
        and subject.strip()
    ):
        raise BadToken("its sub names nobody")


def _is_same(claimed: object, sent: str) -> bool:
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode(), sent.encode())


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


_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


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
