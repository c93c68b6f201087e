"""A TCP relay that breaks what passes through it, and counts LDAP messages where they are readable.

Faults, for connections that stand and for new ones:

    ""          none
    "stall"     connections stand, nothing passes any more
    "reset"     connections are reset, new ones after their first octets
    "refuse"    connections are reset, nobody listens
    "garbage"   the server's answers are replaced by noise
    "half"      of each answer only the first half arrives, then the end
    "nonsense"  answers are LDAP messages that belong to nothing
"""

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator

FAULTS = ("stall", "reset", "refuse", "garbage", "half", "nonsense")
_NONSENSE = bytes.fromhex("300c02017f61070a010004000400")  # a bind response to message 127


class Relay:
    """Listens on a port of its own and passes everything on to a server."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._fault = ""
        self._go_on = threading.Event()
        self._chance = random.Random(7)  # noqa: S311
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])
        self.requests = 0
        self.connections = 0

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def fault(self, kind: str) -> Iterator[None]:
        """Break everything for a while."""
        self._begin(kind)
        try:
            yield
        finally:
            self._end()

    def close(self) -> None:
        self._go_on.set()
        self._stop_listening()
        self._reset_all()

    def _begin(self, kind: str) -> None:
        self._fault = kind
        self._go_on.clear()
        if kind == "refuse":
            self._stop_listening()
        if kind in {"reset", "refuse"}:
            self._reset_all()

    def _end(self) -> None:
        was, self._fault = self._fault, ""
        self._go_on.set()
        if was == "refuse":
            self._listener = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _reset_all(self) -> None:
        with self._lock:
            for one in self._sockets:
                _reset(one)
            self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connections += 1
                server = socket.create_connection(self._target)
                with self._lock:
                    self._sockets |= {client, server}
                for sides in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=sides, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._fault == "stall":
                    self._go_on.wait()
                if to_server:
                    buffer = self._count(buffer + data)
                if not self._pass(data, source, sink, to_server):
                    break
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pass(
        self, data: bytes, source: socket.socket, sink: socket.socket, to_server: bool
    ) -> bool:
        """Pass data on as the fault will have it; whether the connection goes on."""
        if self._fault == "reset":
            _reset(source)
            _reset(sink)
            return False
        if to_server or not self._fault:
            sink.sendall(data)
            return True
        if self._fault == "half":
            sink.sendall(data[: len(data) // 2])
            return False
        sink.sendall(_NONSENSE if self._fault == "nonsense" else self._chance.randbytes(len(data)))
        return True

    def _count(self, buffer: bytes) -> bytes:
        """Count whole messages at the front of a buffer; what is encrypted looks like none."""
        while (size := message_size(buffer)) is not None and len(buffer) >= size:
            self.requests += 1
            buffer = buffer[size:]
        return buffer


def message_size(buffer: bytes) -> int | None:
    """Octets of the BER message that a buffer begins with; None if it is none, or not to be told yet."""
    if len(buffer) < 2 or buffer[0] != 0x30:
        return None
    if buffer[1] < 0x80:
        return 2 + buffer[1]
    count = buffer[1] & 0x7F
    if len(buffer) < 2 + count:
        return None
    return 2 + count + int.from_bytes(buffer[2 : 2 + count], "big")


def _reset(one: socket.socket) -> None:
    """Close at once, so that the other side gets a reset rather than an end."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
