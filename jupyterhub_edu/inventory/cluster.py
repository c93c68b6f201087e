"""The whole cluster: nodes as they are, and the pods of every tenant on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from jupyterhub_edu.domain.pools import still_to_grow
from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.ports import Stock

from .facts import NodeFact
from .holdings import Holdings
from .views import EMPTY, unlisted

__all__ = ["ClusterView"]

_TO_COME: Final = "to-come-{}.invalid"
"""Names of nodes that an autoscaler may add: fit for a label, and no machine's."""


class ClusterView:
    """Free devices node by node.

    Always holds:
        - a node counts for a flavor only if it is Ready, not cordoned, has all the flavor's labels, and no taint that
          keeps the flavor's pods out;
        - a flavor that grows has, beside the nodes that exist, whole nodes up to ``grows_to``; what exists counts whether
          it is ready or not, so that a node on its way is not counted twice;
        - whoever's pods hold devices on a node, those are not free; a node that promises less than is held has none.

    Args:
        tolerate: keys of taints that every pod of the hub tolerates, whatever its flavor.
    """

    kind = "cluster"
    everywhere = True

    def __init__(self, flavors: Mapping[str, Flavor], tolerate: Iterable[str] = ()) -> None:
        self._tolerated = frozenset(tolerate)
        self._nodes: dict[str, NodeFact] = {}
        self._fitting: dict[str, dict[str, int]] = {}
        self.set_flavors(flavors)

    def set_flavors(self, flavors: Mapping[str, Flavor]) -> None:
        """Take over the flavors, and sort every node anew."""
        self._flavors = {f.key: f for f in flavors.values() if f.device}
        self._fitting = {key: {} for key in self._flavors}
        for name, fact in self._nodes.items():
            self._sort(name, fact)

    def put_node(self, name: str, fact: NodeFact | None) -> None:
        """Take in what one node is now; None: it is no more."""
        if fact is None:
            self._nodes.pop(name, None)
        else:
            self._nodes[name] = fact
        self._sort(name, fact)

    def stock(self, flavor: str, pods: Holdings) -> Stock:
        """The flavor's free devices on each fitting node, and those of foreign pods in our namespace."""
        known = self._flavors.get(flavor)
        if known is None or known.device is None:
            return EMPTY
        device = known.device
        held = pods.held.get(device, {})
        free = {
            name: max(0, count - held.get(name, 0))
            for name, count in self._fitting[flavor].items()
        }
        if known.grows_to is not None:
            growing = still_to_grow(known.grows_to, self._shown(known), known.per_node)
            free |= {_TO_COME.format(n): devices for n, devices in enumerate(growing)}
        foreign = sum(
            count
            for name, count in unlisted(pods, self._flavors, device)
            if self._may_be_of(name, known)
        )
        return Stock(free, foreign)

    def _sort(self, name: str, fact: NodeFact | None) -> None:
        for key, flavor in self._flavors.items():
            count = fact.devices.get(flavor.device or "", 0) if fact else 0
            if fact is not None and count and self._fits(fact, flavor):
                self._fitting[key][name] = count
            else:
                self._fitting[key].pop(name, None)

    def _fits(self, fact: NodeFact, flavor: Flavor) -> bool:
        return (
            fact.open
            and flavor.nodes.items() <= fact.labels.items()
            and fact.taints <= self._tolerated.union(flavor.tolerate)
        )

    def _shown(self, flavor: Flavor) -> int:
        """Devices of the flavor's nodes that exist, ready or not."""
        labels, device = flavor.nodes.items(), flavor.device or ""
        return sum(
            fact.devices.get(device, 0)
            for fact in self._nodes.values()
            if labels <= fact.labels.items()
        )

    def _may_be_of(self, name: str, flavor: Flavor) -> bool:
        """Whether devices of this node are the flavor's; on a node not seen yet they may be."""
        fact = self._nodes.get(name)
        return fact is None or flavor.nodes.items() <= fact.labels.items()
