"""Where the two watches pour what they see: pods into the holdings, nodes into the view."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from jupyterhub_edu.ports import PodSighting

from .facts import read_node, read_pod
from .holdings import Holdings
from .views import View
from .watch import Raw

__all__ = ["NodeSink", "PodSink"]

Changed = Callable[[Iterable[PodSighting]], None]
"""Called after each change with what is new of our pods, before anything else can run."""


class PodSink:
    """Pods by uid: a new pod may take an old one's name."""

    def __init__(self, namespace: str, pods: Holdings, changed: Changed) -> None:
        self._namespace, self._pods, self._changed = namespace, pods, changed

    def key(self, raw: Raw) -> str:
        """The uid."""
        return str(raw["metadata"]["uid"])

    def put(self, raw: Raw, *, deleted: bool) -> None:
        """Take in one pod. A deleted one first as it ended, for its last instants, and then not at all."""
        uid = self.key(raw)
        self._changed(self._pods.put(uid, read_pod(raw, self._namespace, deleted=deleted)))
        if deleted:
            self._changed(self._pods.put(uid, None))

    def retain(self, keys: AbstractSet[str]) -> None:
        """Let go of pods that went while nobody looked."""
        for uid in [uid for uid in self._pods if uid not in keys]:
            self._changed(self._pods.put(uid, None))


class NodeSink:
    """Nodes by name: pods name theirs so."""

    def __init__(self, view: View, changed: Changed) -> None:
        self._view, self._changed = view, changed
        self._names: set[str] = set()

    def key(self, raw: Raw) -> str:
        """The name."""
        return str(raw["metadata"]["name"])

    def put(self, raw: Raw, *, deleted: bool) -> None:
        """Take in one node."""
        name = self.key(raw)
        (self._names.discard if deleted else self._names.add)(name)
        self._view.put_node(name, None if deleted else read_node(raw))
        self._changed(())

    def retain(self, keys: AbstractSet[str]) -> None:
        """Let go of nodes that went while nobody looked."""
        for name in self._names - keys:
            self._view.put_node(name, None)
        self._names &= keys
        self._changed(())
