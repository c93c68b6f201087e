"""Floor 4: what happens by itself. Supervised timers that call the core."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from prometheus_client import REGISTRY, CollectorRegistry

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.doorkeeping import tidy_joins
from jupyterhub_edu.ports import Devices, Watching

from .deadlines import Deadlines
from .groups import GroupKeeper
from .idle import Idle
from .loss import Losses
from .metrics import campus_in, metrics_in
from .reclaim import Reclaimer
from .reconcile import Reconciler
from .rosters import roster_timers
from .sources import SourceReader
from .timers import Timer, TimerState, Warden

__all__ = ["Timer", "TimerState", "Warden", "default_timers", "roster_timers"]


def default_timers(
    core: Core,
    watching: Watching | None = None,
    devices: Devices | None = None,
    *,
    registry: CollectorRegistry = REGISTRY,
) -> Sequence[Timer]:
    """The timers of a hub. Make them before ``core.begin()``: they listen to the roll and the book.

    Args:
        watching, devices: say what is in use; without either no idle device is released.
        registry: where the campus's metrics and those of the timers go.
    """
    metrics_in(registry).listen(core)
    campus_in(registry).core = core
    idle = []
    if watching is not None and devices is not None:
        idle = [Timer("idle", 30, Idle(core, watching, devices))]
    return (
        *idle,
        Timer("sources", 20, SourceReader(core)),
        Timer("deadlines", 5, Deadlines(core, metrics_in(registry))),
        Timer("enrolments", 10, Losses(core)),
        Timer("exams", 20, partial(core.exams.look, core.sooner)),
        Timer("reconcile", 30, Reconciler(core, metrics_in(registry))),
        Timer("line", 5, core.line.tend),
        Timer("reclaim", 1, Reclaimer(core)),
        Timer("adjustments", 5, core.adjustments.tend),
        Timer("groups", 10, GroupKeeper(core)),
        Timer("helps", 5, core.helps.tend),
        Timer("class-starts", 5, core.class_starts.tend),
        Timer("sweeps", 5, core.sweeps.tend),
        Timer("joins", 900, partial(tidy_joins, core)),
        Timer("counts", 60, core.counts.tend),
        # Sources that have no rosters are asked again by this alone.
        Timer("pending", 900, core.settler.retry, within=3600),
    )
