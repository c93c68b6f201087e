"""Floor 5: where ports meet adapters. One line switches everything on; it says what it set."""

from .alone import Offline, offline
from .configure import setup
from .probe import callbacks, probe

__all__ = ["Offline", "callbacks", "offline", "probe", "setup"]
