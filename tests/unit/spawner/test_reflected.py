"""What is kept of the pods and events that KubeSpawner watches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubespawner import KubeSpawner
from kubespawner.reflector import ResourceReflector

from jupyterhub_edu.spawner import EduSpawner
from jupyterhub_edu.spawner.reflected import lighter
from tests.fakes.kube import FakeCluster, a_kube_spawner


def an_object(name: str) -> dict[str, Any]:
    """As Kubernetes tells it."""
    managed = [{"manager": "kubelet", "fieldsV1": {"f:status": {"f:phase": {}}}}]
    metadata = {"name": name, "namespace": "hub", "uid": name, "managedFields": managed}
    return {"metadata": metadata, "status": {"phase": "Running"}}


def as_kept(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "hub", "uid": name}
    return {"metadata": metadata, "status": {"phase": "Running"}}


class Listing(FakeCluster):
    """Tells one object of each kind."""

    ok = True

    async def list_namespaced_pod(self, **how: Any) -> Listing:
        return self

    list_namespaced_event = list_namespaced_pod

    async def read(self) -> bytes:
        items = [an_object("listed")]
        return json.dumps({"items": items, "metadata": {"resourceVersion": "7"}}).encode()


@pytest.fixture
def spawner(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def only_list(self: ResourceReflector) -> None:
        await self._list_and_update()

    cluster = Listing()
    monkeypatch.setattr("kubespawner.reflector.shared_client", lambda kind: cluster)
    monkeypatch.setattr(ResourceReflector, "start", only_list)
    monkeypatch.setattr(EduSpawner, "reflectors", {})
    return a_kube_spawner(cluster, monkeypatch)


@pytest.mark.parametrize("watches", ["pods", "events"])
async def test_nobody_keeps_who_has_set_which_field(spawner: Any, watches: str) -> None:
    begin = getattr(KubeSpawner, f"_start_watching_{watches}")
    reflector = await begin(spawner)
    assert reflector.resources == {"hub/listed": as_kept("listed")}
    # As its watch does with every change.
    reflector.resources["hub/told"] = an_object("told")
    assert reflector.resources["hub/told"] == as_kept("told")
    assert (reflector.kind, await begin(spawner)) == (watches, reflector)


def test_somebody_elses_reflector_is_as_it_was() -> None:
    class Theirs(ResourceReflector):
        pass

    assert lighter(Theirs) is Theirs
