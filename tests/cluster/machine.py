"""What the cluster needs of the machine: mounts, one network, one control group.

Everything here but ``Cgroup`` is undone by the kernel when the cluster's namespaces end.
"""

import ipaddress
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.places import ClusterUnavailable, cache_folder, locked
from tests.cluster.settings import BASE, BRIDGE, BRIDGE_HARDWARE, KERNEL_SETTINGS, Network

CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ["cpu", "cpuset", "memory", "pids"]
# Folders that the programs insist on; each gets one of the cluster's own, or an empty one.
OWN_FOLDERS = {
    "/var/lib/kubelet": "lib/kubelet",
    "/var/lib/cni": "lib/cni",
    "/var/log": "lib/log",
    "/tmp/hostpath_pv": "volumes",  # built into the controller-manager
}
CANDIDATES = [ipaddress.IPv4Network((f"10.{second}.0.0", 24)) for second in range(88, 104)]


def run(*command: str | Path, check: bool = True) -> str:
    """Run a command and return what it prints.

    Raises:
        ClusterUnavailable: it failed; carries what it said.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        words = " ".join(str(word) for word in command)
        said = (done.stderr or done.stdout).strip()[-1000:]
        raise ClusterUnavailable(f"`{words}` failed: {said}")
    return done.stdout


def mount_folders(workdir: Path) -> None:
    """Give this mount namespace its own /run, logs and state; BASE is the working folder."""
    if any(workdir.is_relative_to(taken) for taken in ("/run", "/var/run", *OWN_FOLDERS)):
        raise ClusterUnavailable(f"the cluster's folder may not be below {workdir.parent}")
    keep = os.open(workdir, os.O_PATH | os.O_DIRECTORY)
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    BASE.mkdir()
    workdir.chmod(0o711)  # not all programs run as root
    run("mount", "--bind", f"/proc/{os.getpid()}/fd/{keep}", BASE)
    os.close(keep)
    for path, own in OWN_FOLDERS.items():
        (BASE / own).mkdir(parents=True, exist_ok=True)
        Path(path).mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", BASE / own, path)
    (BASE / "volumes").chmod(0o777)
    settings = BASE / "lib" / "sysctl"
    for name, value in KERNEL_SETTINGS.items():
        shown = settings / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        run("mount", "--bind", shown, Path("/proc/sys") / name)
    run("mount", "--make-rshared", "/")


def unmount_folders() -> None:
    """Let go of what lies on the working folder, so that it can be emptied."""
    for path in OWN_FOLDERS:
        run("umount", "--recursive", "--lazy", path, check=False)


def connect(host_namespace: int, name: str) -> Network:
    """Join this network namespace with the machine's: a bridge here, one port of it there.

    Args:
        host_namespace: file descriptor of the machine's network namespace.
        name: what the machine's end is to be called, at most 15 characters.
    """
    outside = ["nsenter", f"--net=/proc/self/fd/{host_namespace}"]
    os.set_inheritable(host_namespace, True)

    def outside_run(*command: str) -> str:
        done = subprocess.run(
            [*outside, *command],
            pass_fds=[host_namespace],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ClusterUnavailable(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
        return done.stdout

    run("ip", "link", "set", "lo", "up")
    # An address of its own: else it takes the lowest of its ports' and changes with every pod,
    # and this machine goes on sending to the old one.
    run("ip", "link", "add", BRIDGE, "address", BRIDGE_HARDWARE, "type", "bridge")
    with locked(cache_folder() / "network.lock", "another cluster's network"):
        routes = json.loads(outside_run("ip", "-json", "-4", "route", "show", "table", "all"))
        network = Network(free_subnet(route["dst"] for route in routes))
        peer = ["peer", "name", "uplink", "netns", "/proc/1/ns/net"]
        outside_run("ip", "link", "add", name, "type", "veth", *peer)
        length = network.subnet.prefixlen
        outside_run("ip", "addr", "add", f"{network.hub}/{length}", "dev", name)
        outside_run("ip", "link", "set", name, "up")
    run("ip", "addr", "add", f"{network.node}/{length}", "dev", BRIDGE)
    run("ip", "link", "set", "uplink", "master", BRIDGE, "up")
    run("ip", "link", "set", BRIDGE, "up")
    return network


def free_subnet(destinations: Iterable[str]) -> ipaddress.IPv4Network:
    """Return the first candidate that meets no route of this machine.

    Args:
        destinations: as ``ip route`` shows them: "default", an address or a network.

    Raises:
        ClusterUnavailable: all are taken.
    """
    taken = [
        ipaddress.ip_network(word, strict=False) for word in destinations if word[:1].isdigit()
    ]
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(network) for network in taken if network.version == 4):
            return candidate
    raise ClusterUnavailable("no free network among " + ", ".join(map(str, CANDIDATES)))


class Cgroup:
    """The control group below which all pods of one cluster are.

    Always holds:
        - its name depends only on the cluster's folder, so a later run finds what an earlier
          one left.
    """

    def __init__(self, name: str) -> None:
        """Name it; ``create`` makes it."""
        self.path = f"/{name}"
        self._unified = (CGROUPS / "cgroup.controllers").exists()

    def create(self) -> None:
        """Make the group in every hierarchy.

        Raises:
            ClusterUnavailable: the machine does not offer a controller that the kubelet needs.
        """
        offered = self._offered()
        missing = [name for name in CONTROLLERS if name not in offered]
        if missing:
            raise ClusterUnavailable(
                f"this machine's kernel offers no control group for {', '.join(missing)} at "
                f"{CGROUPS}; in a container, run it privileged with its own cgroup namespace"
            )
        for folder in self._folders():
            folder.mkdir(exist_ok=True)
        if self._unified:
            self._delegate(offered)

    def remove(self) -> None:
        """Remove the group and all below it; processes in it are killed first."""
        for folder in self._folders():
            deadline = time.monotonic() + 5
            while folder.exists() and time.monotonic() < deadline:
                for below, _, _ in os.walk(folder, topdown=False):
                    _empty_group(Path(below))
                time.sleep(0.02)

    def _offered(self) -> list[str]:
        if self._unified:
            return (CGROUPS / "cgroup.controllers").read_text().split()
        return [path.name for path in CGROUPS.iterdir() if (path / "cgroup.procs").exists()]

    def _folders(self) -> list[Path]:
        if self._unified:
            return [CGROUPS / self.path.strip("/")]
        hierarchies = [path for path in CGROUPS.iterdir() if (path / "cgroup.procs").exists()]
        real = {path.resolve() for path in hierarchies}
        return [path / self.path.strip("/") for path in sorted(real)]

    def _delegate(self, offered: list[str]) -> None:
        """Pass the controllers on from the root to the group (version 2 only)."""
        for folder in (CGROUPS, *self._folders()):
            for name in offered:
                try:
                    (folder / "cgroup.subtree_control").write_text(f"+{name}")
                except OSError as error:
                    if name in CONTROLLERS:
                        raise ClusterUnavailable(f"cannot pass on {name}: {error}") from error


def _empty_group(folder: Path) -> None:
    """Kill what is in one group and remove the group, as far as that goes now."""
    try:
        for line in (folder / "cgroup.procs").read_text().split():
            if line != "0":
                os.kill(int(line), 9)
        folder.rmdir()
    except OSError:
        return


def snapshotter(folder: Path) -> str:
    """Return the kind of snapshots that works on the file system of a folder."""
    kind = run("stat", "--file-system", "--format=%T", folder).strip()
    return "native" if kind == "overlayfs" else "overlayfs"


def listening(address: str, port: int) -> bool:
    """Say whether something accepts connections there."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def empty(folder: Path, *names: str) -> None:
    """Remove folders of the cluster's working folder, without crossing into mounts."""
    for name in names:
        if (folder / name).exists():
            run("rm", "-rf", "--one-file-system", folder / name, check=False)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
