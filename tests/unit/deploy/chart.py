"""The schema of the zero-to-jupyterhub chart's values; it is the chart's own, so it is not kept here."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).parents[4] / "shared/samples/z2jh/values.schema.json"


@cache
def _load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def chart_schema() -> dict[str, Any]:
    """The schema, or the test is skipped: set Z2JH_SCHEMA to the file ``values.schema.json`` of a packed chart."""
    path = Path(os.environ.get("Z2JH_SCHEMA", _BESIDE))
    if not path.is_file():
        pytest.skip("no values.schema.json of the chart here; name it by Z2JH_SCHEMA")
    return _load(path)
