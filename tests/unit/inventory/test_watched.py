"""The inventory of a Kubernetes as a whole, and what check says of it."""

import pytest

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.inventory import NoCluster, WatchedInventory, check, uncounted
from jupyterhub_edu.inventory.api import Api
from tests.eventually import eventually
from tests.fakes.kubernetes_api import GPU, HOME, a_node, a_pod

T4 = Flavor("t4", "NVIDIA T4", device=GPU, count=4)
UNCOUNTED = Flavor("mig", "A slice", device="nvidia.com/mig-1g.5gb")
CLUSTER_RIGHTS = {(verb, what) for verb in ("list", "watch") for what in ("nodes", "pods")}


async def test_a_sighting_comes_in_the_step_in_which_the_stock_changes(fake, open_on):
    fake.put("nodes", a_node("n1", gpus=4))
    inventory, _ = await open_on("cluster")
    seen = []
    inventory._on_sighting = lambda s: seen.append((s.gone, dict(inventory.stock("t4").nodes)))
    pod = a_pod(admission="a1", node="n1", gpus=1)
    fake.put("pods", pod)
    fake.drop("pods", pod)
    await eventually(lambda: len(seen) == 2)
    assert seen == [(False, {"n1": 3}), (True, {"n1": 4})]


@pytest.mark.parametrize("missing", sorted(CLUSTER_RIGHTS))
async def test_auto_takes_the_namespace_when_one_right_is_missing(fake, open_on, missing):
    fake.forbidden = {missing}
    inventory, _ = await open_on("auto")
    assert inventory.kind == "namespace"


async def test_auto_takes_the_cluster_when_it_may(fake, open_on):
    inventory, _ = await open_on("auto")
    assert inventory.kind == "cluster"


async def test_a_question_costs_no_call(fake, open_on):
    fake.put("nodes", a_node("n1", gpus=4))
    inventory, _ = await open_on("cluster")
    await eventually(lambda: sum("watch" in request for request in fake.requests) == 2)
    before = len(fake.requests)
    for _ in range(1000):
        inventory.stock("t4")
    assert len(fake.requests) == before


async def test_leftovers_are_removed_in_our_namespace_and_by_their_label_only(fake, open_on):
    fake.put("pods", a_pod("left", admission="a1"))
    fake.put("pods", a_pod("again", admission="a1"))
    fake.put("pods", a_pod("other", admission="a2"))
    fake.put("pods", a_pod("elsewhere", admission="a1", namespace="others"))
    fake.put("pods", a_pod("foreign"))
    inventory, _ = await open_on("cluster")
    await inventory.remove("a1")
    assert fake.names() == ["other", "elsewhere", "foreign"]
    await inventory.remove("a1")


async def test_a_finished_pod_is_told_to_whoever_rebuilds_from_pods(fake, open_on):
    fake.put("pods", a_pod(admission="a1", node="n1", phase="Succeeded"))
    inventory, _ = await open_on("cluster")
    assert inventory.pods()["a1"].gone


async def test_a_campus_file_that_was_read_again_counts_at_once(fake, open_on):
    fake.put("nodes", a_node("n1", gpus=4))
    inventory, _ = await open_on("cluster")
    assert [*inventory.stock("t4").nodes.values()] == [4]
    inventory.set_flavors({"any": Flavor("any", "Any", device=GPU)})
    assert (inventory.stock("t4").nodes, inventory.stock("any").nodes) == ({}, {"n1": 4})


def test_before_it_has_started_nothing_is_fresh_and_nothing_is_free():
    inventory = WatchedInventory("auto", {"t4": T4}, HOME)
    assert [*inventory.stock("t4").nodes.values()] == []
    proof = inventory.proof_of_life()
    assert proof is not None
    assert proof.year == 1970


async def test_without_a_kubernetes_it_says_how_to_name_one(monkeypatch, tmp_path, caplog):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(NoCluster, match="KUBECONFIG"):
        await WatchedInventory("auto", {}, HOME).start(lambda sighting: None)
    assert not caplog.records, "the sentence is all"


@pytest.mark.parametrize(
    ("kind", "problems"),
    [
        ("cluster", []),
        ("namespace", ["flavors.mig: ", "add `count: <number>`", "rbac.yaml"]),
        ("counted", ["flavors.mig: ", "add `count: <number>`"]),
    ],
)
def test_devices_that_nobody_can_count_are_a_problem_with_its_fix(kind, problems):
    found = uncounted(kind, [T4, UNCOUNTED, Flavor("cpu", "CPU")])
    assert len(found) == bool(problems)
    assert all(problem in found[0] for problem in problems)


# -- check ------------------------------------------------------------------------------------------------------


@pytest.fixture
def checking(fake, monkeypatch):
    async def ask(kind: str, *flavors: Flavor) -> list[tuple[bool, str]]:
        monkeypatch.setattr(Api, "connect", fake.connect)
        found = await check(kind, {flavor.key: flavor for flavor in flavors}, HOME)  # type: ignore[arg-type]
        return [(finding.good, finding.sentence) for finding in found]

    return ask


async def test_check_says_what_the_hub_may(checking):
    assert await checking("auto", T4) == [
        (True, "cluster: may list nodes: yes"),
        (True, "cluster: may watch nodes: yes"),
        (True, "cluster: may list pods of all namespaces: yes"),
        (True, "cluster: may watch pods of all namespaces: yes"),
        (True, "cluster: may list pods in jhub: yes"),
        (True, "cluster: may watch pods in jhub: yes"),
        (True, "cluster: may delete pods in jhub: yes"),
        (True, "inventory: cluster"),
    ]


async def test_check_says_why_the_namespace_applies_and_what_else_could(fake, checking):
    fake.forbidden = {("list", "nodes")}
    found = await checking("auto", T4)
    assert found[0] == (True, "cluster: may list nodes: no")
    assert found[-1][0]
    assert found[-1][1].startswith("inventory: namespace (")
    assert "deploy/z2jh/rbac.yaml" in found[-1][1]


@pytest.mark.parametrize(
    ("kind", "forbidden", "problem"),
    [
        ("cluster", ("list", "nodes"), "may list nodes: no; grant it"),
        ("auto", ("watch", "pods", HOME), "may watch pods in jhub: no; grant it"),
        ("auto", ("list", "nodes"), "flavors.mig: "),
    ],
)
async def test_check_names_the_problem(fake, checking, kind, forbidden, problem):
    fake.forbidden = {forbidden}
    (found,) = [sentence for good, sentence in await checking(kind, UNCOUNTED) if not good]
    assert problem in found


async def test_check_tells_a_cluster_that_does_not_answer(fake, checking):
    fake.fault = "stall"
    ((good, sentence),) = await checking("auto", T4)
    assert not good
    assert "does not answer" in sentence


async def test_check_of_a_counted_inventory_asks_nobody(fake, checking):
    assert await checking("counted", T4) == [(True, "inventory: counted")]
    assert fake.requests == []
