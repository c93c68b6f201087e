"""One flavor as a whole at one instant, and what is left of it while places of the line are tried one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from .pools import Claim, Holding, Pool, classify, is_held_for_others
from .reasons import Code

__all__ = ["Balance", "Keep", "Rank", "Share", "State"]


class Share(NamedTuple):
    """One course's part of a pool now; an exam is a course of its own, with ``borrow`` 0 and ``nominal == reserved``.

    Attributes:
        nominal: devices of its own, not below ``reserved``.
        borrow: the most beyond those, or None.
        reserved: what its open windows hold for it, from ``lead_time`` before they open.
        peak: the most that it may hold in some window to come.
        exam: nothing of it is ever reclaimed.
    """

    nominal: int = 0
    borrow: int | None = None
    reserved: int = 0
    peak: int = 0
    exam: bool = False

    @property
    def most(self) -> int | None:
        """The most that it may hold now, or None."""
        return None if self.borrow is None else self.nominal + self.borrow


_NO_SHARE = Share()


class Keep(NamedTuple):
    """Free devices of one node that are kept for a place in the line.

    Attributes:
        devices: may be 0 while all that it waits for is still held by others; its node is watched all the same.
    """

    place: str
    course: str
    devices: int
    node: str


class State(NamedTuple):
    """One flavor at one instant; ``State.of`` works the sums out from plain values.

    Attributes:
        nodes: free devices by name of ready, uncordoned nodes (those that may still be added among them).
        room: free devices in all after ``unseen``, within the flavor's ``count``; below 0 where more is promised.
        unseen: devices of holdings that no node shows yet.
        used: devices by course of all holdings.
        shares: by course; one that is left out owns nothing and borrows without limit.
        holdings: every admission of this flavor that has not ended.
        away: by node, those of ``unseen`` that were told to keep off it.
        reserving: courses with a reservation now, and of how many devices.
        fresh: whether the inventory's last proof of life is young enough (rule 14); else nothing starts or is stopped.
    """

    nodes: Mapping[str, int]
    room: int
    unseen: int
    used: Mapping[str, int]
    shares: Mapping[str, Share]
    holdings: Mapping[str, Holding]
    away: Mapping[str, int]
    reserving: tuple[tuple[str, int], ...]
    fresh: bool = True

    @classmethod
    def of(
        cls,
        nodes: Mapping[str, int],
        holdings: Iterable[Holding],
        shares: Mapping[str, Share],
        *,
        most: int | None = None,
        fresh: bool = True,
    ) -> State:
        """Work the sums out.

        Args:
            most: the flavor's ``count`` less the devices that pods not ours hold of it, or None.
        """
        held = {holding.id: holding for holding in holdings}
        used, away, unseen = Counter[str](), Counter[str](), 0
        for holding in held.values():
            used[holding.course] += holding.devices
            if holding.node is None:
                unseen += holding.devices
                for node in holding.avoids:
                    away[node] += holding.devices
        room = sum(nodes.values()) - unseen
        if most is not None:
            room = min(room, most - used.total())
        reserving = tuple((c, s.reserved) for c, s in shares.items() if s.reserved)
        return cls(nodes, room, unseen, used, shares, held, away, reserving, fresh)

    def still(self) -> State:
        """The same, which stays as it is whatever becomes of the flavor."""
        nodes, used, away = dict(self.nodes), dict(self.used), dict(self.away)
        return self._replace(nodes=nodes, used=used, holdings=dict(self.holdings), away=away)


class Rank(IntEnum):
    """The classes of the line, first to last."""

    WITHIN = 0
    """Within the course's own reservation."""
    OWN = 1
    LOAN = 2


