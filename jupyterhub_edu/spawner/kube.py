"""Notebook servers as pods: what was granted, and nothing else, becomes KubeSpawner's settings."""

from __future__ import annotations

from kubespawner import KubeSpawner

from jupyterhub_edu.spawner.admission import AdmissionMixin

__all__ = ["EduSpawner"]


class EduSpawner(AdmissionMixin, KubeSpawner):
    """KubeSpawner that starts what the campus file allows."""

    async def _is_gone(self) -> bool:
        return False
