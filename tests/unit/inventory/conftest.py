"""Fixtures:

fake      a fake of Kubernetes' API on a Unix socket (tests/fakes/kubernetes_api.py)
open_on   makes and starts inventories on it, closed after the test
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.inventory import WatchedInventory
from jupyterhub_edu.inventory.watch import Pace
from jupyterhub_edu.ports import PodSighting
from tests.fakes.kubernetes_api import GPU, HOME, FakeKubernetes

T4 = Flavor("t4", "NVIDIA T4", device=GPU, count=4)
# Kubernetes counts the length of a watch in whole seconds; the fake takes parts of one.
QUICK = Pace(watch=0.2, grace=0.3, first=0.01, longest=0.05, page=3)  # type: ignore[arg-type]


@pytest.fixture
async def fake() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as fake:
        yield fake


@pytest.fixture
async def open_on(fake: FakeKubernetes) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """``inventory, told = await open_on("cluster")``; ``told`` grows by every sighting."""
    opened: list[WatchedInventory] = []

    async def open_(kind: str, *flavors: Flavor) -> tuple[WatchedInventory, list[PodSighting]]:
        by_key = {flavor.key: flavor for flavor in flavors or (T4,)}
        inventory = WatchedInventory(kind, by_key, HOME, connect=fake.connect, pace=QUICK)
        opened.append(inventory)
        told: list[PodSighting] = []
        await inventory.start(told.append)
        return inventory, told

    yield open_
    for inventory in opened:
        await inventory.close()
