"""The inventory of local processes: capacity is what the campus file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.ports import PodSighting, Stock

__all__ = ["CountedInventory"]

_NO_PODS: Final[Mapping[str, PodSighting]] = MappingProxyType({})
_EMPTY: Final = Stock({})


class CountedInventory:
    """So many devices as ``count`` says, all on one machine.

    Always holds:
        - nothing is seen here: the book subtracts what its own admissions hold;
        - a flavor that has no device, or neither ``count`` nor ``grows_to``, has nothing to give.
    """

    kind = "counted"
    sees_pods = False

    def __init__(self, flavors: Mapping[str, Flavor]) -> None:
        self._stocks: dict[str, Stock] = {}
        self.set_flavors(flavors)

    def set_flavors(self, flavors: Mapping[str, Flavor]) -> None:
        """Take over the flavors of a campus file that was read again."""
        self._stocks = {
            f.key: Stock({"": f.declared}) for f in flavors.values() if f.device and f.declared
        }

    async def start(
        self,
        on_sighting: Callable[[PodSighting], None],
        on_stock: Callable[[], None] = lambda: None,
    ) -> None:
        """There is nothing to watch."""

    def stock(self, flavor: str) -> Stock:
        """What the campus file counts."""
        return self._stocks.get(flavor, _EMPTY)

    def proof_of_life(self) -> datetime | None:
        """None: a number in a file does not go stale."""
        return None

    def pods(self) -> Mapping[str, PodSighting]:
        """No pods."""
        return _NO_PODS

    async def remove(self, admission: str) -> None:
        """There are no leftovers: local processes end with their spawner."""

    async def close(self) -> None:
        """There is nothing to close."""
