"""The page of what explain says is what it says."""

from __future__ import annotations

import pytest

from jupyterhub_edu.domain.reasons import Code
from tests import explained

from .blocks import ROOT


def test_the_page_is_what_the_command_says_today() -> None:
    page = (ROOT / "docs" / "reference" / "explained.md").read_text(encoding="utf-8")
    assert page == explained.page(), "python -m tests.explained > docs/reference/explained.md"


@pytest.mark.parametrize("code", explained.SCENES)
def test_each_scene_shows_its_reason(code: Code) -> None:
    assert f"[{code}]" in explained.run(explained.SCENES[code])


@pytest.mark.parametrize("title", explained.OTHERS)
def test_what_is_supposed_lifts_the_reason(title: str) -> None:
    assert "\nyes  gpu" in explained.run(explained.OTHERS[title])
