"""The configuration as it is in force: of the campus file and of the desk, each value with where it came from."""

from __future__ import annotations

from typing import Literal

from .shapes import Instant, Paged, Text, TypedDict, strict

__all__ = ["Setting", "SettingsAsked"]


@strict
class SettingsAsked(Paged, total=False):
    """Which values: those whose path begins so, such as ``courses.ml``."""

    below: Text


class Setting(TypedDict):
    """One value as JSON text; secrets are not in it.

    ``origin`` is ``file`` with ``file`` and ``line``, ``default`` for what the file leaves out, or ``desk`` with ``by`` and
    ``at``; ``troubles`` says why one of the desk's is not in force.
    """

    path: str
    value: str
    origin: Literal["file", "default", "desk"]
    file: str | None
    line: int | None
    by: str | None
    at: Instant | None
    troubles: list[str]
