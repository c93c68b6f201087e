"""The watch loop against a fake of Kubernetes' API and its faults."""

import asyncio
import json
import time

import pytest

from jupyterhub_edu.ports import PodSighting
from tests.eventually import eventually
from tests.fakes.kubernetes_api import HOME, a_node, a_pod

NODE = a_node("n1", gpus=4)


def ours(admission: str, **kwargs) -> dict:
    return a_pod(f"pod-{admission}", admission=admission, **{"node": "n1", "gpus": 1, **kwargs})


def alive(told: list[PodSighting]) -> set[str]:
    """Whom a listener believes to be there."""
    there: set[str] = set()
    for sighting in told:
        (there.discard if sighting.gone else there.add)(sighting.admission)
    return there


async def test_what_is_there_is_listed_page_by_page(fake, open_on):
    fake.put("nodes", NODE)
    for number in range(8):
        fake.put("pods", a_pod(f"other-{number}", namespace="o", node="n1"))
    fake.put("pods", ours("a1"))
    inventory, told = await open_on("cluster")
    assert [*inventory.stock("t4").nodes.values()] == [3]
    assert [sighting.admission for sighting in told] == ["a1"]
    assert fake.requests.count("GET /api/v1/pods") == 3


async def test_changes_are_seen_as_they_happen(fake, open_on):
    inventory, told = await open_on("cluster")
    assert [*inventory.stock("t4").nodes.values()] == []
    fake.put("nodes", NODE)
    await eventually(lambda: [*inventory.stock("t4").nodes.values()] == [4])
    pod = ours("a1")
    fake.put("pods", pod)
    await eventually(lambda: [*inventory.stock("t4").nodes.values()] == [3])
    fake.drop("pods", pod)
    await eventually(lambda: [*inventory.stock("t4").nodes.values()] == [4])
    assert [(sighting.admission, sighting.gone) for sighting in told] == [
        ("a1", False),
        ("a1", True),
    ]
    fake.drop("nodes", NODE)
    await eventually(lambda: [*inventory.stock("t4").nodes.values()] == [])


async def test_a_quiet_watch_is_alive_because_it_ends_when_it_should(fake, open_on):
    inventory, _ = await open_on("cluster")
    first = inventory.proof_of_life()
    await eventually(lambda: inventory.proof_of_life() > first)
    assert inventory.problems == []
    assert fake.requests.count("GET /api/v1/pods") == 1, "and nothing was listed again"


async def test_the_older_proof_of_the_two_counts(fake, open_on):
    inventory, _ = await open_on("cluster")
    fake.forbidden = {("watch", "nodes"), ("list", "nodes")}
    fake.hang_up()
    await eventually(lambda: inventory.problems)
    await pods_proven_again(fake)
    stale = inventory.proof_of_life()
    await pods_proven_again(fake)
    assert inventory.proof_of_life() == stale


async def pods_proven_again(fake) -> None:
    requests = len(fake.requests)
    await eventually(lambda: fake.requests[requests:].count("GET /api/v1/pods watch"))


