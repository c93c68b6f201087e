"""An issuer of tokens with keys of its own, for tests. A fake: it signs whatever it is told to, true or not.

``AnIssuer`` stands where an OpenID provider, Entra or an LTI platform would make its tokens: honest ones by ``token``,
and others by ``forge``, which leaves every part of a token to the caller. ``FakeWeb`` answers in the place of
``jupyterhub_edu.identity.web.Web`` from a table of addresses, without a socket, and counts what it is asked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from multidict import CIMultiDict

from jupyterhub_edu.identity.web import NoAnswer, Reply, Web

_KINDS: Mapping[str, Callable[[], Any]] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "small RSA": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - to be refused
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
_FITTING = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}


@cache
def private_key(kind: str = "RSA", number: int = 0) -> Any:
    """A key, the same for the same arguments within one run: RSA keys take a while to make."""
    return _KINDS[kind]()


def algorithm_of(kind: str) -> str:
    """A signature that a key of this kind makes."""
    return _FITTING.get(kind, "RS256")


def public_jwk(key: Any, kid: str | None = "one", **more: Any) -> dict[str, Any]:
    """The public half of a key as it stands in a set of keys."""
    algorithm = {"RSA": "RS256", "ECP": "ES256", "Ed2": "EdDSA"}[type(key).__name__[:3]]
    found: dict[str, Any] = get_default_algorithms()[algorithm].to_jwk(
        key.public_key(), as_dict=True
    )
    found.pop("key_ops", None)
    return {**found, "use": "sig", **({"kid": kid} if kid is not None else {}), **more}


def part(value: Any) -> str:
    """One part of a token: JSON (or octets as they are) in base64url without padding."""
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def forge(header: Any, claims: Any, key: Any = None, algorithm: str = "RS256") -> str:
    """Put a token together from any header and claims, signed with this key by this algorithm; unsigned without one."""
    body = f"{part(header)}.{part(claims)}"
    signature = b""
    if key is not None:
        signer = get_default_algorithms()[algorithm]
        signature = signer.sign(body.encode(), signer.prepare_key(key))
    return f"{body}.{part(signature)}"


class AnIssuer:
    """Makes tokens for one audience, signed with the newest of its keys."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        issuer: str = "https://login.campus.example/realms/uni",
        audience: str = "hub",
        kind: str = "RSA",
    ) -> None:
        self.clock, self.issuer, self.audience, self.kind = clock, issuer, audience, kind
        self.turns = 0

    @property
    def kid(self) -> str:
        """The present key's id."""
        return f"key-{self.turns}"

    @property
    def key(self) -> Any:
        """The present private key."""
        return private_key(self.kind, self.turns)

    def rotate(self) -> None:
        """Sign with a new key from now on, and forget the old one."""
        self.turns += 1

    def jwks(self) -> dict[str, Any]:
        """The set of keys as it is published."""
        return {"keys": [public_jwk(self.key, self.kid, alg=algorithm_of(self.kind))]}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Claims as of now that hold for five minutes; ``None`` leaves one out."""
        now = int(self.clock().timestamp())
        honest = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "f3a1",
            "iat": now,
            "exp": now + 300,
        }
        return {name: value for name, value in (honest | changed).items() if value is not None}

    def header(self, **changed: Any) -> dict[str, Any]:
        """A header that fits the present key; ``None`` leaves a member out."""
        honest = {"alg": algorithm_of(self.kind), "kid": self.kid, "typ": "JWT"}
        return {name: value for name, value in (honest | changed).items() if value is not None}

    def token(self, **claims: Any) -> str:
        """An honest token with these claims among its own."""
        return forge(self.header(), self.claims(**claims), self.key, algorithm_of(self.kind))


Answers = (
    Mapping[str, Any]
    | list
    | bytes
    | Reply
    | NoAnswer
    | Callable[..., Any]
    | Callable[..., Awaitable[Any]]
)


class FakeWeb(Web):
    """``Web`` from a table: by address, a JSON value, octets, a Reply, a NoAnswer to raise, or what makes one of them.

    What makes an answer is called with the form that was posted, or with the query; it may be async.
    """

    def __init__(self, answers: Mapping[str, Answers] | None = None) -> None:
        super().__init__()
        self.answers: dict[str, Any] = dict(answers or {})
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.forms: list[Any] = []
        self.closed = False

    def count(self, url: str) -> int:
        """How often this address was asked."""
        return self.asked.count(url)

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        return await self._answer(url, params or {}, headers or {})

    async def post(
        self,
        url: str,
        data: Mapping[str, str] | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        self.forms.append(data)
        sent = dict(headers or {}) | ({"Authorization": ":".join(auth)} if auth else {})
        return await self._answer(url, data, sent)

    async def close(self) -> None:
        self.closed = True

    async def _answer(self, url: str, sent: Any, headers: Mapping[str, str]) -> Reply:
        self.asked.append(url)
        self.headers.append(headers)
        answer = self.answers.get(url, NoAnswer(f"{url} cannot be reached: Connection refused"))
        if callable(answer):
            answer = answer(sent)
            if isinstance(answer, Awaitable):
                answer = await answer
        if isinstance(answer, NoAnswer):
            raise answer
        if isinstance(answer, Reply):
            return answer
        return reply(answer, url=url)


def reply(body: Any, status: int = 200, url: str = "", **headers: str) -> Reply:
    """A Reply whose body is this value as JSON, or these octets."""
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Reply(status, named, octets, url)
