"""What capacity there is, and which of our pods have been seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

__all__ = ["Inventory", "PodSighting", "Stock"]


@dataclass(frozen=True, slots=True)
class Stock:
    """One flavor as the inventory sees it now.

    Attributes:
        nodes: free devices by name of each ready, uncordoned, fitting node: allocatable less what pods on it hold;
            where nodes are not told apart all stand on one, named ``""``.
        foreign: devices held by pods in our namespace that carry no admission label of ours, or that of a flavor which
            the campus file no longer has (they count against the flavor's ``count``).
    """

    nodes: Mapping[str, int]
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class PodSighting:
    """One pod of ours (it carries our labels), or its disappearance.

    Attributes:
        admission: the id from the label ``jupyterhub-edu/admission``.
        node: the node it is bound to, or None while unscheduled.
        running_at: when its notebook container started, or None.
        gone: True when it was deleted or has finished; no later sighting follows.
        ended_at: when the container ended, where Kubernetes says so.
        labels: those of the pod's labels that are ours, ``jupyterhub-edu/...``.
        devices: whole devices it holds by extended resource name.
        hub_name, server: whose pod it is, from KubeSpawner's annotations.
    """

    admission: str
    node: str | None
    running_at: datetime | None
    gone: bool = False
    ended_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, int] = field(default_factory=dict)
    hub_name: str = ""
    server: str = ""


class Inventory(Protocol):
    """Kept by a watch; reading it costs no call. All members are used on the event loop's thread."""

    @property
    def kind(self) -> str:
        """``cluster``, ``namespace`` or ``counted``."""
        ...

    @property
    def sees_pods(self) -> bool:
        """Whether pods are sighted; False for local processes, whose end the spawner itself reports."""
        ...

    async def start(
        self,
        on_sighting: Callable[[PodSighting], None],
        on_stock: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin watching; returns when the first complete list is in.

        Each pod of ours is sighted once, and again at each change of what a sighting holds, in the same step as the
        change of ``stock``: no await between. ``on_stock`` is called after each change of any stock.
        """
        ...

    def stock(self, flavor: str) -> Stock:
        """The flavor's devices; O(nodes of the flavor)."""
        ...

    def proof_of_life(self) -> datetime | None:
        """Aware UTC instant of the last proof that the view is live; None: never stale (counted)."""
        ...

    def pods(self) -> Mapping[str, PodSighting]:
        """Pods of ours by admission id, as now seen; finished ones (``gone``) while Kubernetes keeps their record."""
        ...

    async def remove(self, admission: str) -> None:
        """Delete pods that carry this admission's label: the leftovers of a start that was given up."""
        ...

    async def close(self) -> None:
        """Stop watching."""
        ...
