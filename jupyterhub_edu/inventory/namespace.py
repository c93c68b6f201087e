"""Our namespace alone, with the rights that the stock chart gives its hub."""

from __future__ import annotations

from collections.abc import Mapping

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.ports import Stock

from .facts import NodeFact
from .holdings import Holdings
from .views import EMPTY, unlisted

__all__ = ["NamespaceView"]


class NamespaceView:
    """As many devices as ``count`` says, or ``grows_to`` where that is left out, less what pods in our namespace hold.

    Always holds:
        - nothing is known of nodes: all devices of a flavor stand as if on one, so a start of several devices may be
          let through that no single node can take; it then waits in Kubernetes;
        - a foreign pod counts against every flavor of its device, since nobody can say which one it uses; so does a pod
          of ours whose flavor the campus file no longer has.
    """

    kind = "namespace"
    everywhere = False

    def __init__(self, flavors: Mapping[str, Flavor]) -> None:
        self.set_flavors(flavors)

    def set_flavors(self, flavors: Mapping[str, Flavor]) -> None:
        """Take over the flavors."""
        self._flavors = flavors

    def put_node(self, name: str, fact: NodeFact | None) -> None:
        """Nodes are not seen here."""

    def stock(self, flavor: str, pods: Holdings) -> Stock:
        """What the campus file declares less what bound pods hold; nothing if it does not."""
        known = self._flavors.get(flavor)
        if known is None or known.device is None or known.declared is None:
            return EMPTY
        ours = sum(pods.home.get(flavor, {}).get(known.device, {}).values())
        foreign = sum(count for _, count in unlisted(pods, self._flavors, known.device))
        return Stock({"": max(0, known.declared - ours - foreign)}, foreign)
