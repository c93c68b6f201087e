"""The directory as the event loop sees it: a bounded pool of threads over pooled connections to several servers.

Always holds:
    - no call outlives its deadline, whatever a server does, and none blocks the event loop;
    - connections are kept, encrypted and bound, and used again: in steady state none is opened;
    - a server that fails is passed over while another answers, and tried again by one call every few seconds;
    - passwords are kept nowhere.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from jupyterhub_edu.core.patience import Patience

from .connection import (
    BUSY_RESULTS,
    BindResult,
    Connection,
    Entry,
    Incomplete,
    Search,
    ServerFailed,
    Silent,
)
from .dn import dn_key, parse_dn
from .settings import Address, Bind, LdapSettings
from .transport import make_tls_context
from .troubles import say_bind

__all__ = ["Directory", "DirectoryError"]

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_PATIENCE_SECONDS: Final = 0.7
"""How long one server may be silent while another that is well could be asked; fail-over takes no longer than this."""
_SHARE_OF_THE_LAST: Final = 0.7
"""How much of the time that is left the last server that is well may take; the rest is for those that failed before."""
_REST_SECONDS: Final = 10.0
"""How long a server that failed is passed over before one call tries it again."""
_IDLE_SECONDS: Final = 240.0
"""Firewalls forget quiet connections; one that was quiet for longer is not trusted again."""


class DirectoryError(Exception):
    """The directory gave no complete answer; the text says why, without secrets."""


class _Refused(ServerFailed):
    """The server does not let the service account in."""


@dataclass(slots=True)
class _Server:
    """One server.

    Attributes:
        rests_until: until when others are asked first; 0 for a server that is well.
        refused: why it refused the service account; not asked again before its rest is over, for an account that fails
            too often is locked.
    """

    address: Address
    rests_until: float = 0.0
    refused: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Pool:
    """Idle connections to one server, all in the same state; the newest is used first."""

    def __init__(self) -> None:
        self._idle: deque[Connection] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Connection | None:
        """A connection that was used lately, or None."""
        too_old = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            while self._idle and self._idle[0].used_at < too_old:
                self._idle.popleft().close()
            return self._idle.pop() if self._idle else None

    def give_back(self, connection: Connection) -> None:
        connection.used_at = time.monotonic()
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def forget(self, *, for_good: bool = False) -> None:
        """Close what is idle: the server failed, so older connections to it are worth nothing."""
        with self._lock:
            idle, self._closed = list(self._idle), self._closed or for_good
            self._idle.clear()
        for connection in idle:
            connection.close()


class Directory:
    """Searches as the service account, and binds as people."""

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings
        self._servers = [_Server(address) for address in settings.addresses]
        self._as_service = {server.address: _Pool() for server in self._servers}
        self._as_person = {server.address: _Pool() for server in self._servers}
        self._threads = ThreadPoolExecutor(settings.connections, thread_name_prefix="ldap")
        self._closed = False
        self._context: ssl.SSLContext | None = None
        self._context_lock = threading.Lock()

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[Patience]:
        """The time for all calls of a login or reading.

        Raises:
            DirectoryError: it is over.
        """
        try:
            async with Patience(self._settings.timeout) as patience:
                yield patience
        except TimeoutError:
            raise DirectoryError(f"no answer within {self._settings.timeout:g} s") from None

    async def search(self, search: Search, patience: Patience) -> list[Entry]:
        """Search as the service account; see ``Connection.search``.

        Raises:
            DirectoryError: no complete answer.
        """

        def on(connection: Connection, until: float) -> list[Entry]:
            return connection.search(search, until)

        return await self._call(self._as_service, self._bind_service, on, patience)

    async def bind_as(
        self, dn: str, account: str, password: str, patience: Patience
    ) -> BindResult:
        """Bind as a person, on connections that serve for nothing else.

        A success is only told when the server does not take us for nobody or for somebody else; that is asked once for
        each connection, so that it costs no round trip from the second login on.

        Args:
            account: the account's own name, for servers that answer with it rather than with the entry's.

        Raises:
            DirectoryError: no answer, or the server took the bind for another's.
        """

        def on(connection: Connection, until: float) -> BindResult:
            result = connection.bind(dn, password, until)
            if result.code in BUSY_RESULTS:
                raise ServerFailed("the directory is busy")
            if result.code == 0 and not connection.identified:
                _require_identity(connection.who_am_i(until), dn, account)
                connection.identified = True
            return result

        return await self._call(self._as_person, lambda connection, until: None, on, patience)

    async def connect_each(self) -> list[str]:
        """Try every server by itself; one sentence for each that fails."""
        problems = []
        for server in self._servers:
            try:
                async with self.patience() as patience:
                    await self._run(
                        lambda until, server=server: self._fresh(
                            server, self._bind_service, until
                        ).close(),  # type: ignore[misc]
                        patience,
                    )
            except DirectoryError as error:
                problems.append(f"{server.address}: {error}")
        return problems

    async def close(self) -> None:
        """Close every connection; calls under way end by themselves at their deadline."""
        self._closed = True
        self._threads.shutdown(wait=False)
        for pool in (*self._as_service.values(), *self._as_person.values()):
            pool.forget(for_good=True)

    async def _call(
        self,
        pools: dict[Address, _Pool],
        prepare: Callable[[Connection, float], None],
        use: Callable[[Connection, float], _Result],
        patience: Patience,
    ) -> _Result:
        return await self._run(lambda until: self._anywhere(pools, prepare, use, until), patience)

    async def _run(self, work: Callable[[float], _Result], patience: Patience) -> _Result:
        """Run in a thread; the caller's patience ends even if all threads are busy."""
        if self._closed:
            raise DirectoryError("the source is closed")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work, patience.ends())
        except (ServerFailed, Incomplete) as error:
            raise DirectoryError(str(error)) from error

    # --- in a thread ---

    def _anywhere(
        self,
        pools: dict[Address, _Pool],
        prepare: Callable[[Connection, float], None],
        use: Callable[[Connection, float], _Result],
        deadline: float,
    ) -> _Result:
        """Ask one server after another until one answers."""
        failures: list[str] = []
        well, resting = self._in_order()
        servers = well + resting
        for place, server in enumerate(servers):
            if server.refused and server.rests_until > time.monotonic():
                failures.append(f"{server.address}: {server.refused}")
                continue
            is_last = place == len(servers) - 1
            now = time.monotonic()
            # Those behind the last that is well have failed a moment ago: a slow answer is likelier here than there.
            share = _SHARE_OF_THE_LAST * (deadline - now) if place == len(well) - 1 else 0.0
            until = deadline if is_last else min(deadline, now + max(_PATIENCE_SECONDS, share))
            try:
                result = self._on(
                    server, pools[server.address], prepare, use, until, alone=is_last
                )
            except ServerFailed as failure:
                failures.append(f"{server.address}: {failure}")
                self._failed(server, failure)
            else:
                server.rests_until, server.refused = 0.0, ""
                return result
        raise ServerFailed("; ".join(failures))

    def _in_order(self) -> tuple[list[_Server], list[_Server]]:
        """Servers that are well in the settings' order, and those at rest.

        One whose rest is over counts as well for one call, which thereby prolongs its rest for all others.
        """
        now = time.monotonic()
        well: list[_Server] = []
        resting: list[_Server] = []
        for server in self._servers:
            with server.lock:
                rests = server.rests_until > now
                if server.rests_until and not rests:
                    server.rests_until = now + _REST_SECONDS
            (resting if rests else well).append(server)
        return well, sorted(resting, key=lambda server: server.rests_until)

    def _failed(self, server: _Server, failure: ServerFailed) -> None:
        if server.rests_until == 0.0:
            _log.warning("directory server %s failed: %s", server.address, failure)
        server.refused = str(failure) if isinstance(failure, _Refused) else ""
        server.rests_until = time.monotonic() + _REST_SECONDS
        self._as_service[server.address].forget()
        self._as_person[server.address].forget()

    def _on(
        self,
        server: _Server,
        pool: _Pool,
        prepare: Callable[[Connection, float], None],
        use: Callable[[Connection, float], _Result],
        until: float,
        *,
        alone: bool,
    ) -> _Result:
        """Ask one server, first on a connection that is there.

        Such a connection may be dead without our knowing, so its failure is no news about the server: a new one is
        opened. Where no other server is left to ask, silence on it ends early enough for that.
        """
        connection = pool.take()
        if connection is not None:
            patience = min(until, time.monotonic() + _PATIENCE_SECONDS) if alone else until
            try:
                return self._use(connection, pool, use, patience)
            except Silent:
                if not alone or patience == until:
                    raise
            except ServerFailed:
                pool.forget()
        return self._use(self._fresh(server, prepare, until), pool, use, until)

    def _use(
        self,
        connection: Connection,
        pool: _Pool,
        use: Callable[[Connection, float], _Result],
        until: float,
    ) -> _Result:
        try:
            result = use(connection, until)
        except Incomplete:
            pool.give_back(connection)  # the connection itself is well
            raise
        except ServerFailed:
            connection.close()
            raise
        except Exception as error:
            connection.close()
            raise ServerFailed(f"a garbled answer ({type(error).__name__})") from error
        pool.give_back(connection)
        return result

    def _fresh(
        self, server: _Server, prepare: Callable[[Connection, float], None], until: float
    ) -> Connection:
        connection = Connection(server.address, self._tls_context(), self._settings, until)
        try:
            prepare(connection, until)
        except BaseException:
            connection.close()
            raise
        return connection

    def _bind_service(self, connection: Connection, until: float) -> None:
        bind = self._settings.bind
        dn, password = (
            (bind.dn, bind.password.get_secret_value()) if isinstance(bind, Bind) else ("", "")
        )
        result = connection.bind(dn, password, until)
        if result.code != 0:
            raise _Refused(say_bind(dn, result.code))

    def _tls_context(self) -> ssl.SSLContext:
        with self._context_lock:
            if self._context is None:
                try:
                    self._context = make_tls_context(self._settings)
                except OSError as error:
                    raise ServerFailed(f"tls: {error}") from error
            return self._context


def _require_identity(who: str | None, dn: str, account: str) -> None:
    """Refuse a success by which the server did not make us this person."""
    if who is None:  # the server does not tell
        return
    kind, _, name = who.partition(":")
    if kind == "dn":
        try:
            same = dn_key(parse_dn(name)) == dn_key(parse_dn(dn)) != ()
        except ValueError:
            same = False
    else:
        same = kind == "u" and name.rpartition("\\")[2].casefold() == account.casefold() != ""
    if not same:
        raise Incomplete("the directory accepted the password and took us for somebody else")
