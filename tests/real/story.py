"""Stories of whole runs: told while they happen (``pytest -s``) and once more at the end of the run."""

from __future__ import annotations

import time

import pytest

__all__ = ["TOLD", "Story"]

TOLD = pytest.StashKey[list["Story"]]()


class Story:
    """What happened, line by line, with the seconds since it began."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.lines: list[str] = []
        self._began = time.monotonic()
        print(f"\n{title}")

    def tell(self, line: str) -> None:
        """Add a line; call it after what it says has been checked."""
        self.lines.append(f"{time.monotonic() - self._began:6.1f} s  {line}")
        print(self.lines[-1], flush=True)
