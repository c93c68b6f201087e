"""One call of the API at a time, by the standard library alone."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from jupyterhub_edu._version import __version__
from jupyterhub_edu.wire.shapes import Reason

__all__ = ["TOKEN", "URL", "Caller", "Refused", "Unreachable"]

URL: Final = "JUPYTERHUB_API_URL"
TOKEN: Final = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - the name of a variable
_CONNECT_WITHIN: Final = 10.0
_KINDS: Final = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


class Refused(Exception):
    """The hub refuses.

    Attributes:
        status: of HTTP.
        reasons: why, with codes and who can change it; empty where the hub itself refuses.
        retry_after: seconds after which it may be otherwise, or None.
        current: what is there now, where somebody else has changed it meanwhile (412).
    """

    def __init__(self, status: int, told: Any, retry_after: str | None) -> None:
        told = told if isinstance(told, dict) else {}
        super().__init__(str(told.get("message") or f"status {status}"))
        self.status = status
        self.reasons: Sequence[Reason] = told.get("reasons", ())
        self.retry_after = int(retry_after) if retry_after and retry_after.isdecimal() else None
        self.current: Any = told.get("current")

    @property
    def codes(self) -> Sequence[str]:
        """Of the reasons."""
        return [reason["code"] for reason in self.reasons]


class Unreachable(Exception):
    """The hub does not answer, or what answers is none; the text says which."""


class Caller:
    """Calls addresses below the hub's API.

    Attributes:
        tag: the ``ETag`` of the last answer, for ``seen`` of what changes it; None if it had none.

    Args:
        url: of the hub's API; left out, what ``JUPYTERHUB_API_URL`` names.
        token: left out, what ``JUPYTERHUB_API_TOKEN`` holds.
        timeout: seconds for an answer; None waits as long as it takes.

    Raises:
        ValueError: no hub is named, or it is no http or https address.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, timeout: float | None = 60
    ) -> None:
        address = urlsplit((url or os.environ.get(URL, "")).rstrip("/"))
        self._token = token or os.environ.get(TOKEN, "")
        if address.scheme not in _KINDS or not address.hostname:
            raise ValueError(f"{URL} is no http or https address")
        if not self._token:
            raise ValueError(f"no token: give one, or set {TOKEN}")
        self.url, self._timeout = address.geturl(), timeout
        self.tag: str | None = None
        self._kind, self._path = _KINDS[address.scheme], address.path
        self._host, self._port = address.hostname, address.port

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        *,
        seen: str | None = None,
    ) -> Any:
        """Call an address and give back its JSON; None where it answers nothing.

        Args:
            path: below ``edu/``, quoted.
            seen: the ``ETag`` of what is to be changed; refused with 412 if it is another by now.

        Raises:
            Refused: the hub refuses.
            Unreachable: it does not answer.
        """
        headers = {
            "Authorization": f"token {self._token}",
            "Accept": "application/json",
            "User-Agent": f"jupyterhub-edu/{__version__}",
            **({"Content-Type": "application/json"} if body is not None else {}),
            **({"If-Match": seen} if seen is not None else {}),
        }
        more = f"?{urlencode(query, doseq=True)}" if query else ""
        where = f"{self._path}/edu/{path}{more}"
        sent = json.dumps(body).encode() if body is not None else None
        try:
            status, told, found = self._ask(method, where, sent, headers)
            answer = json.loads(told) if told else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"the hub does not answer at {self.url}: {error}") from error
        if not 200 <= status < 300:
            raise Refused(status, answer, found.get("Retry-After"))
        self.tag = found.get("ETag")
        return answer

    def _ask(
        self, method: str, where: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, Message]:
        """Status, body and headers. Redirects are not followed: they would carry the token along."""
        connection = self._kind(self._host, self._port, timeout=_CONNECT_WITHIN)
        try:
            connection.connect()
            # Some answers take minutes; only the connection must not.
            connection.sock.settimeout(self._timeout)
            connection.request(method, where, body, dict(headers))
            reply = connection.getresponse()
            return reply.status, reply.read(), reply.headers
        finally:
            connection.close()
