"""Use a running Kubernetes: nodes, GPUs, namespaces, accounts, pods."""

import base64
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.cluster.certificates import write_kubeconfig
from tests.cluster.places import ClusterUnavailable
from tests.cluster.settings import FAKE_NODE_ANNOTATION

T = TypeVar("T")
GPU = "nvidia.com/gpu"
MANAGE = ["get", "watch", "list", "create", "delete"]
Rule = Mapping[str, Sequence[str]]
Manifest = Mapping[str, Any]
# What the stock Helm chart lets its hub do, in the hub's own namespace.
STOCK_HUB_RULES: list[Rule] = [
    {"apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": MANAGE},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "watch", "list"]},
    {"apiGroups": [""], "resources": ["secrets", "services"], "verbs": MANAGE},
]
FAKE_TAINT = {"key": FAKE_NODE_ANNOTATION, "value": "fake", "effect": "NoSchedule"}
FAKE_LABEL = "type=kwok"
TOKEN_LIFETIME = "24h"


class KubectlError(RuntimeError):
    """The API refused, or does not answer; the message is kubectl's."""


class Kubernetes:
    """A running cluster as its administrator sees it.

    Always holds:
        - every call returns when its effect can be seen through the API.
    """

    def __init__(self, folder: Path, kubectl: str = "kubectl") -> None:
        """Take where the cluster's ``kubeconfig`` is and which kubectl to use."""
        self.workdir = folder
        self.node_name = ""
        self.notebook_image = ""
        self.hub_ip = ""
        self._kubectl = kubectl

    def kubeconfig(self) -> Path:
        """Return the kubeconfig file of the administrator."""
        return self.workdir / "kubeconfig"

    def command(self, *arguments: str, kubeconfig: Path | None = None) -> list[str]:
        """Return the command line of a kubectl with the administrator's rights, or those of another file."""
        return [self._kubectl, f"--kubeconfig={kubeconfig or self.kubeconfig()}", *arguments]

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        check: bool = True,
        kubeconfig: Path | None = None,
    ) -> str:
        """Run kubectl and return what it prints.

        Args:
            arguments: what follows the word kubectl.
            stdin: what it reads.
            check: whether an error raises; else it gives what was printed so far.
            kubeconfig: whose rights to use; None: the administrator's.

        Raises:
            KubectlError: it failed.
        """
        done = subprocess.run(
            self.command(*arguments, kubeconfig=kubeconfig),
            input=stdin or "",
            capture_output=True,
            text=True,
            env=_without_proxy(),
            check=False,
        )
        if check and done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return what ``kubectl get`` shows, e.g. ``get("pods", "--namespace=x")["items"]``."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return answer

    def apply(self, *manifests: Manifest) -> None:
        """Create objects, or change them to be like this."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "--filename=-", stdin=json.dumps(items))

    def create_namespace(self, name: str, pod_security: str = "restricted") -> None:
        """Create a namespace in which pods must meet a Pod Security level."""
        labels = {"pod-security.kubernetes.io/enforce": pod_security}
        metadata = {"name": name, "labels": labels}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        account = ("get", "serviceaccount", "default", f"--namespace={name}", "--output=name")
        self.wait(lambda: self.kubectl(*account, check=False), f"namespace {name}")

    def delete_namespace(self, name: str, *, wait: bool = True, timeout: float = 60) -> None:
        """Delete a namespace with everything in it.

        Args:
            name: it may be gone already.
            wait: False returns when its pods are gone, which is several seconds sooner.
            timeout: seconds.
        """
        pods = ("delete", "pods", "--all", f"--namespace={name}", "--grace-period=1")
        self.kubectl(*pods, f"--timeout={timeout:.0f}s", check=False)
        how = ["--ignore-not-found", f"--wait={str(wait).lower()}", f"--timeout={timeout:.0f}s"]
        self.kubectl("delete", "namespace", name, *how)

    def set_gpus(self, count: int, resource: str = GPU) -> None:
        """Give the real node so many devices; containers that ask for them really run."""
        key = resource.replace("~", "~0").replace("/", "~1")
        patch = [{"op": "add", "path": f"/status/capacity/{key}", "value": str(count)}]
        node = ("node", self.node_name)
        options = ("--subresource=status", "--type=json", f"--patch={json.dumps(patch)}")
        self.kubectl("patch", *node, *options)

        def carried_over() -> bool:
            allocatable = self.get(*node)["status"]["allocatable"]
            return bool(allocatable.get(resource) == str(count))

        self.wait(carried_over, f"{count} {resource} on {self.node_name}")

    def add_fake_gpu_nodes(
        self,
        count: int,
        gpus: int,
        labels: Mapping[str, str] | None = None,
        taints: Sequence[Mapping[str, str]] | None = None,
        prefix: str = "fake-gpu",
        resource: str = GPU,
    ) -> list[str]:
        """Add simulated nodes; their pods become Ready at once and answer nothing.

        Args:
            count: how many; numbered from 0, existing ones of that name are changed.
            gpus: devices on each.
            labels: labels beside the usual ones.
            taints: None: the one that keeps other pods away, ``kwok.x-k8s.io/node=fake``.
            prefix: name of the nodes before their number.
            resource: name of the device resource.

        Returns:
            The names of the nodes; they are Ready.
        """
        names = [f"{prefix}-{number}" for number in range(count)]
        amounts = {"cpu": "32", "memory": "256Gi", "pods": "110", resource: str(gpus)}
        chosen = [FAKE_TAINT] if taints is None else list(taints)
        self.apply(*(_fake_node(name, amounts, labels or {}, chosen) for name in names))

        def all_ready() -> bool:
            nodes = self.get("nodes", f"--selector={FAKE_LABEL}")["items"]
            return set(names) <= {node["metadata"]["name"] for node in nodes if _ready(node)}

        self.wait(all_ready, f"nodes {', '.join(names)}")
        return names

    def remove_fake_nodes(self) -> None:
        """Remove all simulated nodes."""
        self.kubectl("delete", "nodes", f"--selector={FAKE_LABEL}", "--wait")

    def service_account_kubeconfig(
        self,
        namespace: str,
        name: str,
        rules: Sequence[Rule] = STOCK_HUB_RULES,
        cluster_rules: Sequence[Rule] = (),
    ) -> Path:
        """Return a kubeconfig file of a service account with exactly these rights.

        Args:
            namespace: an existing namespace.
            name: of the account, its roles and their bindings.
            rules: rights in that namespace.
            cluster_rules: rights in the whole cluster.
        """
        self.apply(*_account(namespace, name, rules, cluster_rules))
        lifetime = f"--duration={TOKEN_LIFETIME}"
        token = self.kubectl("create", "token", name, f"--namespace={namespace}", lifetime)
        view = self.kubectl("config", "view", "--minify", "--raw", "--flatten", "--output=json")
        server = json.loads(view)["clusters"][0]["cluster"]
        return write_kubeconfig(
            self.workdir / f"{namespace}.{name}.kubeconfig",
            server["server"],
            base64.b64decode(server.get("certificate-authority-data", "")),
            {"token": token.strip()},
            namespace,
        )

    def wait_pod(
        self, namespace: str, name: str, phase: str = "Running", timeout: float = 60
    ) -> dict[str, Any]:
        """Return a pod as soon as it is in that phase; Running means all containers are ready.

        Raises:
            TimeoutError: it did not get there; carries its state and its events.
        """

        def reached() -> dict[str, Any] | None:
            pod = self.get("pod", name, f"--namespace={namespace}")
            status = pod["status"]
            containers = status.get("containerStatuses", [])
            ready = phase != "Running" or all(entry["ready"] for entry in containers)
            return pod if status.get("phase") == phase and ready else None

        try:
            pod = self.wait(reached, f"pod {name} to be {phase}", timeout)
        except TimeoutError as error:
            said = self.kubectl("describe", "pod", name, f"--namespace={namespace}", check=False)
            raise TimeoutError(f"{error}\n{said}") from None
        return pod

    @staticmethod
    def wait(ask: Callable[[], T | None], what: str, timeout: float = 60) -> T:
        """Ask again and again until the answer is true, and return it.

        Raises:
            TimeoutError: it never was.
        """
        deadline = time.monotonic() + timeout
        while not (answer := ask()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout:.0f} s for {what}")
            time.sleep(0.1)
        return answer


class _Existing(Kubernetes):
    """Somebody's cluster: its kubeconfig file is theirs, ours go to a temporary folder."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="edu-existing-")))
        self._theirs = kubeconfig

    def kubeconfig(self) -> Path:
        return self._theirs


