"""Courses, people and fair shares of CPUs and GPUs for JupyterHub.

In ``jupyterhub_config.py``, or in ``hub.extraConfig`` of zero-to-jupyterhub::

    import jupyterhub_edu
    jupyterhub_edu.setup(c)

Importing this package loads nothing else.
"""

from __future__ import annotations

import gc
from typing import Any

from ._version import __version__

__all__ = ["__version__", "setup"]


def setup(c: Any, campus: Any = None, **deviations: Any) -> None:
    """Switch jupyterhub-edu on in a hub's configuration; see ``jupyterhub_edu.preset.setup``."""
    # What a hub loads stays. Looking through it all for garbage, while it loads and each time that the hub has read some
    # hundred servers, would take a quarter of a second of the processor.
    gc.disable()
    try:
        from .preset import setup as set_up

        set_up(c, campus, **deviations)
        gc.freeze()
    finally:
        gc.enable()
