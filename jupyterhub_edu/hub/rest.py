"""Servers, through the hub's own REST API on loopback with our service's token."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from jupyterhub_edu.ports import LiveServer, ServersBusy, ServersError, ServersSilent

from .running import attached
from .tables import find_activities

__all__ = ["HubServers"]

_log = logging.getLogger(__name__)
_PAGE: Final = 50
"""Accounts per page: the hub builds a page in one step of its event loop."""
_POLL: Final = 0.5


class HubServers:
    """Implements ``ports.Servers``.

    Args:
        token: our service's API token.
        patience: seconds to follow a stop.
    """

    def __init__(self, token: str, patience: float = 300) -> None:
        self._token, self._patience = token, patience
        self._session: aiohttp.ClientSession | None = None

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        """Let the hub begin to start a server for somebody. One that starts already is success."""
        status, body = await self._call("POST", _server_path(hub_name, server), json=dict(options))
        if status == 429:
            raise ServersBusy(_message(status, body))
        if status not in {201, 202}:
            raise ServersError(_message(status, body))

    async def stop(self, hub_name: str, server: str) -> None:
        """Stop a server and follow it to the end. Never deletes anything. Already stopped is success."""
        async with self._deadline(f"{hub_name}'s server did not stop"):
            status, body = await self._call("DELETE", _server_path(hub_name, server))
            if status == 404 or (status == 400 and await self._find(hub_name, server) is None):
                return
            if status not in {202, 204}:
                raise ServersError(_message(status, body))
            if status == 202:
                await self._follow(hub_name, server, lambda found: found is None)

    async def live(self) -> Sequence[LiveServer]:
        """Every server that runs or is pending."""
        found: list[LiveServer] = []
        offset: int | None = 0
        while offset is not None:
            status, body = await self._call(
                "GET",
                "users",
                params={"state": "active", "limit": str(_PAGE), "offset": str(offset)},
            )
            if status != 200 or not isinstance(body, dict):
                raise ServersError(_message(status, body))
            for user in body["items"]:
                found.extend(_live(user))
            following = body["_pagination"]["next"]
            offset = following["offset"] if following else None
        return found

    def activities(self, hub_names: Collection[str]) -> Mapping[tuple[str, str], datetime]:
        """When the hub last heard of use, by account and server."""
        return find_activities(attached().app.db, hub_names)

    async def close(self) -> None:
        """Let the connection go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _follow(
        self, hub_name: str, server: str, settled: Callable[[LiveServer | None], bool]
    ) -> None:
        """Ask again until it is settled; the caller's deadline ends it."""
        while not settled(await self._find(hub_name, server)):  # noqa: ASYNC110 - another service's state
            await asyncio.sleep(_POLL)

    async def _find(self, hub_name: str, server: str) -> LiveServer | None:
        status, body = await self._call("GET", f"users/{quote(hub_name, safe='')}")
        if status == 404:
            return None
        if status != 200 or not isinstance(body, dict):
            raise ServersError(_message(status, body))
        return next((one for one in _live(body) if one.server == server), None)

    async def _call(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        """One request: status and decoded body, None if it is no JSON."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={
                    "Authorization": f"token {self._token}",
                    "Accept": "application/jupyterhub-pagination+json",
                },
                timeout=aiohttp.ClientTimeout(total=30),
                # How many starts are under way at a time is the hub's own to limit.
                connector=aiohttp.TCPConnector(limit=0, ssl=_own_certificates()),
            )
        try:
            async with self._session.request(
                method, f"{attached().api_url}/{path}", **how
            ) as reply:
                text = await reply.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServersSilent(
                f"the hub's API does not answer: {type(error).__name__}: {error}"
            ) from error
        return reply.status, _decoded(text)

    def _deadline(self, sentence: str) -> _Deadline:
        return _Deadline(self._patience, sentence)


class _Deadline:
    """``asyncio.timeout`` that ends in a ServersError with a sentence."""

    def __init__(self, seconds: float, sentence: str) -> None:
        self._timeout, self._sentence, self._seconds = asyncio.timeout(seconds), sentence, seconds

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *failure: Any) -> None:
        try:
            await self._timeout.__aexit__(*failure)
        except TimeoutError:
            raise ServersError(f"{self._sentence} within {self._seconds:g} s") from None


def _own_certificates() -> ssl.SSLContext | bool:
    """With ``internal_ssl`` the hub's API speaks TLS with certificates of its own making."""
    app = attached().app
    if not app.internal_ssl:
        return True
    context = ssl.create_default_context(cafile=app.internal_ssl_ca)
    context.load_cert_chain(app.internal_ssl_cert, app.internal_ssl_key)
    return context


def _server_path(hub_name: str, server: str) -> str:
    path = f"users/{quote(hub_name, safe='')}/server"
    return f"{path}s/{quote(server, safe='')}" if server else path


def _live(user: Mapping[str, Any]) -> list[LiveServer]:
    return [
        LiveServer(
            hub_name=user["name"],
            server=name,
            ready=bool(server["ready"]),
            pending=server["pending"],
            started_at=_instant(server.get("started")),
            last_activity=_instant(server.get("last_activity")),
            url=server["url"],
            admission=((server.get("state") or {}).get("edu") or {}).get("admission"),
        )
        for name, server in user.get("servers", {}).items()
        if server["ready"] or server["pending"]
    ]


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # nothing, or a page of something that stands between us and the hub
        return None


def _message(status: int, body: Any) -> str:
    said = body.get("message") if isinstance(body, dict) else None
    return f"the hub answered {status}: {said}" if said else f"the hub answered {status}"
