"""People from a Moodle: log-in by its plugin ``local_oauth``, courses and rosters by its web services."""

from .settings import MoodleSettings
from .source import MoodleSource

__all__ = ["MoodleSettings", "MoodleSource"]
