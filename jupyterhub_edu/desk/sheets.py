"""Tables as files for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["sheet"]

_FORMULA: Final = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")
"""With which a cell begins that a spreadsheet would work out; the wide ones in the languages that have them."""


def sheet(rows: Iterable[Sequence[object]]) -> str:
    """CSV as in RFC 4180; no cell of it is a formula, whatever stands in it, and None is an empty one."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
