"""A pod's manifest as it will be sent, held against what was granted and against Pod Security *restricted*. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyterhub_edu.domain.profiles import Amounts
from jupyterhub_edu.domain.quantities import parse_cpu, parse_memory

__all__ = ["Expected", "breaches", "differences", "keep_off"]

Raw = Mapping[str, Any]

_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_SECCOMP: Final = frozenset({"RuntimeDefault", "Localhost"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What the manifest must say.

    Attributes:
        labels: those that carry the admission.
        image: the granted image, or None where the hub's configured one stands.
        device: the granted flavor's extended resource, or None.
        devices: every extended resource that the campus file governs.
        nodes, tolerate: node labels to ask for, taint keys to tolerate.
        service_account: the one of the hub's configuration, or None.
    """

    labels: Mapping[str, str]
    image: str | None
    amounts: Amounts
    device: str | None
    devices: frozenset[str]
    nodes: Mapping[str, str]
    tolerate: tuple[str, ...]
    service_account: str | None


def differences(pod: Raw, expected: Expected) -> list[str]:
    """Everything in which a manifest is not what was granted, as sentences for the log; empty when it is.

    What the campus file does not govern (environment, volumes, further containers) may be anything.

    Args:
        pod: a ``v1/Pod`` as JSON, as it will be sent.
    """
    return list(_differences(pod, expected))


def _differences(pod: Raw, expected: Expected) -> Iterator[str]:
    spec = pod["spec"]
    yield from _unequal("label", pod["metadata"].get("labels") or {}, expected.labels)
    yield from _placement(spec, expected)
    if spec.get("serviceAccountName") != expected.service_account:
        yield f"service account {spec.get('serviceAccountName')} instead of {expected.service_account}"
    if spec.get("automountServiceAccountToken") is not False:
        yield "a service account's token is mounted"
    notebook = next((c for c in spec["containers"] if c["name"] == "notebook"), None)
    if notebook is None:
        yield "there is no container named notebook"
        return
    if expected.image is not None and notebook.get("image") != expected.image:
        yield f"image {notebook.get('image')} instead of {expected.image}"
    yield from _amounts(notebook.get("resources") or {}, expected.amounts)
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        count = expected.amounts.devices if container is notebook else 0
        yield from _devices(container, expected, count)


def _placement(spec: Raw, expected: Expected) -> Iterator[str]:
    yield from _unequal("node label", spec.get("nodeSelector") or {}, expected.nodes)
    tolerated = {t.get("key") for t in spec.get("tolerations") or ()}
    if None not in tolerated:  # a toleration without a key is one for every taint
        for key in expected.tolerate:
            if key not in tolerated:
                yield f"taint {key} is not tolerated"
    if spec.get("nodeName"):
        yield f"bound to node {spec['nodeName']} past the scheduler"


def _unequal(what: str, has: Raw, wanted: Mapping[str, str]) -> Iterator[str]:
    for key, value in wanted.items():
        if has.get(key) != value:
            yield f"{what} {key} is {has.get(key)!r} instead of {value!r}"


def _amounts(resources: Raw, amounts: Amounts) -> Iterator[str]:
    rows: tuple[tuple[str, str, object, Callable[[Any], object]], ...] = (
        ("limits", "cpu", amounts.cpu_limit, parse_cpu),
        ("requests", "cpu", amounts.cpu_guarantee, parse_cpu),
        ("limits", "memory", amounts.memory_limit, parse_memory),
        ("requests", "memory", amounts.memory_guarantee, parse_memory),
    )
    for side, name, wanted, parse in rows:
        has = (resources.get(side) or {}).get(name)
        try:
            same = parse(has) == wanted
        except ValueError:
            same = False
        if not same:
            yield f"{name} {side} are {has!r} instead of {wanted}"


def _devices(container: Raw, expected: Expected, count: int) -> Iterator[str]:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name in sorted(expected.devices):
        wanted = str(count) if name == expected.device else "0"
        asked = (limits.get(name, 0), requests.get(name, limits.get(name, 0)))
        if any(str(value) != wanted for value in asked):
            yield f"container {container['name']} asks for {asked[0]} {name} instead of {wanted}"


def keep_off(affinity: Raw | None, nodes: Collection[str]) -> dict[str, Any]:
    """An affinity that keeps off these nodes and asks for everything else that it did.

    Terms are alternatives and what stands in one must hold together, so each gets a requirement for each node. Fields are
    asked, not labels: a node's ``kubernetes.io/hostname`` need not be its name.

    Args:
        affinity: ``v1/Affinity`` as JSON, or None.
        nodes: names, at least one.
    """
    asked, required = affinity or {}, "requiredDuringSchedulingIgnoredDuringExecution"
    of_nodes = asked.get("nodeAffinity") or {}
    off = [
        # Kubernetes takes one value for each.
        {"key": "metadata.name", "operator": "NotIn", "values": [node]}
        for node in sorted(nodes)
    ]
    terms = [
        {**term, "matchFields": [*(term.get("matchFields") or ()), *off]}
        for term in (of_nodes.get(required) or {}).get("nodeSelectorTerms") or [{}]
    ]
    return {**asked, "nodeAffinity": {**of_nodes, required: {"nodeSelectorTerms": terms}}}


def breaches(pod: Raw) -> list[str]:
    """In what a manifest breaks Pod Security *restricted*; empty when it keeps to it.

    Source:
        Kubernetes, "Pod Security Standards", Baseline and Restricted.
    """
    return list(_breaches(pod["spec"]))


def _breaches(spec: Raw) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name
    for volume in spec.get("volumes") or ():
        kinds = {kind for kind, value in volume.items() if kind != "name" and value is not None}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']}: {', '.join(sorted(kinds - _VOLUMES))}"
    context = spec.get("securityContext") or {}
    if context.get("sysctls"):
        yield "sysctls"
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        for breach in _container_breaches(container, context):
            yield f"container {container['name']}: {breach}"


def _container_breaches(container: Raw, pod_context: Raw) -> Iterator[str]:
    own = container.get("securityContext") or {}
    both = {**pod_context, **own}
    capabilities = own.get("capabilities") or {}
    rows = (
        ("privileged", bool(own.get("privileged"))),
        (
            "allowPrivilegeEscalation is not false",
            own.get("allowPrivilegeEscalation") is not False,
        ),
        ("runAsNonRoot is not true", both.get("runAsNonRoot") is not True),
        ("runAsUser is 0", both.get("runAsUser") == 0),
        ("capabilities are not dropped", "ALL" not in (capabilities.get("drop") or ())),
        (
            "capabilities are added",
            not set(capabilities.get("add") or ()) <= {"NET_BIND_SERVICE"},
        ),
        (
            "no seccomp profile",
            (both.get("seccompProfile") or {}).get("type") not in _SECCOMP,
        ),
        ("procMount", own.get("procMount", "Default") != "Default"),
        ("hostPort", any(port.get("hostPort") for port in container.get("ports") or ())),
    )
    yield from (words for words, broken in rows if broken)
