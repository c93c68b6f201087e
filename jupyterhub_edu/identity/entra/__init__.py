"""Microsoft Entra ID: logins by OpenID Connect, groups and education classes from Graph."""

from .classes import COURSE_FIELDS
from .rosters import EntraRosterSource, make_entra
from .settings import EntraSettings
from .source import EntraSource

__all__ = ["COURSE_FIELDS", "EntraRosterSource", "EntraSettings", "EntraSource", "make_entra"]
