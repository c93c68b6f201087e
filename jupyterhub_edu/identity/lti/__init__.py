"""People and courses from learning platforms by LTI 1.3: launches, and rosters by Names and Roles."""

from .granting import linked_by
from .settings import LtiSettings
from .source import LtiSource

__all__ = ["LtiSettings", "LtiSource", "linked_by"]
