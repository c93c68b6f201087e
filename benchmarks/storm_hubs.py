"""Hubs that differ in what a start does, for benchmarks of many servers: nothing, KubeSpawner's, ours.

All stand before the same real Kubernetes API with simulated nodes (kwok), on which pods run at once; one stub answers for
all of them. Ours logs people in at a real slapd and admits each by its course's quota of devices; the others let everybody in.
Hubs run on one core; everything else on another.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml

from benchmarks.login_hubs import HUB_FRAME
from benchmarks.stub import NOTHING
from benchmarks.stub import __file__ as _STUB
from tests.cluster import STOCK_HUB_RULES, Cluster, Kubernetes
from tests.cluster.kubernetes import GPU
from tests.directories.campus import Campus, Somebody
from tests.directories.process import ServerProcess, answers, free_port
from tests.directories.slapd import Slapd
from tests.hub.server import ROOT, Hub

__all__ = ["ENTRIES", "KUBE", "NOTHING_AT_ALL", "OURS", "SIDES", "World", "open_world"]

NOTHING_AT_ALL, KUBE, OURS = "a hub that does nothing", "KubeSpawner", "EduSpawner"
GROUPED = "KubeSpawner, with groups"
ENTRIES = "ours, over servers that are nothing"
SIDES = (NOTHING_AT_ALL, KUBE, GROUPED, OURS)
_PER_NODE = 100
_PASSWORD = "STORM_BIND_PASSWORD"  # noqa: S105 - a name in the environment
_RBAC = ROOT / "deploy" / "z2jh" / "rbac.yaml"

_FRAME = """
c.JupyterHub.cleanup_servers = False
c.JupyterHub.concurrent_spawn_limit = 0  # a hub that is asked to wait half a minute would hide what a start costs
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 120
"""
_FORM = """
c.Spawner.options_form = "<input name='choice'>"
"""
_CLUSTER = """
c.JupyterHub.hub_connect_ip = {hub_ip!r}
c.KubeSpawner.namespace = {namespace!r}
c.KubeSpawner.image = "registry.example/notebook:1"
c.KubeSpawner.pod_connect_ip = "127.0.0.1"
c.KubeSpawner.port = {port}
c.KubeSpawner.delete_grace_period = 0
c.KubeSpawner.k8s_api_request_timeout = 60  # the cluster's programs share one core with the crowd
"""
_KUBE = """
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.KubeSpawner.node_selector = {{"type": "kwok"}}
c.KubeSpawner.extra_resource_limits = {{{gpu!r}: "1"}}
"""
_GROUPED = """
from jupyterhub.auth import DummyAuthenticator


class Grouped(DummyAuthenticator):
    async def authenticate(self, handler, data):
        name = await super().authenticate(handler, data)
        return name and {{"name": name, "groups": [f"course-{{int(name[1:]) % {courses}}}"]}}


c.JupyterHub.authenticator_class = Grouped
c.Authenticator.manage_groups = True
"""
_NOTHING = """
c.JupyterHub.spawner_class = Nothing
"""
_OURS = """
import jupyterhub_edu

jupyterhub_edu.setup(c, "campus.yaml")
"""
_ENTRIES = """
import jupyterhub_edu
from jupyterhub_edu.spawner.admission import AdmissionMixin


class Entry(AdmissionMixin, Nothing):
    async def start(self):
        address = await super().start()
        await jupyterhub_edu.core.current_core().book.run(self._held)
        return address

    async def _is_gone(self):
        return not self.running


