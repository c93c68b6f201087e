"""What is kept of a pod or a node: a few words out of the kilobytes that Kubernetes sends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any, Final

from jupyterhub_edu.ports import PodSighting

__all__ = ["ADMISSION", "FLAVOR", "Devices", "NodeFact", "PodFact", "read_node", "read_pod"]

_OURS: Final = "jupyterhub-edu/"
ADMISSION: Final = f"{_OURS}admission"
FLAVOR: Final = f"{_OURS}flavor"
_HUB_NAME: Final = "hub.jupyter.org/username"
_SERVER: Final = "hub.jupyter.org/servername"
_CONTAINER: Final = "notebook"
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
_KEEPS_OUT: Final = frozenset({"NoSchedule", "NoExecute"})
_QUANTITY: Final = re.compile(r"([0-9]+)(?:([kMGTPE])|([KMGTPE])i|[eE]([0-9]{1,2}))?", re.ASCII)
_POWERS: Final = "kMGTPE"

Raw = Mapping[str, Any]
Devices = tuple[tuple[str, int], ...]
"""Extended resource names with whole numbers above zero, sorted by name."""


@dataclass(frozen=True, slots=True)
class PodFact:
    """What one pod means for the inventory.

    Attributes:
        node: the node it is bound to, or None while unscheduled.
        devices: what it holds there once bound; empty when it has finished.
        flavor: the flavor in its labels, ``""`` for a foreign pod in our namespace, None in another namespace.
        sighting: what the core is told of a pod of ours; None for every other pod.
    """

    node: str | None
    devices: Devices
    flavor: str | None = None
    sighting: PodSighting | None = None


@dataclass(frozen=True, slots=True)
class NodeFact:
    """What one node offers.

    Attributes:
        open: Ready and not cordoned.
        taints: keys of the taints that keep new pods out.
        labels: all its labels; flavors may change.
        devices: allocatable devices by extended resource name.
    """

    open: bool
    taints: frozenset[str]
    labels: Mapping[str, str]
    devices: Mapping[str, int]


def read_pod(raw: Raw, namespace: str, *, deleted: bool = False) -> PodFact | None:
    """Say what a pod means for the inventory, or None if nothing: it holds no device and is not ours.

    Always holds:
        - a pod is ours only in our namespace, whatever labels others give to theirs;
        - a pod that has finished or was deleted holds nothing.

    Args:
        raw: a ``v1/Pod`` as JSON.
        namespace: the namespace of the hub's pods.
        deleted: the object is the last state of a pod that is no longer there.
    """
    metadata, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
    gone = deleted or status.get("phase") in _FINISHED
    devices = () if gone else _held(spec)
    home = metadata["namespace"] == namespace
    labels = metadata.get("labels") or {}
    node = intern(spec["nodeName"]) if spec.get("nodeName") else None
    if home and labels.get(ADMISSION):
        sighting = _sighting(metadata, status, node, devices, gone)
        return PodFact(node, devices, labels.get(FLAVOR, ""), sighting)
    return PodFact(node, devices, "" if home else None) if devices else None


def read_node(raw: Raw) -> NodeFact:
    """Say what a node offers. A node without a Ready condition is not ready.

    Args:
        raw: a ``v1/Node`` as JSON.
    """
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    ready = any(
        c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ()
    )
    taints = spec.get("taints") or ()
    return NodeFact(
        open=ready and not spec.get("unschedulable"),
        taints=frozenset(t["key"] for t in taints if t.get("effect") in _KEEPS_OUT),
        labels=raw["metadata"].get("labels") or {},
        devices=dict(_devices(status.get("allocatable") or {})),
    )


def _sighting(
    metadata: Raw, status: Raw, node: str | None, devices: Devices, gone: bool
) -> PodSighting:
    annotations = metadata.get("annotations") or {}
    running_at, ended_at = _instants(status)
    return PodSighting(
        admission=metadata["labels"][ADMISSION],
        node=node,
        running_at=running_at,
        gone=gone,
        ended_at=ended_at if gone else None,
        labels={
            intern(key): intern(value)
            for key, value in metadata["labels"].items()
            if key.startswith(_OURS)
        },
        devices=dict(devices),
        hub_name=annotations.get(_HUB_NAME, ""),
        server=annotations.get(_SERVER, ""),
    )


def _instants(status: Raw) -> tuple[datetime | None, datetime | None]:
    """When the notebook container started and ended, by its own account."""
    for container in status.get("containerStatuses") or ():
        if container["name"] == _CONTAINER:
            state = container.get("state") or {}
            ended = state.get("terminated") or {}
            running = state.get("running") or ended
            return _instant(running.get("startedAt")), _instant(ended.get("finishedAt"))
    return None, None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _held(spec: Raw) -> Devices:
    """Add up a pod's devices as the scheduler does.

    The greater of what its containers need together and what it needs while any init container runs; an init container
    that stays (a sidecar) counts with both.

    Source:
        Kubernetes, "Sidecar containers: resource sharing within containers"; ``PodRequests`` in component-helpers.
    """
    together = [_requests(c) for c in spec.get("containers") or ()]
    before: list[Devices] = []
    staying: list[Devices] = []
    for container in spec.get("initContainers") or ():
        requests = _requests(container)
        if container.get("restartPolicy") == "Always":
            staying.append(requests)
            before.append(_sum(staying))
        else:
            before.append(_sum([*staying, requests]))
    most = dict(_sum([*together, *staying]))
    for needed in before:
        for name, count in needed:
            most[name] = max(most.get(name, 0), count)
    return tuple(sorted(most.items()))


def _requests(container: Raw) -> Devices:
    resources = container.get("resources") or {}
    # An extended resource that is only limited is requested with the same amount.
    return _devices({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def _sum(parts: Iterable[Devices]) -> Devices:
    total: dict[str, int] = {}
    for part in parts:
        for name, count in part:
            total[name] = total.get(name, 0) + count
    return tuple(total.items())


def _devices(amounts: Mapping[str, Any]) -> Devices:
    """Pick the extended resources: only their names have a slash."""
    found = ((intern(name), _whole(value)) for name, value in amounts.items() if "/" in name)
    return tuple((name, count) for name, count in found if count)


def _whole(value: object) -> int:
    """Read a whole Kubernetes quantity, such as ``2``, ``"2"`` or ``"1k"``.

    Raises:
        ValueError: it is none.
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ValueError(f"not a whole amount: {value!r}")
    number, decimal, binary, exponent = match.groups()
    if decimal:
        return int(number) * int(1000 ** (_POWERS.index(decimal) + 1))
    if binary:
        return int(number) * int(1024 ** (_POWERS.index(binary.replace("K", "k")) + 1))
    return int(number) * int(10 ** int(exponent or 0))
