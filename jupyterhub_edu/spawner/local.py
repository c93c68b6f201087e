"""Notebook servers as processes beside the hub: for the demo and for a single machine with people who trust each other."""

from __future__ import annotations

from typing import Any, ClassVar

from jupyterhub.spawner import SimpleLocalProcessSpawner

from jupyterhub_edu.core import current_core

from .admission import AdmissionMixin

__all__ = ["EduLocalSpawner"]


class EduLocalSpawner(AdmissionMixin, SimpleLocalProcessSpawner):
    """Starts what the campus file allows as local processes; no Unix accounts needed.

    GPUs are counted, not handed out; CPU and memory are told to the server (``CPU_LIMIT``, ``MEM_LIMIT``) and not
    enforced. People are not isolated from each other: for trying out and teaching among people who trust each other::

        c.JupyterHub.spawner_class = "edu-local"
    """

    enforces_limits: ClassVar[bool] = False

    async def start(self) -> Any:
        """Admit and start; the session begins with the process."""
        address = await super().start()
        await current_core().book.run(self._held)
        return address

    async def _is_gone(self) -> bool:
        return await self.poll() is not None
