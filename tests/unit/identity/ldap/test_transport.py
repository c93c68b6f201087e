"""A line that trickles, floods or ends: over a pair of Unix sockets."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from jupyterhub_edu.identity.ldap import LdapSettings, transport
from jupyterhub_edu.identity.ldap.transport import Deadline, TimedSocket, make_tls_context
from tests.unit.identity.ldap.fakes import SETTINGS


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def read_on(timed: TimedSocket) -> None:
    while True:
        timed.recv(1)


def test_octet_by_octet_does_not_prolong_the_deadline(line):
    ours, theirs = line
    clock = Deadline(time.monotonic() + 0.3)
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.05):
            theirs.sendall(b".")

    thread = threading.Thread(target=trickle)
    thread.start()
    with pytest.raises(TimeoutError):
        read_on(TimedSocket(ours, clock))
    over.set()
    thread.join()


def test_an_answer_without_end_is_cut(line, monkeypatch):
    monkeypatch.setattr(transport, "_LARGEST_ANSWER_BYTES", 1000)
    ours, theirs = line
    clock = Deadline(time.monotonic() + 60)
    timed = TimedSocket(ours, clock)
    theirs.sendall(b"x" * 1500)
    with pytest.raises(OSError, match="without end"):
        timed.recv(1500)

    clock.begin(time.monotonic() + 60)
    theirs.sendall(b"x" * 900)
    assert len(timed.recv(900)) == 900, "each operation is counted by itself"


def test_nothing_is_sent_after_the_deadline(line):
    with pytest.raises(TimeoutError):
        TimedSocket(line[0], Deadline(time.monotonic() - 1)).sendall(b"x")


@pytest.mark.parametrize(
    ("tls", "verifies"), [({}, True), ({"verify": True}, True), ({"verify": False}, False)]
)
def test_certificates_and_names_are_verified_unless_told_otherwise(tls, verifies):
    keys = SETTINGS | {"tls": tls, "insecure": "i-know"}
    context = make_tls_context(LdapSettings.model_validate(keys))

    assert context.check_hostname is verifies
    assert (context.verify_mode is ssl.CERT_REQUIRED) is verifies
