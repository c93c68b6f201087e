"""Fixtures for tests that need a real hub.

- ``hub_version``: "6.1", then "5.5": a test that takes it (or ``start_hub``) runs on both.
- ``start_hub``: a function that starts a hub from the text of its configuration; stopped after the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.needs import require

from .server import VERSIONS, Hub

__all__ = ["hub_version", "start_hub"]


@pytest.fixture(params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def hub_version(request: pytest.FixtureRequest) -> str:
    """The hub's release."""
    version: str = request.param
    require(
        (VERSIONS[version] / "bin" / "jupyterhub").exists(),
        f"JupyterHub {version}",
        "run `make test` once",
    )
    return version


@pytest.fixture
def start_hub(hub_version: str, tmp_path: Path) -> Iterator[Callable[..., Hub]]:
    """Start hubs of this version, each in a folder of its own."""
    hubs: list[Hub] = []
    at_end = ExitStack()

    def start(config: str, *, wait: bool = True, **how: object) -> Hub:
        hub = Hub(tmp_path / f"hub{len(hubs)}", config, version=hub_version, **how)  # type: ignore[arg-type]
        hubs.append(hub)
        at_end.callback(hub.stop)
        if wait:
            hub.start()
        else:
            hub.launch()
        return hub

    with at_end:
        yield start
