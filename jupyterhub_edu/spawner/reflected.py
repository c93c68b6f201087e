"""What KubeSpawner watches, for little: half of each pod and event is kept, and all are listed where a watch cannot go on.

KubeSpawner lists all pods and all events twice at its start, and again whenever a watch ends, which is every ten seconds. With
a thousand pods each of these lists holds the hub's loop up for half a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from kubernetes_asyncio.client import ApiException
from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import EventReflector, PodReflector
from traitlets import validate

__all__ = ["lighter"]

_QUIET: Final = 45.0
"""Seconds in which a watch told nothing, after which all are listed. Kubernetes remembers changes for 75 at least, and that
nothing was told is known only when a watch ends."""


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
    """A watch that ends goes on where it ended.

    Source:
        Kubernetes API concepts, "Efficient detection of changes", "Retrieving large results sets in chunks".
    """

    _page = 50
    """Objects that are read at once: a few milliseconds."""
    _begin: str | None = None
    _told: str | None = None
    _told_at = 0.0

    async def _list_and_update(self, resource_version: str | None = None) -> str:
        """Where the next watch begins; lists before where that is due.

        While much happens nothing is listed: a loop that is late would be so for each page, and watch nothing meanwhile.

        Args:
            resource_version: where the last watch ended; "0": nowhere, as after a failure, and at first; None: list, and the
                first watch begins there.

        Raises:
            ApiException: Kubernetes does not tell.
        """
        begin, self._begin = self._begin, None
        version = begin if resource_version in {None, "0"} else resource_version
        loop = asyncio.get_running_loop()
        if version is not None:
            if version != self._told:
                self._told, self._told_at = version, loop.time()
            if loop.time() < self._told_at + _QUIET:
                return version
        self.resources, version = await self._list()
        self._told, self._told_at = version, loop.time()
        if resource_version is None:
            self._begin = version
        if not self.first_load_future.done():
            self.first_load_future.set_result(None)
        return version

    async def _list(self) -> tuple[dict[str, Any], str]:
        """All objects by namespace and name, and their version; in pages, between which others have their turn."""
        how: dict[str, Any] = {
            "label_selector": self.label_selector,
            "field_selector": self.field_selector,
            "limit": self._page,
            "_request_timeout": self.request_timeout,
            "_preload_content": False,
        }
        if not self.omit_namespace:
            how["namespace"] = self.namespace
        found: dict[str, Any] = {}
        while True:
            answer = await getattr(self.api, self.list_method_name)(**how)
            if not answer.ok:
                raise ApiException(status=answer.status, reason=answer.reason)
            page = json.loads(await answer.read())
            for raw in page["items"]:
                found[f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"] = raw
            if not (more := page["metadata"].get("continue")):
                return found, page["metadata"]["resourceVersion"]
            how["_continue"] = more

    @validate("resources")
    def _keep(self, proposal: Any) -> _Kept:
        # A list replaces all; what the watch tells after it is put in one by one.
        return _Kept(proposal["value"])


class _Pods(_Lighter, PodReflector):
    pass


class _Events(_Lighter, EventReflector):
    _page = 250


_LIGHTER: Final[Mapping[type[ResourceReflector], type[ResourceReflector]]] = {
    PodReflector: _Pods,
    EventReflector: _Events,
}


def lighter(reflector: type[ResourceReflector]) -> type[ResourceReflector]:
    """KubeSpawner's reflector, for less: without ``managedFields``, which nobody reads; any other class as it is."""
    return _LIGHTER.get(reflector, reflector)
