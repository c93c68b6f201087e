"""The page of what explain says is what it says."""

from __future__ import annotations

import pytest

from jupyterhub_edu.domain.reasons import Code
from tests import explained

from .blocks import ROOT


def test_the_page_is_what_the_command_says_today() -> None:
    page = (ROOT / "docs" / "reference" / "explained.md").read_text(encoding="utf-8")
    assert page == explained.page(), "python -m tests.explained > docs/reference/explained.md"


def test_there_is_a_scene_for_each_reason() -> None:
    assert list(explained.SCENES) == list(Code)


@pytest.mark.parametrize("code", explained.SCENES)
def test_each_scene_shows_its_reason(code: Code) -> None:
    assert f"[{code}]" in explained.run(explained.SCENES[code])


@pytest.mark.parametrize("title", ["At another time", "With a grant", "With another quota"])
def test_what_is_supposed_lifts_the_reason(title: str) -> None:
    assert "\nyes  gpu" in explained.run(explained.OTHERS[title])


def test_what_windows_hold_at_another_time_is_known() -> None:
    told = explained.run(explained.OTHERS["At the time of a class"])
    assert "[pool-reserved]" in told
