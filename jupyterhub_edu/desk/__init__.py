"""Floor 4: what teachers, and everybody about themselves, see and may do: pages and a REST API."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .routes import desk_routes
from .scopes import CUSTOM_SCOPES

__all__ = ["CUSTOM_SCOPES", "TEMPLATES", "desk_routes"]

TEMPLATES: Final = Path(__file__).parent / "templates"
"""Folder of our pages, for ``JupyterHub.template_paths``; behind an administrator's own folders, whose files win."""
