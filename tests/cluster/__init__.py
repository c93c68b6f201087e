"""A real Kubernetes for tests and for ``make demo-cluster``: API, node, images, GPUs.

Needs root, or sudo that asks for nothing, and the Debian packages of ``packages.txt``;
everything else (Kubernetes itself, the notebook image) is built once into
``${XDG_CACHE_HOME:-~/.cache}/jupyterhub-edu/`` from package registries. The cluster lives in its
own process, mount and network namespaces: whatever ends it, even SIGKILL, leaves no process,
mount, interface or firewall rule behind.

In a test (the session fixture ``cluster`` is in ``tests/cluster/fixtures.py``)::

    @pytest.mark.real
    def test_something(cluster: Cluster) -> None:
        cluster.create_namespace("hub-1")                  # Pod Security: restricted
        cluster.set_gpus(2)                                # on the real node
        names = cluster.add_fake_gpu_nodes(3, gpus=4)      # simulated nodes (kwok)
        hub = cluster.service_account_kubeconfig("hub-1", "hub")  # stock chart's rights

Elsewhere::

    with Cluster(workdir) as cluster: ...                  # dies with this process
    python -m tests.cluster start | stop | status | kubeconfig    # outlives the command
    python -m tests.cluster demo        # a cluster and the demo's hub on it, until Ctrl-C
    python -m tests.cluster build       # all that a start needs, so that a start takes 10 s

What a Cluster offers (all calls block; from asyncio use ``asyncio.to_thread``):

``start()``, ``stop()``
    Also as a context manager. ``start`` raises ClusterUnavailable with what to install, and
    ClusterFailed if all is there and yet it does not start (a test then fails everywhere).
``kubeconfig() -> Path``
    Kubeconfig file of a cluster administrator (client certificate).
``service_account_kubeconfig(namespace, name, rules=STOCK_HUB_RULES, cluster_rules=()) -> Path``
    Kubeconfig file of a service account with a token and exactly these rights.
``hub_ip: str``
    An address of *this machine* which pods reach: bind the hub's API there and set
    ``JupyterHub.hub_connect_ip`` to it. This machine reaches pods at their pod IPs.
``node_name: str``, ``notebook_image: str``
    The real node ("edu-node") and the image with jupyterhub-singleuser and JupyterLab
    (uid 1000, home /home/jovyan; pull policy IfNotPresent or Never).
``set_gpus(count, resource="nvidia.com/gpu")``
    The real node has so many devices from now on; returns when the scheduler can see it.
``add_fake_gpu_nodes(count, gpus, labels=None, taints=(), prefix="fake-gpu") -> list[str]``
    Simulated nodes; their pods become Ready at once and answer nothing. They carry the taint
    ``kwok.x-k8s.io/node=fake:NoSchedule`` unless ``taints`` says otherwise.
``remove_fake_nodes()``
``create_namespace(name, pod_security="restricted")``, ``delete_namespace(name, wait=True)``
``kubectl(*arguments, stdin=None, check=True) -> str``, ``get(*arguments) -> dict``,
``apply(*manifests)``, ``wait_pod(namespace, name, phase="Running", timeout=60) -> dict``
``frozen(program)``
    Context manager: ``kube-apiserver`` (or another program) stands still meanwhile.
``restart(program)``
    Kill it; it is started again; returns when the cluster answers. Both need a cluster that the
    tests started: fixture ``own_cluster`` skips where there is another.
fixture ``namespace``
    The name of a new namespace for restricted pods, deleted after the test.
``PersistentVolumeClaim``
    The default StorageClass provides (folders of this machine that belong to uid 1000).

Environment:
    JUPYTERHUB_EDU_CLUSTER: ``existing`` takes the cluster of ``KUBECONFIG`` instead of starting
        one (never without this word: tests create and delete namespaces and patch nodes).
        Then also JUPYTERHUB_EDU_HUB_IP and JUPYTERHUB_EDU_NOTEBOOK_IMAGE.
    JUPYTERHUB_EDU_DEBIAN_MIRROR: where debootstrap gets Debian from (else as apt does here).
    XDG_CACHE_HOME: where built programs and images are kept.
"""

from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import STOCK_HUB_RULES, KubectlError, Kubernetes, existing
from tests.cluster.places import ClusterFailed, ClusterUnavailable

__all__ = [
    "STOCK_HUB_RULES",
    "Cluster",
    "ClusterFailed",
    "ClusterUnavailable",
    "KubectlError",
    "Kubernetes",
    "existing",
]
