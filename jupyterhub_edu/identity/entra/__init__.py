"""Microsoft Entra ID: logins by OpenID Connect, groups and education classes from Graph."""

from .classes import COURSE_FIELDS
from .settings import EntraSettings
from .source import EntraRosterSource, EntraSource, make_entra

__all__ = ["COURSE_FIELDS", "EntraRosterSource", "EntraSettings", "EntraSource", "make_entra"]
