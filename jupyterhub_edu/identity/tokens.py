"""JSON Web Tokens: whose key signed them, for whom, when; PyJWT verifies signatures, everything else is checked here."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import jwt

from jupyterhub_edu.ports import Clock

from .keys import ALGORITHMS, BadToken, KeySet

__all__ = ["ALGORITHMS", "BadToken", "KeySet", "TokenChecker", "parse_object"]

_LONGEST_TOKEN: Final = 128 << 10
_LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_jws: Final = jwt.PyJWS(algorithms=ALGORITHMS)


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
