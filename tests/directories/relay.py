"""The relay under its former name."""

from tests.relay import PLAIN_FAULTS as FAULTS
from tests.relay import Relay

__all__ = ["FAULTS", "Relay"]
