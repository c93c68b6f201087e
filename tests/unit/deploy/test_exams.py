"""The shipped network policies close servers of exams, by the labels that our pods have."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml

from jupyterhub_edu.spawner import kube
from tests.unit.docs.blocks import ROOT
from tests.unit.store.values import an_admission

POLICIES: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "deploy/z2jh/exams.yaml").read_text())
)
CHARTS_OWN = {"app": "jupyterhub", "component": "singleuser-server"}
HUB = {"app": "jupyterhub", "component": "hub"}


def pod(exam: str | None) -> dict[str, str]:
    """Labels of a server, as the chart and we give them."""
    admission = an_admission()
    admission = replace(admission, granted=admission.granted._replace(exam=exam))
    return {**CHARTS_OWN, **kube._labels(admission)}


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """As Kubernetes reads a label selector: everything in it must hold."""
    known = {"Exists": True, "DoesNotExist": False}
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
        (one["key"] in labels) is known[one["operator"]]
        for one in selector.get("matchExpressions", ())
    )


def reaches(labels: dict[str, str], target: str | dict[str, str], port: int) -> bool:
    """Whether some policy that selects the pod lets it go there: an address, or a pod by its labels."""
    for policy in POLICIES:
        spec = policy["spec"]
        assert spec["policyTypes"] == ["Egress"]
        if selects(spec["podSelector"], labels):
            for rule in spec["egress"]:
                ports = [one["port"] for one in rule.get("ports", ())]
                if (not ports or port in ports) and any(_is(to, target) for to in rule["to"]):
                    return True
    return False


def _is(to: dict[str, Any], target: str | dict[str, str]) -> bool:
    if isinstance(target, dict):
        return "podSelector" in to and selects(to["podSelector"], target)
    block = to.get("ipBlock")
    if block is None:
        return False
    inside = [ip_address(target) in ip_network(net) for net in [block["cidr"], *block["except"]]]
    return inside[0] and not any(inside[1:])


WAYS: dict[str, tuple[str | None, str | dict[str, str], int, bool]] = {
    "an exam reaches the hub": ("e1", HUB, 8081, True),
    "an exam reaches nothing else of the hub": ("e1", HUB, 22, False),
    "an exam reaches no other server": ("e1", CHARTS_OWN, 8888, False),
    "an exam does not reach the internet": ("e1", "198.51.100.7", 443, False),
    "an exam reaches no private address": ("e1", "10.1.2.3", 443, False),
    "another server reaches the internet": (None, "198.51.100.7", 443, True),
    "another server reaches no private address": (None, "10.1.2.3", 443, False),
    "no server reaches the cloud's metadata": (None, "169.254.169.254", 80, False),
}


@pytest.mark.parametrize(("exam", "target", "port", "may"), WAYS.values(), ids=WAYS)
def test_where_a_server_gets(
    exam: str | None, target: str | dict[str, str], port: int, may: bool
) -> None:
    assert reaches(pod(exam), target, port) is may


@pytest.mark.parametrize("exam", ["e1", None])
def test_every_server_is_closed_by_exactly_one(exam: str | None) -> None:
    closed_by = [p for p in POLICIES if selects(p["spec"]["podSelector"], pod(exam))]
    assert len(closed_by) == 1


def test_they_are_what_kubernetes_takes() -> None:
    for policy in POLICIES:
        assert (policy["apiVersion"], policy["kind"]) == (
            "networking.k8s.io/v1",
            "NetworkPolicy",
        )
        assert policy["metadata"].keys() == {"name"}
        assert policy["spec"].keys() == {"podSelector", "policyTypes", "egress"}
