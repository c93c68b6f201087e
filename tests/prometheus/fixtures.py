"""A real Prometheus for tests.

Fixtures:

    start_prometheus    a function that starts one for these jobs; stopped with the test
    prometheus_is_here  (session) Prometheus and promtool are installed
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.needs import require
from tests.prometheus.server import Prometheus, find_prometheus


@pytest.fixture(scope="session")
def prometheus_is_here() -> None:
    require(find_prometheus(), "Prometheus with promtool", "apt install prometheus")


@pytest.fixture
def start_prometheus(prometheus_is_here: None) -> Iterator[Callable[..., Prometheus]]:
    with ExitStack() as at_end:

        def start(*jobs: Any, **how: Any) -> Prometheus:
            server = Prometheus(jobs, **how)
            at_end.callback(server.stop)
            server.start()
            return server

        yield start
