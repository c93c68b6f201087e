"""Options of an authenticator that was there before: each becomes a key of the campus file, or is refused with its successor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["Refused", "Step", "translate"]

Step = Callable[[Mapping[str, Any]], dict[str, Any]]
"""From values by trait to keys of the campus file."""


class Refused(ValueError):
    """An option cannot mean the same here; the text begins with its name and names its successor."""


def translate(
    config: Mapping[str, Any], steps: Iterable[Step], refusals: Iterable[str] = ()
) -> dict[str, Any] | list[str]:
    """Go through all steps.

    Args:
        refusals: what is known already.

    Returns:
        The keys of all steps; or every refusal.
    """
    settings: dict[str, Any] = {}
    refused = list(refusals)
    for step in steps:
        try:
            settings |= step(config)
        except Refused as refusal:
            refused.append(str(refusal))
    return refused or settings
