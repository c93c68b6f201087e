"""What a view on a cluster must say; ``cluster`` and ``namespace`` are the two there are."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Protocol

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.ports import Stock

from .facts import NodeFact
from .holdings import Holdings

__all__ = ["EMPTY", "View", "unlisted"]

EMPTY = Stock({})


class View(Protocol):
    """Turns what is seen into stock."""

    @property
    def kind(self) -> str:
        """``cluster`` or ``namespace``."""
        ...

    @property
    def everywhere(self) -> bool:
        """Whether it looks at nodes and at the pods of all namespaces, or at the pods of ours alone."""
        ...

    def set_flavors(self, flavors: Mapping[str, Flavor]) -> None:
        """Take over the flavors of a campus file that was read again."""
        ...

    def put_node(self, name: str, fact: NodeFact | None) -> None:
        """Take in what one node is now; None: it is no more."""
        ...

    def stock(self, flavor: str, pods: Holdings) -> Stock:
        """The flavor's devices, given what the pods hold."""
        ...


def unlisted(pods: Holdings, flavors: Container[str], device: str) -> Iterator[tuple[str, int]]:
    """Say where in our namespace devices are held that no flavor of the campus file answers for.

    By foreign pods, and by pods of ours whose flavor the file no longer has.
    """
    for flavor, devices in pods.home.items():
        if flavor not in flavors:
            yield from devices.get(device, {}).items()
