"""P7 and P8: what a decision costs when the cluster is full, and what watching it costs.

A FAKE of Kubernetes' API stands in (tests/fakes/kubernetes_api.py): calls are counted there, and nothing here says how
fast a Kubernetes is. Baseline and ours are the same code over 50 and over 5,000 pods, on the same 1,000 nodes.

    python -m benchmarks.p7_counts
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import AsyncExitStack
from statistics import median
from typing import Any

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.inventory import WatchedInventory
from jupyterhub_edu.inventory.holdings import Holdings
from jupyterhub_edu.inventory.pieces import Breather, read_list
from jupyterhub_edu.inventory.sinks import PodSink
from jupyterhub_edu.ports import utc_now
from tests.fakes.campus import a_campus, a_core, a_profile, enrol
from tests.fakes.kubernetes_api import GPU, HOME, FakeKubernetes, a_node, a_pod

FEW, MANY, NODES, PAIRS, DECISIONS = 50, 5_000, 1_000, 15, 300
ANY = Flavor("gpu", "GPU", device=GPU)
PAGE = 250


def run() -> dict[str, Any]:
    """Measure everything once; counts first."""
    return {"fake_api": True, **asyncio.run(_decisions()), **_watching()}


async def _decisions() -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        few, many = [await _World.open(stack, pods) for pods in (FEW, MANY)]
        assert few.decide() is True
        assert many.decide() is True
        calls = [await world.calls_while_deciding() for world in (few, many)]
        quiet = _pairs(few.decide, many.decide)
        busy = _pairs(few.decide_after_a_change, many.decide_after_a_change)
    return {"api_calls_per_decision": max(calls) / DECISIONS, "quiet": quiet, "busy": busy}


def _watching() -> dict[str, Any]:
    lines = [json.dumps({"type": "ADDED", "object": pod}) for pod in _pods(MANY)]
    gc.collect()
    tracemalloc.start()
    kept = _sink()
    for line in lines:
        kept.put(json.loads(line)["object"], deleted=False)
    gc.collect()
    bytes_per_pod = tracemalloc.get_traced_memory()[0] / MANY
    tracemalloc.stop()
    took = [(_seconds(lambda: _parse(lines)), _seconds(lambda: _apply(lines))) for _ in range(7)]
    whole = json.dumps({"items": _pods(MANY)})
    return {
        "bytes_kept_per_foreign_pod": round(bytes_per_pod),
        "event_to_json_loads": _spread([applied / parsed for parsed, applied in took]),
        "longest_hold_of_the_loop_ms": asyncio.run(_longest_hold()),
        "one_json_loads_of_the_list_ms": _seconds(lambda: json.loads(whole)) * 1000,
    }


def _parse(lines: list[str]) -> None:
    for line in lines:
        json.loads(line)


def _apply(lines: list[str]) -> None:
    sink = _sink()
    for line in lines:
        sink.put(json.loads(line)["object"], deleted=False)


async def _longest_hold() -> float:
    """List 5,000 pods page by page while a ticker looks how long it has to wait."""
    pods, longest, done = _pods(MANY), 0.0, False

    async def tick() -> None:
        nonlocal longest
        while not done:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    pages = [json.dumps({"items": pods[at : at + PAGE]}).encode() for at in range(0, MANY, PAGE)]
    sink, breather = _sink(), Breather()
    ticker = asyncio.create_task(tick())
    for page in pages:
        await read_list(page, lambda raw: sink.put(raw, deleted=False), breather)
    done = True
    await ticker
    return round(longest * 1000, 2)


class _World:
    """A core over an inventory of so many pods."""

    def __init__(self, fake: FakeKubernetes, inventory: WatchedInventory, core: Core) -> None:
        self.fake, self.inventory, self.core = fake, inventory, core
        self.request = StartRequest("", "")

    @classmethod
    async def open(cls, stack: AsyncExitStack, pods: int) -> _World:
        fake = await stack.enter_async_context(FakeKubernetes())
        for number in range(NODES):
            fake.put("nodes", a_node(f"n{number}", gpus=8))
        for pod in _pods(pods):
            fake.put("pods", pod)
        inventory = WatchedInventory("cluster", {"gpu": ANY}, HOME, connect=fake.connect)
        campus = a_campus(profiles=[a_profile(), a_profile("gpu", flavor=ANY)])
        core = a_core(campus, inventory=inventory, clock=utc_now)
        await core.ready()
        stack.push_async_callback(core.close)
        world = cls(fake, inventory, core)
        ada = await enrol(core, "ada", ml=CourseRole.STUDENT)
        world.request = StartRequest(ada.key, "ml", "gpu")
        return world

    def decide(self) -> bool:
        self.inventory.stock("gpu")
        return self.core.book.decide(self.request).allowed

    def decide_after_a_change(self) -> bool:
        """As above, when a pod has just been seen: the stock is counted anew."""
        self.inventory._changed(())
        return self.decide()

    async def calls_while_deciding(self) -> int:
        """Requests beside the two watches, which go on whether anybody asks or not."""
        before = [request for request in self.fake.requests if "watch" not in request]
        for _ in range(DECISIONS):
            self.decide()
            await asyncio.sleep(0.001)
        after = [request for request in self.fake.requests if "watch" not in request]
        return len(after) - len(before)


def _pods(count: int) -> list[dict[str, Any]]:
    """Other tenants' pods with a device each, about as long as real ones."""
    pods = [
        a_pod(f"pod-{n}", namespace="tenants", node=f"n{n % NODES}", gpus=1) for n in range(count)
    ]
    for pod in pods:
        pod["metadata"]["resourceVersion"] = "1"
        pod["metadata"]["managedFields"] = [{"fieldsV1": {f"f:{n}": {}}} for n in range(120)]
        pod["spec"]["volumes"] = [{"name": f"volume-{n}", "emptyDir": {}} for n in range(20)]
    return pods


