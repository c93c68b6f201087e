"""Floor 3: the campus file to the objects of floor 0. Every mistake is reported at once, with its place and its fix."""

from .adjusted import arranger
from .configuration import settings_of
from .loading import Loaded, Settings, load, load_data
from .mistakes import CampusError, Mistake
from .schema import json_schema
from .sources import SourceType
from .watch import FileWatch

__all__ = [
    "CampusError",
    "FileWatch",
    "Loaded",
    "Mistake",
    "Settings",
    "SourceType",
    "arranger",
    "json_schema",
    "load",
    "load_data",
    "settings_of",
]
