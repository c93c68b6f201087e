"""One LDAP connection, used by one thread at a time. Everything here blocks and is called from the pool's threads.

ldap3 connects, encrypts and binds; ``messages`` searches. What ldap3 leaves open is closed here: a deadline over the
whole of an operation (not of each read), an upper bound on what a server may send, the certificate's name checked by the
standard library, no schema fetched, no referral followed.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import ldap3
from ldap3.core.results import RESULT_CODES

from .messages import Entry, Search, read_answer, search_request
from .settings import Address, LdapSettings
from .transport import Deadline, TimedSocket, Tls
from .troubles import plain, say_connection, say_search

__all__ = [
    "BUSY_RESULTS",
    "BindResult",
    "Connection",
    "Entry",
    "Incomplete",
    "Search",
    "ServerFailed",
    "Silent",
]

_PAGE: Final = 500
_WHO_AM_I: Final = "1.3.6.1.4.1.4203.1.11.3"
_SUCCESS: Final = 0
BUSY_RESULTS: Final = frozenset({51, 52})
"""Result codes busy and unavailable: this server cannot now, another may."""


class ServerFailed(Exception):
    """The server was silent, closed the connection, refused it, or spoke no LDAP. Another server may do better."""


class Silent(ServerFailed):
    """The time was up before the server had answered."""


class Incomplete(Exception):
    """The server answered, and the answer is not the whole truth: a limit, a referral, an error."""


@dataclass(frozen=True, slots=True)
class BindResult:
    """How a bind ended: LDAP's result code (0 is success) and the server's own words."""

    code: int
    message: str


class Connection:
    """A connection to one server, encrypted as the settings say, not yet bound."""

    def __init__(
        self, address: Address, context: ssl.SSLContext, settings: LdapSettings, deadline: float
    ) -> None:
        """Connect.

        Args:
            deadline: ``time.monotonic()`` instant by which the connection must stand.

        Raises:
            ServerFailed: it does not.
        """
        self._clock = Deadline(deadline)
        try:
            patience = self._clock.left()
        except TimeoutError as error:
            raise Silent("no time left to connect") from error
        tls = Tls(context, settings.tls.name or address.host, self._clock)
        server = ldap3.Server(
            address.host,
            port=address.port,
            use_ssl=address.tls,
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=patience,
        )
        self._ldap = ldap3.Connection(
            server,
            client_strategy=ldap3.SYNC,
            auto_referrals=False,
            auto_range=False,
            check_names=False,
            return_empty_attributes=False,
        )
        try:
            self._ldap.open(read_server_info=False)
            if not address.tls:
                self._ldap.socket = TimedSocket(self._ldap.socket, self._clock)
                if settings.is_encrypted(address):
                    self._ldap.start_tls(read_server_info=False)
        except Exception as error:
            self.close()
            raise _failure(error, self._clock) from error
        self.identified = False
        self.used_at = time.monotonic()

    def bind(self, dn: str, password: str, deadline: float) -> BindResult:
        """Say who we are from here on; with an empty name and password, nobody.

        Raises:
            ServerFailed: no answer.
            ValueError: a name without a password, which a server may take for an anonymous bind.
        """
        if bool(dn) != bool(password.strip("\x00 \t\r\n")):
            raise ValueError("a bind needs both a name and a password")
        self._clock.begin(deadline)
        kind = ldap3.SIMPLE if dn else ldap3.ANONYMOUS
        try:
            # Octets, not text: ldap3 would refuse or rewrite what its table of characters does not know.
            self._ldap.user, self._ldap.password = dn, password.encode("utf-8", "replace")
            self._ldap.authentication = kind
            self._ldap.bind(read_server_info=False)
            result = self._ldap.result
        except Exception as error:
            raise _failure(error, self._clock) from error
        finally:
            self._ldap.password = self._ldap.request = None
        return BindResult(_code(result), str(result.get("message") or ""))

    def who_am_i(self, deadline: float) -> str | None:
        """Ask as whom the server sees us: ``dn:...`` or ``u:...``, ``""`` for nobody, None if it does not tell.

        Raises:
            ServerFailed: no answer.

        Source:
            RFC 4532.
        """
        self._clock.begin(deadline)
        try:
            self._ldap.extended(_WHO_AM_I)
            result = self._ldap.result
        except Exception as error:
            raise _failure(error, self._clock) from error
        if _code(result) != _SUCCESS:
            return None
        value = result.get("responseValue") or b""
        return bytes(value).decode("utf-8", "backslashreplace")

    def search(self, search: Search, deadline: float) -> list[Entry]:
        """Search, page by page, values beyond a server's range included.

        Returns:
            Every entry found, or with a ``limit`` at least as many as that, if there are.

        Raises:
            ServerFailed: no answer.
            Incomplete: an answer that need not be the whole truth.
        """
        self._clock.begin(deadline)
        found: list[Entry] = []
        cookie = b""
        while True:
            entries, cookie = self._page(search, cookie)
            found += [self._whole(entry) for entry in entries]
            if not cookie or (search.limit and len(found) >= search.limit):
                return found

    def close(self) -> None:
        """Let go of the socket; never fails and never waits."""
        left = self._ldap.socket  # ldap3 forgets to close one that it could not encrypt
        self._ldap.strategy.close()
        if left is not None:
            left.close()

    def _page(self, search: Search, cookie: bytes) -> tuple[list[Entry], bytes]:
        id = self._ldap.server.next_message_id()
        line = self._ldap.socket
        try:
            line.sendall(search_request(id, search, search.limit or _PAGE, cookie))
            answer = read_answer(line.recv, id)
        except Exception as error:
            raise _failure(error, self._clock) from error
        name = RESULT_CODES.get(answer.code, "")
        if answer.code in BUSY_RESULTS:
            raise ServerFailed(f"the directory is {name}")
        if answer.code != _SUCCESS:
            raise Incomplete(say_search(answer.code, name, answer.message, search.base))
        for uris in answer.references:
            if not _is_own_partition(uris):
                raise Incomplete(
                    f"the directory keeps a part of {search.base} elsewhere: {plain(str(uris))}; "
                    "name the server that has all of it in servers, or a narrower entry"
                )
        return answer.entries, answer.cookie

    def _whole(self, entry: Entry) -> Entry:
        """Fetch the rest of values that came as ``member;range=0-1499``."""
        attributes = dict(entry.attributes)
        for name in [name for name in attributes if ";range=" in name]:
            kind, _, span = name.partition(";range=")
            values = attributes.pop(name)
            while not span.endswith("-*"):
                wanted = f"{kind};range={int(span.partition('-')[2]) + 1}-*"
                more, _ = self._page(Search(entry.dn, "(objectClass=*)", (wanted,), "BASE"), b"")
                rest = {
                    k: v
                    for e in more
                    for k, v in e.attributes.items()
                    if k.startswith(kind + ";range=")
                }
                if not rest or not any(rest.values()):
                    raise Incomplete(f"the directory keeps back values of {kind} after {span}")
                (name, further), *_ = rest.items()
                span = name.partition(";range=")[2]
                values += further
            attributes[kind] = values
        return Entry(entry.dn, attributes)


def _failure(error: Exception, clock: Deadline) -> ServerFailed:
    """Say why in one short sentence without the packet's content."""
    if clock.at <= time.monotonic():
        return Silent("no answer in time")
    return ServerFailed(say_connection(error))


def _code(result: Mapping[str, Any]) -> int:
    return int(result["result"])


def _is_own_partition(uris: list[str]) -> bool:
    """Whether a reference leads to partitions of Active Directory that never hold people or groups."""
    names = [uri.partition("://")[2].partition("/")[2].upper() for uri in uris]
    return bool(names) and all(
        name.startswith(("DC=DOMAINDNSZONES,", "DC=FORESTDNSZONES,", "CN=CONFIGURATION,"))
        for name in names
    )
