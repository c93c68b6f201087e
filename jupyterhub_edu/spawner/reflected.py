"""What the hub keeps of every pod and event that KubeSpawner watches: half of what Kubernetes sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import EventReflector, PodReflector
from traitlets import validate

__all__ = ["lighter"]


class _Kept(dict[str, Any]):
    """Objects as JSON, by name, without ``managedFields``: who has set which field, more than half of a pod's memory."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        super().__init__()
        for name, resource in resources.items():
            self[name] = resource

    def __setitem__(self, name: str, resource: Any) -> None:
        resource["metadata"].pop("managedFields", None)
        super().__setitem__(name, resource)


class _Lighter(ResourceReflector):
    @validate("resources")
    def _keep(self, proposal: Any) -> _Kept:
        # A list replaces all; what the watch tells after it is put in one by one.
        return _Kept(proposal["value"])


class _Pods(_Lighter, PodReflector):
    pass


class _Events(_Lighter, EventReflector):
    pass


_LIGHTER: Final[Mapping[type[ResourceReflector], type[ResourceReflector]]] = {
    PodReflector: _Pods,
    EventReflector: _Events,
}


def lighter(reflector: type[ResourceReflector]) -> type[ResourceReflector]:
    """KubeSpawner's reflector, but for ``managedFields``, which nobody reads; any other class as it is."""
    return _LIGHTER.get(reflector, reflector)