class Balance:
    """What is left of a pool while starts and keeps are entered one by one.

    Always holds:
        - the questions are those of ``decide_start``: rules 9, 10 and 13, answered by the same functions;
        - starts and keeps only ever narrow, but for the start of a place that something was kept for: what may not
          start now may not start later in the same balance;
        - what is kept for a place counts for others as not free and as used by its course, for itself not at all;
        - a start that keeps off ``closed_nodes`` takes nothing that is kept for others, wherever it lands.
    """

    def __init__(self, state: State, keeps: Iterable[Keep] = ()) -> None:
        self._nodes, self._shares = dict(state.nodes), state.shares
        self.room, self.unseen, self._used = state.room, state.unseen, dict(state.used)
        self._away = dict(state.away)
        self._total = sum(self._used.values())
        self._reserved = dict(state.reserving)
        self._idle = sum(max(0, r - self._used.get(c, 0)) for c, r in state.reserving)
        self._keeps: dict[str, Keep] = {}
        self._kept_on: dict[str, list[Keep]] = {}
        self._beside: set[str] = set()
        """Of the nodes on which something is kept, those with more free than that."""
        self._spare: dict[int, int] = {}
        for keep in keeps:
            self.keep(keep)

    # -- questions ---------------------------------------------------------------------------------------------

    def share(self, course: str) -> Share:
        """The course's part."""
        return self._shares.get(course, _NO_SHARE)

    def rank(self, course: str, devices: int, place: str = "") -> Rank:
        """The class of a request."""
        share, wanted = self.share(course), self.used(course, place) + devices
        if wanted <= share.reserved:
            return Rank.WITHIN
        return Rank.OWN if wanted <= share.nominal else Rank.LOAN

    def used(self, course: str, place: str = "") -> int:
        """Devices that the course uses, with those kept for others of its requests."""
        keep = self._keeps.get(place)
        return self._used.get(course, 0) - (keep.devices if keep and keep.course == course else 0)

    def free(self, place: str = "") -> int:
        """Devices free in all, with those that are kept for this place."""
        keep = self._keeps.get(place)
        return self.room + (keep.devices if keep else 0)

    def pool(self, course: str, place: str = "") -> Pool:
        """The pool as the course sees it, without its nodes; ``fits`` knows those."""
        share, used = self.share(course), self.used(course, place)
        keep = self._keeps.get(place)
        kept = keep.devices if keep else 0
        total = self._total - kept
        return Pool(
            nodes=(),
            unseen=self.unseen,
            room=self.room + kept,
            used=total,
            used_here=used,
            nominal=share.nominal,
            most=share.most,
            claimed=total + self.idle(course) + max(0, share.reserved - used),
            reserved=share.reserved,
            peak=share.peak,
        )

    def idle(self, course: str = "") -> int:
        """Devices that windows and exams of other courses hold and do not use."""
        return self._idle - self._idle_of(course)

    def _idle_of(self, course: str) -> int:
        return max(0, self._reserved.get(course, 0) - self._used.get(course, 0))

    def against(self, course: str, devices: int, place: str = "") -> tuple[Code, ...]:
        """Which of rules 9, 10 and 13 refuse the request now."""
        pool = self.pool(course, place)
        found = []
        if classify(devices, pool) in (Claim.NEVER, Claim.NOT_NOW):
            found.append(Code.COURSE_QUOTA)
        if is_held_for_others(devices, pool):
            found.append(Code.POOL_RESERVED)
        if not self.fits(devices, place):
            found.append(Code.NO_CAPACITY)
        return tuple(found)

    def fits(self, devices: int, place: str = "") -> bool:
        """Whether some node surely has this many devices free that are not kept for others.

        As in ``fits_a_node``, and also where those on their way that may land on one node leave enough of it.
        """
        keep = self._keeps.get(place)
        if self.room + (keep.devices if keep else 0) < devices:
            return False
        return self.lack(devices, place) <= 0 or any(
            self.usable(node, devices, place) >= devices + self.strays(node) for node in self._away
        )

    def lack(self, devices: int, place: str = "") -> int:
        """How many devices more must be free on nodes until one surely has this many; 0 or less: one has.

        Args:
            devices: at least 1.
        """
        keep, spoiled_by = self._keeps.get(place), self._open(devices)
        for node in self._beside if keep is None else {*self._beside, keep.node}:
            spoiled_by += max(0, self.usable(node, devices, place) - devices + 1)
        return self.unseen + 1 - spoiled_by

    def usable(self, node: str, devices: int, place: str = "", more: int = 0) -> int:
        """Free devices of the node that are not kept for others; 0 where landing there might take kept ones.

        Args:
            devices: the size of the request; for 0 it is not asked where others may land.
            more: devices of the node that will be free beside.
        """
        free, others = self._nodes.get(node, 0) + more, False
        for keep in self._kept_on.get(node, ()):
            if keep.place != place:
                free, others = free - keep.devices, True
        if others and devices and free < devices + self.strays(node):
            return 0
        return max(0, free)

    def strays(self, node: str) -> int:
        """Devices on their way that may still land on this node."""
        return self.unseen - self._away.get(node, 0)

    def closed_nodes(self, devices: int, place: str = "") -> frozenset[str]:
        """The nodes that a start of this size must keep off, so that what is kept on them stays."""
        return frozenset(
            node
            for node, keeps in self._kept_on.items()
            if any(keep.place != place for keep in keeps)
            and self.usable(node, devices, place) < devices
        )

    def _open(self, devices: int) -> int:
        """How many devices it takes to spoil every node on which nothing is kept, for a request of this size."""
        found = self._spare.get(devices)
        if found is None:
            kept = self._kept_on
            found = self._spare[devices] = sum(
                free - devices + 1
                for node, free in self._nodes.items()
                if free >= devices and node not in kept
            )
        return found

    # -- changes -----------------------------------------------------------------------------------------------

    def start(self, course: str, devices: int, place: str = "") -> frozenset[str]:
        """Enter a start; return the nodes that it must keep off."""
        closed = self.closed_nodes(devices, place)
        self._forget(place)
        self._use(course, devices)
        self.unseen += devices
        for node in closed:
            self._away[node] = self._away.get(node, 0) + devices
        return closed

    def keep(self, keep: Keep) -> None:
        """Keep devices for a place from now on."""
        self._forget(keep.place)
        self._keeps[keep.place] = keep
        if keep.node not in self._kept_on:
            self._shift(self._nodes.get(keep.node, 0), 0)
        self._kept_on.setdefault(keep.node, []).append(keep)
        self._look_beside(keep.node)
        self._use(keep.course, keep.devices)

    def end(self, holding: Holding, sign: int = 1) -> None:
        """Count an admission of the state as ended; -1 takes that back. On a node that is not there nothing comes free."""
        devices, node = sign * holding.devices, holding.node
        self._use(holding.course, -devices)
        if node is None:
            self.unseen -= devices
            for other in holding.avoids:
                self._away[other] -= devices
        elif node in self._nodes:
            before = self._nodes[node]
            self._nodes[node] = before + devices
            if node in self._kept_on:
                self._look_beside(node)
            else:
                self._shift(before, before + devices)
        else:
            self.room -= devices

    def _use(self, course: str, devices: int) -> None:
        before = self._used.get(course, 0)
        self._used[course] = before + devices
        if (reserved := self._reserved.get(course)) is not None:
            self._idle += max(0, reserved - before - devices) - max(0, reserved - before)
        self._total += devices
        self.room -= devices

    def _shift(self, before: int, after: int) -> None:
        """So many devices of a node on which nothing is kept were free, and are; 0 also where it was, or is, none of those."""
        for devices in self._spare:
            self._spare[devices] += max(0, after - devices + 1) - max(0, before - devices + 1)

    def _look_beside(self, node: str) -> None:
        keeps = self._kept_on.get(node, ())
        if keeps and self._nodes.get(node, 0) > sum(keep.devices for keep in keeps):
            self._beside.add(node)
        else:
            self._beside.discard(node)

    def _forget(self, place: str) -> None:
        keep = self._keeps.pop(place, None)
        if keep is None:
            return
        kept = self._kept_on[keep.node]
        kept.remove(keep)
        if not kept:
            del self._kept_on[keep.node]
            self._shift(0, self._nodes.get(keep.node, 0))
        self._look_beside(keep.node)
        self._use(keep.course, -keep.devices)