jupyterhub_edu.setup(c, "campus.yaml", spawner="local")
c.JupyterHub.spawner_class = Entry
"""


class World:
    """A cluster with devices for so many people, a directory that knows them, and the stub.

    Without a cluster there are only the sides that need none.
    """

    def __init__(
        self,
        people: int,
        staff: int,
        courses: int,
        cluster: Kubernetes | None,
        slapd: Slapd,
        port: int,
    ) -> None:
        self.count, self.courses = people, courses
        self.cluster, self.slapd, self.port = cluster, slapd, port
        self.staff = [f"s{number}" for number in range(people, people + staff)]
        self.people = [(one.login, one.password) for one in slapd.campus.people.values()]

    def choice(self, login: str) -> str:
        """What somebody chooses on our start page."""
        return f"{self.course(login)}/gpu"

    def course(self, login: str) -> str:
        """In which course somebody is, or teaches."""
        return _course(int(login[1:]), self.courses)

    @contextlib.contextmanager
    def open_hub(
        self, side: str, prepare: Callable[[Path], None] = lambda _: None
    ) -> Iterator[Hub]:
        """A new hub of one of the sides; it is gone afterwards, and its namespace with all pods in it.

        Args:
            prepare: called with the hub's folder before it starts.
        """
        with contextlib.ExitStack() as opened:
            environ = {_PASSWORD: self.slapd.bind_password}
            told = {"port": str(self.port), "courses": str(self.courses)}
            told |= {"namespace": "", "hub_ip": "127.0.0.1"}
            if self.cluster is not None:
                namespace = opened.enter_context(self._namespace(self.cluster))
                environ["KUBECONFIG"] = str(_account(self.cluster, namespace))
                told |= {"namespace": namespace, "hub_ip": self.cluster.hub_ip}
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="edu-storm-")))
            (folder / "campus.yaml").write_text(yaml.safe_dump(self._campus()))
            hub = Hub(folder, _config(side, told), hub_ip=told["hub_ip"], environ=environ)
            prepare(folder)
            opened.callback(hub.stop)
            yield hub.start()

    @contextlib.contextmanager
    def _namespace(self, cluster: Kubernetes) -> Iterator[str]:
        name = f"storm-{uuid.uuid4().hex[:6]}"
        cluster.create_namespace(name, "privileged")  # KubeSpawner's pods are not restricted
        yield name
        cluster.delete_namespace(name, timeout=300)

    def pods(self) -> int:
        """Pods that there are now on the simulated nodes."""
        assert self.cluster is not None
        listed = self.cluster.kubectl(
            *("get", "pods", "--all-namespaces", "--selector=component=singleuser-server"),
            "--output=name",
        )
        return len(listed.splitlines())

    def _teachers(self, course: str) -> list[str]:
        return [f"directory:{login}" for login in self.staff if self.course(login) == course]

    def _campus(self) -> dict[str, object]:
        today, half = dt.datetime.now(dt.UTC).date(), dt.timedelta(days=60)
        bind = {"dn": self.slapd.bind_dn, "password": {"env": _PASSWORD}}
        source = self.slapd.settings(servers=[self.slapd.plain_url], tls=None, bind=bind)
        nodes = {"type": "kwok"}
        each = _each(self.count, self.courses)
        count = each * self.courses + 20
        flavor = {"title": "GPU", "device": GPU, "nodes": nodes, "count": count}
        profile = {"title": "GPU", "flavor": "gpu", "devices": 1, "longest": "8h"}
        amounts = {"cpu": {"guarantee": 0.01, "limit": 1}, "memory": {"limit": "64Mi"}}
        quota = {"gpu": {"nominal": each, "borrow": 0}}
        return {
            "name": "Storm University",
            "time_zone": "Europe/Oslo",
            "sources": {"directory": {"type": "ldap", "title": "Storm account", **source}},
            "rules": [{"source": "directory", "group": "CN=<course>,*", "course_role": "student"}],
            "terms": {"now": {"from": today - half, "until": today + half}},
            "flavors": {"gpu": flavor},
            "profiles": {"gpu": {**profile, **amounts}},
            "course_defaults": {
                "offers": {"student": ["gpu"]},
                "caps": {"student": {"servers": 1, "gpu": 1}},
            },
            "courses": {
                id: {
                    "title": f"Course {id}",
                    "term": "now",
                    "quota": quota,
                    "people": {"teacher": self._teachers(id)},
                }
                for id in (_course(number, self.courses) for number in range(self.courses))
            },
        }


def _config(side: str, told: Mapping[str, str]) -> str:
    parts = {
        NOTHING_AT_ALL: NOTHING + _NOTHING + _FORM,
        KUBE: _CLUSTER + _KUBE + _FORM,
        GROUPED: _CLUSTER + _KUBE + _FORM + _GROUPED,
        OURS: _CLUSTER + _OURS,
        ENTRIES: NOTHING + _ENTRIES,
    }
    return HUB_FRAME + _FRAME + parts[side].format(**told, gpu=GPU)


def _account(cluster: Kubernetes, namespace: str) -> Path:
    """A service account of a hub with what the stock chart and rbac.yaml grant."""
    documents = yaml.safe_load_all(_RBAC.read_text())
    rules = next(one for one in documents if one["kind"] == "ClusterRole")["rules"]
    return cluster.service_account_kubeconfig(namespace, "hub", STOCK_HUB_RULES, rules)


@contextlib.contextmanager
def open_world(
    people: int, *, staff: int = 0, courses: int = 10, at_once: int = 1, cluster: bool = True
) -> Iterator[World]:
    """Start everything but the hubs.

    Args:
        people: so many, and one more.
        staff: so many who teach, after those.
        courses: over which both are spread, each with devices for all of its own.
        at_once: hubs whose servers are there at the same time.
        cluster: whether there is one.
    """
    stub, port = ServerProcess("stub"), free_port()
    slapd = Slapd(_people(people + max(staff, 1), courses))
    devices = _each(people, courses) * courses * at_once
    with contextlib.ExitStack() as opened:
        opened.callback(slapd.process.remove)
        opened.callback(stub.remove)
        slapd.open()
        stub.launch([sys.executable, _STUB, str(port)], lambda: answers("127.0.0.1", port))
        yield World(
            people,
            staff,
            courses,
            opened.enter_context(_cluster(devices)) if cluster else None,
            slapd,
            port,
        )


@contextlib.contextmanager
def _cluster(devices: int) -> Iterator[Kubernetes]:
    """A cluster with simulated nodes that have so many devices, and some more."""
    with (
        tempfile.TemporaryDirectory(prefix="edu-storm-cluster-") as folder,
        Cluster(Path(folder)) as cluster,
    ):
        nodes = -(-devices // _PER_NODE) + 2
        cluster.add_fake_gpu_nodes(nodes, gpus=_PER_NODE, taints=())
        yield cluster


def _course(number: int, courses: int) -> str:
    return f"c{number % courses}"


def _each(people: int, courses: int) -> int:
    """Devices of each course: one for everybody in it, and one more."""
    return -(-people // courses) + 1


def _people(count: int, courses: int) -> Campus:
    everybody = {
        f"s{number}": Somebody(
            f"s{number}",
            "Storm",
            "Person",
            f"Pw-{number:08x}",
            {_course(number, courses): "student"},
        )
        for number in range(count)
    }
    members: dict[str, list[str]] = {}
    for number, login in enumerate(everybody):
        members.setdefault(_course(number, courses), []).append(login)
    return Campus(0, everybody, members)
