"""What the programs of the cluster are told: command lines and configuration files.

Paths are those inside the cluster's own mount namespace, where its working folder is at BASE.
"""

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.image import PAUSE_IMAGE

BASE = Path("/run/edu")
PKI = BASE / "pki"
ETC = BASE / "etc"
CONTAINERD_SOCKET = "/run/edu-containerd.sock"
CNI_PLUGINS = Path("/usr/lib/cni")
DISABLED_PLUGINS = [
    *(f"io.containerd.snapshotter.v1.{kind}" for kind in ("aufs", "btrfs", "devmapper", "zfs")),
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
]
# What process 1 says to its parent at the end of starting.
READY, UNAVAILABLE, FAILED = "READY", "UNAVAILABLE", "FAILED"
BRIDGE = "edu0"
BRIDGE_HARDWARE = "02:ed:00:00:00:01"
NODE_NAME = "edu-node"
API_PORT = 6443
SERVICES = ipaddress.ip_network("172.31.240.0/24")
FAKE_PODS = "198.18.0.1/16"
FAKE_NODE_ANNOTATION = "kwok.x-k8s.io/node"
# The kubelet sets these on the whole machine; it is shown files with the values it wants.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


@dataclass(frozen=True)
class Network:
    """Addresses of one cluster: all in one small network, which no one else here uses.

    Always holds:
        - the node and the API are at the bridge, this machine is its next neighbour, and pods
          have the rest: nothing is routed, translated or filtered.
    """

    subnet: ipaddress.IPv4Network

    @property
    def node(self) -> str:
        """Return the address of the bridge: the API and the kubelet listen there."""
        return str(self.subnet[1])

    @property
    def hub(self) -> str:
        """Return the address of this machine as pods see it."""
        return str(self.subnet[2])

    @property
    def api(self) -> str:
        """Return the address of the Kubernetes API."""
        return f"https://{self.node}:{API_PORT}"


def command_lines(programs: Path, network: Network) -> dict[str, list[str]]:
    """Return the command line of each program, in the order of starting."""
    admin = f"--kubeconfig={ETC / 'admin.kubeconfig'}"
    stages = sorted((programs / "stages").glob("*.yaml"))
    return {
        "containerd": ["containerd", f"--config={ETC / 'containerd.toml'}"],
        "etcd": [
            f"{programs}/etcd",
            f"--data-dir={BASE}/lib/etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        "kube-apiserver": [f"{programs}/kube-apiserver", *_api_server_options(network)],
        "kube-controller-manager": [
            f"{programs}/kube-controller-manager",
            admin,
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--enable-hostpath-provisioner=true",
            f"--flex-volume-plugin-dir={BASE}/lib/flex",
            f"--root-ca-file={PKI}/ca.crt",
            f"--service-account-private-key-file={PKI}/tokens.key",
        ],
        "kube-scheduler": [
            f"{programs}/kube-scheduler",
            admin,
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ],
        "kubelet": [
            f"{programs}/kubelet",
            f"--kubeconfig={ETC}/kubelet.kubeconfig",
            f"--config={ETC}/kubelet.json",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={network.node}",
        ],
        "kwok": [
            f"{programs}/kwok",
            admin,
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={FAKE_NODE_ANNOTATION}=fake",
            f"--cidr={FAKE_PODS}",
            f"--node-ip={network.node}",
            *(f"--config={stage}" for stage in stages),
        ],
    }


def _api_server_options(network: Network) -> list[str]:
    """Return the options of kube-apiserver."""
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        f"--bind-address={network.node}",
        f"--advertise-address={network.node}",
        f"--secure-port={API_PORT}",
        "--endpoint-reconciler-type=none",
        f"--service-cluster-ip-range={SERVICES}",
        f"--tls-cert-file={PKI}/api.crt",
        f"--tls-private-key-file={PKI}/api.key",
        f"--client-ca-file={PKI}/ca.crt",
        f"--kubelet-client-certificate={PKI}/admin.crt",
        f"--kubelet-client-key={PKI}/admin.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={PKI}/tokens.pub",
        f"--service-account-signing-key-file={PKI}/tokens.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged",
    ]


def write_configuration(network: Network, cgroup: str, snapshotter: str) -> None:
    """Write the configuration files of containerd, CNI and the kubelet.

    Args:
        network: the cluster's addresses.
        cgroup: path of the cluster's control group, such as "/edu-1a2b".
        snapshotter: "overlayfs", or "native" where an overlay cannot lie on an overlay.
    """
    (ETC / "cni").mkdir(parents=True, exist_ok=True)
    (ETC / "resolv.conf").write_text(f"nameserver {network.node}\n")
    (ETC / "containerd.toml").write_text(_containerd(snapshotter))
    (ETC / "cni" / "10-edu.conflist").write_text(json.dumps(_cni(network), indent=1))
    (ETC / "kubelet.json").write_text(json.dumps(_kubelet(network, cgroup), indent=1))


def _containerd(snapshotter: str) -> str:
    """Return containerd's configuration: its own folders and socket, local images only."""
    return f"""version = 2
root = "{BASE}/lib/containerd"
state = "/run/edu-containerd"
disabled_plugins = {DISABLED_PLUGINS}
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{BASE}/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{ETC}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def _cni(network: Network) -> dict[str, object]:
    """Return the network of pods: ports of the bridge, addresses after this machine's."""
    first, last = str(network.subnet[10]), str(network.subnet[-6])
    addresses = {"subnet": str(network.subnet), "rangeStart": first, "rangeEnd": last}
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": False,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{BASE}/lib/addresses",
            "ranges": [[addresses]],
        },
    }
    return {"cniVersion": "1.0.0", "name": "edu", "plugins": [bridge]}


def _kubelet(network: Network, cgroup: str) -> dict[str, object]:
    """Return the kubelet's configuration."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node,
        "authentication": {"x509": {"clientCAFile": f"{PKI}/ca.crt"}},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "clusterDNS": [network.node],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "evictionHard": {"memory.available": "100Mi"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "1s",
        "volumePluginDir": f"{BASE}/lib/flex",
        "resolvConf": f"{ETC}/resolv.conf",
    }
