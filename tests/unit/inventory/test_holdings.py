"""Any sequence of changes gives the same as recounting what is left."""

from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.inventory.facts import PodFact, read_pod
from jupyterhub_edu.inventory.holdings import Holdings
from jupyterhub_edu.ports import PodSighting
from tests.fakes.kubernetes_api import GPU, HOME, a_pod

UIDS = st.sampled_from(["u1", "u2", "u3", "u4"])


@st.composite
def facts(draw: st.DrawFn) -> PodFact | None:
    return read_pod(
        a_pod(
            namespace=draw(st.sampled_from([HOME, "others"])),
            admission=draw(st.sampled_from(["", "a1", "a2"])),
            flavor=draw(st.sampled_from(["t4", "a100"])),
            node=draw(st.sampled_from([None, "n1", "n2"])),
            gpus=draw(st.integers(0, 3)),
            device=draw(st.sampled_from([GPU, "nvidia.com/mig"])),
            phase=draw(st.sampled_from(["Running", "Running", "Failed"])),
        ),
        HOME,
    )


CHANGES = st.lists(st.tuples(UIDS, st.none() | facts()), max_size=30)


def fill(changes) -> tuple[Holdings, list]:
    holdings, told = Holdings(), []
    for uid, fact in changes:
        told += holdings.put(uid, fact)
    return holdings, told


@given(CHANGES)
def test_changes_one_by_one_count_the_same_as_the_pods_that_are_left(changes):
    holdings, _ = fill(changes)
    recounted, _ = fill([(uid, fact) for uid, fact in dict(changes).items() if fact is not None])
    assert holdings.held == recounted.held
    assert holdings.home == recounted.home
    assert holdings.sightings == recounted.sightings


@given(CHANGES)
def test_counts_are_the_sums_over_bound_pods(changes):
    holdings, _ = fill(changes)
    left = [fact for fact in dict(changes).values() if fact is not None and fact.node is not None]
    for node in ("n1", "n2"):
        held = sum(n for fact in left if fact.node == node for _, n in fact.devices)
        assert sum(nodes.get(node, 0) for nodes in holdings.held.values()) == held
    at_home = sum(n for fact in left if fact.flavor is not None for _, n in fact.devices)
    counted = [n for nodes in holdings.home.values() for of in nodes.values() for n in of.values()]
    assert sum(counted) == at_home
    assert all(n > 0 for n in counted)


@given(CHANGES)
def test_who_listens_knows_what_there_is(changes):
    holdings, told = fill(changes)
    believed: dict[str, PodSighting] = {}
    for sighting in told:
        assert believed.get(sighting.admission) != sighting, "told twice"
        if sighting.gone:
            believed.pop(sighting.admission, None)
        else:
            believed[sighting.admission] = sighting
    assert believed == {a: s for a, s in holdings.sightings.items() if not s.gone}


def test_a_pod_that_finished_and_is_then_deleted_ends_once():
    holdings = Holdings()
    running, failed = (
        read_pod(a_pod(admission="a1", node="n1", phase=phase), HOME)
        for phase in ("Running", "Failed")
    )
    gone = [s.gone for fact in (running, failed, None) for s in holdings.put("u1", fact)]
    assert gone == [False, True]


def test_two_pods_of_one_admission_end_it_only_together():
    holdings = Holdings()
    for name in ("first", "second"):
        holdings.put(name, read_pod(a_pod(name, admission="a1", node="n1", gpus=1), HOME))
    told = holdings.put("first", None)
    assert [sighting.gone for sighting in told] in ([], [False])
    assert [sighting.gone for sighting in holdings.put("second", None)] == [True]
