"""A tag of what somebody was shown, by which a second editor is noticed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["tag_of"]


def tag_of(shown: Any) -> str:
    """The tag of a JSON value: the same for the same value, whatever the order of its keys."""
    text = json.dumps(shown, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
