"""Bringing our extension into JupyterLab and Notebook of any image, without rebuilding it.

On a cluster its files are a Secret, named by their content, that the hub makes and each pod mounts; on the hub's own
machine they are a folder on ``JUPYTER_PATH``. It is told by ``desk/session.py``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from kubernetes_asyncio.client.rest import ApiException

__all__ = ["JUPYTER_PATH", "Bringer", "make_secret", "pod_settings"]

JUPYTER_PATH: Final = Path(__file__).parent / "jupyter"
"""A folder as Jupyter searches for data."""
_NAME: Final = "jupyterhub-edu"
_FOLDER: Final = JUPYTER_PATH / "labextensions" / _NAME
_THERE: Final = f"/usr/local/share/jupyter/labextensions/{_NAME}"
"""Every Jupyter searches here, whatever its ``JUPYTER_PATH``, which stays the image's and the administrator's."""
_VOLUME: Final = "jupyterhub-edu-lab"
_WITHIN: Final = 5.0
_AGAIN_AFTER: Final = 600.0


@cache
def _files() -> Mapping[str, bytes]:
    """What the folder holds, by the path in it."""
    paths = sorted(path for path in _FOLDER.rglob("*") if path.is_file())
    return {path.relative_to(_FOLDER).as_posix(): path.read_bytes() for path in paths}


@cache
def _secret_name() -> str:
    digest = hashlib.sha256()
    for path, content in _files().items():
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return f"{_VOLUME}-{digest.hexdigest()[:16]}"


def make_secret() -> dict[str, Any]:
    """The files as a ``v1/Secret``. Nothing in it is secret: the stock chart lets a hub make Secrets, not ConfigMaps."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": _secret_name(), "labels": {"app.kubernetes.io/part-of": _NAME}},
        "immutable": True,
        "data": {
            _key(path): base64.b64encode(content).decode() for path, content in _files().items()
        },
    }


def pod_settings() -> Mapping[str, Any]:
    """KubeSpawner's settings that mount it. A Secret that somebody has deleted keeps no pod from starting."""
    items = [{"key": _key(path), "path": path} for path in _files()]
    secret = {"secretName": _secret_name(), "optional": True, "items": items}
    return {
        "volumes": {_VOLUME: {"name": _VOLUME, "secret": secret}},
        "volume_mounts": {_VOLUME: {"name": _VOLUME, "mountPath": _THERE, "readOnly": True}},
    }


def _key(path: str) -> str:
    return path.replace("/", "-")


class Bringer:
    """Makes the Secret once in each namespace; starts at the same time wait for the same call.

    Always holds:
        - no start fails or waits longer than ``_WITHIN`` seconds for it; where it cannot be made, servers start without.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._there: dict[str, asyncio.Task[str]] = {}
        self._failed_at: dict[str, float] = {}

    async def bring(self, namespace: str, create: Callable[..., Awaitable[Any]], log: Any) -> bool:
        """Whether the Secret is in the namespace.

        Args:
            create: ``create_namespaced_secret`` of the spawner's API.
            log: where a failure is told, once in ten minutes.
        """
        failed_at = self._failed_at.get(namespace)
        if failed_at is not None and self._clock() - failed_at < _AGAIN_AFTER:
            return False
        task = self._there.get(namespace)
        if task is None:
            task = asyncio.ensure_future(_create(create, namespace))
            self._there[namespace] = task
        why = await asyncio.shield(task)
        if why and self._there.get(namespace) is task:
            del self._there[namespace]
            self._failed_at[namespace] = self._clock()
            log.warning(
                "servers in namespace %s start without warnings in JupyterLab: the hub could not make the secret %s: %s",
                namespace,
                _secret_name(),
                why,
            )
        return not why


async def _create(create: Callable[..., Awaitable[Any]], namespace: str) -> str:
    """Make the Secret; why not, or ``""``."""
    try:
        async with asyncio.timeout(_WITHIN):
            await create(namespace, make_secret())
    except ApiException as error:
        return "" if error.status == 409 else f"{error.status} {error.reason}"
    except TimeoutError:
        return "the cluster does not answer"
    except OSError as error:
        return type(error).__name__
    return ""
