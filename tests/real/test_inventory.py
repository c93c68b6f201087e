"""The inventories on a real Kubernetes: simulated GPU nodes, real scheduling, real rights."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.inventory import WatchedInventory, check, open_inventory
from jupyterhub_edu.ports import PodSighting
from jupyterhub_edu.spawner.manifest import keep_off
from tests.cluster import Cluster
from tests.eventually import eventually
from tests.listening import all_closed

GPU = "nvidia.com/gpu"
FAKE = "kwok.x-k8s.io/node"
RBAC = Path(__file__).parents[2] / "deploy" / "z2jh" / "rbac.yaml"
Opened = tuple[WatchedInventory, list[PodSighting]]


@pytest.fixture
def pool(cluster: Cluster) -> Any:
    """Two nodes of four devices, of a flavor of their own. Ask for it before ``namespace``: pods go before their nodes."""
    name = f"t-{uuid.uuid4().hex[:6]}"
    cluster.add_fake_gpu_nodes(2, gpus=4, labels={"pool": name}, prefix=name)
    yield name
    cluster.kubectl("delete", "nodes", "--selector", f"pool={name}", "--ignore-not-found")


@pytest.fixture
def flavors(pool: str) -> dict[str, Flavor]:
    t4 = Flavor("t4", "T4", device=GPU, count=8, nodes={"pool": pool}, tolerate=(FAKE,))
    return {"t4": t4}


@pytest.fixture
def opening(
    flavors: dict[str, Flavor], namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_(kind: str, kubeconfig: Path) -> AsyncIterator[Opened]:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        inventory = open_inventory(kind, flavors, namespace)  # type: ignore[arg-type]
        assert isinstance(inventory, WatchedInventory)
        told: list[PodSighting] = []
        try:
            await inventory.start(told.append)
            yield inventory, told
        finally:
            await inventory.close()
            await all_closed()

    return open_


def gpu_pod(name: str, namespace: str, pool: str, gpus: int = 1, admission: str = "") -> dict:
    ours = {"jupyterhub-edu/admission": admission, "jupyterhub-edu/flavor": "t4"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": ours if admission else {},
            "annotations": {"hub.jupyter.org/username": "ada"},
        },
        "spec": {
            "nodeSelector": {"pool": pool},
            "tolerations": [{"key": FAKE, "operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "notebook",
                    "image": "none",
                    "resources": {"limits": {GPU: str(gpus)}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


async def test_a_cluster_is_seen_as_it_changes(cluster, pool, namespace, opening):
    async def kubectl(*arguments: str) -> None:
        await asyncio.to_thread(cluster.kubectl, *arguments)

    async def run(name: str, where: str, **kwargs: Any) -> None:
        await asyncio.to_thread(cluster.apply, gpu_pod(name, where, pool, **kwargs))

    others = f"{namespace}-b"
    await asyncio.to_thread(cluster.create_namespace, others)
    async with opening("cluster", cluster.kubeconfig()) as (inventory, told):

        def free() -> list[int]:
            return sorted(inventory.stock("t4").nodes.values())

        assert free() == [4, 4]
        more = {"gpus": 4, "labels": {"pool": pool}, "prefix": pool}
        await asyncio.to_thread(cluster.add_fake_gpu_nodes, 3, **more)
        await eventually(lambda: free() == [4, 4, 4])
        await kubectl("delete", "node", f"{pool}-2")
        await eventually(lambda: free() == [4, 4])
        await run("jupyter-ada", namespace, admission="a1")
        await eventually(lambda: free() == [3, 4])
        await eventually(lambda: told and told[-1].running_at)
        assert (told[-1].admission, told[-1].hub_name) == ("a1", "ada")
        await run("tenant", others, gpus=4, admission="a1")
        await eventually(lambda: free() == [0, 3])
        await run("foreign", namespace, gpus=2)
        await eventually(lambda: free() == [0, 1])
        assert inventory.stock("t4").foreign == 2

        await kubectl("cordon", f"{pool}-0")
        await eventually(lambda: len(free()) == 1)
        await kubectl("uncordon", f"{pool}-0")
        await eventually(lambda: free() == [0, 1])
        await kubectl("taint", "node", f"{pool}-0", "broken=yes:NoSchedule")
        await eventually(lambda: len(free()) == 1)
        await kubectl("taint", "node", f"{pool}-0", "broken-")
        await eventually(lambda: free() == [0, 1])

        await inventory.remove("a1")
        await eventually(lambda: told[-1].gone)
        assert free() == [0, 2], "another tenant's pod with our label stays"
        assert inventory.problems == []
    await asyncio.to_thread(cluster.delete_namespace, others, wait=False)


async def test_pods_keep_off_the_nodes_that_they_are_told_to(cluster, pool, namespace, opening):
    """What the spawner asks for is taken by the API, and followed by the scheduler."""
    pods = [gpu_pod(f"jupyter-{n}", namespace, pool, admission=f"a{n}") for n in range(3)]
    for pod in pods:
        pod["spec"]["affinity"] = keep_off(None, {f"{pool}-0", f"{pool}-7"})
    async with opening("cluster", cluster.kubeconfig()) as (inventory, _):
        await asyncio.to_thread(cluster.apply, *pods)
        await eventually(
            lambda: sum(seen.node is not None for seen in inventory.pods().values()) == 3
        )
        assert {seen.node for seen in inventory.pods().values()} == {f"{pool}-1"}
        assert inventory.stock("t4").nodes == {f"{pool}-0": 4, f"{pool}-1": 1}


async def test_with_the_stock_charts_rights_the_namespace_counts(
    cluster, pool, namespace, flavors, opening
):
    kubeconfig = await asyncio.to_thread(cluster.service_account_kubeconfig, namespace, "hub")
    await asyncio.to_thread(cluster.apply, gpu_pod("foreign", namespace, pool, gpus=2))
    await asyncio.to_thread(cluster.apply, gpu_pod("jupyter-ada", namespace, pool, admission="a1"))
    async with opening("auto", kubeconfig) as (inventory, told):
        assert inventory.kind == "namespace"
        await eventually(lambda: [*inventory.stock("t4").nodes.values()] == [5])
        assert inventory.stock("t4").foreign == 2
        await inventory.remove("a1")
        await eventually(lambda: told[-1].gone)
        assert [*inventory.stock("t4").nodes.values()] == [6]
        said = [(found.good, found.sentence) for found in await check("auto", flavors, namespace)]
    assert (True, "cluster: may list nodes: no") in said
    assert all(good for good, _ in said)
    assert said[-1][1].startswith("inventory: namespace (")


async def test_what_deploy_grants_is_what_the_cluster_inventory_needs(
    cluster, pool, namespace, opening
):
    role = next(
        doc for doc in yaml.safe_load_all(RBAC.read_text()) if doc["kind"] == "ClusterRole"
    )
    kubeconfig = await asyncio.to_thread(
        cluster.service_account_kubeconfig, namespace, "hub", cluster_rules=role["rules"]
    )
    async with opening("auto", kubeconfig) as (inventory, _):
        assert inventory.kind == "cluster"
        assert [*inventory.stock("t4").nodes.values()] == [4, 4]


async def test_an_api_server_that_stands_still_is_noticed_and_comes_back(
    own_cluster, pool, namespace, opening
):
    async with opening("cluster", own_cluster.kubeconfig()) as (inventory, _):
        with own_cluster.frozen("kube-apiserver"):
            stale = inventory.proof_of_life()
            await eventually(lambda: len(inventory.problems) == 2)
            assert inventory.proof_of_life() == stale
        await eventually(lambda: inventory.proof_of_life() > stale)
        await asyncio.to_thread(own_cluster.apply, gpu_pod("late", namespace, pool))
        await eventually(lambda: sorted(inventory.stock("t4").nodes.values()) == [3, 4])


async def test_an_api_server_that_is_killed_and_comes_back_loses_nothing(
    own_cluster, pool, namespace, opening
):
    async with opening("cluster", own_cluster.kubeconfig()) as (inventory, told):
        await asyncio.to_thread(own_cluster.restart, "kube-apiserver")
        await asyncio.to_thread(
            own_cluster.apply, gpu_pod("after", namespace, pool, admission="a2")
        )
        await eventually(lambda: told and told[-1].node)
        await eventually(lambda: inventory.problems == [])
