"""The devices of one flavor: who may take how many now.

In this version every course's nominal quota is kept for it while the course is open, and what no course owns is lent
to whoever asks. Courses do not lend their own idle devices yet: that needs reclaim.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

__all__ = ["Claim", "Pool", "classify", "fits_a_node"]


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
        nominal: this course's own devices now (0 while it is not open).
        most: the most it may ever hold, or None.
        claimed: the sum over courses of the larger of use and own devices.
        stale_since: last proof of life, if it is too long ago; None while the view is fresh.
        frees_at: earliest planned end of a session of this flavor, or None.
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


def classify(devices: int, pool: Pool) -> Claim:
    """Say whether a request is own, a loan that may be made, or neither.

    Always holds:
        - loans never take a device that an open course owns and does not use;
        - an own request is never refused here, whatever the others hold.

    Args:
        devices: whole devices asked for, at least 1.
        pool: the flavor's pool; when it is stale ``room`` means nothing and only the course's own limits are asked.

    Source:
        docs/explanation/policy.md, "Pools", with each course's quota as its standing reservation.
    """
    wanted = pool.used_here + devices
    if wanted <= pool.nominal:
        return Claim.OWN
    if pool.most is not None and wanted > pool.most:
        return Claim.NEVER if devices > pool.most else Claim.NOT_NOW
    claimed = pool.claimed - max(pool.used_here, pool.nominal) + wanted
    if pool.stale_since is None and claimed > pool.room + pool.used:
        return Claim.NOT_NOW
    return Claim.LOAN


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
    return False
