"""The devices of one flavor: who may take how many now.

Courses lend each other what they do not use, because reclaim brings it back in bounded time; what a window or an exam
reserves is lent to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "Claim",
    "Holding",
    "Pool",
    "borrowed",
    "classify",
    "fits_a_node",
    "is_held_for_others",
    "still_to_grow",
]


class Claim(StrEnum):
    """On what ground a request may take devices."""

    OWN = "own"
    LOAN = "loan"
    NEVER = "never"
    """It exceeds the most that the course may ever hold."""
    NOT_NOW = "not-now"
    """A loan that may not be made now."""


class Pool(NamedTuple):
    """One flavor at one instant, as seen from one course.

    Attributes:
        nodes: free devices of each ready, uncordoned node, by what the inventory has seen.
        unseen: devices of admissions not ended that the inventory does not show on a node.
        room: free devices in all, after ``unseen`` and after the flavor's ``count``.
        used: devices of all admissions not ended.
        used_here: those of this course.
        nominal: this course's own devices now (0 while it is not open), not below ``reserved``.
        most: the most it may hold now, or None.
        claimed: the sum over courses of the larger of use and reservation.
        stale_since: last proof of life, if it is too long ago; None while the view is fresh.
        frees_at: earliest planned end of a session of this flavor, or None.
        reserved: what this course's open windows hold for it now; an exam is a course of its own, with ``nominal``,
            ``most`` and ``reserved`` all the same.
        reserved_until: when the first reservation of another course ends, or None.
        peak: the most that the course may hold in some window to come, if that is above ``most``.
        away: of each node that some of ``unseen`` keep off: its free devices, and how many keep off it.

    Devices kept for another request count as not free (in ``nodes`` and ``room``) and as used by its course.
    """

    nodes: Sequence[int]
    unseen: int
    room: int
    used: int
    used_here: int
    nominal: int
    most: int | None
    claimed: int
    stale_since: datetime | None = None
    frees_at: datetime | None = None
    reserved: int = 0
    reserved_until: datetime | None = None
    peak: int = 0
    away: Sequence[tuple[int, int]] = ()


class Holding(NamedTuple):
    """One admission that has not ended, as the sums, the line and reclaim see it.

    Attributes:
        id: the admission's.
        course: the course's id; for an exam a key of its own.
        devices: whole devices.
        since: when it was reserved, aware UTC.
        ends_at: its planned end, aware UTC, or None.
        node: the node that the inventory shows it on, or None while that is not seen.
        avoids: nodes that it was told to keep off when it started.
    """

    id: str
    course: str
    devices: int
    since: datetime
    ends_at: datetime | None = None
    node: str | None = None
    avoids: frozenset[str] = frozenset()


def classify(devices: int, pool: Pool) -> Claim:
    """Say whether a request is own, a loan that may be made, or neither.

    Always holds:
        - an own request is never refused here;
        - only the course's own limits are asked, whatever the others own or hold, and whether or not that is known.

    Args:
        devices: whole devices asked for, at least 1.
        pool: the flavor's pool.

    Source:
        docs/explanation/policy.md, "Pools" and rule 9.
    """
    wanted = pool.used_here + devices
    if wanted <= pool.nominal:
        return Claim.OWN
    if pool.most is not None and wanted > pool.most:
        return Claim.NEVER if devices > max(pool.most, pool.peak) else Claim.NOT_NOW
    return Claim.LOAN


def is_held_for_others(devices: int, pool: Pool) -> bool:
    """Whether enough devices are free, but not without those that are held for another course's window or exam.

    Never so within the course's own reservation, nor while the view is stale. Own requests and loans are asked the same:
    both formulas of the page say ``d <= free - sum of max(0, r - used)`` over the other courses, because a loan leaves
    nothing of its own course's reservation idle.

    Source:
        docs/explanation/policy.md, "Pools" and rule 10.
    """
    if pool.stale_since is not None or devices > pool.room:
        return False
    if pool.used_here + devices <= pool.reserved:
        return False
    idle = pool.claimed - pool.used - max(0, pool.reserved - pool.used_here)
    return devices > pool.room - idle


def fits_a_node(devices: int, pool: Pool) -> bool:
    """Whether some node surely has this many free devices, wherever the unseen ones go.

    The scheduler has not yet placed the unseen devices, so the worst placing counts: spoiling one node for this request
    takes ``free - devices + 1`` of them. For one device this is plain counting.
    """
    if pool.room < devices:
        return False
    spoiled_by = 0
    for free in pool.nodes:
        if free >= devices:
            spoiled_by += free - devices + 1
            if spoiled_by > pool.unseen:
                return True
    # A node that most of them keep off may have enough, wherever the others go.
    return any(free >= devices + pool.unseen - away for free, away in pool.away)


def still_to_grow(grows_to: int, shown: int, per_node: int) -> tuple[int, ...]:
    """Free devices of the nodes that an autoscaled flavor may still add, to be counted beside those that exist.

    Args:
        grows_to: the devices that the flavor may have in all.
        shown: allocatable devices of its nodes that exist, whether ready or not.
        per_node: devices of one new node, at least 1; a rest that fills no node is not counted.
    """
    return (per_node,) * (max(0, grows_to - shown) // per_node)


def borrowed(holdings: Iterable[Holding], nominal: int) -> list[Holding]:
    """One course's admissions beyond its first ``nominal`` devices, oldest first.

    The one that reaches over the edge is borrowed as a whole, and so are all that are newer.

    Args:
        holdings: all of one course and flavor, in any order.
        nominal: the course's own devices now, its reservation included.
    """
    found, held = [], 0
    for holding in sorted(holdings, key=lambda h: (h.since, h.id)):
        held += holding.devices
        if held > nominal:
            found.append(holding)
    return found
