"""What sources must remember and nobody may read."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ForgetfulSafe"]


class ForgetfulSafe:
    """Implements ``ports.Safe`` in memory: for the command line, and tests."""

    def __init__(self) -> None:
        self._kept: dict[str, Mapping[str, str]] = {}

    async def load(self, name: str) -> Mapping[str, str] | None:
        """What was kept under this name since the process began."""
        return self._kept.get(name)

    async def save(self, name: str, secret: Mapping[str, str] | None) -> None:
        """Keep it until the process ends."""
        if secret is None:
            self._kept.pop(name, None)
        else:
            self._kept[name] = dict(secret)
