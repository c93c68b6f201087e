"""The hub's metrics page: values are gathered one family after another, and its text is written on a thread.

The hub gathers and writes everything in one step, which at some hundred courses is longer than anybody may hold the loop up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from jupyterhub.handlers.metrics import MetricsHandler
from jupyterhub.utils import metrics_authentication
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from .running import Route

__all__ = ["METRICS_ROUTES", "metrics_text"]


class MetricsPage(MetricsHandler):
    """``/hub/metrics``, for whoever may see the hub's own."""

    @metrics_authentication
    async def get(self) -> None:
        """All that the hub, this package and others count."""
        text = await metrics_text(REGISTRY)
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(text)


async def metrics_text(registry: CollectorRegistry) -> bytes:
    """What ``generate_latest`` writes of a registry. Collectors run here, on the event loop, and others in between."""
    found = []
    for family in registry.collect():
        found.append(family)
        await asyncio.sleep(0)
    return await asyncio.to_thread(generate_latest, _Gathered(found))


class _Gathered(Collector):
    """Families that nobody changes any more."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


METRICS_ROUTES: Final[Sequence[Route]] = (
    (r"/metrics$", MetricsPage),
    (r"/api/metrics$", MetricsPage),
)
"""The hub's own patterns with our handler, for ``add_routes``."""
