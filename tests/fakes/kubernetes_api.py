"""A FAKE of Kubernetes' API: pods, nodes and access reviews in memory, on a Unix socket. No Kubernetes runs here.

It lists (with paging), watches (from a resource version, with bookmarks and ``timeoutSeconds``), creates, reads, deletes,
and answers access reviews. It knows no admission or defaults, and its whole scheduler and kubelet are ``runs_on``: objects
are what a test puts in, and stay so.

    async with FakeKubernetes() as fake:
        fake.put("nodes", a_node("gpu-1", gpus=2))
        fake.put("pods", a_pod("p1", node="gpu-1", gpus=1))
        api = await fake.connect()

Faults, each until it is taken back:

    fake.fault = "refuse"    every connection is reset before an answer
    fake.fault = "stall"     requests are taken, and nothing is ever answered
    fake.fault = "silent"    a watch begins and says nothing, not even its end
    fake.fault = "garbage"   each event's line is no JSON
    fake.fault = "cut"       the connection breaks in the middle of an event's line
    fake.fault = "close"     each watch ends at once, as a proxy that is restarted ends it
    fake.forbidden           pairs such as ``("list", "nodes")`` that answer 403
    fake.compact()           versions handed out so far are expired: watches from them answer 410
    fake.hang_up()           what is open now is reset

``fake.runs_on`` is the node on which a pod that somebody creates runs at once. ``fake.requests`` holds every request as ``"GET /api/v1/pods watch"``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import aiohttp
from aiohttp import web
from kubernetes_asyncio.client import ApiClient, Configuration

from jupyterhub_edu.inventory.api import Api

GPU = "nvidia.com/gpu"
HOME = "jhub"
Raw = dict[str, Any]


def a_pod(
    name: str = "jupyter-ada",
    *,
    uid: str = "",
    namespace: str = HOME,
    admission: str = "",
    flavor: str = "t4",
    node: str | None = None,
    gpus: int = 0,
    device: str = GPU,
    phase: str = "Running",
    state: Raw | None = None,
) -> Raw:
    """A pod as Kubernetes sends it; with an admission it is one of ours, as KubeSpawner writes it."""
    labels = {"jupyterhub-edu/admission": admission, "jupyterhub-edu/flavor": flavor}
    annotations = {"hub.jupyter.org/username": "ada", "hub.jupyter.org/servername": ""}
    amounts = {"cpu": "250m", "memory": "512Mi", **({device: str(gpus)} if gpus else {})}
    resources = {"requests": amounts, "limits": amounts}
    raw: Raw = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-{namespace}-{name}",
            "labels": labels if admission else {},
            "annotations": annotations if admission else {},
        },
        "spec": {"containers": [{"name": "notebook", "resources": resources}]},
        "status": {"phase": phase},
    }
    if node is not None:
        raw["spec"]["nodeName"] = node
    if state is not None:
        raw["status"]["containerStatuses"] = [{"name": "notebook", "state": state}]
    return raw


def a_node(
    name: str = "gpu-1",
    *,
    gpus: int = 0,
    device: str = GPU,
    labels: Raw | None = None,
    taints: list[Raw] | None = None,
    cordoned: bool = False,
    ready: str = "True",
) -> Raw:
    """A node as Kubernetes sends it."""
    allocatable = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels or {}},
        "spec": {"taints": taints or [], **({"unschedulable": True} if cordoned else {})},
        "status": {
            "allocatable": {**allocatable, **({device: str(gpus)} if gpus else {})},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


async def connect_client(socket: str) -> ApiClient:
    """Connect Kubernetes' own client to the fake that listens on this Unix socket, from any process."""
    # For its own pool, replaced at once, the client would read all of the machine's certificates.
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with patch.object(ssl, "create_default_context", return_value=bare):
        client = ApiClient(Configuration(host="http://kubernetes.fake"))
    await client.rest_client.pool_manager.close()
    client.rest_client.pool_manager = aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(socket), read_bufsize=2**21
    )
    return client


