"""Paths in settings: relative ones start at the folder of the campus file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

__all__ = ["CampusPath"]


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path if folder else path


CampusPath = Annotated[Path, AfterValidator(_from_folder)]
"""A path; a relative one is taken from the validation context's ``folder``, which is where the campus file lies."""
