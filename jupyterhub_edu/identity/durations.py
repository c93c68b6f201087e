"""Lengths of time in settings of sources."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

__all__ = ["Duration"]

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)")


def _seconds(value: object) -> object:
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        return float(found[1]) / (1000 if found[2] == "ms" else 1)
    if isinstance(value, int | float):
        raise ValueError(f"say the unit: {value}s")
    return value


Duration = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=str)]
"""Seconds, written ``3s`` or ``500ms``."""