def existing() -> Kubernetes:
    """Return the cluster of KUBECONFIG, for ``JUPYTERHUB_EDU_CLUSTER=existing``.

    Raises:
        ClusterUnavailable: a variable is missing, or the cluster does not answer.
    """
    names = ["KUBECONFIG", "JUPYTERHUB_EDU_HUB_IP", "JUPYTERHUB_EDU_NOTEBOOK_IMAGE"]
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise ClusterUnavailable(f"an existing cluster also needs {', '.join(missing)}")
    cluster = _Existing(Path(os.environ["KUBECONFIG"]).absolute())
    cluster.hub_ip = os.environ["JUPYTERHUB_EDU_HUB_IP"]
    cluster.notebook_image = os.environ["JUPYTERHUB_EDU_NOTEBOOK_IMAGE"]
    try:
        nodes = cluster.get("nodes")["items"]
    except (KubectlError, OSError) as error:
        raise ClusterUnavailable(f"the cluster of KUBECONFIG does not answer: {error}") from error
    cluster.node_name = nodes[0]["metadata"]["name"]
    return cluster


def _without_proxy() -> dict[str, str]:
    """Return the environment without web proxies, which cannot reach the cluster."""
    kept = {name: value for name, value in os.environ.items() if "_proxy" not in name.lower()}
    return {**kept, "KUBECTL_KUBERC": "false"}


def _ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _fake_node(
    name: str,
    amounts: Mapping[str, str],
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
) -> Manifest:
    """Return a node that kwok takes for its own."""
    key, value = FAKE_LABEL.split("=")
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {FAKE_NODE_ANNOTATION: "fake"},
            "labels": {key: value, "kubernetes.io/hostname": name, **labels},
        },
        "spec": {"taints": list(taints)},
        "status": {"allocatable": amounts, "capacity": amounts, "phase": "Running"},
    }


def _account(
    namespace: str, name: str, rules: Sequence[Rule], cluster_rules: Sequence[Rule]
) -> list[Manifest]:
    """Return a service account with its roles and bindings."""
    group = "rbac.authorization.k8s.io"
    here = {"name": name, "namespace": namespace}
    subjects = [{"kind": "ServiceAccount", **here}]
    found: list[Manifest] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here}]
    everywhere = {"name": f"{namespace}-{name}"}
    for kind, metadata, granted in (
        ("Role", here, rules),
        ("ClusterRole", everywhere, cluster_rules),
    ):
        role = {"apiGroup": group, "kind": kind, "name": metadata["name"]}
        common = {"apiVersion": f"{group}/v1", "metadata": metadata}
        found.append({**common, "kind": kind, "rules": list(granted)})
        found.append({**common, "kind": f"{kind}Binding", "roleRef": role, "subjects": subjects})
    return found
