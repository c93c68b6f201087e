"""What the campus file says, value by value, and where each stands; for administrators to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["Configuration", "Setting"]


class Setting(NamedTuple):
    """One value as it is written; a secret is never in it.

    Attributes:
        path: as in a mistake, such as ``courses.ml.offers.student[0]``.
        value: JSON.
        file: where it stands, or ``""`` for one that is left out, so that the default holds.
        line: counted from 1; None where the file was read by somebody else.
    """

    path: str
    value: str
    file: str
    line: int | None


Configuration = Callable[[], Sequence[Setting]]
"""Tells every value in the file's order, those left out last; slow, and to be called in a thread."""
