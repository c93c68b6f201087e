"""Where the hub runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["pod_namespace"]

_INSIDE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def pod_namespace(configured: str = "") -> str:
    """The namespace of the pods: KubeSpawner's own setting, else the hub's own namespace, else ``default``."""
    if configured:
        return configured
    return _INSIDE.read_text().strip() if _INSIDE.exists() else "default"
