"""Stops of many sessions of one course, as whoever looks at it sees them."""

from __future__ import annotations

from typing import NamedTuple

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.sweeps import Sweep

from .views import Moment, instant

__all__ = ["SweepRow", "sweep_row"]


class SweepRow(NamedTuple):
    """A sweep as it is at one moment."""

    id: str
    section: str
    by: str
    at: Moment
    meant: int
    stopped: int
    failed: int
    over: bool


def sweep_row(core: Core, sweep: Sweep) -> SweepRow:
    """How far it is."""
    return SweepRow(
        sweep.id,
        sweep.section,
        core.roll.name_of(sweep.by),
        instant(sweep.at, core),
        len(sweep.meant),
        sweep.stopped,
        sweep.failed,
        sweep.over_at is not None,
    )
