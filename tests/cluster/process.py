"""The cluster's namespaces, seen from outside: make them, find them, end them.

A folder belongs to at most one running cluster: process 1 of the namespaces holds the lock on
``lock`` in it for as long as it lives, so nobody can take a dead cluster for a living one.
"""

import contextlib
import fcntl
import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.cluster import root
from tests.cluster.places import (
    REPOSITORY,
    ClusterFailed,
    ClusterUnavailable,
    Say,
    require_programs,
)
from tests.cluster.settings import CNI_PLUGINS, FAILED, READY, UNAVAILABLE

STOP_SECONDS = 30.0
NEEDED = ["containerd", "containerd-shim-runc-v2", "ctr", "debootstrap", "ip", "nsenter", "runc"]


class Namespaces:
    """Process 1 of a cluster, known by its process id on this machine."""

    def __init__(self, workdir: Path, own: subprocess.Popen[str] | None) -> None:
        """Use ``start`` or ``running`` instead."""
        self._workdir = workdir
        self._own = own

    @property
    def pid(self) -> int:
        """Return the process that lives as long as the cluster (the parent of process 1)."""
        return int((self._workdir / "pid").read_text())

    @classmethod
    def running(cls, workdir: Path) -> Self | None:
        """Return the namespaces of the cluster that runs in a folder, if one does."""
        if not (workdir / "lock").exists():
            return None
        with (workdir / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return cls(workdir, None)
        return None

    @classmethod
    def start(
        cls, workdir: Path, programs: Path, store: Path, tell: Say, *, detached: bool
    ) -> Self:
        """Start a cluster in a folder and wait until it is ready.

        Args:
            workdir: an existing folder.
            programs: folder of the built programs.
            store: containerd root with the images.
            tell: prints a progress line.
            detached: whether it outlives this process.

        Raises:
            ClusterUnavailable: one is running there already, or the machine lacks something.
            ClusterFailed: it did not start.
        """
        arguments = [
            *("--workdir", str(workdir), "--programs", str(programs)),
            *("--store", str(store), "--name", short_name(workdir)),
            *(["--detached"] if detached else []),
        ]
        own = subprocess.Popen(
            root.python("tests.cluster.launch", *arguments),
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            start_new_session=True,
            text=True,
        )
        found = cls(workdir, own)
        try:
            found._wait_until_ready(tell)
        except BaseException:
            found.stop()
            raise
        return found

    def _wait_until_ready(self, tell: Say) -> None:
        """Show the progress lines of process 1 until it says how it went."""
        said: list[str] = []
        assert self._own is not None
        assert self._own.stdout is not None
        for line in self._own.stdout:
            if line.rstrip() == READY:
                return
            if said or line.startswith((FAILED, UNAVAILABLE)):
                said.append(line.rstrip())
            else:
                tell(line.rstrip())
        kind, _, why = "\n".join(said).partition(" ")
        failure = ClusterUnavailable if kind == UNAVAILABLE else ClusterFailed
        raise failure(f"the cluster did not start: {why or 'its process 1 ended'}")

    def stop(self) -> None:
        """End everything in the namespaces; returns when nothing of it is left."""
        if self._own is not None and self._own.stdin is not None:
            self._own.stdin.close()  # as when this process ends
        else:
            with contextlib.suppress(IndexError, FileNotFoundError, ProcessLookupError):
                root.send(self._children(self.pid)[0], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._alive():
            if time.monotonic() > deadline:
                deadline += STOP_SECONDS
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    root.send(self.pid, signal.SIGKILL)
            time.sleep(0.02)
        if self._own is not None and self._own.stdout is not None:
            self._own.stdout.close()
        if Namespaces.running(self._workdir) is None:
            (self._workdir / "pid").unlink(missing_ok=True)

    def program(self, name: str) -> int:
        """Return the process id of one program of the cluster.

        Raises:
            ProcessLookupError: it is not running.
        """
        for first in self._children(self.pid):
            for pid in self._children(first):
                with contextlib.suppress(FileNotFoundError):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if Path(words[0].decode()).name == name:
                        return pid
        raise ProcessLookupError(f"{name} is not running")

    def _alive(self) -> bool:
        if self._own is not None:
            return self._own.poll() is None
        return Namespaces.running(self._workdir) is not None

    @staticmethod
    def _children(pid: int) -> list[int]:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def short_name(workdir: Path) -> str:
    """Return a short name that distinguishes a cluster's folder from others."""
    return hashlib.sha256(str(workdir).encode()).hexdigest()[:8]


def check_machine() -> None:
    """Check what can be checked beforehand.

    Raises:
        ClusterUnavailable: names what is missing.
    """
    if sys.platform != "linux":
        raise ClusterUnavailable("the real Kubernetes of the tests needs Linux")
    root.prefix()
    require_programs(NEEDED)
    if not (CNI_PLUGINS / "bridge").exists():
        raise ClusterUnavailable(
            f"no network plug-ins in {CNI_PLUGINS}: install containernetworking-plugins"
        )
