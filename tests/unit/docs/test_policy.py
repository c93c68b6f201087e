"""The policy page says what the code holds: its rules by number and code, and what may end a session."""

from __future__ import annotations

import re
from pathlib import Path

from jupyterhub_edu.domain.reasons import ROWS, Code

PAGE = (Path(__file__).parents[3] / "docs" / "explanation" / "policy.md").read_text(
    encoding="utf-8"
)


def test_the_page_has_every_rule_with_its_number_in_the_same_order() -> None:
    told = re.findall(r"^\| (\d+) \| `([a-z-]+)` \|", PAGE, re.MULTILINE)
    assert told == [(str(ROWS[code].number), str(code)) for code in Code]


def test_the_page_says_which_reasons_pass_by_waiting() -> None:
    (line,) = re.findall(r"^- (\d.*?may pass by waiting)", PAGE, re.MULTILINE | re.DOTALL)
    told = set(map(int, re.findall(r"\d+", line)))
    assert told == {row.number for row in ROWS.values() if row.waitable}