class FakeKubernetes:
    """See the module."""

    def __init__(self) -> None:
        self.fault = ""
        self.forbidden: set[tuple[str, ...]] = set()
        self.requests: list[str] = []
        self.runs_on = "gpu-1"
        self._objects: dict[str, dict[str, Raw]] = {"pods": {}, "nodes": {}}
        self._events: list[tuple[int, str, str, Raw]] = []
        self._version, self._oldest = 1, 0
        self._changed = asyncio.Event()
        self._open: set[asyncio.Transport] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="fake-kubernetes-")
        self._runner: web.AppRunner | None = None

    # -- what a test does --------------------------------------------------------------------------------------

    def put(self, what: str, raw: Raw) -> None:
        """Create or replace an object."""
        kind = "MODIFIED" if raw["metadata"]["uid"] in self._objects[what] else "ADDED"
        self._objects[what][raw["metadata"]["uid"]] = raw
        self._happen(kind, what, raw)

    def drop(self, what: str, raw: Raw) -> None:
        """Delete an object; ``raw`` is its last state."""
        del self._objects[what][raw["metadata"]["uid"]]
        self._happen("DELETED", what, raw)

    def compact(self) -> None:
        self._oldest = self._version = self._version + 1

    def hang_up(self) -> None:
        for transport in self._open:
            transport.abort()

    def names(self) -> list[str]:
        return [raw["metadata"]["name"] for raw in self._objects["pods"].values()]

    def pods(self) -> list[Raw]:
        return list(self._objects["pods"].values())

    async def connect(self) -> Api:
        """Connect a client to this fake and nothing else."""
        return Api(await connect_client(self.socket), answer_seconds=0.3)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        await web.UnixSite(self._runner, self.socket).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()
        self._folder.cleanup()

    @property
    def socket(self) -> str:
        return str(Path(self._folder.name) / "api")

    # -- inside ------------------------------------------------------------------------------------------------

    def _happen(self, kind: str, what: str, raw: Raw) -> None:
        self._version += 1
        raw["metadata"]["resourceVersion"] = str(self._version)
        self._events.append((self._version, kind, what, json.loads(json.dumps(raw))))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self._open.add(request.transport)
        return await self._route(request)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        watching = "watch" in request.query
        self.requests.append(f"{request.method} {request.path}{' watch' if watching else ''}")
        if self.fault == "refuse":
            _reset(request)
        if self.fault in ("stall", "refuse"):
            await asyncio.Event().wait()
        if request.path.endswith("selfsubjectaccessreviews"):
            asked = (await request.json())["spec"]["resourceAttributes"]
            # Here as in Kubernetes the cluster-wide right is one of its own.
            where = (asked["verb"], asked["resource"]) + (
                (asked["namespace"],) * bool(asked["namespace"])
            )
            return web.json_response({"status": {"allowed": where not in self.forbidden}})
        _, _, _, *place = request.path.split("/")
        if request.method == "POST":
            return self._create(place, await request.json())
        if place[-2:-1] == ["pods"]:
            delete = await request.json() if request.method == "DELETE" else None
            return self._one(place[-1], delete)
        namespace = place[1] if place[0] == "namespaces" else ""
        what = place[-1]
        right = ("watch" if watching else "list", what) + ((namespace,) * bool(namespace))
        if right in self.forbidden:
            return _status(
                403, f'{what} is forbidden: User "hub" cannot {right[0]} resource "{what}"'
            )
        return await (self._watch if watching else self._list)(request, what, namespace)

    def _create(self, place: list[str], raw: Raw) -> web.Response:
        """Pods run at once; of everything else it is only said that it is there."""
        _, namespace, what = place
        if what == "pods":
            if raw["metadata"]["name"] in self.names():
                return _status(409, f'pods "{raw["metadata"]["name"]}" already exists')
            raw["metadata"] |= {"namespace": namespace, "uid": f"uid-{self._version}"}
            raw["spec"]["nodeName"] = self.runs_on
            state = {"running": {"startedAt": datetime.now(UTC).isoformat(timespec="seconds")}}
            container = {"name": "notebook", "image": "", "imageID": "", "restartCount": 0}
            container |= {"ready": True, "state": state}
            raw["status"] = {
                "phase": "Running",
                "podIP": "192.0.2.1",
                "containerStatuses": [container],
            }
            self.put("pods", raw)
        return web.json_response(raw, status=201)

    def _one(self, name: str, delete: Raw | None) -> web.Response:
        """Read or delete one pod; to be deleted it must be the very one that is meant."""
        raw = next((raw for raw in self.pods() if raw["metadata"]["name"] == name), None)
        meant = ((delete or {}).get("preconditions") or {}).get("uid")
        if raw is None or meant not in {None, raw["metadata"]["uid"]}:
            return _status(404, f'pods "{name}" not found')
        if delete is not None:
            self.drop("pods", raw)
        return web.json_response(raw)

    async def _list(self, request: web.Request, what: str, namespace: str) -> web.StreamResponse:
        begin, limit = (
            int(request.query.get("continue", "0")),
            int(request.query.get("limit", "500")),
        )
        chosen = [raw for raw in self._objects[what].values() if _is_in(raw, namespace)]
        if selector := request.query.get("labelSelector"):
            label, _, value = selector.partition("=")
            chosen = [raw for raw in chosen if raw["metadata"]["labels"].get(label) == value]
        metadata = {"resourceVersion": str(self._version)}
        if begin + limit < len(chosen):
            metadata["continue"] = str(begin + limit)
        return web.json_response({"metadata": metadata, "items": chosen[begin : begin + limit]})

    async def _watch(self, request: web.Request, what: str, namespace: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if self.fault == "close":
            return response
        with suppress(ConnectionError):
            await self._follow(request, response, what, namespace)
        return response

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, what: str, namespace: str
    ) -> None:
        version = told = int(request.query["resourceVersion"])
        if version < self._oldest:
            gone = {"kind": "Status", "code": 410, "reason": "Expired"}
            gone |= {"message": "too old resource version"}
            await response.write(_line("ERROR", gone))
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + float(request.query["timeoutSeconds"])
        while (left := until - loop.time()) > 0 or self.fault == "silent":
            changed = self._changed
            told = told if self.fault == "silent" else self._version
            for event_version, kind, raw in self._since(version, what, namespace):
                if self.fault != "silent":
                    await self._say(request, response, kind, raw)
                    version = event_version
            try:
                await asyncio.wait_for(changed.wait(), max(left, 0.05))
            except TimeoutError:
                continue
        if "allowWatchBookmarks" in request.query:
            # What has happened since the last look is the next watch's to tell.
            await response.write(_line("BOOKMARK", {"metadata": {"resourceVersion": str(told)}}))

    def _since(self, version: int, what: str, namespace: str) -> Iterator[tuple[int, str, Raw]]:
        for event_version, kind, of, raw in list(self._events):
            if event_version > version and of == what and _is_in(raw, namespace):
                yield event_version, kind, raw

    async def _say(
        self, request: web.Request, response: web.StreamResponse, kind: str, raw: Raw
    ) -> None:
        line = _line(kind, raw)
        if self.fault == "garbage":
            line = b'{"type": "ADDED", "object": <html>\n'
        if self.fault == "cut":
            line = line[: len(line) // 2]
        await response.write(line)
        if self.fault == "cut":
            _reset(request)


def _is_in(raw: Raw, namespace: str) -> bool:
    return not namespace or raw["metadata"].get("namespace") == namespace


def _line(kind: str, raw: Raw) -> bytes:
    return json.dumps({"type": kind, "object": raw}).encode() + b"\n"


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
