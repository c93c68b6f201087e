"""Two ways of doing the same thing, timed in turn, so that a busy minute of the machine hits both."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["PAIRS", "alternate", "percentile", "time_each", "time_once"]

PAIRS = 9
"""Pairs that a ratio is made of, after one that does not count."""


def alternate(
    baseline: Callable[[], float], ours: Callable[[], float], pairs: int = PAIRS
) -> dict[str, Any]:
    """Measure baseline and ours in turn.

    Args:
        baseline, ours: one measurement each, in any unit, the same for both.

    Returns:
        Part of a row: the median of each side, the median of the pairs' ratios ours / baseline, their range, and every
        measurement under ``raw``.
    """
    baseline(), ours()
    raw = [(baseline(), ours()) for _ in range(pairs)]
    ratios = sorted(mine / theirs for theirs, mine in raw)
    return {
        "baseline": statistics.median(theirs for theirs, _ in raw),
        "ours": statistics.median(mine for _, mine in raw),
        "ratio": statistics.median(ratios),
        "range": f"{ratios[0]:.3g}-{ratios[-1]:.3g}",
        "raw": raw,
    }


def time_once(act: Callable[[], object], times: int = 1) -> float:
    """Microseconds of processor time of one call, averaged over so many; what else runs on the machine is not in it."""
    with _without_gc():
        start = time.thread_time_ns()
        for _ in range(times):
            act()
        return (time.thread_time_ns() - start) / 1000 / times


def time_each(acts: Sequence[Callable[[], object]]) -> list[float]:
    """Microseconds of processor time of each call, sorted; the clock's own cost, some 0.3 µs, is in them."""
    with _without_gc():
        found = []
        for act in acts:
            start = time.thread_time_ns()
            act()
            found.append((time.thread_time_ns() - start) / 1000)
        return sorted(found)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the sorted values lie."""
    return ordered[min(len(ordered) - 1, round(len(ordered) * percent / 100))]


@contextmanager
def _without_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
