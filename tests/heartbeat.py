"""Say every ten seconds that a test, or a server it waits for, is still busy.

Starting a cluster may take a minute, with all output captured: without this the terminal is silent and the
reader cannot tell work from a hang.
"""

import os
import threading
import time
from collections.abc import Generator
from typing import TextIO

import pytest

PERIOD_SECONDS = 10.0
_TERMINAL = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep a way to the terminal: during a test, output goes to where pytest captures it."""
    config.stash[_TERMINAL] = os.fdopen(os.dup(1), "w")


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_TERMINAL].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run one test, set-up and clean-up included, beside a ticking thread."""
    finished = threading.Event()
    ticker = threading.Thread(target=_tick, args=(item, finished), daemon=True)
    ticker.start()
    try:
        return (yield)
    finally:
        finished.set()
        ticker.join()


def _tick(item: pytest.Item, finished: threading.Event) -> None:
    began = time.monotonic()
    while not finished.wait(PERIOD_SECONDS):
        seconds = time.monotonic() - began
        print(
            f"\n   {seconds:3.0f} s  still in {item.nodeid} ",
            end="",
            file=item.config.stash[_TERMINAL],
            flush=True,
        )
