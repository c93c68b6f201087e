"""The tool's own key: made once, kept in the safe, its public half served; it signs what asks for access tokens."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from jupyterhub_edu.ports import StoreError

from .memory import Memory

__all__ = ["ToolKey", "sign_as_stranger"]

_log = logging.getLogger(__name__)
_NAME: Final = "key"
_HOLDS: Final = timedelta(minutes=5)


class ToolKey:
    """An RSA key of one source, ready when first needed.

    Always holds:
        - the private half leaves this object only into the safe;
        - a safe that cannot be written costs a new key at the next start, which platforms fetch by themselves.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._key: rsa.RSAPrivateKey | None = None
        self._lock = asyncio.Lock()

    async def jwks(self) -> dict[str, Any]:
        """The public half as a set of keys (RFC 7517)."""
        return {"keys": [_public(await self._private())]}

    async def is_made(self) -> bool:
        """Whether there is a key that platforms can know; one made only now they cannot."""
        return self._key is not None or await self._kept() is not None

    async def assertion(self, client_id: str, audience: str, now: datetime) -> str:
        """Sign that we are this client, for a token endpoint, good for five minutes.

        Source:
            1EdTech Security Framework 1.0, section 4.1; RFC 7523.
        """
        return _signed(await self._private(), client_id, audience, now)

    async def _private(self) -> rsa.RSAPrivateKey:
        async with self._lock:
            if self._key is None:
                self._key = await self._kept() or await self._made()
            return self._key

    async def _kept(self) -> rsa.RSAPrivateKey | None:
        kept = await self._memory.load(_NAME)
        if kept is None:
            return None
        key = serialization.load_pem_private_key(kept["pem"].encode(), None)
        return key if isinstance(key, rsa.RSAPrivateKey) else None

    async def _made(self) -> rsa.RSAPrivateKey:
        key = await _new_key()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        try:
            await self._memory.save(_NAME, {"pem": pem.decode()})
        except StoreError as error:
            _log.warning("the tool's key cannot be kept: %s", error)
        return key


async def sign_as_stranger(client_id: str, audience: str, now: datetime) -> str:
    """Say that we are this client with a key that nobody knows and that is not kept: no platform may believe it."""
    return _signed(await _new_key(), client_id, audience, now)


async def _new_key() -> rsa.RSAPrivateKey:
    # It takes longer to find primes than the event loop may be held.
    return await asyncio.to_thread(rsa.generate_private_key, 65537, 2048)


def _signed(key: rsa.RSAPrivateKey, client_id: str, audience: str, now: datetime) -> str:
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": int(now.timestamp()),
        "exp": int((now + _HOLDS).timestamp()),
        "jti": secrets.token_urlsafe(16),
    }
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": _public(key)["kid"]})


def _public(key: rsa.RSAPrivateKey) -> Mapping[str, Any]:
    numbers: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    kid = hashlib.sha256(f"{numbers['e']}.{numbers['n']}".encode()).hexdigest()[:16]
    return {
        "kty": "RSA",
        "n": numbers["n"],
        "e": numbers["e"],
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
    }
