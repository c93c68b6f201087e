"""P9: one token checked as a login needs it, beside bare PyJWT; and how often an issuer is asked for its keys.

PyJWT is told issuer, audience and algorithm and holds the key; ours finds the key, refuses whatever is ambiguous, and
checks the parties, the times by the hub's clock, and the nonce. The token lists twenty groups.

    python -m benchmarks.p9_tokens
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import jwt

from benchmarks.pairs import alternate, time_once
from jupyterhub_edu.identity.tokens import BadToken, KeySet, TokenChecker
from tests.fakes.tokens import AnIssuer, FakeWeb, algorithm_of, forge, private_key
from tests.fakes.world import AClock

KINDS = ("RSA", "P-256", "Ed25519")
GROUPS = [f"/courses/c{number}/students" for number in range(20)]
TIMES = 200
LOGINS = 1_000
_KEYS = "https://login.campus.example/keys"


def run() -> dict[str, Any]:
    """Measure."""
    return {
        "name": "p9_tokens",
        "unit": "µs of processor time a token",
        "baseline": "PyJWT",
        "rows": [*map(_checked, KINDS), *asyncio.run(_fetches())],
    }


def _checked(kind: str) -> dict[str, Any]:
    clock = AClock(datetime.now(UTC))
    issuer = AnIssuer(clock, kind=kind)
    checker = _checker(issuer, FakeWeb({_KEYS: issuer.jwks()}))
    now = int(clock().timestamp())
    token = issuer.token(nonce="n", name="Zoë", groups=GROUPS, exp=now + 3600)
    public = issuer.key.public_key()

    def theirs() -> dict[str, Any]:
        return jwt.decode(
            token,
            public,
            algorithms=[algorithm_of(kind)],
            audience=issuer.audience,
            issuer=issuer.issuer,
        )

    def ours() -> Any:
        return _at_once(checker.check(token, nonce="n"))

    asyncio.run(checker.check(token, nonce="n"))  # fetches the keys
    assert ours() == theirs(), "both sides read the same claims"
    return {
        "case": algorithm_of(kind),
        **alternate(lambda: time_once(theirs, TIMES), lambda: time_once(ours, TIMES)),
    }


async def _fetches() -> list[dict[str, Any]]:
    clock = AClock(datetime.now(UTC))
    issuer = AnIssuer(clock)
    web = FakeWeb({_KEYS: lambda _: issuer.jwks()})
    checker = _checker(issuer, web)
    rotations = 3
    for _ in range(rotations):
        await asyncio.gather(*(checker.check(issuer.token()) for _ in range(LOGINS)))
        issuer.rotate()
        clock.pass_(minutes=2)
    honest, minutes = web.count(_KEYS), 10
    thief = private_key("RSA", 99)
    for number in range(minutes * 60):
        clock.pass_(seconds=1)
        try:
            await checker.check(forge(issuer.header(kid=f"x{number}"), issuer.claims(), thief))
        except BadToken:
            continue
        raise AssertionError("a forged token was accepted")
    return [
        {
            "case": f"{LOGINS} logins at once after each of {rotations} rotations",
            "fetches of keys a rotation": honest / rotations,
        },
        {
            "case": "a flood of unknown keys",
            "fetches of keys a minute": (web.count(_KEYS) - honest) / minutes,
        },
    ]


def _checker(issuer: AnIssuer, web: FakeWeb) -> TokenChecker:
    keys = KeySet(web, _KEYS, issuer.clock)
    return TokenChecker(keys, issuer=issuer.issuer, audience=issuer.audience, clock=issuer.clock)


def _at_once(call: Coroutine[Any, Any, Any]) -> Any:
    """What a call gives that has nothing to wait for; without the cost of a loop."""
    try:
        call.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something")


if __name__ == "__main__":
    for row in run()["rows"]:
        print({name: value for name, value in row.items() if name != "raw"})
