"""A relay between a client and a server that breaks what passes through it.

Faults, for connections that stand and for new ones:

    ""            none
    "refuse"      connections are reset, nobody listens
    "reset"       connections are reset, new ones after their first octets
    "silent"      connections stand, nothing passes any more
    "drip"        the server's answers arrive an octet a second
    "garbage"     the server's answers are replaced by noise
    "truncated"   an answer's last octets are missing, then the end
    "wrong type"  answers are well-formed and of another kind (``HTTP``, ``LDAP``)
    "wrong TLS"   the certificate is another authority's (only for a relay with ``tls``)

What a fault holds back arrives when it ends. A relay with ``tls`` speaks TLS to clients by itself, so that faults reach
what is inside of it. Alone: ``python -m tests.relay HOST PORT FAULT``.
"""

import asyncio
import contextlib
import itertools
import random
import socket
import ssl
import struct
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.cluster.certificates import Authority
from tests.listening import stop_accepting, turns

PLAIN_FAULTS = ("refuse", "reset", "silent", "drip", "garbage", "truncated", "wrong type")
"""Those that need no TLS."""
FAULTS = (*PLAIN_FAULTS, "wrong TLS")

_AT_ONCE = 1 << 16
_DRIP_SECONDS = 1.0
_LEAST_MISSING = 7  # more than what ends a chunked body
# A connection begins in three turns; one that is closed, or whose handshake is broken off, ends in a few.
_Result = TypeVar("_Result")


def _http(body: bytes, kind: bytes) -> bytes:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    )
    return head % (kind, len(body)) + body


HTTP = (
    _http(b"<!DOCTYPE html><title>Welcome to our Wi-Fi</title>", b"text/html"),
    _http(b"[]", b"application/json"),
    _http(b"{}", b"application/json"),
    _http(b"null", b"application/json"),
    _http(b'"yes"', b"application/json"),
)
"""Answers of another kind, in turn."""
LDAP = (bytes.fromhex("300c02017f61070a010004000400"),)
"""A bind response to message 127."""


