"""The inventory of a Kubernetes: a view, what pods hold, and the watches that keep both true."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.ports import Clock, PodSighting, Stock, utc_now

from .access import may_see_cluster, uncounted
from .api import FAULTS, Api, ApiError, words
from .cluster import ClusterView
from .facts import ADMISSION
from .holdings import Holdings
from .namespace import NamespaceView
from .sinks import NodeSink, PodSink
from .views import View
from .watch import Pace, Sink, Watch

__all__ = ["WatchedInventory"]

_log = logging.getLogger(__name__)
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_THERE: Final = frozenset({404, 409})


class WatchedInventory:
    """Kept by one watch on pods and, where the hub may see them, one on nodes. All on the event loop's thread.

    Always holds:
        - a question costs no call, and nothing here holds the event loop up for more than a few milliseconds;
        - a pod of ours is sighted in the same step in which the stock changes;
        - the view is only as fresh as the staler of its watches.

    Args:
        kind: ``cluster``, ``namespace``, or ``auto``: whichever the hub's rights allow when it starts.
        flavors: those of the campus file.
        namespace: that of the hub's pods; only pods in it are ours.
        tolerate: keys of taints that every pod of the hub tolerates, whatever its flavor.
        connect: makes the connection.
    """

    sees_pods = True

    def __init__(
        self,
        kind: str,
        flavors: Mapping[str, Flavor],
        namespace: str,
        *,
        tolerate: Iterable[str] = (),
        connect: Callable[[], Awaitable[Api]] = Api.connect,
        clock: Clock = utc_now,
        pace: Pace | None = None,
    ) -> None:
        self._flavors, self._namespace, self._tolerate = flavors, namespace, frozenset(tolerate)
        self._connect, self._clock, self._pace = connect, clock, pace or Pace()
        self._view: View | None = None if kind == "auto" else self._make(kind == "cluster")
        self._pods = Holdings()
        self._pod_sink = PodSink(namespace, self._pods, self._changed)
        self._stocks: dict[str, Stock] = {}
        self._watches: list[Watch] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._api: Api | None = None
        self._on_sighting: Callable[[PodSighting], None] = lambda sighting: None
        self._on_stock: Callable[[], None] = lambda: None

    # -- the port ----------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """``cluster`` or ``namespace``; before an ``auto`` has started, the lesser one."""
        return self._view.kind if self._view else "namespace"

    async def start(
        self,
        on_sighting: Callable[[PodSighting], None],
        on_stock: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin watching; returns when every list is in, however long the API takes.

        Raises:
            NoCluster: there is no Kubernetes to connect to.
        """
        self._on_sighting, self._on_stock = on_sighting, on_stock
        self._api = api = await self._connect()
        if self._view is None:
            self._view = self._make(await self._ask(api))
        for problem in uncounted(self.kind, self._flavors.values()):
            _log.warning("%s", problem)
        pods = "/api/v1/pods" if self._view.everywhere else self._home
        self._watches = [self._watch(api, pods, "pods", self._pod_sink)]
        if self._view.everywhere:
            nodes = NodeSink(self._view, self._changed)
            self._watches.append(self._watch(api, "/api/v1/nodes", "nodes", nodes))
        self._tasks = [asyncio.create_task(watch.run()) for watch in self._watches]
        for watch in self._watches:
            await watch.listed.wait()
        _log.info("inventory: %s, %d pods of ours", self.kind, len(self._pods.sightings))

    def stock(self, flavor: str) -> Stock:
        """The flavor's devices; counted anew only when something has changed."""
        found = self._stocks.get(flavor)
        if found is None:
            found = self._view.stock(flavor, self._pods) if self._view else Stock({})
            self._stocks[flavor] = found
        return found

    def proof_of_life(self) -> datetime | None:
        """The older of the watches' proofs; 1970 before there is one."""
        return min((watch.proof or _NEVER for watch in self._watches), default=_NEVER)

    def pods(self) -> Mapping[str, PodSighting]:
        """Pods of ours, always as now seen; those that have finished (``gone``) while Kubernetes keeps their record."""
        return self._pods.sightings

    async def remove(self, admission: str) -> None:
        """Delete pods of ours with this admission's label; one that is no longer there is success.

        Raises:
            FAULTS: the API refused or did not answer.
        """
        api = self._api
        if api is None:
            return
        query = {"labelSelector": f"{ADMISSION}={admission}"}
        for pod in json.loads(await api.get(self._home, query))["items"]:
            metadata = pod["metadata"]
            if metadata["labels"][ADMISSION] == admission:
                await self._delete(api, metadata["name"], metadata["uid"])

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._api is not None:
            await self._api.close()
            self._api = None

    # -- beyond the port ---------------------------------------------------------------------------------------

    @property
    def problems(self) -> list[str]:
        """What keeps the view from being whole now, as sentences."""
        broken = [watch.problem for watch in self._watches if watch.problem is not None]
        return [*broken, *uncounted(self.kind, self._flavors.values())]

    def set_flavors(self, flavors: Mapping[str, Flavor]) -> None:
        """Take over the flavors of a campus file that was read again."""
        self._flavors = flavors
        self._stocks.clear()
        if self._view is not None:
            self._view.set_flavors(flavors)

    # -- inside ------------------------------------------------------------------------------------------------

    def _changed(self, sightings: Iterable[PodSighting]) -> None:
        """Count anew at the next question, and tell what is new. A listener's mistake does not stop the watch."""
        self._stocks.clear()
        for sighting in sightings:
            try:
                self._on_sighting(sighting)
            except Exception:
                _log.exception("a sighting of admission %s was not taken in", sighting.admission)
        self._on_stock()

    @property
    def _home(self) -> str:
        return f"/api/v1/namespaces/{quote(self._namespace, safe='')}/pods"

    def _make(self, everywhere: bool) -> View:
        if everywhere:
            return ClusterView(self._flavors, self._tolerate)
        return NamespaceView(self._flavors)

    def _watch(self, api: Api, path: str, what: str, sink: Sink) -> Watch:
        return Watch(api, path, what, sink, self._clock, self._pace)

    async def _ask(self, api: Api) -> bool:
        """Ask for our rights until there is an answer."""
        while True:
            try:
                return await may_see_cluster(api)
            except FAULTS as error:
                _log.warning("cannot ask what the hub may see: %s", words(error))
                await asyncio.sleep(self._pace.longest)

    async def _delete(self, api: Api, name: str, uid: str) -> None:
        """Delete this very pod, not one that has taken its name since."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        body["preconditions"] = {"uid": uid}
        try:
            await api.send("DELETE", f"{self._home}/{quote(name, safe='')}", body)
        except ApiError as error:
            if error.status not in _NOT_THERE:
                raise
