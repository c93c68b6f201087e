"""What is kept of the pods and events that KubeSpawner watches."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiException, CoreV1Api
from kubespawner import KubeSpawner
from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import PodReflector

from jupyterhub_edu.spawner import EduSpawner, reflected
from jupyterhub_edu.spawner.reflected import lighter
from tests.eventually import eventually
from tests.fakes.kube import FakeCluster, a_kube_spawner
from tests.fakes.kubernetes_api import HOME, FakeKubernetes, Raw, a_pod, connect_client


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


class Watched:
    """A FAKE of Kubernetes, and KubeSpawner's reflector of pods, in a hub of its own, that watches it."""

    def __init__(self, fake: FakeKubernetes, reflector: Any) -> None:
        self.fake, self.reflector = fake, reflector

    def asked(self, what: str) -> int:
        """How often it has listed, or watched."""
        path = f"GET /api/v1/namespaces/{HOME}/pods"
        return self.fake.requests.count({"list": path, "watch": f"{path} watch"}[what])

    def put(self, name: str) -> Raw:
        raw = a_pod(name)
        raw["metadata"]["managedFields"] = [{"manager": "kubelet"}]
        self.fake.put("pods", raw)
        return raw

    def knows(self) -> bool:
        """Whether it knows the pods as they are, but for who has set which field."""
        kept = {f"{HOME}/{raw['metadata']['name']}": dict(raw) for raw in self.fake.pods()}
        for raw in kept.values():
            raw["metadata"] = dict(raw["metadata"])
            del raw["metadata"]["managedFields"]
        return bool(self.reflector.resources == kept)


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    async with FakeKubernetes() as fake, await connect_client(fake.socket) as client:
        monkeypatch.setattr("kubespawner.reflector.shared_client", lambda kind: CoreV1Api(client))
        monkeypatch.setattr(reflected, "_QUIET", 1e9)
        reflector = lighter(PodReflector)(namespace=HOME, timeout_seconds=1)
        yield Watched(fake, reflector)
        if reflector.watch_task is not None:
            reflector.watch_task.cancel()
            await asyncio.gather(reflector.watch_task, return_exceptions=True)


async def test_a_watch_goes_on_where_the_last_ended(watched: Watched) -> None:
    watched.put("p0")
    await watched.reflector.start()
    assert watched.knows()
    await eventually(lambda: watched.asked("watch") == 1)
    watched.put("p1")
    await eventually(watched.knows)
    await eventually(lambda: watched.asked("watch") == 2)
    watched.fake.drop("pods", watched.put("p2"))
    watched.put("p3")
    await eventually(watched.knows)
    await eventually(lambda: watched.asked("watch") == 4)
    assert watched.knows()
    assert watched.asked("list") == 1


async def test_what_came_while_nobody_watched_is_told_by_the_next_watch(watched: Watched) -> None:
    await watched.reflector.start()
    watched.put("p0")
    await eventually(watched.knows)
    watched.fake.hang_up()
    gone = watched.put("p1")
    watched.put("p2")
    watched.fake.drop("pods", gone)
    await eventually(watched.knows)


async def test_all_are_listed_anew_where_nothing_was_told_for_long(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflected, "_QUIET", 0.9)
    await watched.reflector.start()
    for n in range(4):
        await eventually(lambda n=n: watched.asked("watch") == n + 1)  # type: ignore[misc]
        watched.put(f"p{n}")
    assert watched.asked("list") == 1
    await eventually(lambda: watched.asked("list") == 3)
    assert watched.knows()


async def test_all_are_listed_anew_where_a_version_has_expired(watched: Watched) -> None:
    watched.put("p0")
    await watched.reflector.start()
    await eventually(lambda: watched.asked("watch") == 1)
    watched.fake.compact()
    await eventually(lambda: watched.asked("list") == 2)
    watched.put("p1")
    await eventually(watched.knows)


async def test_many_are_read_in_pages(watched: Watched) -> None:
    for n in range(120):
        watched.put(f"p{n}")
    await watched.reflector.start()
    assert watched.knows()
    assert watched.asked("list") == 3


async def test_kubernetes_that_does_not_tell_is_an_error_as_before(watched: Watched) -> None:
    watched.fake.forbidden.add(("list", "pods", HOME))
    with pytest.raises(ApiException) as refused:
        await watched.reflector.start()
    assert refused.value.status == 403
    with pytest.raises(ApiException):
        await watched.reflector.first_load_future


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_breaks_the_pods_are_known_in_the_end(watched: Watched, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    await watched.reflector.start()
    for step in range(60):
        pods = watched.fake.pods()
        match chance.randrange(6):
            case 0 if pods:
                watched.fake.drop("pods", chance.choice(pods))
            case 1 if pods:
                watched.fake.put("pods", chance.choice(pods))
            case 2:
                watched.fake.compact()
            case 3:
                watched.fake.hang_up()
            case _:
                watched.put(f"p{step}")
        watched.fake.fault = chance.choice(["", "", "", "cut", "close"])
        await asyncio.sleep(chance.choice([0, 0, 0.02]))
    watched.fake.fault = ""
    await eventually(watched.knows)
