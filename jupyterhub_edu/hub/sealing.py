"""Sealing with the hub's own key, the one that seals ``auth_state``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.fernet import InvalidToken
from jupyterhub.crypto import CryptKeeper, EncryptionUnavailable

from jupyterhub_edu.ports import StoreError

__all__ = ["HubSealer"]

_NO_KEY: Final = "the hub has no key to seal secrets with; set JUPYTERHUB_CRYPT_KEY"


class HubSealer:
    """Implements ``ports.Sealer`` by JupyterHub's CryptKeeper, off the event loop.

    A key that was put behind a new one (``JUPYTERHUB_CRYPT_KEY=new;old``) still opens what it sealed.
    """

    @property
    def has_key(self) -> bool:
        """Whether anything can be sealed."""
        try:
            CryptKeeper.instance().check_available()
        except EncryptionUnavailable:
            return False
        return True

    async def seal(self, secret: Mapping[str, object]) -> bytes:
        """Seal small JSON values.

        Raises:
            StoreError: the hub has no key.
        """
        if not self.has_key:
            raise StoreError(_NO_KEY)
        sealed: bytes = await CryptKeeper.instance().encrypt(dict(secret))
        return sealed

    async def open(self, sealed: bytes) -> Mapping[str, Any] | None:
        """What was sealed; None if it cannot be opened: another key, no key, damaged."""
        try:
            opened = await CryptKeeper.instance().decrypt(sealed)
        except (EncryptionUnavailable, InvalidToken, ValueError):
            return None
        return opened if isinstance(opened, dict) else None
