"""Our extension in JupyterLab: what is brought, how a pod mounts it, and that no start depends on it."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
from typing import Any

import pytest
from jupyterhub.spawner import SimpleLocalProcessSpawner
from kubernetes_asyncio.client.rest import ApiException

from jupyterhub_edu.core import provide
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.spawner import EduLocalSpawner
from jupyterhub_edu.spawner.lab import JUPYTER_PATH, Bringer, make_secret, pod_settings
from tests.fakes.campus import a_core, enrol
from tests.fakes.kube import FakeCluster, a_kube_spawner, an_account, spawn
from tests.fakes.world import FakeHub

LARGEST_SECRET = 1 << 20
LOG = logging.getLogger("test")


@pytest.fixture
async def cluster() -> FakeCluster:
    core = a_core(hub=FakeHub())
    provide(lambda: core)
    await core.ready()
    await enrol(core, "ada", ml=CourseRole.STUDENT)
    return FakeCluster()


def mounted(pod: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Volumes and mounts of the notebook, by name."""
    spec = pod["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    return volumes, {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}


def test_the_secret_holds_what_jupyterlab_looks_for_under_a_name_made_of_its_content():
    secret = make_secret()
    content = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    package = json.loads(content["package.json"])
    load = package["jupyterlab"]["_build"]["load"]
    assert load.replace("/", "-") in content
    assert f'"{package["name"]}"'.encode() in content[load.replace("/", "-")]
    assert sum(map(len, content.values())) < LARGEST_SECRET
    assert secret["immutable"] is True


def test_each_file_of_the_secret_is_mounted_where_it_stood():
    volume = pod_settings()["volumes"]["jupyterhub-edu-lab"]["secret"]
    there = {item["path"]: item["key"] for item in volume["items"]}
    assert set(there.values()) == set(make_secret()["data"])
    folder = JUPYTER_PATH / "labextensions" / "jupyterhub-edu"
    assert all((folder / path).is_file() for path in there)


async def test_a_pod_mounts_it_beside_its_home(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    home = {"name": "home", "persistentVolumeClaim": {"claimName": "claim-ada"}}
    mount = {"name": "home", "mountPath": "/home/jovyan"}
    spawner = a_kube_spawner(cluster, monkeypatch, volumes=[home], volume_mounts=[mount])
    for _ in range(2):
        await spawn(spawner, {"course": "ml", "profile": "notebook"})
        volumes, mounts = mounted(cluster.last)
        assert volumes.keys() == mounts.keys() == {"home", "jupyterhub-edu-lab"}
        secret = volumes["jupyterhub-edu-lab"]["secret"]
        assert list(cluster.secrets) == [f"hub/{secret['secretName']}"]
        assert secret["optional"] is True
        await spawner.stop()
        await spawner.run_post_stop_hook()


async def test_who_switches_it_off_has_none(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch):
    spawner = a_kube_spawner(cluster, monkeypatch, lab_extension=False)
    await spawn(spawner, {"course": "ml", "profile": "notebook"})
    assert not cluster.secrets
    assert "volumes" not in cluster.last["spec"] or not cluster.last["spec"]["volumes"]


@pytest.mark.parametrize("failure", [ApiException(status=403), TimeoutError(), ConnectionError()])
async def test_a_hub_that_may_make_no_secret_starts_servers_without(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, failure: Exception
):
    cluster.refuse_secrets_with = failure
    spawner = a_kube_spawner(cluster, monkeypatch)
    await spawn(spawner, {"course": "ml", "profile": "notebook"})
    assert not cluster.last["spec"].get("volumes")


async def test_starts_at_the_same_time_make_one_and_a_failure_is_tried_again_later(
    caplog: pytest.LogCaptureFixture,
):
    now, calls, failing = [0.0], [0], [True]

    async def create(namespace: str, secret: Any) -> None:
        calls[0] += 1
        await asyncio.sleep(0)
        if failing[0]:
            raise ApiException(status=403, reason="Forbidden")

    bringer = Bringer(lambda: now[0])

    async def bring_all() -> set[bool]:
        return set(await asyncio.gather(*(bringer.bring("hub", create, LOG) for _ in range(5))))

    assert await bring_all() == {False}
    assert (await bring_all(), calls[0]) == ({False}, 1)
    assert [record.getMessage().count("403 Forbidden") for record in caplog.records] == [1]
    now[0], failing[0] = 601, False
    assert (await bring_all(), calls[0]) == ({True}, 2)
    assert (await bring_all(), calls[0]) == ({True}, 2)


@pytest.mark.parametrize(
    ("the_hubs", "configured", "then"),
    [
        (None, None, []),
        ("/srv/hub", None, ["/srv/hub"]),
        ("/srv/hub", "/srv/configured", ["/srv/configured"]),
    ],
)
def test_a_local_server_searches_it_before_the_path_that_it_would_have_had(
    monkeypatch: pytest.MonkeyPatch, the_hubs: str | None, configured: str | None, then: list[str]
):
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    if the_hubs:
        monkeypatch.setenv("JUPYTER_PATH", the_hubs)
    given = {"JUPYTER_PATH": configured} if configured else {}
    monkeypatch.setattr(SimpleLocalProcessSpawner, "get_env", lambda self: dict(given))
    path = EduLocalSpawner(user=an_account()).get_env()["JUPYTER_PATH"]
    assert path.split(os.pathsep) == [str(JUPYTER_PATH), *then]
