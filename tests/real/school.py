"""A school: a real directory's people, a hub as a process, and pods in a namespace of their own."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from bs4 import BeautifulSoup

from tests.cluster import STOCK_HUB_RULES, Kubernetes
from tests.directories.campus import COURSES, TERM
from tests.hub.browser import Browser
from tests.hub.server import ROOT, Hub
from tests.no_tls import NO_TLS

from .people import SOURCE, People

__all__ = ["GPU", "HOME", "RBAC", "School", "campus_file", "until"]

T = TypeVar("T")
GPU = "nvidia.com/gpu"
HOME = "/home/jovyan"
RBAC = ROOT / "deploy" / "z2jh" / "rbac.yaml"
_LABEL = "jupyterhub-edu"


def until(ask: Callable[[], T], what: str, within: float = 120) -> T:
    """Ask again and again until the answer is true, and return it.

    Raises:
        TimeoutError: it never was.
    """
    end = time.monotonic() + within
    while not (answer := ask()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {within:.0f} s for {what}")
        time.sleep(0.2)
    return answer


def campus_file(people: People, node: str, **changes: Any) -> dict[str, Any]:
    """The campus file of a school: three courses, CPU and GPU notebooks, two GPUs of its own for ml.

    Args:
        node: the node that has the GPUs.
        changes: keys of the source that are set otherwise.
    """
    today = dt.datetime.now(dt.UTC).date()
    half = dt.timedelta(days=60)
    return {
        "name": "Fjord University",
        "time_zone": "Europe/Oslo",
        "contact": "it@fjord.example",
        "sources": {SOURCE: {"refresh": "10s", **people.source(), **changes}},
        "rules": people.rules(),
        "terms": {TERM: {"from": today - half, "until": today + half}},
        "flavors": {
            "cpu": {"title": "CPU"},
            "gpu": {
                "title": "Tesla",
                "device": GPU,
                "nodes": {"kubernetes.io/hostname": node},
                "count": 2,
            },
        },
        "profiles": {
            "notebook": {
                "title": "Notebook",
                "flavor": "cpu",
                "cpu": {"guarantee": 0.05, "limit": 1},
                "memory": {"guarantee": "128Mi", "limit": "512Mi"},
                "longest": "8h",
            },
            "gpu": {
                "title": "GPU notebook",
                "flavor": "gpu",
                "devices": 1,
                "cpu": {"guarantee": 0.1, "limit": 2},
                "memory": {"guarantee": "192Mi", "limit": "1Gi"},
                "longest": "2h",
                "kubespawner": {"environment": {"MODE": "gpu"}},
            },
        },
        "course_defaults": {
            "offers": {
                "student": ["notebook"],
                "assistant": ["notebook", "gpu"],
                "teacher": ["notebook", "gpu"],
            },
            "caps": {role: {"servers": 1} for role in ("student", "assistant", "teacher")},
        },
        "courses": {course: {"title": course.upper(), "term": TERM} for course in COURSES}
        | {
            "ml": {
                "title": "Machine Learning",
                "term": TERM,
                "offers": {"student": ["notebook", "gpu"]},
                "quota": {"gpu": {"nominal": 2, "borrow": 0}},
            }
        },
    }


class School:
    """One hub with the people of a source; its pods run on the cluster's real node.

    Args:
        folder: the hub's working folder.
        version: of the hub, "6.1" or "5.5".
        sees_cluster: whether the hub has what ``deploy/z2jh/rbac.yaml`` grants beside the stock chart's rights.
        config: more of the hub's configuration, after the one line.
        before: the hub's configuration instead of the one line, for a hub that knows nothing of us yet.
        source: keys of the source that are set otherwise.
        pod_security: what the namespace enforces.
        change: changes the campus file before the hub sees it.
        environ: more variables of the hub's process.
    """

    def __init__(
        self,
        folder: Path,
        cluster: Kubernetes,
        people: People,
        version: str,
        *,
        sees_cluster: bool = False,
        config: str = "",
        before: str | None = None,
        source: Mapping[str, Any] | None = None,
        pod_security: str = "restricted",
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.cluster, self.people = cluster, people
        self.namespace = f"school-{uuid.uuid4().hex[:8]}"
        self.campus = folder / "campus.yaml"
        self._sees_cluster, self._pod_security = sees_cluster, pod_security
        data = campus_file(people, cluster.node_name, **(source or {}))
        change(data)
        self.campus.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
        self._config, self._before, self._environ = config, before, environ or {}
        self._folder, self._version = folder, version
        self._browsers: dict[str, Browser] = {}

    # -- opening and closing -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the namespace and the service account, and start the hub with its kubeconfig."""
        self.cluster.create_namespace(self.namespace, self._pod_security)
        documents = yaml.safe_load_all(RBAC.read_text())
        role = next(one for one in documents if one["kind"] == "ClusterRole")
        kubeconfig = self.cluster.service_account_kubeconfig(
            self.namespace, "hub", STOCK_HUB_RULES, role["rules"] if self._sees_cluster else ()
        )
        self.hub = Hub(
            self._folder,
            self.configuration(self._before),
            version=self._version,
            hub_ip=self.cluster.hub_ip,
            environ={"KUBECONFIG": str(kubeconfig), **self.people.environ(), **self._environ},
        )
        passwords = (person.password for person in self.people.campus.people.values())
        self.hub.canaries.add(*passwords)
        self.people.meet(self.hub)
        self.hub.start()

    def close(self) -> None:
        """End the hub, then everything in its namespace; secrets are looked for in its manifests too."""
        kinds = "pods,persistentvolumeclaims,configmaps,events"
        where = f"--namespace={self.namespace}"
        self.hub.canaries.look("manifests", self.cluster.kubectl("get", kinds, where, "-o=json"))
        try:
            self.hub.stop()
        finally:
            self.cluster.delete_namespace(self.namespace, wait=False)

    def configuration(self, instead: str | None = None) -> str:
        """The hub's configuration with the one line, or with this instead."""
        ours = f"import jupyterhub_edu\njupyterhub_edu.setup(c, {str(self.campus)!r})\n"
        return self._frame() + (ours + self._config if instead is None else instead)

    def reconfigure(self, instead: str | None = None) -> None:
        """Restart the hub with the one line, or with this instead; servers go on, everybody is logged out."""
        self.hub.stop()
        self.hub.configure(self.configuration(instead))
        self._browsers.clear()
        self.hub.start()

    # -- people ------------------------------------------------------------------------------------------------

    def browser(self, login: str) -> Browser:
        """Somebody's browser, logged in."""
        if login not in self._browsers:
            browser = self.hub.browser()
            password = self.people.campus.people[login].password
            assert self.people.log_in(browser, login, password), f"{login}\n{self.hub.tail()}"
            self._browsers[login] = browser
        return self._browsers[login]

    def cards(self, login: str) -> dict[str, dict[str, str]]:
        """The start page: by course's title, each profile's title with why not, or "" where it can be had."""
        page = self.browser(login).page("/hub/spawn")
        found: dict[str, dict[str, str]] = {}
        for part in page.select(".edu-start fieldset"):
            heading = part.select_one("h2") or part.find_previous("h2")
            assert heading is not None, page
            found[heading.get_text(strip=True)] = {
                text(card, ".edu-title"): text(card, ".edu-why")
                for card in part.select(".edu-card")
            }
        return found

    def notice(self, login: str) -> str:
        """What the start page says first, or ""."""
        return text(self.browser(login).page("/hub/spawn"), ".edu-start > .alert-warning")

    def start(self, login: str, choice: str) -> httpx.Response:
        """Submit the start page, and wait for JupyterLab behind the hub's proxy if the start was taken."""
        reply = self.browser(login).start(choice=choice)
        if reply.status_code == 302:
            try:
                self.lab(login)
            except TimeoutError as error:
                events = self.cluster.kubectl("get", "events", f"--namespace={self.namespace}")
                raise TimeoutError(f"{error}\n{events}\n{self.hub.tail()}") from None
        return reply

    def start_by_rest(self, login: str, choice: str) -> httpx.Response:
        """Ask for a start by REST, with a token of the person's own."""
        course, profile = choice.split("/")
        token = self.browser(login).token(login)
        body = {"course": course, "profile": profile}
        return self.hub.api(f"users/{login}/server", method="POST", token=token, json=body)

    def stop(self, login: str) -> None:
        """Stop a server and wait until its pod is gone."""
        self.hub.api(f"users/{login}/server", method="DELETE")
        until(lambda: login not in self.pods(), f"{login}'s pod to go")

    def lab(self, login: str) -> httpx.Response:
        """JupyterLab's own page, through the proxy."""
        return self.browser(login).wait_for_server(login)

    def contents(self, login: str, path: str, text: str | None = None) -> str:
        """Read a file of somebody's home through the proxy, or write one."""
        token = self.hub.api(
            f"users/{login}/tokens", method="POST", json={"scopes": ["access:servers!user"]}
        ).json()["token"]
        url = f"{self.hub.url}/user/{login}/api/contents/{path}"
        headers = {"Authorization": f"token {token}"}
        if text is not None:
            body = {"type": "file", "format": "text", "content": text}
            reply = httpx.put(url, headers=headers, json=body, timeout=60, verify=NO_TLS)
            reply.raise_for_status()
        reply = httpx.get(url, headers=headers, timeout=60, verify=NO_TLS)
        reply.raise_for_status()
        content: str = reply.json()["content"]
        return content

    # -- the desk ----------------------------------------------------------------------------------------------

    def who_is_on(self, login: str, course: str = "ml") -> list[str]:
        """The accounts on the page *Course: now*."""
        page = self.browser(login).page(f"/hub/edu/courses/{course}")
        return [one.get_text(strip=True) for one in page.select(".edu-now tbody th div")]

    def sessions(self, login: str, course: str = "ml") -> list[dict[str, Any]]:
        """The same by the API."""
        token = self.browser(login).token(login, ["custom:edu:read"])
        reply = self.hub.api(f"edu/courses/{course}/servers", token=token)
        reply.raise_for_status()
        found: list[dict[str, Any]] = reply.json()["items"]
        return found

    def stop_at_the_desk(self, teacher: str, login: str, course: str = "ml") -> str:
        """Press Stop on the page, answer the question; what the page says then."""
        browser = self.browser(teacher)
        address = f"/hub/edu/courses/{course}/stop/{login}"
        page = browser.page(address)
        fields = {str(one["name"]): str(one["value"]) for one in page.select("main form input")}
        reply = browser.post(address, fields)
        assert reply.status_code == 200, reply.text
        return text(BeautifulSoup(reply.text, "html.parser"), ".alert")

    # -- pods --------------------------------------------------------------------------------------------------

    def pods(self) -> dict[str, dict[str, Any]]:
        """The pods in the school's namespace by account; those of nobody by their own name."""
        items = self.cluster.get("pods", f"--namespace={self.namespace}")["items"]
        return {
            pod["metadata"]
            .get("annotations", {})
            .get("hub.jupyter.org/username", pod["metadata"]["name"]): pod
            for pod in items
        }

    def claims(self) -> dict[str, str]:
        """The home volumes: name of the claim, uid."""
        items = self.cluster.get("pvc", f"--namespace={self.namespace}")["items"]
        return {one["metadata"]["name"]: one["metadata"]["uid"] for one in items}

    def _frame(self) -> str:
        return f"""\
c.JupyterHub.hub_connect_ip = {self.cluster.hub_ip!r}
c.JupyterHub.cleanup_servers = False
c.KubeSpawner.namespace = {self.namespace!r}
c.KubeSpawner.image = {self.cluster.notebook_image!r}
c.KubeSpawner.image_pull_policy = "IfNotPresent"
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_capacity = "10Mi"
c.KubeSpawner.storage_access_modes = ["ReadWriteOnce"]
c.KubeSpawner.volumes = {{"home": {{"name": "home", "persistentVolumeClaim": {{"claimName": "{{pvc_name}}"}}}}}}
c.KubeSpawner.volume_mounts = {{"home": {{"name": "home", "mountPath": {HOME!r}}}}}
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120
"""


def text(page: Any, selector: str) -> str:
    """The text of the first element that a selector finds, blanks made one; "" if there is none."""
    found = page.select_one(selector)
    return " ".join(found.get_text().split()) if found is not None else ""
