"""A cluster in memory for KubeSpawner: pods run as soon as they are made; and spawners that use it.

The start itself is KubeSpawner's own, from ``start`` to the pod's address; what is replaced is its API and its watch.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from jupyterhub.utils import maybe_future
from kubernetes_asyncio.client import ApiClient
from kubernetes_asyncio.client.rest import ApiException

from jupyterhub_edu.spawner import EduSpawner
from jupyterhub_edu.spawner.lab import Bringer

__all__ = ["FakeCluster", "a_kube_spawner", "an_account", "spawn", "stop", "words"]


class FakeCluster:
    """Pods as JSON by ``namespace/name``; ``refuse_with`` makes the next creation fail."""

    def __init__(self) -> None:
        self.pods: dict[str, Any] = {}
        self.made: list[Any] = []
        self.refuse_with: Exception | None = None
        self.silent = False
        self.secrets: dict[str, Any] = {}
        self.refuse_secrets_with: Exception | None = None
        self.api_client = ApiClient.__new__(
            ApiClient
        )  # it translates objects; no session is opened

    async def create_namespaced_pod(self, namespace: str, pod: Any) -> None:
        if self.refuse_with is not None:
            raise self.refuse_with
        raw = self.api_client.sanitize_for_serialization(pod)
        self.made.append(raw)
        raw["metadata"]["uid"] = f"uid-{len(self.made)}"
        raw["status"] = {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "containerStatuses": [{"name": "notebook", "ready": True, "state": {"running": {}}}],
        }
        self.pods[f"{namespace}/{raw['metadata']['name']}"] = raw

    async def create_namespaced_secret(self, namespace: str, secret: Any) -> None:
        if self.refuse_secrets_with is not None:
            raise self.refuse_secrets_with
        name = f"{namespace}/{secret['metadata']['name']}"
        if name in self.secrets:
            raise ApiException(status=409)
        self.secrets[name] = secret

    async def delete_namespaced_pod(self, name: str, namespace: str, **how: Any) -> None:
        self.pods.pop(f"{namespace}/{name}", None)

    async def read_namespaced_pod(self, name: str, namespace: str) -> Any:
        if self.silent:
            await asyncio.sleep(3600)
        raw = self.pods.get(f"{namespace}/{name}")
        if raw is None:
            raise ApiException(status=404)
        return SimpleNamespace(
            metadata=SimpleNamespace(labels=raw["metadata"]["labels"]),
            status=SimpleNamespace(phase=raw["status"]["phase"]),
        )

    @property
    def last(self) -> Any:
        """The pod that was made last."""
        return self.made[-1]


class _Spawner(EduSpawner):
    """EduSpawner over a FakeCluster."""

    cluster: FakeCluster

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        type(self)._bringer = Bringer()  # a new one, so that no test leaves anything to the next

    @property
    def pod_reflector(self) -> Any:
        return SimpleNamespace(pods=self.cluster.pods)

    async def _start_watching_pods(self, replace: bool = False) -> None: ...


def an_account(name: str = "ada") -> Any:
    """What a spawner sees of the hub's user."""
    return SimpleNamespace(name=name, id=7, url=f"/user/{name}", escaped_name=name)


def a_kube_spawner(
    cluster: FakeCluster, monkeypatch: Any, *, user: str = "ada", **settings: Any
) -> Any:
    """A spawner of one account."""
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **how: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda kind: cluster)
    given = {
        "user": an_account(user),
        "authenticator": SimpleNamespace(jupyterhub_edu=True),
        "namespace": "hub",
        "events_enabled": False,
        **settings,
    }
    spawner = _Spawner(_mock=True, **given)
    spawner.cluster = cluster
    spawner.handler = SimpleNamespace(settings={})
    return spawner


def words(error: Any) -> str:
    """What a person reads of a refusal or a failure."""
    message: str = error.jupyterhub_message
    return message


async def spawn(spawner: Any, options: Any = None) -> Any:
    """Start as the hub does, with its hooks, and let go after a failure."""
    spawner.user_options = {} if options is None else options
    spawner.clear_state()
    try:
        await maybe_future(spawner.run_pre_spawn_hook())
        return await maybe_future(spawner.start())
    except Exception:
        await stop(spawner)
        raise


async def stop(spawner: Any) -> None:
    """Stop as the hub does, whatever the server's state."""
    try:
        if await spawner.poll() is None:
            await spawner.stop()
    finally:
        await maybe_future(spawner.run_post_stop_hook())
        spawner.clear_state()
