"""Kubernetes' API by raw JSON: five calls, each with a deadline."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration

from jupyterhub_edu.core.patience import Patience

__all__ = ["FAULTS", "Api", "ApiError", "NoCluster", "words"]

_CONNECT_SECONDS: Final = 3.0
_READ_SECONDS: Final = 4.0
_MESSAGE: Final = 300


class ApiError(Exception):
    """The API answered that it would not; the text is its own sentence.

    Attributes:
        status: HTTP status, such as 403 or 410.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class NoCluster(Exception):
    """There is no Kubernetes to connect to; the text says how to name one."""


FAULTS: Final = (aiohttp.ClientError, TimeoutError, OSError, ApiError, ValueError)
"""What a call may raise: network, deadline, refusal, an answer that is no JSON."""


_NO_POD: Final = "no Kubernetes to connect to: this is not a pod with a service account"
_LOCAL: Final = "where all servers are local, say `inventory: counted` in the campus file"


def _kubeconfig() -> str:
    """The files that say how to connect, as ``KUBECONFIG`` lists them; ``""`` if none of them is there."""
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    there = any(Path(one).expanduser().is_file() for one in named.split(os.pathsep) if one)
    return named if there else ""


def words(fault: Exception) -> str:
    """Put a fault into words; some have none of their own."""
    silent = "no answer in time" if isinstance(fault, TimeoutError) else type(fault).__name__
    return str(fault) or silent


class Api:
    """A connection to the API server of one cluster.

    Always holds:
        - no call waits without an end: connecting, the first answer and each pause in it are bounded;
        - a service account's token is read again when Kubernetes has replaced it.

    Args:
        client: brings address, certificates and tokens; this object closes it.
        answer_seconds: longest wait for the beginning of an answer.
    """

    def __init__(self, client: ApiClient, answer_seconds: float = 4.0) -> None:
        self._client = client
        self._answer_seconds = answer_seconds

    @classmethod
    async def connect(cls) -> Self:
        """Connect as the hub's service account, or else as ``KUBECONFIG`` (or ``~/.kube/config``) says.

        Raises:
            NoCluster: neither is there.
        """
        configuration = Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            if not (named := _kubeconfig()):
                raise NoCluster(
                    f"{_NO_POD}, and KUBECONFIG (or ~/.kube/config) names no file; {_LOCAL}"
                ) from None
            try:
                await config.load_kube_config(
                    named,
                    client_configuration=configuration,
                    persist_config=False,
                )
            except (config.ConfigException, OSError) as error:
                raise NoCluster(
                    f"{_NO_POD}, and {named} cannot be used ({error}); {_LOCAL}"
                ) from error
        return cls(ApiClient(configuration))

    async def get(self, path: str, query: Mapping[str, str]) -> bytes:
        """Read one answer as it came.

        Raises:
            ApiError: the API refused; other ``FAULTS`` where it could not be asked.
        """
        async with self._request("GET", path, query, _READ_SECONDS) as response:
            return await response.read()

    @asynccontextmanager
    async def lines(
        self, path: str, query: Mapping[str, str], quiet_seconds: float
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """Read an answer that comes line by line; silence for ``quiet_seconds`` raises TimeoutError.

        Raises:
            ApiError: the API refused; other ``FAULTS`` where it could not be asked.
        """
        async with self._request("GET", path, query, quiet_seconds) as response:
            yield response.content

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send JSON and read the JSON that comes back.

        Raises:
            ApiError: the API refused; other ``FAULTS`` where it could not be asked.
        """
        async with self._request(method, path, {}, _READ_SECONDS, body) as response:
            answer: dict[str, Any] = json.loads(await response.read())
            return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        read_seconds: float,
        body: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": "application/json", "User-Agent": "jupyterhub-edu"}
        async with Patience(self._answer_seconds):
            await self._client.update_params_for_auth(headers, [], ["BearerToken"])
            response: aiohttp.ClientResponse = await self._client.rest_client.request(
                method,
                f"{self._client.configuration.host}{path}",
                query_params=dict(query),
                headers=headers,
                body=body,
                _preload_content=False,
                _request_timeout=aiohttp.ClientTimeout(
                    sock_connect=_CONNECT_SECONDS, sock_read=read_seconds
                ),
            )
        async with response:
            if response.status >= 300:
                raise ApiError(response.status, _message(await response.read()))
            yield response


def _message(body: bytes) -> str:
    """Take the sentence out of a ``v1/Status``, or whatever else came, on one line."""
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(text)["message"])
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MESSAGE]
