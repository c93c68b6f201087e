"""What our servers are told on their command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

__all__ = ["LONGEST_MEMORY", "with_short_memory"]

LONGEST_MEMORY: Final = 30
"""Seconds for which a server may believe what the hub last said about a visitor; JupyterHub's own is 300."""
_PROGRAMS: Final = frozenset({"jupyterhub-singleuser", "jupyter-labhub"})
_OPTIONS: Final = ("--HubOAuth.cache_max_age=", "--HubAuth.cache_max_age=")


def with_short_memory(command: Sequence[str], args: Sequence[str]) -> list[str]:
    """A server's arguments, such that it asks the hub about each visitor at least every 30 s.

    Always holds:
        - a shorter time that the configuration sets stays; a longer one does not;
        - programs other than JupyterHub's own server get their arguments as they are.

    Args:
        command: the spawner's ``cmd``; empty where the image decides.

    Source:
        jupyterhub ``services/auth.py``, ``HubAuth.cache_max_age``.
    """
    if not any(PurePosixPath(word).name in _PROGRAMS for word in command):
        return list(args)
    times = [LONGEST_MEMORY]
    others = []
    for arg in args:
        option = next((option for option in _OPTIONS if arg.startswith(option)), None)
        if option is None:
            others.append(arg)
        elif (text := arg.removeprefix(option)).isdecimal():
            times.append(int(text))
    return [*others, f"{_OPTIONS[0]}{min(times)}"]
