"""From nodes and pods to stock: the cluster's view, and the namespace's."""

import pytest

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.inventory import CountedInventory
from jupyterhub_edu.inventory.cluster import ClusterView
from jupyterhub_edu.inventory.facts import read_node, read_pod
from jupyterhub_edu.inventory.holdings import Holdings
from jupyterhub_edu.inventory.namespace import NamespaceView
from jupyterhub_edu.ports import Stock
from tests.fakes.kubernetes_api import GPU, HOME, a_node, a_pod

PRODUCT = "nvidia.com/gpu.product"
T4 = Flavor("t4", "T4", device=GPU, count=6, nodes={PRODUCT: "T4"}, tolerate=(GPU,))
A100 = Flavor("a100", "A100", device=GPU, count=3, nodes={PRODUCT: "A100"})
CPU = Flavor("cpu", "CPU")
FLAVORS = {flavor.key: flavor for flavor in (T4, A100, CPU)}
IS_T4, IS_A100 = {PRODUCT: "T4"}, {PRODUCT: "A100"}


def taint(key: str, effect: str = "NoSchedule") -> list[dict]:
    return [{"key": key, "effect": effect}]


def holding(*pods: dict) -> Holdings:
    holdings = Holdings()
    for number, pod in enumerate(pods):
        holdings.put(str(number), read_pod(pod, HOME))
    return holdings


def cluster(*nodes: dict) -> ClusterView:
    view = ClusterView(FLAVORS, tolerate=["hub.jupyter.org/dedicated"])
    for node in nodes:
        view.put_node(node["metadata"]["name"], read_node(node))
    return view


@pytest.mark.parametrize(
    ("node", "free"),
    [
        pytest.param(a_node(gpus=2, labels=IS_T4), [2], id="a node of the flavor counts"),
        pytest.param(a_node(gpus=2, labels=IS_A100), [], id="of another flavor it does not"),
        pytest.param(a_node(gpus=2), [], id="nor without the label"),
        pytest.param(a_node(labels=IS_T4), [], id="nor without devices"),
        pytest.param(a_node(gpus=2, labels=IS_T4, cordoned=True), [], id="nor cordoned"),
        pytest.param(a_node(gpus=2, labels=IS_T4, ready="False"), [], id="nor when not ready"),
        pytest.param(
            a_node(gpus=2, labels=IS_T4, taints=taint("other")), [], id="nor with a strange taint"
        ),
        pytest.param(
            a_node(gpus=2, labels=IS_T4, taints=taint(GPU)), [2], id="a tolerated taint is fine"
        ),
        pytest.param(
            a_node(gpus=2, labels=IS_T4, taints=taint("hub.jupyter.org/dedicated")),
            [2],
            id="also one that every pod of the hub tolerates",
        ),
        pytest.param(
            a_node(gpus=2, labels=IS_T4, taints=taint("x", "PreferNoSchedule")),
            [2],
            id="a taint that only advises is fine",
        ),
    ],
)
def test_which_nodes_count_for_a_flavor(node, free):
    assert list(cluster(node).stock("t4", holding()).nodes.values()) == free


NODES = (
    a_node("n1", gpus=4, labels=IS_T4),
    a_node("n2", gpus=2, labels=IS_T4),
    a_node("n3", gpus=8, labels=IS_A100),
)


@pytest.mark.parametrize(
    ("pods", "free", "foreign"),
    [
        pytest.param([], [4, 2], 0, id="nothing runs"),
        pytest.param([a_pod(admission="a1", node="n1", gpus=1)], [3, 2], 0, id="ours takes one"),
        pytest.param(
            [a_pod(namespace="others", node="n2", gpus=2)], [4, 0], 0, id="another tenant"
        ),
        pytest.param([a_pod(node="n1", gpus=1)], [3, 2], 1, id="a foreign pod in our namespace"),
        pytest.param([a_pod(node="n3", gpus=1)], [4, 2], 0, id="a foreign pod on other nodes"),
        pytest.param([a_pod(gpus=1)], [4, 2], 0, id="a foreign pod without a node"),
        pytest.param([a_pod(node="lost", gpus=1)], [4, 2], 1, id="on a node not seen"),
        pytest.param(
            [a_pod(admission="a1", flavor="old-name", node="n1", gpus=1)],
            [3, 2],
            1,
            id="ours of a flavor that was renamed counts as foreign",
        ),
        pytest.param(
            [a_pod(namespace="o", node="n2", gpus=3)], [4, 0], 0, id="more than allocatable"
        ),
    ],
)
def test_what_pods_hold_on_a_cluster_is_not_free(pods, free, foreign):
    assert cluster(*NODES).stock("t4", holding(*pods)) == Stock(
        dict(zip(("n1", "n2"), free, strict=True)), foreign
    )


