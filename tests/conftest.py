"""What every test may use, and the order in which tests run.

Fixtures, by the module that holds them:

    tests/postgres/fixtures.py     postgres_server, postgres_url
    tests/directories/fixtures.py  slapd and Samba AD, filled with a campus
    tests/providers/fixtures.py    Keycloak, and oidc-provider with its peculiarities
    tests/contract/conftest.py     a realm of Keycloak with people of the campus, behind a relay
    tests/cluster/fixtures.py      a real Kubernetes
    tests/prometheus/fixtures.py   a real Prometheus
    tests/hub/fixtures.py          a hub as a process with its own working folder
    tests/real/fixtures.py         a hub on a real cluster for a real directory; stories in the output

Helpers that are no fixtures:

    tests/needs.py                 require(): fail under CI and skip on a laptop when a server is missing
    tests/no_tls.py                httpx on this machine without reading every authority
    tests/relay.py                 stands between a client and a server, and breaks what passes in eight ways
    tests/summary.py               the table of identity sources at the end of a run
    tests/heartbeat.py             a line every ten seconds while one test is still busy

Hypothesis profiles, chosen by HYPOTHESIS_PROFILE:

    quick   `make check`: a first look
    full    `make test` and plain pytest
    long    `make test-long`: hours

A law that needs more steps than others multiplies what the profile says, and counts its steps (hypothesis
ends some runs early): ``@settings(max_examples=20 * settings().max_examples)``.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A grammar of addresses that jsonschema builds as it is imported, two seconds of a processor; it can do without.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

_FIXTURE_MODULES = (
    "tests.postgres.fixtures",
    "tests.directories.fixtures",
    "tests.providers.fixtures",
    "tests.cluster.fixtures",
    "tests.prometheus.fixtures",
    "tests.hub.fixtures",
    "tests.real.fixtures",
)


def _exists(module: str) -> bool:
    return Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py").exists()


pytest_plugins = ["tests.heartbeat", "tests.summary", *filter(_exists, _FIXTURE_MODULES)]

# Quick folders first, so that a simple mistake is told early; a folder not named here runs before real servers.
_ORDER = (
    "unit",
    "contract",
    "postgres",
    "directories",
    "providers",
    "cluster",
    "prometheus",
    "",
    "hub",
    "browser",
    "real",
)
_MARKED_BY_FOLDER = ("hub", "browser", "real")
_WITH_SERVERS = (*_MARKED_BY_FOLDER, "providers", "cluster", "prometheus")
_TIMEOUT_SECONDS = 400
"""For a test that starts servers of its own, on a machine where others start theirs; one hub alone may take 120 s."""

# No deadline: two busy cores would make slow rows look like wrong ones.
_ALWAYS = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _ALWAYS, max_examples=30, stateful_step_count=30)
settings.register_profile("full", _ALWAYS, max_examples=200, stateful_step_count=50)
settings.register_profile("long", _ALWAYS, max_examples=2_000, stateful_step_count=50)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


def _folder(item: pytest.Item) -> str:
    """Name the folder below tests/ that holds the test."""
    parts = item.path.relative_to(Path(__file__).parent).parts
    return parts[0] if len(parts) > 1 else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, give them time, and put quick folders first; within one, the order stays."""
    for item in items:
        folder = _folder(item)
        if folder in _MARKED_BY_FOLDER:
            item.add_marker(folder)
        if folder in _WITH_SERVERS and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_SECONDS))
    items.sort(key=lambda item: _ORDER.index(_folder(item) if _folder(item) in _ORDER else ""))
