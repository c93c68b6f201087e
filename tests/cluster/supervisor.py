"""Process 1 of the cluster's namespaces: starts the programs, keeps them, ends with its parent.

Started by Cluster, never by hand. It prints progress lines and at last ``READY`` or
``FAILED <why>`` or ``UNAVAILABLE <why>``; afterwards it is silent and logs to ``logs/supervisor.log``. It stops the
cluster on SIGTERM, and when its standard input ends (that is: when its parent is gone).
"""

import argparse
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster import certificates, machine
from tests.cluster.places import ClusterFailed, ClusterUnavailable, step
from tests.cluster.settings import (
    BASE,
    CONTAINERD_SOCKET,
    ETC,
    FAILED,
    NODE_NAME,
    PKI,
    READY,
    SERVICES,
    UNAVAILABLE,
    Network,
    command_lines,
    write_configuration,
)
from tests.cluster.store import link_store

START_SECONDS = 90.0
NOTEBOOK_UID = 1000
IN_PROGRAMS = Path("/run/edu-programs")
PASSING = ["state.json", "lib", "volumes", "pki", "etc"]
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "standard",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "kubernetes.io/host-path",
}


class Programs:
    """The running programs of the cluster, by name."""

    def __init__(self, commands: dict[str, list[str]]) -> None:
        """Take the command line of each program; nothing is started yet."""
        self._commands = commands
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start one program; what it prints goes to ``logs/<name>.log``."""
        # The controller-manager makes the folders of volumes; they belong to who makes them.
        owner = {"user": NOTEBOOK_UID, "group": NOTEBOOK_UID, "extra_groups": []}
        identity: dict[str, Any] = owner if name == "kube-controller-manager" else {}
        with (BASE / "logs" / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._commands[name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **identity,
                start_new_session=True,
            )

    def ended(self) -> list[str]:
        """Return the names of programs that are not running any more."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def reap(self) -> None:
        """Take leave of every ended process: our programs, and orphans, as process 1 must."""
        own = {process.pid: process for process in self._running.values()}
        peek = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with contextlib.suppress(ChildProcessError):
            while found := os.waitid(os.P_ALL, 0, peek):
                if found.si_pid in own:
                    own[found.si_pid].poll()
                else:
                    os.waitpid(found.si_pid, 0)


class Lifeline:
    """Whether to go on: nobody said stop, and the parent is there."""

    def __init__(self, parent: int | None) -> None:
        """Take the file descriptor that ends with the parent; None for a detached cluster."""
        self._inputs = [] if parent is None else [parent]
        self._told_to_stop = False

    def stop(self, *_: object) -> None:
        """Handle a signal that says stop."""
        self._told_to_stop = True

    def holds(self, seconds: float) -> bool:
        """Wait so long, or until there is something new, and say whether to go on."""
        if not self._told_to_stop:
            readable, _, _ = select.select(self._inputs, [], [], seconds)
            if readable and not os.read(readable[0], 1):
                self._told_to_stop = True
        return not self._told_to_stop


