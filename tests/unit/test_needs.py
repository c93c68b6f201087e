import asyncio
import socket

import pytest
from pytest_socket import SocketBlockedError

from tests.needs import require


def test_what_is_there_is_handed_back():
    assert require("/usr/sbin/slapd", "slapd", "apt install slapd") == "/usr/sbin/slapd"


def test_on_a_laptop_a_missing_server_skips_and_says_what_to_install(monkeypatch):
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match=r"slapd is not here; .*: apt install slapd"):
        require(None, "slapd", "apt install slapd")


def test_under_ci_a_missing_server_fails(monkeypatch):
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="slapd is not here"):
        require(None, "slapd", "apt install slapd")


def test_a_unit_test_reaches_no_network():
    with pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET)


async def test_a_unit_test_may_use_asyncio():
    assert await asyncio.to_thread(lambda: 1) == 1
