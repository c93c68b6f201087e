"""HTTP as sources use it: bounded in time and size, and a fault is never an answer."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from jupyterhub_edu.core.patience import Patience

__all__ = ["NoAnswer", "Reply", "Web", "require_https", "with_fix"]

_MOST_REDIRECTS: Final = 3


class NoAnswer(Exception):
    """Nobody answered, or nothing that can be used; nothing may be concluded from it.

    Attributes:
        why: what happened, as the end of a sentence, without secrets.
        status: the HTTP status where there was one (5xx, or a redirect that is not followed).
    """

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.why, self.status = why, status


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer below 300, or a refusal (4xx). The body is hostile, and may be a secret.

    Attributes:
        url: who answered, without the query.
        headers: looked up without regard to case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str = ""

    def json(self) -> Any:
        """The body as JSON; its content type is not looked at, for there are servers that call JSON ``text/html``.

        Raises:
            NoAnswer: it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise NoAnswer(f"{self.url} sends something that is not JSON", self.status) from None


def with_fix(told: str, fix: str) -> str:
    """A sentence with what to do; one that says so already stays as it is."""
    return told if "; " in told else f"{told}; {fix}"


class Web:
    """One source's calls to its servers.

    Always holds:
        - a call ends within its deadline, with at most ``most_bytes`` read;
        - no redirect to another origin is followed, and none at all after a POST;
        - no cookie is kept, and no sentence holds a query, a header or a body.
    """

    def __init__(
        self, *, deadline: float = 2.5, ca_file: Path | None = None, most_bytes: int = 4 << 20
    ) -> None:
        """Open nothing yet.

        Args:
            deadline: seconds that one call may take, from looking up the name to the last octet.
            ca_file: certificates to trust, PEM, in the place of the machine's own.
            most_bytes: the longest body, unpacked.
        """
        self._deadline, self._ca_file, self._most = deadline, ca_file, most_bytes
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """Ask for something.

        Raises:
            NoAnswer: silent, refused, reset, garbled, cut short, too large, TLS, deadline, 5xx, redirect elsewhere.
        """
        async with _Bounds(url, deadline or self._deadline):
            for _ in range(_MOST_REDIRECTS + 1):
                reply = await self._once("GET", url, headers, params=params)
                if reply.status < 300 or reply.status >= 400:
                    return reply
                target = urljoin(url, reply.headers.get("Location", ""))
                if _origin(target) != _origin(url):
                    raise NoAnswer(_sends_elsewhere(url, target), reply.status)
                url, params = target, None
            raise NoAnswer(f"{_name(url)} redirects in circles", 302)

    async def post(
        self,
        url: str,
        data: Mapping[str, str] | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """Send a form, or octets whose type stands in ``headers``.

        Args:
            auth: name and password for HTTP Basic, as they are to arrive.

        Raises:
            NoAnswer: as for ``get``, and for every redirect.
        """
        sent = dict(headers or {})
        if auth is not None:
            packed = base64.b64encode(":".join(auth).encode()).decode()
            sent["Authorization"] = f"Basic {packed}"
        body = data if isinstance(data, bytes) else dict(data)
        async with _Bounds(url, deadline or self._deadline):
            reply = await self._once("POST", url, sent, data=body)
        if reply.status >= 300 and reply.status < 400:
            target = urljoin(url, reply.headers.get("Location", ""))
            raise NoAnswer(_sends_elsewhere(url, target), reply.status)
        return reply

    async def close(self) -> None:
        """Let go of the connections; calls after this have no answer."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str] | None, **what: Any
    ) -> Reply:
        session = await self._open()
        async with session.request(
            method, url, headers=headers, allow_redirects=False, **what
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > self._most:
                    raise NoAnswer(f"{_name(url)} sends more than {self._most} octets")
            if response.status >= 500:
                raise NoAnswer(f"{_name(url)} answers {response.status}", response.status)
            return Reply(response.status, response.headers, bytes(body), _name(url))

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._closed:
                raise NoAnswer("the source is closed")
            if self._session is None:
                # Reading certificates takes longer than the event loop may be held.
                verified: ssl.SSLContext | bool = True
                if self._ca_file is not None:
                    verified = await asyncio.to_thread(
                        ssl.create_default_context, cafile=self._ca_file
                    )
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=verified, limit=32),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),
                    headers={"User-Agent": "jupyterhub-edu"},
                )
            return self._session


class _Bounds:
    """Ends a call at its deadline and turns every fault into NoAnswer."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url, self._seconds = url, seconds
        self._patience = Patience(seconds)

    async def __aenter__(self) -> None:
        await self._patience.__aenter__()

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            await self._patience.__aexit__(kind, error, trace)
        except TimeoutError:
            raise NoAnswer(
                f"{_name(self._url)} does not answer within {self._seconds:g} s"
            ) from None
        if isinstance(error, (aiohttp.ClientError, OSError, ValueError)):
            raise NoAnswer(f"{_name(self._url)} {_fault(error)}") from None


def require_https(url: str, insecure: object = None) -> str:
    """Require an address that nobody can listen to or stand in for: https, or http to this very machine.

    Args:
        insecure: anything true accepts plain http.

    Returns:
        The address as it was given.

    Raises:
        ValueError: no such address; the text names the way out.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"{url!r} is no address; write https://host/path")
    if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname):
        raise ValueError(
            f"{url} without TLS; write https://, or, if you accept that passwords can be read on the way, "
            "insecure: i-know"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _name(url: str) -> str:
    """The address without what might be secret."""
    return url.partition("?")[0].partition("#")[0]


def _sends_elsewhere(url: str, target: str) -> str:
    scheme, host, port = _origin(target)
    return f"{_name(url)} redirects to {scheme}://{host}:{port}, which is not followed; write the address that answers"


def _fault(error: Exception) -> str:
    """What happened, as the end of a sentence."""
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
        reason = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "no TLS"
        return f"cannot be trusted: {reason}; name the CA file of its authority in the source"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "cannot be found: its name is not known"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"cannot be reached: {os.strerror(number) if number else 'no connection'}"
    if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionError)):
        return "ends the connection without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "sends an answer that is cut short"
    return f"sends something that is not HTTP ({type(error).__name__})"
