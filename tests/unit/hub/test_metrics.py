"""The text of the hub's metrics page: what the hub itself would have written, and others have their turn meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jupyterhub_edu.hub import metrics_text


class Several(Collector):
    """Families that are worked out one after another, with what was seen of others before each."""

    def __init__(self) -> None:
        self.others = 0

    def collect(self) -> Iterator[Metric]:
        for name in ("first", "second", "third"):
            family = GaugeMetricFamily(f"edu_{name}", "How often others had their turn")
            family.add_metric([], self.others)
            yield family


async def test_the_text_is_the_one_that_the_hub_would_write():
    registry = CollectorRegistry()
    Counter("starts", "Starts", ["course"], registry=registry).labels('m"l\n').inc(3)
    Histogram("wait_seconds", "Waits", registry=registry).observe(0.2)
    registry.register(Several())
    assert await metrics_text(registry) == generate_latest(registry)


async def test_others_have_their_turn_between_two_families():
    registry, several = CollectorRegistry(), Several()
    registry.register(several)

    async def other() -> None:
        while True:
            several.others += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        lines = (await metrics_text(registry)).decode().splitlines()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    seen = [float(line.split()[1]) for line in lines if not line.startswith("#")]
    assert seen == sorted(set(seen))
