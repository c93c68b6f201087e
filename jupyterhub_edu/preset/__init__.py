"""Floor 5: where ports meet adapters. One line switches everything on; it says what it set."""

from .probe import probe
from .setup import setup

__all__ = ["probe", "setup"]