class Certificates:
    """What a relay shows its clients; ``ca`` is the file with the authority to trust."""

    def __init__(self, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.right, self._authority = _context(Path(folder), hosts)
            self.wrong, _ = _context(Path(folder), hosts)
        self.right.sni_callback = self._choose
        self.is_wrong = False

    def write_ca(self, folder: Path) -> str:
        """Write the authority's certificate into a folder; the file's path."""
        (folder / "relay-ca.crt").write_bytes(self._authority)
        return str(folder / "relay-ca.crt")

    def _choose(self, shaking: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        if self.is_wrong:
            shaking.context = self.wrong


class Relay:
    """Listens on a port of its own and passes everything on to a server; counts what passes.

    Attributes:
        connections: opened so far.
        requests: whole LDAP messages from clients so far, where they are readable.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Certificates | None = None,
        server_tls: bool = False,
        other_kind: Sequence[bytes] = HTTP,
    ) -> None:
        """Begin to listen, in a thread of its own.

        Args:
            tls: speak TLS to clients.
            server_tls: speak TLS to the server, whoever it is.
            other_kind: what "wrong type" answers with.
        """
        self._target, self._tls = (host, port), tls
        self._server_tls = _trusting() if server_tls else None
        self._fault = ""
        self._other_kind = itertools.cycle(other_kind)
        self._chance = random.Random(7)  # noqa: S311
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._well = asyncio.Event()
        self._well.set()
        self.connections = self.requests = self.port = 0
        self._listener = self._do(self._listen())
        self.port = int(self._listener.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def fault(self, kind: str) -> Iterator[None]:
        """Break everything for a while.

        Raises:
            ValueError: no such fault, or not of this relay.
        """
        if kind not in (FAULTS if self._tls else PLAIN_FAULTS):
            raise ValueError(f"no fault of this relay: {kind}")
        self._do(self._begin(kind))
        try:
            yield
        finally:
            self._do(self._end())

    def close(self) -> None:
        """Stop, whatever is under way."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, act: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(30)

    async def _listen(self) -> asyncio.Server:
        context = self._tls.right if self._tls else None
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)

    async def _begin(self, kind: str) -> None:
        self._fault = kind
        self._well.clear()
        if kind == "refuse":
            await stop_accepting(self._listener)
        if kind == "wrong TLS" and self._tls:
            self._tls.is_wrong = True
        if kind in {"reset", "refuse", "wrong TLS"}:
            self._reset_all()

    async def _end(self) -> None:
        was, self._fault = self._fault, ""
        self._well.set()
        if was == "refuse":
            self._listener = await self._listen()
        if was == "wrong TLS" and self._tls:
            self._tls.is_wrong = False

    async def _close(self) -> None:
        await stop_accepting(self._listener)
        self._reset_all()
        # Every task, for a handshake under way has one that is not ours, and one may begin another.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await turns()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            async with self._ended(writer):
                there = await asyncio.open_connection(*self._target, ssl=self._server_tls)
                async with self._ended(there[1]):
                    await asyncio.gather(self._up(reader, there[1]), self._down(there[0], writer))
        except (OSError, asyncio.CancelledError):
            _reset(writer)

    @contextlib.asynccontextmanager
    async def _ended(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        """Close a connection at the end, and know it until it is closed: TLS says farewell before."""
        self._writers.add(writer)
        try:
            yield
            writer.close()
            await writer.wait_closed()
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the client says."""
        buffer = b""
        while data := await reader.read(_AT_ONCE):
            buffer = self._count(buffer + data)
            if self._fault == "silent":
                await self._well.wait()
            if self._fault == "reset":
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        _end(writer)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the server says, as the fault will have it."""
        while data := await reader.read(_AT_ONCE):
            if self._fault == "silent":
                await self._well.wait()
            if not self._fault:
                await _say(data, writer)
            elif not await self._spoil(data + await _rest(reader), writer):
                break
        _end(writer)

    async def _spoil(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        """Say something in the place of an answer; whether the connection goes on."""
        if self._fault == "drip":
            return await self._drip(data, writer)
        if self._fault == "truncated":
            await _say(data[: -max(_LEAST_MISSING, len(data) // 10)], writer)
            return False
        if self._fault == "wrong type":
            other = next(self._other_kind)
            return await _say(other, writer) and not other.startswith(b"HTTP")
        return await _say(self._chance.randbytes(len(data)) + b"\r\n", writer)

    async def _drip(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        for at in range(len(data)):
            if self._well.is_set():
                return await _say(data[at:], writer)
            await _say(data[at : at + 1], writer)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._well.wait(), _DRIP_SECONDS)
        return True

    def _count(self, buffer: bytes) -> bytes:
        """Count whole messages at the front of a buffer; what is encrypted looks like none."""
        while (size := message_size(buffer)) is not None and len(buffer) >= size:
            self.requests += 1
            buffer = buffer[size:]
        return buffer if buffer[:1] == b"\x30" else b""


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


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What else belongs to an answer that was written in several parts."""
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(reader.read(_AT_ONCE), 0.05)
    return b""


async def _say(data: bytes, writer: asyncio.StreamWriter) -> bool:
    writer.write(data)
    await writer.drain()
    return True


def _end(writer: asyncio.StreamWriter) -> None:
    """Say no more; TLS knows no half-closed connection."""
    with contextlib.suppress(OSError):
        writer.write_eof() if writer.can_write_eof() else writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once, so that the other side gets a reset rather than an end."""
    # A TLS connection that has ended meanwhile has lost what it would ask (AttributeError).
    with contextlib.suppress(OSError, AttributeError):
        if (known := writer.get_extra_info("socket")) is not None:
            known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _context(folder: Path, hosts: tuple[str, ...]) -> tuple[ssl.SSLContext, bytes]:
    """A server's context with a certificate of a new authority, and the authority's certificate."""
    authority = Authority()
    authority.issue("relay", hosts=hosts).write(folder, "relay")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "relay.crt", folder / "relay.key")
    return context, authority.certificate


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main() -> None:
    """Stand between until Ctrl-C."""
    host, port, fault = sys.argv[1], int(sys.argv[2]), "".join(sys.argv[3:4])
    relay = Relay(host, port)
    print(f"127.0.0.1:{relay.port} -> {host}:{port}, {fault or 'no fault'}; ended by Ctrl-C")
    with (
        relay.fault(fault) if fault else contextlib.nullcontext(),
        contextlib.suppress(KeyboardInterrupt),
    ):
        threading.Event().wait()
    relay.close()


if __name__ == "__main__":
    main()
