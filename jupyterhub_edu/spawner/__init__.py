"""Floor 4: the start page, admission before a start, and what a granted profile means to a spawner."""

from .admission import AdmissionMixin
from .convert import convert_profile_list
from .kube import EduSpawner
from .local import EduLocalSpawner
from .page import as_student
from .routes import spawn_routes
from .sharing import sharing_routes

__all__ = [
    "AdmissionMixin",
    "EduLocalSpawner",
    "EduSpawner",
    "as_student",
    "convert_profile_list",
    "sharing_routes",
    "spawn_routes",
]