@pytest.mark.parametrize("change", ["gone", "cordoned", "relabelled"])
def test_a_node_that_leaves_takes_its_devices_along(change):
    view = cluster(*NODES)
    after = {
        "gone": None,
        "cordoned": read_node(a_node("n1", gpus=4, labels=IS_T4, cordoned=True)),
        "relabelled": read_node(a_node("n1", gpus=4, labels=IS_A100)),
    }
    view.put_node("n1", after[change])
    assert view.stock("t4", holding()).nodes == {"n2": 2}
    assert sum(view.stock("a100", holding()).nodes.values()) == (
        12 if change == "relabelled" else 8
    )


def test_flavors_that_change_sort_the_nodes_anew():
    view = cluster(*NODES)
    view.set_flavors({"any": Flavor("any", "Any", device=GPU)})
    assert view.stock("any", holding()).nodes == {"n1": 4, "n2": 2, "n3": 8}
    assert view.stock("t4", holding()).nodes == {}


@pytest.mark.parametrize(
    ("pods", "free", "foreign"),
    [
        pytest.param([], 6, 0, id="nothing runs"),
        pytest.param([a_pod(admission="a1", node="n1", gpus=2)], 4, 0, id="ours takes two"),
        pytest.param([a_pod(admission="a1", gpus=2)], 6, 0, id="the book counts what has no node"),
        pytest.param([a_pod(node="n1", gpus=2)], 4, 2, id="a foreign pod counts"),
        pytest.param(
            [a_pod(admission="a1", flavor="a100", node="n1", gpus=2)],
            6,
            0,
            id="ours of another flavor does not",
        ),
        pytest.param(
            [a_pod(admission="a1", flavor="old-name", node="n1", gpus=2)],
            4,
            2,
            id="ours of a flavor that was renamed does",
        ),
        pytest.param([a_pod(node="n1", gpus=9)], 0, 9, id="never less than nothing"),
    ],
)
def test_in_a_namespace_the_count_less_what_is_bound_is_free(pods, free, foreign):
    assert NamespaceView(FLAVORS).stock("t4", holding(*pods)) == Stock({"": free}, foreign)


@pytest.mark.parametrize("flavor", ["cpu", "unknown", "uncounted"])
def test_a_flavor_without_device_or_count_has_nothing_to_give(flavor):
    flavors = {**FLAVORS, "uncounted": Flavor("uncounted", "?", device=GPU)}
    assert NamespaceView(flavors).stock(flavor, holding()).nodes == {}
    assert CountedInventory(flavors).stock(flavor).nodes == {}
    assert ClusterView(flavors).stock(flavor, holding()).nodes == {}


def test_a_counted_inventory_follows_the_campus_file():
    inventory = CountedInventory(FLAVORS)
    assert inventory.stock("t4") == Stock({"": 6})
    inventory.set_flavors({"t4": Flavor("t4", "T4", device=GPU, count=1)})
    assert inventory.stock("t4") == Stock({"": 1})


# -- autoscaled nodes ----------------------------------------------------------------------------------------------

GROWING = Flavor("t4", "T4", device=GPU, nodes={PRODUCT: "T4"}, grows_to=12, per_node=4)


@pytest.mark.parametrize(
    ("nodes", "free"),
    [
        pytest.param([], [4, 4, 4], id="nothing yet: three nodes may come"),
        pytest.param([a_node("n1", gpus=4, labels=IS_T4)], [3, 4, 4], id="one is there"),
        pytest.param(
            [a_node("n1", gpus=4, labels=IS_T4, ready="False")],
            [4, 4],
            id="one is on its way: it is not counted twice, nor used yet",
        ),
        pytest.param(
            [a_node("n1", labels=IS_T4)], [4, 4, 4], id="its devices have not been found yet"
        ),
        pytest.param(
            [a_node("n1", gpus=2, labels=IS_T4)], [1, 4, 4], id="a rest that fills no node is left"
        ),
        pytest.param([a_node("n3", gpus=8, labels=IS_A100)], [4, 4, 4], id="others do not count"),
        pytest.param(
            [a_node("n1", gpus=8, labels=IS_T4), a_node("n2", gpus=8, labels=IS_T4)],
            [7, 8],
            id="more is there than was said",
        ),
    ],
)
def test_nodes_that_may_still_be_added_are_free(nodes, free):
    view = ClusterView({"t4": GROWING})
    for node in nodes:
        view.put_node(node["metadata"]["name"], read_node(node))
    stock = view.stock("t4", holding(a_pod(admission="a1", node="n1", gpus=1)))
    assert list(stock.nodes.values()) == free


def test_where_nodes_are_not_seen_all_that_there_may_be_counts():
    assert NamespaceView({"t4": GROWING}).stock("t4", holding()).nodes == {"": 12}
    assert CountedInventory({"t4": GROWING}).stock("t4").nodes == {"": 12}
