"""What servers say of their use, asked by the hub at their own addresses."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import aiohttp
from jupyterhub.utils import make_ssl_context, url_path_join

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.ports import Activity, Clock, utc_now

from .running import attached
from .tables import drop_token, find_account

__all__ = ["HubWatching", "read_activity"]

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 16
_WITHIN: Final = 10.0
"""Seconds for all questions to one server."""
_MOST: Final = 1 << 18
"""Octets of one answer; a server with 500 kernels sends about 100,000."""
_TOKEN_LASTS: Final = timedelta(hours=1)
_JUST_BEGUN: Final = timedelta(seconds=2)
"""What a server does by itself when it begins."""
_NOT_LET_IN: Final = frozenset({302, 401, 403})
_UNTRACKED: Final = {"no_track_activity": "1"}


class _Garbled(Exception):
    """The answer is none that can be used; says why."""


class _Shut(_Garbled):
    """The server does not take the token."""


class _Door(NamedTuple):
    """One server: its address, and what opens it."""

    url: str
    token: str
    pod: str


class _Key(NamedTuple):
    """What opens a server.

    Attributes:
        until: how long it is shown, where it was made here; None: it is the server's own.
    """

    token: str
    until: datetime | None


class HubWatching:
    """Implements ``ports.Watching`` by Jupyter Server's REST API.

    Always holds:
        - asking is no activity: neither for the server (``no_track_activity``), nor for the hub's proxy, past which it goes,
          nor for the hub (the token's note is that of a server's own);
        - a server is shown the token that the hub gave it at its start; where that is not known any more, or does not open
          it, one that opens this very server and nothing else, for an hour and no longer than its session; no redirect is
          followed, so that nobody else is shown it;
        - at most 16 servers are asked at once, ten seconds each, with at most 256 KiB read of each answer; nothing is
          unpacked, and no cookie is kept.
    """

    def __init__(self, clock: Clock = utc_now, within: float = _WITHIN) -> None:
        self._clock, self._within = clock, within
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._keys: dict[str, _Key] = {}
        self._session: aiohttp.ClientSession | None = None

    async def activity(self, admission: str, hub_name: str, server: str) -> Activity | None:
        """What the server of an admission says now; None: it is not up, or says nothing that can be used."""
        async with self._turns:
            door = self._door(admission, hub_name, server)
            if door is None:
                return None
            try:
                async with asyncio.timeout(self._within):
                    return await self._ask(door)
            except TimeoutError:
                why = f"no answer within {self._within:g} s"
            except (_Garbled, aiohttp.ClientError, OSError, ValueError) as error:
                why = f"{type(error).__name__}: {error}"
                if isinstance(error, _Shut):
                    self._refused(admission)
            _log.debug("whether the server of %s is in use is not known: %s", hub_name, why)
            return None

    def forget(self, ended: Admission) -> None:
        """A session has ended: nothing shall be left that was made to look at it."""
        _drop(self._keys.pop(ended.id, None))

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- inside ------------------------------------------------------------------------------------------------

    async def _ask(self, door: _Door) -> Activity:
        status = await self._get(door, "api/status")
        kernels = await self._get(door, "api/kernels")
        terminals = await self._get(door, "api/terminals", absent=())
        return read_activity(status, kernels, terminals, self._clock(), door.pod)

    async def _get(self, door: _Door, path: str, *, absent: object = None) -> Any:
        """One answer as JSON; ``absent`` where the server has nothing of that name."""
        async with self._opened().get(
            url_path_join(door.url, path),
            params=_UNTRACKED,
            headers={"Authorization": f"token {door.token}"},
            allow_redirects=False,
        ) as reply:
            if reply.status == 404 and absent is not None:
                return absent
            if reply.status != 200:
                kind = _Shut if reply.status in _NOT_LET_IN else _Garbled
                raise kind(f"{path} answers {reply.status}")
            body = bytearray()
            async for chunk in reply.content.iter_any():
                body += chunk
                if len(body) > _MOST:
                    raise _Garbled(f"{path} sends more than {_MOST} octets")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise _Garbled(f"{path} sends something that is not JSON") from None

    def _door(self, admission: str, hub_name: str, server: str) -> _Door | None:
        """The way to the server, if it is up and still that of this admission."""
        account = find_account(attached().app.users, hub_name)
        spawner = account.spawners.get(server) if account is not None else None
        if spawner is None or not spawner.ready:
            return None
        if getattr(spawner, "granted", {}).get("admission") != admission:
            return None
        pod, namespace = getattr(spawner, "pod_name", ""), getattr(spawner, "namespace", "")
        return _Door(
            spawner.server.url,
            self._token(admission, account, spawner),
            f"{namespace}/{pod}" if pod and namespace else "",
        )

    def _token(self, admission: str, account: Any, spawner: Any) -> str:
        """The server's own; else one for it alone, shown for half of its time."""
        now, key = self._clock(), self._keys.get(admission)
        if key is None and spawner.api_token:
            key = _Key(spawner.api_token, None)
        elif key is None or (key.until is not None and key.until <= now):
            _drop(key)
            token: str = account.orm_user.new_api_token(
                # The hub takes what bears such a note for a server's own token, and its use for nobody's activity.
                note=f"Server at {spawner.server.base_url}, asked by the hub whether it is in use",
                scopes=[f"access:servers!server={account.name}/{spawner.name}"],
                expires_in=int(_TOKEN_LASTS.total_seconds()),
            )
            key = _Key(token, now + _TOKEN_LASTS / 2)
        self._keys[admission] = key
        return key.token

    def _refused(self, admission: str) -> None:
        """A server has refused what it was shown: a new token is made for the next look, and for no other failure."""
        if (key := self._keys.get(admission)) is not None:
            self._keys[admission] = _Key(key.token if key.until is not None else "", self._clock())

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=_certificates(), limit=_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
            )
        return self._session


def _drop(key: _Key | None) -> None:
    """Let what was made here open nothing any more."""
    if key is not None and key.until is not None and key.token:
        drop_token(key.token)


def _certificates() -> ssl.SSLContext | bool:
    """With ``internal_ssl`` servers are known by certificates of the hub's own making."""
    app = attached().app
    if not app.internal_ssl:
        return True
    made: ssl.SSLContext = make_ssl_context(
        app.internal_ssl_key, app.internal_ssl_cert, cafile=app.internal_ssl_ca
    )
    return made


def read_activity(
    status: Any, kernels: Any, terminals: Any, now: datetime, pod: str = ""
) -> Activity:
    """Read what a Jupyter Server answers; whatever it says happens after now happens now.

    Raises:
        ValueError: it is none of that.

    Source:
        Jupyter Server 2, REST API: ``/api/status``, ``/api/kernels``, ``/api/terminals``.
    """
    if not isinstance(status, Mapping):
        raise ValueError("no status")
    began, active = (_instant(status.get(key)) for key in ("started", "last_activity"))
    works = [_worked_at(kernel, now) for kernel in _each(kernels)]
    works += [_instant(terminal.get("last_activity")) for terminal in _each(terminals)]
    return Activity(
        worked_at=min(max(works), now) if works else None,
        opened=bool(works) or active - began > _JUST_BEGUN,
        pod=pod,
    )


def _worked_at(kernel: Mapping[str, Any], now: datetime) -> datetime:
    last = _instant(kernel.get("last_activity"))
    return now if kernel.get("execution_state") == "busy" else last


def _each(found: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        raise ValueError("no list")
    return found


def _instant(text: Any) -> datetime:
    if not isinstance(text, str):
        raise ValueError("no instant")
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("no instant of ours") from None
