"""What sources must remember and nobody may read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import cast

from jupyterhub_edu.ports import Sealer, Store

__all__ = ["ForgetfulSafe", "SealedSafe"]

_log = logging.getLogger(__name__)


class SealedSafe:
    """Implements ``ports.Safe``: sealed bytes in the store.

    Always holds:
        - what lies in the store is sealed, and opens under its own name alone: rows cannot change places;
        - what cannot be opened any more (another key, damaged) is as if it were not there.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store, self._sealer = store, sealer

    async def load(self, name: str) -> Mapping[str, str] | None:
        """What was kept under this name; None if nothing was, or if it cannot be opened any more.

        Raises:
            StoreError: the store does not answer, which says nothing about what it holds.
        """
        sealed = await self._store.load_secret(name)
        if sealed is None:
            return None
        opened = await self._sealer.open(sealed)
        if opened is None or opened.get("name") != name:
            _log.warning("what was kept as %r cannot be opened; has the key changed?", name[:64])
            return None
        return cast(Mapping[str, str], opened["secret"])

    async def save(self, name: str, secret: Mapping[str, str] | None, *, whose: str = "") -> None:
        """Keep it in the place of what was there, to be erased with whose it is; None forgets it.

        Raises:
            StoreError: it could not be sealed or kept.
        """
        sealed = None
        if secret is not None:
            sealed = await self._sealer.seal({"name": name, "secret": dict(secret)})
        await self._store.save_secret(name, sealed, whose)


class ForgetfulSafe:
    """Implements ``ports.Safe`` in memory: for the command line, and tests."""

    def __init__(self) -> None:
        self._kept: dict[str, Mapping[str, str]] = {}

    async def load(self, name: str) -> Mapping[str, str] | None:
        """What was kept under this name since the process began."""
        return self._kept.get(name)

    async def save(self, name: str, secret: Mapping[str, str] | None, *, whose: str = "") -> None:
        """Keep it until the process ends."""
        if secret is None:
            self._kept.pop(name, None)
        else:
            self._kept[name] = dict(secret)
