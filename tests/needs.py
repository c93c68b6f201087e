"""What a test needs from the machine: missing means fail under CI, skip on a laptop."""

import os
from typing import TypeVar

import pytest

Found = TypeVar("Found")


def require(condition: Found | None, what: str, how: str) -> Found:
    """Go on only if a server or program is there.

    Args:
        condition: what was looked for, e.g. a path; anything false means it is not there.
        what: its name, e.g. ``"slapd"``.
        how: the way to get it, e.g. ``"apt install slapd"``.

    Returns:
        The condition, so that a look-up and its check fit on one line:
        ``chromium = require(shutil.which("chromium"), "Chromium", "apt install chromium")``.
    """
    if condition:
        return condition
    message = f"{what} is not here; to have it: {how}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
