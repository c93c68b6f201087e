"""What is kept of pods and nodes."""

from datetime import UTC, datetime

import pytest

from jupyterhub_edu.inventory.facts import read_node, read_pod
from tests.fakes.kubernetes_api import GPU, HOME, a_node, a_pod


def containers(*gpus: int) -> list[dict]:
    return [
        {"name": f"c{n}", "resources": {"requests": {GPU: str(count)}}}
        for n, count in enumerate(gpus)
    ]


def sidecar(gpus: int) -> dict:
    return {**containers(gpus)[0], "restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("init", "main", "held"),
    [
        pytest.param([], containers(1, 2), 3, id="containers add up"),
        pytest.param(containers(1, 4), containers(2), 4, id="the greatest init container counts"),
        pytest.param(containers(1), containers(2, 1), 3, id="a smaller init container is covered"),
        pytest.param([sidecar(1)], containers(2), 3, id="a sidecar adds to the containers"),
        pytest.param(
            [sidecar(1), *containers(3)], containers(2), 4, id="a sidecar adds to later inits"
        ),
        pytest.param(
            [*containers(3), sidecar(1)], containers(2), 3, id="and not to those before it"
        ),
    ],
)
def test_devices_count_as_the_scheduler_counts(init, main, held):
    pod = a_pod(node="n1")
    pod["spec"] |= {"initContainers": init, "containers": main}
    fact = read_pod(pod, HOME)
    assert fact is not None
    assert fact.devices == ((GPU, held),)


@pytest.mark.parametrize(
    ("quantity", "count"),
    [("2", 2), (8, 8), ("1k", 1000), ("1Ki", 1024), ("2M", 2_000_000), ("3e2", 300)],
)
def test_quantities_are_read_in_every_spelling_for_whole_numbers(quantity, count):
    pod = a_pod(node="n1")
    pod["spec"]["containers"][0]["resources"] = {"limits": {GPU: quantity}}
    fact = read_pod(pod, HOME)
    assert fact is not None
    assert fact.devices == ((GPU, count),)


@pytest.mark.parametrize("quantity", ["-1", "0.5", "1KI", "1 ", "", "١", None])
def test_what_is_no_whole_amount_is_refused_rather_than_read_as_zero(quantity):
    pod = a_pod(node="n1")
    pod["spec"]["containers"][0]["resources"] = {"requests": {GPU: quantity}}
    with pytest.raises(ValueError, match="not a whole amount"):
        read_pod(pod, HOME)


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(a_pod(node="n1"), id="no devices"),
        pytest.param(a_pod(node="n1", gpus=1, phase="Succeeded"), id="succeeded"),
        pytest.param(a_pod(node="n1", gpus=1, phase="Failed"), id="failed"),
        pytest.param(a_pod(namespace="others", admission="a1"), id="our label elsewhere"),
    ],
)
def test_nothing_is_kept_of_a_pod_that_matters_to_nobody(pod):
    assert read_pod(pod, HOME) is None


def test_our_label_in_another_namespace_makes_no_pod_ours():
    fact = read_pod(a_pod(namespace="others", admission="a1", node="n1", gpus=1), HOME)
    assert fact is not None
    assert (fact.sighting, fact.flavor) == (None, None)


def test_an_empty_admission_label_makes_a_pod_foreign():
    pod = a_pod(node="n1", gpus=1)
    pod["metadata"]["labels"] = {"jupyterhub-edu/admission": ""}
    fact = read_pod(pod, HOME)
    assert fact is not None
    assert (fact.sighting, fact.flavor) == (None, "")


def test_of_a_pods_labels_ours_alone_are_kept():
    pod = a_pod(admission="a1", node="n1")
    ours = dict(pod["metadata"]["labels"])
    pod["metadata"]["labels"]["app.kubernetes.io/name"] = "jupyterhub"
    fact = read_pod(pod, HOME)
    assert fact is not None
    assert fact.sighting is not None
    assert fact.sighting.labels == ours


def test_a_pod_of_ours_is_sighted_with_the_instants_of_its_notebook_container():
    state = {"running": {"startedAt": "2026-11-03T09:00:00Z"}}
    fact = read_pod(a_pod(admission="a1", node="n1", gpus=1, state=state), HOME)
    assert fact is not None
    assert fact.sighting is not None
    seen = fact.sighting
    assert (seen.admission, seen.node, seen.gone, seen.hub_name) == ("a1", "n1", False, "ada")
    assert seen.devices == {GPU: 1}
    assert seen.running_at == datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert seen.ended_at is None


ENDED = {"terminated": {"startedAt": "2026-11-03T09:00:00Z", "finishedAt": "2026-11-03T10:30:00Z"}}


@pytest.mark.parametrize(
    ("phase", "deleted", "gone"),
    [("Succeeded", False, True), ("Failed", False, True), ("Running", True, True)],
)
def test_a_pod_that_is_over_is_gone_since_its_container_ended(phase, deleted, gone):
    pod = a_pod(admission="a1", node="n1", gpus=1, phase=phase, state=ENDED)
    fact = read_pod(pod, HOME, deleted=deleted)
    assert fact is not None
    assert fact.sighting is not None
    assert (fact.sighting.gone, fact.devices) == (gone, ())
    assert fact.sighting.ended_at == datetime(2026, 11, 3, 10, 30, tzinfo=UTC)


def test_a_container_that_is_started_again_has_not_ended():
    fact = read_pod(a_pod(admission="a1", node="n1", state=ENDED), HOME)
    assert fact is not None
    assert fact.sighting is not None
    assert (fact.sighting.gone, fact.sighting.ended_at) == (False, None)


@pytest.mark.parametrize(
    ("node", "is_open"),
    [
        pytest.param(a_node(gpus=2), True, id="ready"),
        pytest.param(a_node(gpus=2, ready="False"), False, id="not ready"),
        pytest.param(a_node(gpus=2, ready="Unknown"), False, id="its kubelet is silent"),
        pytest.param(a_node(gpus=2, cordoned=True), False, id="cordoned"),
    ],
)
def test_a_node_takes_pods_only_when_ready_and_not_cordoned(node, is_open):
    assert read_node(node).open is is_open


def test_a_node_without_conditions_is_not_ready():
    node = a_node(gpus=2)
    del node["status"]["conditions"]
    assert not read_node(node).open


def test_only_taints_that_keep_pods_out_are_kept():
    effects = ("NoSchedule", "NoExecute", "PreferNoSchedule")
    node = a_node(taints=[{"key": effect.lower(), "effect": effect} for effect in effects])
    assert read_node(node).taints == {"noschedule", "noexecute"}
