"""The cluster itself: real pods and devices, true rights, and nothing left behind."""

import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import KubectlError, Kubernetes
from tests.cluster.places import REPOSITORY, ClusterUnavailable
from tests.cluster.process import short_name

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
LAB = [
    "jupyter",
    "lab",
    "--ip=0.0.0.0",
    "--port=8888",
    "--no-browser",
    "--IdentityProvider.token=",
]
SLEEP = ["sleep", "infinity"]
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def a_pod(
    cluster: Kubernetes,
    namespace: str,
    name: str,
    *,
    gpus: int = 0,
    command: list[str] = SLEEP,
    security: dict[str, Any] = RESTRICTED,
    volumes: dict[str, str] | None = None,
    node: str | None = None,
) -> dict[str, Any]:
    """Return a pod of the notebook image; ``volumes`` maps claims to mount paths."""
    limits = {"cpu": "500m", "memory": "512Mi"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    claims = volumes or {}
    container = {
        "name": "notebook",
        "image": cluster.notebook_image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": {"limits": limits, "requests": limits | {"cpu": "50m"}},
        "securityContext": security,
        "volumeMounts": [{"name": claim, "mountPath": path} for claim, path in claims.items()],
    }
    spec = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "nodeSelector": {"kubernetes.io/hostname": node or cluster.node_name},
        "terminationGracePeriodSeconds": 1,
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
        "volumes": [
            {"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims
        ],
    }
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def a_claim(namespace: str, name: str) -> dict[str, Any]:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec,
    }


