"""Floor 5: where ports meet adapters. One line switches everything on; it says what it set."""

from .configure import setup
from .offline import Offline, offline
from .probe import callbacks, probe

__all__ = ["Offline", "callbacks", "offline", "probe", "setup"]