FAULTS = ["refuse", "stall", "silent", "garbage", "cut", "close"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_after_a_fault_nothing_is_missing(fake, open_on, fault):
    fake.put("nodes", NODE)
    before, during = ours("before"), ours("during")
    fake.put("pods", before)
    inventory, told = await open_on("cluster")
    fake.fault = fault
    if fault not in ("garbage", "cut"):
        fake.hang_up()
    fake.drop("pods", before)
    fake.put("pods", during)
    await eventually(lambda: inventory.problems)
    assert alive(told) == {"before"}, "nothing is believed that was not said"
    fake.fault = ""
    await eventually(lambda: alive(told) == {"during"})
    assert [*inventory.stock("t4").nodes.values()] == [3]
    await eventually(lambda: not inventory.problems)


async def test_an_expired_version_means_listing_again_and_what_vanished_is_sighted(fake, open_on):
    fake.put("nodes", NODE)
    pods = [ours(f"a{number}") for number in range(3)]
    for pod in pods:
        fake.put("pods", pod)
    inventory, told = await open_on("cluster")
    fake.fault = "refuse"
    fake.hang_up()
    fake.drop("pods", pods[0])
    fake.put("pods", ours("a9"))
    fake.compact()
    fake.fault = ""
    await eventually(lambda: alive(told) == {"a1", "a2", "a9"})
    assert set(inventory.pods()) == {"a1", "a2", "a9"}
    assert [*inventory.stock("t4").nodes.values()] == [1]


async def test_a_node_that_vanished_meanwhile_is_gone_after_listing_again(fake, open_on):
    fake.put("nodes", NODE)
    inventory, _ = await open_on("cluster")
    fake.fault = "refuse"
    fake.hang_up()
    fake.drop("nodes", NODE)
    fake.compact()
    fake.fault = ""
    await eventually(lambda: [*inventory.stock("t4").nodes.values()] == [])


async def test_a_refusal_names_the_right_that_is_missing_and_is_tried_again(fake, open_on, caplog):
    inventory, _ = await open_on("cluster")
    fake.forbidden = {("watch", "nodes")}
    fake.hang_up()
    await eventually(lambda: fake.requests.count("GET /api/v1/nodes") >= 3)
    (problem,) = inventory.problems
    assert "cannot watch nodes: 403" in problem
    assert "deploy/z2jh/rbac.yaml" in problem
    assert caplog.text.count("cannot watch nodes: 403") == 1, "said once, not at each try"
    fake.forbidden = set()
    await eventually(lambda: inventory.problems == [])


async def test_starting_waits_for_an_api_that_does_not_answer_yet(fake, open_on):
    fake.put("nodes", NODE)
    fake.fault = "stall"
    opening = asyncio.create_task(open_on("cluster"))
    await eventually(lambda: fake.requests.count("GET /api/v1/nodes") >= 2)
    assert not opening.done()
    fake.fault = ""
    inventory, _ = await opening
    assert [*inventory.stock("t4").nodes.values()] == [4]


async def test_an_api_that_answers_is_heard_by_a_loop_that_is_late(fake):
    fake.put("nodes", NODE)
    api = await fake.connect()
    asked = asyncio.create_task(api.get("/api/v1/nodes", {}))
    await asyncio.sleep(0)
    time.sleep(0.6)  # noqa: ASYNC251 - longer than an answer may take
    assert [raw["metadata"]["name"] for raw in json.loads(await asked)["items"]] == ["n1"]
    await api.close()


async def test_a_listener_that_fails_does_not_stop_the_watch(fake, open_on, caplog):
    inventory, _ = await open_on("cluster")

    def fail(sighting: PodSighting) -> None:
        raise RuntimeError("the listener's mistake")

    inventory._on_sighting = fail
    fake.put("nodes", NODE)
    fake.put("pods", ours("a1"))
    await eventually(lambda: [*inventory.stock("t4").nodes.values()] == [3])
    assert "was not taken in" in caplog.text


async def test_a_pod_that_cannot_be_read_is_not_skipped(fake, open_on):
    """Unknown is not empty: the view goes stale, and says why."""
    fake.put("nodes", NODE)
    inventory, _ = await open_on("cluster")
    odd = ours("a1")
    odd["spec"]["containers"][0]["resources"] = {"requests": {"nvidia.com/gpu": "many"}}
    fake.put("pods", odd)
    await eventually(lambda: inventory.problems)
    assert "not a whole amount" in inventory.problems[0]
    fake.drop("pods", odd)
    await eventually(lambda: not inventory.problems)


async def test_a_namespace_inventory_asks_for_its_own_pods_only(fake, open_on):
    fake.forbidden = {(verb, what) for verb in ("list", "watch") for what in ("pods", "nodes")}
    fake.put("pods", ours("a1"))
    fake.put("pods", a_pod("other", namespace="o", node="n1", gpus=1))
    inventory, told = await open_on("namespace")
    assert [*inventory.stock("t4").nodes.values()] == [3]
    assert alive(told) == {"a1"}
    paths = {request.split()[1] for request in fake.requests}
    assert paths == {f"/api/v1/namespaces/{HOME}/pods"}