class Supervisor:
    """One start and stop of the cluster."""

    def __init__(
        self, workdir: Path, programs: Path, store: Path, name: str, lifeline: Lifeline
    ) -> None:
        """Take what to run and where.

        Args:
            workdir: the cluster's folder.
            programs: the folder of the built programs.
            store: containerd root with the images.
            name: distinguishes this cluster on the machine, at most 11 characters.
            lifeline: says whether to go on.
        """
        self._workdir = workdir
        self._folder = programs
        self._store = store
        self._name = name
        self._lifeline = lifeline
        self._cgroup = machine.Cgroup(f"edu-{name}")
        self._programs = Programs({})

    def start(self, host_namespace: int) -> None:
        """Start everything and wait until pods can run.

        Raises:
            ClusterFailed: a program did not start in time; carries the end of its log.
            ClusterUnavailable: the machine lacks something.
        """
        # What an earlier run left that was killed.
        self._cgroup.remove()
        machine.empty(self._workdir, *PASSING)
        # Before mounting: files cannot be linked from one mount to another.
        with step("linking images", tell):
            link_store(self._store, self._workdir / "lib" / "containerd")
        machine.mount_folders(self._workdir)
        IN_PROGRAMS.mkdir()
        machine.run("mount", "--bind", self._folder, IN_PROGRAMS)
        self._cgroup.create()
        network = machine.connect(host_namespace, f"edu-{self._name}")
        for folder in (PKI, ETC, BASE / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        authority = self._write_identities(network)
        write_configuration(network, self._cgroup.path, machine.snapshotter(self._store))
        self._programs = Programs(command_lines(IN_PROGRAMS, network))
        self._programs.start("containerd")
        self._programs.start("etcd")
        with step("starting the Kubernetes API", tell):
            self._wait("etcd", lambda: machine.listening("127.0.0.1", 2379))
            self._programs.start("kube-apiserver")
            self._wait("kube-apiserver", lambda: self._kubectl("get", "--raw=/readyz") == "ok")
        for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
            self._programs.start(name)
        self._wait("containerd", Path(CONTAINERD_SOCKET).exists)
        self._programs.start("kubelet")
        self._kubectl("apply", "--filename=-", stdin=json.dumps(STORAGE_CLASS))
        with step("waiting for the node", tell):
            self._wait("kubelet", self._node_ready)
            account = ("get", "serviceaccount", "default", "--output=name")
            self._wait("kube-controller-manager", lambda: bool(self._kubectl(*account)))
        self._write_state(network, authority)

    def _write_identities(self, network: Network) -> bytes:
        """Write all certificates, keys and kubeconfig files; return the authority's."""
        authority = certificates.Authority()
        (PKI / "ca.crt").write_bytes(authority.certificate)
        service = str(SERVICES[1])
        api = authority.issue("kube-apiserver", hosts=(network.node, "127.0.0.1", service))
        api.write(PKI, "api")
        admin = authority.issue("admin", "system:masters")
        admin.write(PKI, "admin")
        node = authority.issue(f"system:node:{NODE_NAME}", "system:nodes")
        certificates.write_signing_key(PKI, "tokens")
        for name, identity in (("admin", admin), ("kubelet", node)):
            certificates.write_kubeconfig(
                ETC / f"{name}.kubeconfig",
                network.api,
                authority.certificate,
                certificates.client_user(identity),
            )
        for path in (PKI / "tokens.key", ETC / "admin.kubeconfig"):
            os.chown(path, NOTEBOOK_UID, 0)  # the controller-manager reads them
        return authority.certificate

    def _kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Ask the API as its administrator; an error is an empty answer."""
        admin = f"--kubeconfig={ETC / 'admin.kubeconfig'}"
        done = subprocess.run(
            [str(self._folder / "kubectl"), admin, "--request-timeout=5s", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, "NO_PROXY": "*", "no_proxy": "*", "HOME": str(BASE / "lib")},
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""

    def _node_ready(self) -> bool:
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        return self._kubectl("get", "node", NODE_NAME, f"--output={path}") == "True"

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until a program is ready.

        Raises:
            ClusterFailed: it ended or took too long; carries the end of its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            ended = self._programs.ended()
            if ended or time.monotonic() > deadline:
                culprit = ended[0] if ended else name
                log = (BASE / "logs" / f"{culprit}.log").read_text(errors="replace")
                tail = "\n".join(log.splitlines()[-8:])
                what = "ended" if ended else f"was not ready in {START_SECONDS:.0f} s"
                raise ClusterFailed(f"{culprit} {what}:\n{tail}")
            if not self._lifeline.holds(0.1):
                raise ClusterFailed("told to stop while starting")

    def _write_state(self, network: Network, authority: bytes) -> None:
        """Tell the outside where the cluster is; complete or absent."""
        content = {
            "api": network.api,
            "hub_ip": network.hub,
            "node_ip": network.node,
            "subnet": str(network.subnet),
            "authority": authority.decode(),
            "programs": str(self._folder),
        }
        kubeconfig = BASE / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_bytes((ETC / "admin.kubeconfig").read_bytes())
        owner = BASE.stat()
        for path in (kubeconfig, BASE / "logs"):
            os.chown(path, owner.st_uid, owner.st_gid)
        part = BASE / "state.json.part"
        part.write_text(json.dumps(content, indent=1))
        part.rename(BASE / "state.json")

    def keep(self) -> None:
        """Start programs again that end, until told to stop or the parent is gone."""
        while self._lifeline.holds(0.2):
            self._programs.reap()
            for name in self._programs.ended():
                print(f"{time.ctime()}: {name} ended; starting it again", flush=True)
                self._programs.start(name)

    def stop(self) -> None:
        """End every process of the cluster and remove its control group and data.

        The kernel removes the network and the mounts with the namespaces.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        deadline = time.monotonic() + 10
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.01)
        self._cgroup.remove()
        machine.unmount_folders()
        machine.empty(BASE, *PASSING)


def tell(line: str) -> None:
    """Print a progress line for the parent to show."""
    print(line, flush=True)


def main() -> int:
    """Run the cluster; see the module's description."""
    parser = argparse.ArgumentParser()
    for name in ("workdir", "programs", "store"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--host-network", type=int, required=True)
    parser.add_argument("--detached", action="store_true")
    options = parser.parse_args()
    lifeline = Lifeline(None if options.detached else sys.stdin.fileno())
    signal.signal(signal.SIGTERM, lifeline.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = Supervisor(
        options.workdir, options.programs, options.store, options.name, lifeline
    )
    try:
        supervisor.start(options.host_network)
        tell(READY)
        log = os.open(BASE / "logs" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, sys.stdout.fileno())
        os.dup2(log, sys.stderr.fileno())
        os.close(options.host_network)
        supervisor.keep()
    except (ClusterUnavailable, ClusterFailed, OSError) as error:
        with contextlib.suppress(BrokenPipeError):
            tell(f"{UNAVAILABLE if isinstance(error, ClusterUnavailable) else FAILED} {error}")
        return 1
    finally:
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
