"""People and courses from learning platforms by LTI 1.3: launches, and rosters by Names and Roles."""

from .settings import LtiSettings
from .source import LtiSource

__all__ = ["LtiSettings", "LtiSource"]
