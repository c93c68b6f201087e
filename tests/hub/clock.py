"""A clock of the hub's own, that a test can move on: libfaketime before the hub's process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.needs import require

__all__ = ["SLEEPS", "HubClock"]

_LIBRARIES = "/usr/lib"
_NAME = "libfaketime.so.1"
SLEEPS = """
import select, time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
"""For a configuration: libfaketime breaks Python's own sleep where it leaves the monotonic clock alone."""


class HubClock:
    """What the hub's process, and what it starts, take for the time; every other process goes on with the machine's.

    Timers do not jump: they run on the monotonic clock, which stays as it is.

    Args:
        file: says how far it is ahead; kept by this class alone.
    """

    def __init__(self, file: Path) -> None:
        found = sorted(Path(_LIBRARIES).glob(f"*/faketime/{_NAME}"))
        require(bool(found), "libfaketime", "install the Debian packages of tests/packages.txt")
        self._library, self._file, self.ahead = found[0], file, timedelta(0)
        self.move(timedelta(0))

    def environ(self) -> dict[str, str]:
        """The variables that put a process on this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, further: timedelta) -> None:
        """Move it on."""
        self.ahead += further
        beside = self._file.with_suffix(".new")
        beside.write_text(f"+{self.ahead.total_seconds():.0f}s\n")
        beside.replace(self._file)
