"""Notebook servers as processes beside the hub: for the demo and for a single machine with people who trust each other."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from jupyterhub.spawner import SimpleLocalProcessSpawner

from jupyterhub_edu.core import current_core

from .admission import AdmissionMixin
from .lab import JUPYTER_PATH

__all__ = ["EduLocalSpawner"]


class EduLocalSpawner(AdmissionMixin, SimpleLocalProcessSpawner):
    """Starts what the campus file allows as local processes; no Unix accounts needed.

    GPUs are counted, not handed out; CPU and memory are told to the server (``CPU_LIMIT``, ``MEM_LIMIT``) and not
    enforced. People are not isolated from each other: for trying out and teaching among people who trust each other. In an
    exam neither the image nor the network is fixed::

        c.JupyterHub.spawner_class = "edu-local"
    """

    enforces_limits: ClassVar[bool] = False
    closes_exams: ClassVar[bool] = False

    async def start(self) -> Any:
        """Admit and start; the session begins with the process."""
        address = await super().start()
        await current_core().book.run(self._held)
        return address

    def get_env(self) -> dict[str, Any]:
        """The server's environment, with our extension of JupyterLab on Jupyter's path."""
        env = super().get_env()
        before = env.get("JUPYTER_PATH") or os.environ.get("JUPYTER_PATH")
        env["JUPYTER_PATH"] = os.pathsep.join(filter(None, (str(JUPYTER_PATH), before)))
        return env

    async def _is_gone(self) -> bool:
        return await self.poll() is not None
