"""Unit tests decide from plain values: no network.

Fixtures:

    no_network  (always on) opening a socket raises SocketBlockedError; Unix sockets stay, asyncio needs a pair
"""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
