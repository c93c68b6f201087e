"""Floor 4: what teachers, and everybody about themselves, see and may do: pages and a REST API."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from jupyterhub_edu.hub.languages import hub_telling, hub_words

from .frame import compile_templates
from .line import line_note
from .requests_pages import campus_note
from .routes import desk_routes
from .said import said_note
from .scopes import CUSTOM_SCOPES
from .sizes import size_routes
from .use import ends_note

__all__ = [
    "CUSTOM_SCOPES",
    "TEMPLATES",
    "TEMPLATE_VARS",
    "compile_templates",
    "desk_routes",
    "size_routes",
]

TEMPLATES: Final = Path(__file__).parent / "templates"
"""Folder of our pages, for ``JupyterHub.template_paths``; behind an administrator's own folders, whose files win."""
TEMPLATE_VARS: Final[dict[str, Any]] = {
    "edu_campus": campus_note,
    "edu_ends": ends_note,
    "edu_line": line_note,
    "edu_said": said_note,
    "edu_tell": hub_telling,
    "edu_text": hub_words,
}
"""What our frame of the hub's pages asks for, for ``JupyterHub.template_vars``; the hub calls each with the account."""
