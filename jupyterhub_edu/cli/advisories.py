"""Releases that this package works with and that nobody should run: a known weakness was mended later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import Final

__all__ = ["ADVISORIES", "AS_OF", "Advisory", "find_advisories"]

AS_OF: Final = date(2026, 11, 21)
"""The day of this table; what became known later is not in it."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A weakness of one package.

    Attributes:
        fixed: the first release without it; all earlier ones have it.
    """

    id: str
    package: str
    fixed: tuple[int, ...]
    what: str

    def __str__(self) -> str:
        mended = ".".join(map(str, self.fixed))
        return f"{self.id}: {self.what}; update {self.package} to {mended} or later"


ADVISORIES: Final = (
    Advisory(
        "GHSA-69wv-m5fw-2fhp",
        "jupyterhub",
        (5, 5, 1),
        "a right over one group's users opened pages about all users",
    ),
    Advisory(
        "GHSA-c4gm-pwx9-9w8j",
        "jupyterhub",
        (5, 5, 1),
        "the address to go to after login reached pages without escaping",
    ),
)


def find_advisories(installed: dict[str, str] | None = None) -> list[Advisory]:
    """The advisories that concern what is installed.

    Args:
        installed: versions by package; None: those of this environment.
    """
    return [
        advisory
        for advisory in ADVISORIES
        if (found := _version(advisory.package, installed)) and _numbers(found) < advisory.fixed
    ]


def _version(package: str, installed: dict[str, str] | None) -> str | None:
    if installed is not None:
        return installed.get(package)
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """``5.5.1rc1`` comes before ``5.5.1``; what cannot be read comes before everything."""
    match = re.match(r"(\d+(?:\.\d+)*)(.*)", text)
    if match is None:
        return ()
    numbers = tuple(map(int, match[1].split(".")))
    early = re.match(r"\.?(a|b|rc|dev)", match[2])
    return (*numbers[:-1], numbers[-1] - 1) if early else numbers
