"""Graph's published throttling: token buckets of resource units, for one app in one tenant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_PERIOD = 10.0
IDENTITY_S, IDENTITY_M, IDENTITY_L = 3_500, 5_000, 8_000
EDUCATION = 35_000
_COSTS: tuple[tuple[str, int], ...] = (
    (r"/groups/[^/]+/members", 3),
    (r"/groups/[^/]+/transitiveMembers", 5),
    (r"/applications(\(.*\)|/.*)?", 2),
    (r"/(me|users/[^/]+)/(memberOf|transitiveMemberOf)(/.*)?", 2),
    (r"/users", 2),
)


def cost_of(path: str, query: Mapping[str, str]) -> int:
    """Resource units of a GET.

    Args:
        path: below ``/v1.0``.
    """
    cost = next((cost for pattern, cost in _COSTS if re.fullmatch(pattern, path)), 1)
    cost -= "$select" in query
    cost += "$expand" in query
    cost -= int(query.get("$top", "100")) < 20
    return max(cost, 1)


@dataclass
class Bucket:
    """Units that may still be spent; refilled evenly.

    Attributes:
        worst: the largest share of the bucket that was ever in use.
        spent: units in all.
    """

    units: int
    now: Callable[[], float]

    def __post_init__(self) -> None:
        self._left, self._at = float(self.units), self.now()
        self.worst, self.spent = 0.0, 0

    @property
    def used(self) -> float:
        """The share of the bucket that is in use."""
        return 1 - self._left / self.units

    def take(self, cost: int) -> float:
        """Spend, or say in how many seconds there will be enough; 0 means that it is spent."""
        now = self.now()
        self._left = min(self.units, self._left + (now - self._at) * self.units / _PERIOD)
        self._at = now
        if cost > self._left:
            return (cost - self._left) * _PERIOD / self.units
        self._left -= cost
        self.spent += cost
        self.worst = max(self.worst, self.used)
        return 0.0
