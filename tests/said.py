"""What ``check --connect`` says of typical mistakes, as the reference page ``docs/reference/check.md`` tells it.

The page's tables are the tests' tables: each row is a mistake and the sentence that must be said of it, where ``…`` stands
for what is different each time.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "check.md"
_ROW = re.compile(r"^\| (.+?) \| (.+) \|$")


def said(of: str) -> dict[str, str]:
    """The rows below a heading of the page: mistake and sentence."""
    _, _, below = _PAGE.read_text(encoding="utf-8").partition(f"\n## {of}\n")
    section = below.partition("\n## ")[0]
    rows = [found.groups() for line in section.splitlines() if (found := _ROW.match(line))]
    assert len(rows) > 2, f"no table below {of}"
    return {mistake: sentence.replace("\\", "") for mistake, sentence in rows[2:]}


def assert_said(sentence: str, problems: Iterable[str]) -> None:
    """One of the problems is this sentence."""
    told = list(problems)
    pattern = ".+".join(map(re.escape, sentence.split("…")))
    assert any(re.fullmatch(pattern, problem) for problem in told), (
        f"{sentence!r} is not in {told}"
    )
