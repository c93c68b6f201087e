"""The fenced blocks of the documentation. A block's first line says what it is, for readers and for these tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts
)
_FENCE = re.compile(r"^( *)(`{3,})([^\n`]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: as written behind the fence.
        head: its first line.
    """

    page: Path
    line: int
    language: str
    text: str

    @property
    def head(self) -> str:
        return self.text.split("\n", 1)[0].strip()

    @property
    def name(self) -> str:
        """A name that leads there from a failed test."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def find_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[3].strip(), found[4])
        for found in _FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in find_blocks(page)]


def blocks(language: str, head: str = "") -> list[Block]:
    """Blocks of one language whose first line begins like this."""
    return [b for b in BLOCKS if b.language == language and b.head.startswith(head)]
