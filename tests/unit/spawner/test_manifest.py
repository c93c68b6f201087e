import copy

import pytest

from jupyterhub_edu.domain.profiles import Amounts
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.spawner.manifest import Expected, breaches, differences, keep_off

GRANTED = Expected(
    labels={"jupyterhub-edu/course": "ml"},
    image="registry.example/gpu:1",
    amounts=Amounts(Cpu(500), Cpu(2000), Memory(1024**3), Memory(2 * 1024**3), 1),
    device="nvidia.com/gpu",
    devices=frozenset({"nvidia.com/gpu", "nvidia.com/mig-1g.5gb"}),
    nodes={},
    tolerate=("nvidia.com/gpu",),
    service_account=None,
)


def a_pod():
    return {
        "metadata": {"labels": {"jupyterhub-edu/course": "ml", "other": "label"}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "containers": [
                {
                    "name": "notebook",
                    "image": "registry.example/gpu:1",
                    "resources": {
                        "limits": {"cpu": 2.0, "memory": 2 * 1024**3, "nvidia.com/gpu": "1"},
                        "requests": {"cpu": 0.5, "memory": 1024**3},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def changed(change):
    pod = copy.deepcopy(a_pod())
    change(pod["spec"], pod["spec"]["containers"][0])
    return pod


def limits(container, **more):
    container["resources"]["limits"] |= more


THE_SAME = {
    "as it was made": lambda spec, box: None,
    "amounts as Kubernetes spells them": lambda spec, box: limits(
        box, cpu="2000m", memory="2Gi", **{"nvidia.com/gpu": 1}
    ),
    "the device requested as well": lambda spec, box: box["resources"]["requests"].update(
        {"nvidia.com/gpu": "1"}
    ),
    "every taint tolerated": lambda spec, box: spec.update(tolerations=[{"operator": "Exists"}]),
    "a helper beside it": lambda spec, box: spec["containers"].append(
        {"name": "helper", "image": "x", "resources": {"limits": {"cpu": 1}}}
    ),
    "a helper without resources before it": lambda spec, box: spec.update(
        initContainers=[{"name": "first", "image": "x"}]
    ),
    "a resource that the campus file does not know": lambda spec, box: limits(
        box, **{"example.org/fpga": "1"}
    ),
}


@pytest.mark.parametrize("change", THE_SAME.values(), ids=THE_SAME)
def test_a_pod_that_is_what_was_granted(change):
    assert differences(changed(change), GRANTED) == []


OTHERS = {
    "half the memory": (
        lambda spec, box: limits(box, memory="1Gi"),
        "memory limits are '1Gi' instead of 2 GiB",
    ),
    "an amount that cannot be read": (
        lambda spec, box: limits(box, cpu="many"),
        "cpu limits are 'many' instead of 2 CPU",
    ),
    "no amounts": (lambda spec, box: box.pop("resources"), "cpu limits are None instead of 2 CPU"),
    "a device in a helper": (
        lambda spec, box: spec["containers"].append(
            {"name": "helper", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
        ),
        "container helper asks for 1 nvidia.com/gpu instead of 0",
    ),
    "a device before the notebook": (
        lambda spec, box: spec.update(
            initContainers=[{"name": "first", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]
        ),
        "container first asks for 1 nvidia.com/gpu instead of 0",
    ),
    "a device of another flavor": (
        lambda spec, box: limits(box, **{"nvidia.com/mig-1g.5gb": "7"}),
        "container notebook asks for 7 nvidia.com/mig-1g.5gb instead of 0",
    ),
    "a device that is requested and not limited": (
        lambda spec, box: (
            box["resources"]["limits"].pop("nvidia.com/gpu"),
            box["resources"]["requests"].update({"nvidia.com/gpu": "1"}),
        ),
        "container notebook asks for 0 nvidia.com/gpu instead of 1",
    ),
}


@pytest.mark.parametrize(("change", "words"), OTHERS.values(), ids=OTHERS)
def test_a_pod_that_is_something_else(change, words):
    assert words in differences(changed(change), GRANTED)


def test_every_difference_is_told_at_once():
    def change(spec, box):
        box["image"] = "evil"
        limits(box, cpu=8)
        spec["automountServiceAccountToken"] = True

    assert len(differences(changed(change), GRANTED)) == 3


def test_what_we_make_keeps_to_restricted():
    assert breaches(a_pod()) == []


BREACHES = {
    "the host's network": (lambda spec, box: spec.update(hostNetwork=True), "hostNetwork"),
    "a path of the host": (
        lambda spec, box: spec.update(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
        "volume v: hostPath",
    ),
    "a network file system": (
        lambda spec, box: spec.update(volumes=[{"name": "v", "nfs": {"server": "s"}}]),
        "volume v: nfs",
    ),
    "a kernel setting": (
        lambda spec, box: spec["securityContext"].update(sysctls=[{"name": "x"}]),
        "sysctls",
    ),
    "a privileged container": (
        lambda spec, box: box["securityContext"].update(privileged=True),
        "container notebook: privileged",
    ),
    "sudo": (
        lambda spec, box: box["securityContext"].update(allowPrivilegeEscalation=True),
        "container notebook: allowPrivilegeEscalation is not false",
    ),
    "root by number": (
        lambda spec, box: box["securityContext"].update(runAsUser=0),
        "container notebook: runAsUser is 0",
    ),
    "root by default": (
        lambda spec, box: spec["securityContext"].pop("runAsNonRoot"),
        "container notebook: runAsNonRoot is not true",
    ),
    "a capability kept": (
        lambda spec, box: box["securityContext"].update(capabilities={}),
        "container notebook: capabilities are not dropped",
    ),
    "a capability added": (
        lambda spec, box: box["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        "container notebook: capabilities are added",
    ),
    "system calls unfiltered": (
        lambda spec, box: spec["securityContext"].update(seccompProfile={"type": "Unconfined"}),
        "container notebook: no seccomp profile",
    ),
    "a port of the host": (
        lambda spec, box: box.update(ports=[{"hostPort": 80}]),
        "container notebook: hostPort",
    ),
    "a helper that keeps to nothing": (
        lambda spec, box: spec.update(initContainers=[{"name": "first"}]),
        "container first: allowPrivilegeEscalation is not false",
    ),
}


@pytest.mark.parametrize(("change", "words"), BREACHES.values(), ids=BREACHES)
def test_what_breaks_restricted_is_named(change, words):
    assert words in breaches(changed(change))


# -- nodes to keep off ---------------------------------------------------------------------------------------------

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
IS_USER_NODE = {"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}
BY_NAME = {"key": "metadata.name", "operator": "In", "values": ["n7"]}


def off(*nodes):
    return [{"key": "metadata.name", "operator": "NotIn", "values": [node]} for node in nodes]


def asking(*terms):
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}


AFFINITIES = {
    "of a pod that asks for nothing": (None, asking({"matchFields": off("n1", "n2")})),
    "of one with empty settings": (
        {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}},
        asking({"matchFields": off("n1", "n2")}),
    ),
    "beside labels that are asked for": (
        asking({"matchExpressions": [IS_USER_NODE]}),
        asking({"matchExpressions": [IS_USER_NODE], "matchFields": off("n1", "n2")}),
    ),
    "beside fields that are asked for": (
        asking({"matchFields": [BY_NAME]}),
        asking({"matchFields": [BY_NAME, *off("n1", "n2")]}),
    ),
    "in each of several alternatives": (
        asking({"matchExpressions": [IS_USER_NODE]}, {"matchFields": [BY_NAME]}),
        asking(
            {"matchExpressions": [IS_USER_NODE], "matchFields": off("n1", "n2")},
            {"matchFields": [BY_NAME, *off("n1", "n2")]},
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), AFFINITIES.values(), ids=AFFINITIES)
def test_keeping_off_nodes(before, after):
    as_it_was = copy.deepcopy(before)
    assert keep_off(before, {"n2", "n1"}) == after
    assert before == as_it_was


def test_what_else_an_affinity_asks_for_stays():
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}
    before = {"podAffinity": {"any": "thing"}, "nodeAffinity": preferred}
    after = keep_off(before, {"n1"})
    assert after["podAffinity"] == {"any": "thing"}
    assert after["nodeAffinity"] == {
        **preferred,
        **asking({"matchFields": off("n1")})["nodeAffinity"],
    }
