"""Words on a terminal with colours, in a pipe one plain line each."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

__all__ = ["BAD", "DIM", "GOOD", "HEAD", "NOTE", "Format", "printable", "say", "say_json"]

GOOD, BAD, NOTE, DIM, HEAD = "green", "bold red", "yellow", "dim", "bold"


class Format(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def say(*pieces: str | tuple[str, str], indent: int = 0, error: bool = False) -> None:
    """Print one line; text from outside is never read as markup, and control characters are shown, not sent.

    Args:
        pieces: plain text, or text with a style.
        indent: blanks before it; wrapped lines keep them on a terminal.
        error: to the error stream.
    """
    console = Console(stderr=error, highlight=False, emoji=False, markup=False)
    line = Text()
    for piece in pieces:
        text, style = (piece, "") if isinstance(piece, str) else piece
        line.append(printable(text), style=style)
    if console.is_terminal and indent:
        console.print(Padding(line, (0, 0, 0, indent), expand=False))
    else:
        console.print(Text(" " * indent) + line, soft_wrap=not console.is_terminal)


def say_json(value: Any) -> None:
    """Print a value for programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def printable(text: str) -> str:
    """Show what no terminal and no table should be sent: line breaks and control characters."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
