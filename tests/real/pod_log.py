"""What a cluster itself says about the pods of a namespace: when each container began and when it ended."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.cluster import Kubernetes

__all__ = ["PodLog", "Run"]


class Run(NamedTuple):
    """One pod's notebook container by the cluster's own clock, to the second; whole seconds are all that it tells.

    Attributes:
        admission: the session's id, from the pod's label.
        began, ended: None while that has not been seen.
    """

    hub_name: str
    admission: str
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def length(self) -> timedelta:
        """How long it ran."""
        assert self.began is not None, self
        assert self.ended is not None, self
        return self.ended - self.began


class PodLog:
    """Follows all pods of a namespace from the beginning; use it as a context.

    Always holds:
        - a pod's last state counts, also once it has been deleted.
    """

    def __init__(self, cluster: Kubernetes, namespace: str) -> None:
        self._arguments = cluster.command(
            "get", "pods", f"--namespace={namespace}", "--watch", "--output=json"
        )
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> PodLog:
        self._process = subprocess.Popen(
            self._arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()

    def runs(self) -> list[Run]:
        """Every pod seen so far, in the order of their beginnings."""
        with self._lock:
            return sorted(self._runs.values(), key=lambda run: str(run.began))

    def _follow(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for pod in _documents(stream):
                found = _read(pod)
                with self._lock:
                    self._runs[pod["metadata"]["uid"]] = found


def _documents(stream: Any) -> Iterator[dict[str, Any]]:
    """JSON objects one after another; kubectl ends each with a closing brace at the beginning of a line."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.rstrip("\n") == "}":
            yield json.loads("".join(lines))
            lines.clear()


def _read(pod: dict[str, Any]) -> Run:
    metadata = pod["metadata"]
    run = Run(
        metadata.get("annotations", {}).get("hub.jupyter.org/username", ""),
        metadata.get("labels", {}).get("jupyterhub-edu/admission", ""),
    )
    for container in pod["status"].get("containerStatuses", ()):
        state = container["state"]
        ended = state.get("terminated", {})
        began = state.get("running", ended).get("startedAt")
        run = run._replace(began=_instant(began), ended=_instant(ended.get("finishedAt")))
    return run


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
