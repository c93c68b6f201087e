"""Floor 5: the command ``jupyterhub-edu``. Every command answers in words or, with ``--json``, for programs; exit 0 or 2."""

from .app import main

__all__ = ["main"]
