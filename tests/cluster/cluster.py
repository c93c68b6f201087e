"""Start and stop a real Kubernetes; the package's docstring is the overview."""

import contextlib
import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster import root
from tests.cluster.image import NOTEBOOK_IMAGE
from tests.cluster.kubernetes import Kubernetes
from tests.cluster.places import (
    ClusterUnavailable,
    Say,
    cache_folder,
    say,
    step,
)
from tests.cluster.process import Namespaces, check_machine
from tests.cluster.programs import programs
from tests.cluster.settings import NODE_NAME
from tests.cluster.store import image_store_as_root


class Cluster(Kubernetes):
    """A Kubernetes with one real node, for as long as this object or process lives.

    Always holds:
        - when this process ends in whatever way, the cluster ends (unless detached);
        - afterwards nothing is left on the machine but log files in the cluster's folder.
    """

    def __init__(self, workdir: Path | None = None, *, tell: Say = say) -> None:
        """Name the folder of one cluster; nothing happens yet.

        Args:
            workdir: folder for state and logs, made if missing; None: a new one in the cache
                folder, which starts faster than one on another disk.
            tell: prints a progress line.
        """
        super().__init__((workdir or _new_folder()).resolve())
        self.node_name = NODE_NAME
        self.notebook_image = NOTEBOOK_IMAGE
        self._tell = tell
        self._namespaces: Namespaces | None = None

    @classmethod
    def connected(cls, workdir: Path) -> Self:
        """Return the running cluster of a folder.

        Raises:
            ClusterUnavailable: none is running there.
        """
        cluster = cls(workdir)
        cluster._namespaces = Namespaces.running(cluster.workdir)
        if cluster._namespaces is None:
            raise ClusterUnavailable(f"no cluster is running in {workdir}")
        cluster._read_state()
        return cluster

    def start(self, *, detached: bool = False) -> None:
        """Start it and wait until pods can run; builds what is not in the cache.

        Args:
            detached: whether it outlives this process, until ``stop``.

        Raises:
            ClusterUnavailable: something is missing here; says what to install or change.
            ClusterFailed: a program of the cluster did not start; carries the end of its log.
        """
        check_machine()
        built = programs(self._tell)
        store = image_store_as_root(built, self._tell)
        self.workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with step("starting the cluster", self._tell):
            self._namespaces = Namespaces.start(
                self.workdir, built, store, self._tell, detached=detached
            )
        self._read_state()

    def stop(self) -> None:
        """End every process of the cluster; returns when nothing of it is left."""
        if self._namespaces is not None:
            with step("stopping the cluster", self._tell):
                self._namespaces.stop()
            self._namespaces = None
        for path in self.workdir.glob("*kubeconfig"):
            path.unlink()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @contextlib.contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """Let a program stand still meanwhile, such as ``kube-apiserver``: nothing is answered."""
        pid = self._program(program)
        root.send(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            root.send(pid, signal.SIGCONT)
            self._wait_until_answering()

    def restart(self, program: str) -> None:
        """Kill a program; it is started again; returns when the cluster answers."""
        before = self._program(program)
        root.send(before, signal.SIGKILL)

        def replaced() -> bool:
            with contextlib.suppress(ProcessLookupError):
                return self._program(program) != before
            return False

        self.wait(replaced, f"{program} to be started again")
        self._wait_until_answering()

    @property
    def pid(self) -> int:
        """Return the process id of the cluster on this machine; it lives as long as that."""
        if self._namespaces is None:
            raise ClusterUnavailable("the cluster is not running")
        return self._namespaces.pid

    def _wait_until_answering(self) -> None:
        request = ("get", "--raw=/readyz", "--request-timeout=5s")
        self.wait(lambda: self.kubectl(*request, check=False) == "ok", "the API to answer")

    def _program(self, name: str) -> int:
        if self._namespaces is None:
            raise ClusterUnavailable("the cluster is not running")
        return self._namespaces.program(name)

    def _read_state(self) -> None:
        state = json.loads((self.workdir / "state.json").read_text())
        self.hub_ip = state["hub_ip"]
        self._kubectl = f"{state['programs']}/kubectl"


def _new_folder() -> Path:
    runs = cache_folder() / "run"
    runs.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(dir=runs))
