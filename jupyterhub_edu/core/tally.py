"""Sums over the admissions of one flavor, kept as they change, so that a decision costs the same at 5,000 servers."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import Share, State
from jupyterhub_edu.domain.pools import Holding
from jupyterhub_edu.domain.prospect import lent
from jupyterhub_edu.ports import Stock

__all__ = ["Tally"]

_FEW: Final = 64


class Tally:
    """Devices of one flavor in use: in all, by course, and not yet seen on a node.

    Always holds:
        - ``used == sum(by_course.values())`` and ``0 <= unseen <= used``;
        - adding and removing the same admission leaves everything as it was.

    Attributes:
        holdings: the admissions that hold devices, with the node on which each was seen.
        away: by node, those of ``unseen`` that were told to keep off it.
    """

    def __init__(self, flavor: str) -> None:
        self.flavor = flavor
        self.used = 0
        self.unseen = 0
        self.by_course: dict[str, int] = {}
        self.holdings: dict[str, Holding] = {}
        self.away: dict[str, int] = {}
        self._ends: list[tuple[datetime, str]] = []
        self._open: dict[str, datetime | None] = {}
        self._shares: Mapping[str, Share] = {}
        self._reserving: tuple[tuple[str, int], ...] = ()
        self._borrowed: frozenset[str] | None = None

    def add(self, admission: Admission, avoids: frozenset[str] = frozenset()) -> None:
        """Count an admission; it is not seen on a node yet.

        Args:
            avoids: nodes that its server was told to keep off.
        """
        self._change(admission.share, admission.devices)
        if admission.devices:
            holding = Holding(
                admission.id,
                admission.share,
                admission.devices,
                admission.reserved_at,
                avoids=avoids,
            )
            self.holdings[admission.id] = holding
            self._miss(holding, 1)
        self.plan(admission)

    def plan(self, admission: Admission) -> None:
        """Its planned end is this from now on."""
        self._open[admission.id] = admission.ends_at
        if (holding := self.holdings.get(admission.id)) is not None:
            self.holdings[admission.id] = holding._replace(ends_at=admission.ends_at)
        if admission.ends_at is not None:
            if len(self._ends) > 2 * len(self._open) + _FEW:
                # Of those that ended sooner than planned or were moved: nobody else would take them out for hours.
                self._ends = [(at, id) for id, at in self._open.items() if at is not None]
                heapq.heapify(self._ends)
            else:
                heapq.heappush(self._ends, (admission.ends_at, admission.id))

    def see(self, admission: Admission, node: str) -> None:
        """The inventory shows it on a node now, so its devices are no longer among that node's free ones."""
        holding = self.holdings.get(admission.id)
        if holding is not None and holding.node != node:
            if holding.node is None:
                self._miss(holding, -1)
            self.holdings[admission.id] = holding._replace(node=node)

    def remove(self, admission: Admission) -> None:
        """Count it no longer."""
        self._open.pop(admission.id, None)
        self._change(admission.share, -admission.devices)
        holding = self.holdings.pop(admission.id, None)
        if holding is not None and holding.node is None:
            self._miss(holding, -1)

    def frees_at(self) -> datetime | None:
        """The earliest planned end, or None."""
        while self._ends and self._open.get(self._ends[0][1]) != self._ends[0][0]:
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def state(
        self, shares: Mapping[str, Share], stock: Stock, count: int | None, *, fresh: bool
    ) -> State:
        """The flavor now; it follows every change, so use it before the next one.

        Args:
            shares: by course, compared by ``is``.
            count: the flavor's ``count``, or None.
        """
        if shares is not self._shares:
            self._shares, self._borrowed = shares, None
            self._reserving = tuple((c, s.reserved) for c, s in shares.items() if s.reserved)
        room = sum(stock.nodes.values()) - self.unseen
        if count is not None:
            room = min(room, count - self.used - stock.foreign)
        return State(
            nodes=stock.nodes,
            room=room,
            unseen=self.unseen,
            used=MappingProxyType(self.by_course),
            shares=self._shares,
            holdings=MappingProxyType(self.holdings),
            away=MappingProxyType(self.away),
            reserving=self._reserving,
            fresh=fresh,
        )

    def borrowed(self, state: State) -> frozenset[str]:
        """The admissions beyond what their courses own now; worked out once for each change.

        Args:
            state: what ``state`` has just returned.
        """
        if self._borrowed is None:
            self._borrowed = frozenset(h.id for held in lent(state).values() for h in held)
        return self._borrowed

    def _miss(self, holding: Holding, sign: int) -> None:
        """Count it among those that no node shows yet, or no longer."""
        self.unseen += sign * holding.devices
        for node in holding.avoids:
            self.away[node] = self.away.get(node, 0) + sign * holding.devices
            if not self.away[node]:
                del self.away[node]

    def _change(self, course: str, devices: int) -> None:
        self._borrowed = None
        before = self.by_course.get(course, 0)
        self.used += devices
        if before + devices:
            self.by_course[course] = before + devices
        else:
            self.by_course.pop(course, None)
