"""Secrets that were given to a hub, and every place where one of them was seen again."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["Canaries"]

_SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|PASSPHRASE", re.IGNORECASE)
_SAYS_SO = re.compile(r"canary[\w.-]+")
_SHORTEST = 8  # "demo" is a password of the demo's, and a word


class Canaries:
    """Looks for secrets in whatever it is shown.

    Known from the start: what the environment calls a secret, and every word of the configuration that begins with
    ``canary``. Tests add what else they hand out.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._secrets: set[str] = set()
        self.seen: list[str] = []
        self.add(*(value for name, value in environ.items() if _SECRET.search(name)))

    def look_for(self, config: str) -> None:
        """Look for what a configuration calls a canary."""
        self.add(*_SAYS_SO.findall(config))

    def add(self, *secrets: str) -> None:
        """Look for these too; short words are not told from others and left out."""
        self._secrets |= {secret for secret in secrets if len(secret) >= _SHORTEST}

    def look(self, where: str, text: str) -> None:
        """Look at a text; never repeats what it finds."""
        found = [secret for secret in self._secrets if secret in text]
        if found:
            at = text.index(found[0])
            before = text[max(0, at - 60) : at].rpartition("\n")[2]
            self.seen.append(f"{where}, after {before!r}")

    def require_none(self) -> None:
        """Fail if a secret was seen, and begin anew.

        Raises:
            AssertionError: with every place.
        """
        seen, self.seen = self.seen, []
        assert not seen, "a secret was seen:\n" + "\n".join(seen[:20])
