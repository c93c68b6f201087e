"""The session's Kubernetes: started at first use, ended with the session."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import Kubernetes, existing
from tests.cluster.places import ClusterUnavailable, Say, say

Found = TypeVar("Found")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Kubernetes]:
    """Give a running Kubernetes, as ``tests/cluster/__init__.py`` describes it.

    Where it cannot be had, the test fails under CI and is skipped on a laptop.
    """
    if os.environ.get("JUPYTERHUB_EDU_CLUSTER") == "existing":
        yield _or_missing(existing)
        return
    own = Cluster(tell=_uncaptured(request.config))
    try:
        _or_missing(own.start)
        yield own
    finally:
        own.stop()
        # Only this one: other runs of the same user have theirs beside it.
        shutil.rmtree(own.workdir, ignore_errors=True)


@pytest.fixture
def own_cluster(cluster: Kubernetes) -> Cluster:
    """Give the cluster if the tests started it: its programs may be frozen and killed."""
    if not isinstance(cluster, Cluster):
        pytest.skip("programs of an existing cluster are not ours to stop")
    return cluster


@pytest.fixture
def namespace(cluster: Kubernetes) -> Iterator[str]:
    """Give a new namespace for restricted pods; it is deleted afterwards."""
    name = f"edu-{uuid.uuid4().hex[:8]}"
    cluster.create_namespace(name)
    yield name
    cluster.delete_namespace(name, wait=False)


def _or_missing(get: Callable[[], Found]) -> Found:
    """Call; what cannot be had fails under CI and skips elsewhere."""
    try:
        return get()
    except ClusterUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


def _uncaptured(config: pytest.Config) -> Say:
    """Return how to print progress although pytest captures output."""
    manager = config.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        if manager is None:
            say(line)
            return
        with manager.global_and_fixture_disabled():
            say(line)

    return tell
