"""Floor 4: the start page, admission before a start, and what a granted profile means to a spawner."""

from pathlib import Path
from typing import Final

from .admission import AdmissionMixin
from .convert import convert_profile_list
from .kube import EduSpawner
from .local import EduLocalSpawner
from .page import as_student
from .routes import spawn_routes
from .sharing import sharing_routes

__all__ = [
    "TEMPLATES",
    "AdmissionMixin",
    "EduLocalSpawner",
    "EduSpawner",
    "as_student",
    "convert_profile_list",
    "sharing_routes",
    "spawn_routes",
]

TEMPLATES: Final = Path(__file__).parent / "templates" / "hub"
"""Folder of the hub's page around our form, for ``JupyterHub.template_paths``."""