def fetch(url: str, timeout: float = 60) -> str:
    """Return a page as soon as it is there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask() -> str | None:
        try:
            with opener.open(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    return Kubernetes.wait(ask, url, timeout)


def test_a_restricted_gpu_pod_runs_lab_on_its_home_volume(
    cluster: Kubernetes, namespace: str
) -> None:
    cluster.set_gpus(2)
    home = {"home": "/home/jovyan"}
    lab = a_pod(cluster, namespace, "lab", gpus=1, command=LAB, volumes=home)
    cluster.apply(a_claim(namespace, "home"), lab)
    pod = cluster.wait_pod(namespace, "lab")
    assert pod["spec"]["nodeName"] == cluster.node_name
    page = fetch(f"http://{pod['status']['podIP']}:8888/lab")
    assert "JupyterLab" in page
    in_pod = ("exec", "lab", f"--namespace={namespace}", "--", "sh", "-c")
    said = cluster.kubectl(*in_pod, "id -u; echo kept > ~/file; cat /home/jovyan/file")
    assert said.split() == ["1000", "kept"]
    assert cluster.kubectl(*in_pod, "jupyterhub-singleuser --version").startswith("6.1.")


def test_the_third_of_two_gpus_stays_pending_until_one_is_free(
    cluster: Kubernetes, namespace: str
) -> None:
    cluster.set_gpus(2)
    for name in ("first", "second"):
        cluster.apply(a_pod(cluster, namespace, name, gpus=1))
        cluster.wait_pod(namespace, name)
    cluster.apply(a_pod(cluster, namespace, "third", gpus=1))

    def refused() -> bool:
        status = cluster.get("pod", "third", f"--namespace={namespace}")["status"]
        return any(
            entry["type"] == "PodScheduled" and "nvidia.com/gpu" in entry.get("message", "")
            for entry in status.get("conditions", [])
        )

    cluster.wait(refused, "the scheduler to refuse the third pod")
    assert cluster.wait_pod(namespace, "third", phase="Pending")
    cluster.kubectl("delete", "pod", "first", f"--namespace={namespace}")
    assert cluster.wait_pod(namespace, "third")["spec"]["nodeName"] == cluster.node_name


def test_pods_reach_this_machine_at_the_hub_address(cluster: Kubernetes, namespace: str) -> None:
    with http.server.ThreadingHTTPServer(
        (cluster.hub_ip, 0), http.server.SimpleHTTPRequestHandler
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cluster.apply(a_pod(cluster, namespace, "caller"))
        cluster.wait_pod(namespace, "caller")
        ask = f"import socket; socket.create_connection({server.server_address!r}, 5); print('ok')"
        in_pod = ("exec", "caller", f"--namespace={namespace}", "--", "python3", "-c", ask)
        assert cluster.kubectl(*in_pod).strip() == "ok"
        server.shutdown()


def test_a_pod_that_is_not_restricted_is_refused(cluster: Kubernetes, namespace: str) -> None:
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        cluster.apply(a_pod(cluster, namespace, "free", security={"privileged": True}))


def test_simulated_nodes_take_pods_for_their_gpus(cluster: Kubernetes, namespace: str) -> None:
    names = cluster.add_fake_gpu_nodes(2, gpus=4, labels={"gpu": "a100"})
    try:
        cluster.apply(a_pod(cluster, namespace, "fake", gpus=4, node=names[1]))
        pod = cluster.wait_pod(namespace, "fake")
        node = cluster.get("node", names[1])
    finally:
        cluster.delete_namespace(namespace)
        cluster.remove_fake_nodes()
    assert pod["spec"]["nodeName"] == names[1]
    assert node["metadata"]["labels"]["gpu"] == "a100"
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["kwok.x-k8s.io/node"]


def test_the_stock_charts_account_may_do_what_it_may(cluster: Kubernetes, namespace: str) -> None:
    hub = cluster.service_account_kubeconfig(namespace, "hub")
    rows = {
        ("create", "pods", namespace): "yes",
        ("delete", "persistentvolumeclaims", namespace): "yes",
        ("watch", "events", namespace): "yes",
        ("create", "events", namespace): "no",
        ("patch", "pods", namespace): "no",
        ("list", "pods", "default"): "no",
        ("list", "nodes", namespace): "no",
    }
    answers = {
        row: cluster.kubectl(
            *("auth", "can-i", row[0], row[1], f"--namespace={row[2]}"),
            check=False,
            kubeconfig=hub,
        ).strip()
        for row in rows
    }
    assert answers == rows
    with pytest.raises(KubectlError, match="forbidden"):
        cluster.kubectl("get", "nodes", kubeconfig=hub)
    cluster.kubectl("get", "pods", kubeconfig=hub)


def test_an_account_may_be_given_rights_everywhere(cluster: Kubernetes, namespace: str) -> None:
    look = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]
    wide = cluster.service_account_kubeconfig(namespace, "wide", cluster_rules=look)
    assert cluster.node_name in cluster.kubectl("get", "nodes", kubeconfig=wide)


def test_a_frozen_api_answers_nobody_and_comes_back(own_cluster: Cluster) -> None:
    with own_cluster.frozen("kube-apiserver"):
        request = ("get", "--raw=/readyz", "--request-timeout=1s")
        assert own_cluster.kubectl(*request, check=False) == ""
    assert own_cluster.kubectl("get", "--raw=/readyz") == "ok"


def test_a_killed_api_is_started_again_and_pods_go_on(
    own_cluster: Cluster, namespace: str
) -> None:
    own_cluster.apply(a_pod(own_cluster, namespace, "goes-on"))
    before = own_cluster.wait_pod(namespace, "goes-on")
    own_cluster.restart("kube-apiserver")
    after = own_cluster.wait_pod(namespace, "goes-on")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_folder_holds_one_cluster(own_cluster: Cluster) -> None:
    with pytest.raises(ClusterUnavailable, match="running already"):
        Cluster(own_cluster.workdir).start()
    assert Cluster.connected(own_cluster.workdir).hub_ip == own_cluster.hub_ip


@pytest.mark.slow
def test_a_second_cluster_ends_with_its_killed_parent(
    own_cluster: Cluster, namespace: str
) -> None:
    folder = own_cluster.workdir.with_name("second")
    program = (
        "import sys, time; from pathlib import Path; from tests.cluster import Cluster; "
        "Cluster(Path(sys.argv[1])).start(); print('ready', flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        second = Cluster.connected(folder)
        assert second.hub_ip != own_cluster.hub_ip
        second.create_namespace("left")
        second.apply(a_pod(second, "left", "left"))
        second.wait_pod("left", "left")
        first_process = second.pid
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
    own_cluster.wait(lambda: leftovers(folder, first_process) == [], "nothing to be left", 30)
    shutil.rmtree(folder)
    # The other one has not noticed.
    own_cluster.apply(a_pod(own_cluster, namespace, "still"))
    own_cluster.wait_pod(namespace, "still")


def leftovers(folder: Path, first_process: int) -> list[str]:
    """Name what is still there of a cluster."""
    name = f"edu-{short_name(folder)}"
    places = [
        Path(f"/proc/{first_process}"),
        Path(f"/sys/class/net/{name}"),
        *Path("/sys/fs/cgroup").glob(f"**/{name}"),
        *(folder / part for part in ("lib", "pki", "volumes", "state.json")),
    ]
    mounts = Path("/proc/self/mounts").read_text()
    found = [str(place) for place in places if place.exists()]
    return [*found, *(line for line in mounts.splitlines() if str(folder) in line)]
