"""Floor 3: what capacity there is and what is free, on a cluster, in a namespace, or on this machine.

inventory = open_inventory("auto", campus.flavors, "jhub")
await inventory.start(book.sight)
inventory.stock("t4").nodes            # {"gpu-1": 2, "gpu-2": 0}: free devices by node
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jupyterhub_edu.domain.profiles import Flavor

from .access import Finding, Kind, check, uncounted
from .api import ApiError, NoCluster
from .counted import CountedInventory
from .measured import USUAL_QUERY, MeasuredDevices
from .watched import WatchedInventory

__all__ = [
    "USUAL_QUERY",
    "ApiError",
    "CountedInventory",
    "Finding",
    "Kind",
    "MeasuredDevices",
    "NoCluster",
    "WatchedInventory",
    "check",
    "open_inventory",
    "uncounted",
]


def open_inventory(
    kind: Kind,
    flavors: Mapping[str, Flavor],
    namespace: str = "default",
    *,
    tolerate: Iterable[str] = (),
) -> CountedInventory | WatchedInventory:
    """Make the inventory; nothing is asked of anybody before ``start``.

    Args:
        kind: ``counted`` for local processes; ``cluster`` (needs ``deploy/z2jh/rbac.yaml``) or ``namespace`` (the stock
            chart's rights) on Kubernetes; ``auto``: the better of these two that the hub's rights allow at its start.
        flavors: those of the campus file; ``set_flavors`` takes over those of a file that was read again.
        namespace: that of the hub's pods.
        tolerate: keys of taints that every pod of the hub tolerates, whatever its flavor: those of
            ``KubeSpawner.tolerations``.
    """
    if kind == "counted":
        return CountedInventory(flavors)
    return WatchedInventory(kind, flavors, namespace, tolerate=tolerate)