def _sink() -> PodSink:
    return PodSink(HOME, Holdings(), lambda sightings: None)


def _pairs(few: Callable[[], object], many: Callable[[], object]) -> dict[str, Any]:
    took = [(_microseconds(few), _microseconds(many)) for _ in range(PAIRS)]
    return {
        "few_us": median(a for a, _ in took),
        "many_us": median(b for _, b in took),
        "ratio": _spread([b / a for a, b in took]),
    }


def _microseconds(what: Callable[[], object]) -> float:
    return _seconds(lambda: [what() for _ in range(DECISIONS)]) / DECISIONS * 1e6


def _seconds(what: Callable[[], object]) -> float:
    """Seconds of this thread's own work, so that a busy machine is not measured."""
    began = time.thread_time()
    what()
    return time.thread_time() - began


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "least": min(values), "most": max(values)}


def _told(spread: dict[str, float]) -> str:
    return f"{spread['median']:.2f}x ({spread['least']:.2f} to {spread['most']:.2f})"


def main() -> None:
    found = run()
    print(f"fake API, {NODES} nodes, {FEW} and {MANY} pods")
    print(f"  API calls per decision          {found['api_calls_per_decision']:g}")
    for name, words in (("quiet", "nothing changed"), ("busy", "after a change")):
        part = found[name]
        times = f"{part['few_us']:.1f} and {part['many_us']:.1f} us"
        print(f"  stock + decide, {words:15} {times}, {_told(part['ratio'])}")
    print(f"  kept per foreign pod            {found['bytes_kept_per_foreign_pod']} bytes")
    print(f"  event against its json.loads    {_told(found['event_to_json_loads'])}")
    hold, whole = found["longest_hold_of_the_loop_ms"], found["one_json_loads_of_the_list_ms"]
    print(f"  loop held while listing         {hold:.1f} ms (one json.loads: {whole:.0f} ms)")


if __name__ == "__main__":
    main()
