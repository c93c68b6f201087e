"""What a connection stands on: a deadline over a whole operation, a bound on what may be sent, TLS that verifies names."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any, Final

import ldap3

from .settings import LdapSettings

__all__ = ["Deadline", "TimedSocket", "Tls", "make_tls_context"]

_LARGEST_ANSWER_BYTES: Final = 16 * 2**20


def make_tls_context(settings: LdapSettings) -> ssl.SSLContext:
    """Build what every TLS connection of a source shares.

    Raises:
        OSError: a certificate file cannot be read.
        ssl.SSLError: it holds no certificate.
    """
    context = ssl.create_default_context(cafile=settings.tls.ca)
    if not settings.tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.tls.certificate is not None:
        context.load_cert_chain(settings.tls.certificate, settings.tls.key)
    return context


class Deadline:
    """One operation's end, and what it has received so far."""

    def __init__(self, at: float) -> None:
        self.at, self.received = at, 0

    def begin(self, at: float) -> None:
        """Set the end of the next operation."""
        self.at, self.received = at, 0

    def left(self) -> float:
        """Seconds left, more than none.

        Raises:
            TimeoutError: none is left.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        return left


class TimedSocket:
    """A socket whose reads and writes together keep to the deadline and to the largest answer."""

    def __init__(self, raw: socket.socket, clock: Deadline) -> None:
        self.raw, self._clock = raw, clock

    def recv(self, size: int) -> bytes:
        """Read some octets.

        Raises:
            TimeoutError: the time is up.
            OSError: the line is broken, or the answer is larger than any that makes sense.
        """
        self.raw.settimeout(self._clock.left())
        data = self.raw.recv(size)
        self._clock.received += len(data)
        if self._clock.received > _LARGEST_ANSWER_BYTES:
            raise OSError("an answer without end")
        return data

    def sendall(self, data: bytes) -> None:
        """Write octets; raises as ``recv`` does."""
        self.raw.settimeout(self._clock.left())
        self.raw.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


class Tls(ldap3.Tls):
    """TLS as the standard library does it: name checked, server name sent, one context for all connections."""

    def __init__(self, context: ssl.SSLContext, name: str, clock: Deadline) -> None:
        super().__init__(validate=context.verify_mode)
        self._context, self._name, self._clock = context, name, clock

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        """Replace the connection's socket by an encrypted one; the handshake keeps to the deadline."""
        raw: Any = getattr(connection.socket, "raw", connection.socket)
        raw.settimeout(self._clock.left())
        encrypted = self._context.wrap_socket(raw, server_hostname=self._name)
        connection.socket = TimedSocket(encrypted, self._clock)
