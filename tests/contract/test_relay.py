"""What a client behind the relay sees: each fault, while it lasts and after it."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.relay import FAULTS, HTTP, LDAP, PLAIN_FAULTS, Certificates, Relay, message_size

BODY = b'{"groups": ["ml"]}'


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    httpd.daemon_threads = True
    httpd.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd.server_port
    httpd.shutdown()
    httpd.server_close()


@contextlib.contextmanager
def relay_to(port: int, **how: Any) -> Iterator[Relay]:
    relay = Relay("127.0.0.1", port, **how)
    try:
        yield relay
    finally:
        relay.close()


def ask(relay: Relay, context: ssl.SSLContext | None = None, seconds: float = 30) -> bytes:
    """The answer's body, or how it failed."""
    how: dict[str, Any] = {"timeout": seconds}
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", relay.port, **how)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", relay.port, context=context, **how)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        return connection.getresponse().read()


SEEN: dict[str, type[Exception]] = {
    "refuse": ConnectionRefusedError,
    "reset": ConnectionResetError,
    "silent": TimeoutError,
    "drip": TimeoutError,
    "garbage": http.client.BadStatusLine,
    "truncated": http.client.HTTPException,
}


@pytest.mark.parametrize("inside", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("fault", SEEN)
def test_a_fault_is_what_it_is_called_and_ends(
    server: int, tmp_path: Path, fault: str, inside: bool
):
    tls = Certificates() if inside else None
    trusting = ssl.create_default_context(cafile=tls.write_ca(tmp_path)) if tls else None
    with relay_to(server, tls=tls) as relay:
        assert ask(relay, trusting) == BODY
        with relay.fault(fault), pytest.raises(SEEN[fault]):
            ask(relay, trusting, 0.5 if SEEN[fault] is TimeoutError else 30)
        assert ask(relay, trusting) == BODY


def test_wrong_types_take_turns(server: int):
    with relay_to(server) as relay, relay.fault("wrong type"):
        bodies = [ask(relay) for _ in HTTP]
        assert bodies == [answer.partition(b"\r\n\r\n")[2] for answer in HTTP]
        assert BODY not in bodies


def test_wrong_tls_is_another_authority_and_heals(server: int, tmp_path: Path):
    tls = Certificates()
    trusting = ssl.create_default_context(cafile=tls.write_ca(tmp_path))
    with relay_to(server, tls=tls) as relay:
        with relay.fault("wrong TLS"), pytest.raises(ssl.SSLCertVerificationError):
            ask(relay, trusting)
        assert ask(relay, trusting) == BODY


def test_a_relay_without_tls_has_no_wrong_tls(server: int):
    with relay_to(server) as relay, pytest.raises(ValueError, match="wrong TLS"):
        relay.fault("wrong TLS").__enter__()


def test_nonsense_of_ldap_is_a_whole_message():
    assert [message_size(message) for message in LDAP] == [len(LDAP[0])]


@pytest.mark.parametrize("fault", ["silent", "drip"])
def test_what_was_held_back_arrives_at_the_end(server: int, fault: str):
    with relay_to(server) as relay:
        with relay.fault(fault):
            waiting = socket.create_connection(("127.0.0.1", relay.port))
            waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with contextlib.closing(waiting):
            said = b"".join(iter(lambda: waiting.recv(4096), b""))
        assert said.endswith(BODY)


@pytest.mark.parametrize("fault", ["refuse", "reset"])
def test_connections_that_stand_are_cut(server: int, fault: str):
    with relay_to(server) as relay:
        standing = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
        standing.request("GET", "/")
        assert standing.getresponse().read() == BODY
        with relay.fault(fault), pytest.raises(ConnectionError):
            standing.sock.recv(1)
        standing.close()
        assert relay.connections == 1


def test_every_fault_has_a_row_here():
    assert set(SEEN) | {"wrong type"} == set(PLAIN_FAULTS)
    assert set(PLAIN_FAULTS) | {"wrong TLS"} == set(FAULTS)
