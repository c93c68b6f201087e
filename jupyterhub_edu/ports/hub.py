"""What the core needs from the hub: servers, groups, accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = [
    "Accounts",
    "Groups",
    "LiveServer",
    "Servers",
    "ServersBusy",
    "ServersError",
    "ServersSilent",
    "Visits",
]


class ServersError(Exception):
    """The hub did not do it; the text says why."""


class ServersBusy(ServersError):
    """The hub starts, or runs, as many servers as it may at a time: another time it may do it."""


class ServersSilent(ServersError):
    """The hub does not answer; whether it did it is not known."""


@dataclass(frozen=True, slots=True)
class LiveServer:
    """One server as the hub sees it.

    Attributes:
        admission: id from the spawner's state, or None for a server that was started without one.
        pending: ``"spawn"``, ``"stop"`` ... or None.
        url: address path of the server, such as ``/user/ola/``.
    """

    hub_name: str
    server: str
    ready: bool
    pending: str | None
    started_at: datetime | None
    last_activity: datetime | None
    url: str
    admission: str | None = None


class Servers(Protocol):
    """Drives the hub's own REST API with our service's token."""

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        """Let the hub begin to start a server for somebody. One that starts already is success.

        Raises:
            ServersBusy: not now.
            ServersSilent: that is not known.
            ServersError: the hub refused or could not.
        """
        ...

    async def stop(self, hub_name: str, server: str) -> None:
        """Stop a server and follow it to the end. Never deletes anything. Already stopped is success.

        Raises:
            ServersError: the hub refused or could not.
        """
        ...

    async def live(self) -> Sequence[LiveServer]:
        """Every server that runs or is pending."""
        ...

    def activities(self, hub_names: Collection[str]) -> Mapping[tuple[str, str], datetime]:
        """When the hub last heard of use, aware UTC, by account and server; one question for all, and no call.

        Ask for a hundred accounts at a time.
        """
        ...


class Groups(Protocol):
    """The hub's groups; nobody reads them for a decision."""

    def read(self, hub_name: str) -> Collection[str]:
        """Names of the groups that an account is in, others' too; none for an account that does not exist yet."""
        ...

    async def write(self, hub_name: str, ours: Iterable[str]) -> None:
        """Make the account's groups: every group of it that is not ours, and exactly these."""
        ...


class Accounts(Protocol):
    """The hub's accounts."""

    def exists(self, hub_name: str) -> bool:
        """Whether the hub has an account of this name."""
        ...

    async def log_out(self, hub_name: str) -> None:
        """Log every browser of the account out; servers run on, and tokens that the person made stay."""
        ...

    async def end_sessions(self, hub_name: str) -> None:
        """Let nobody in to the account any more by what was given out before: cookies, tokens of any kind.

        An account that does not exist is success.
        """
        ...


class Visits(Protocol):
    """Letting one account into another's server, by the hub's own sharing. Each call is short and complete when it returns."""

    def are_safe(self) -> bool:
        """Whether every account's servers have a domain of their own: else a page of a server can act as its visitor."""
        ...

    def may_visit(self, visitor: str, hub_name: str, server: str) -> bool:
        """Whether the server's owner lets this account in already."""
        ...

    def let_in(self, visitor: str, hub_name: str, server: str) -> None:
        """Let an account into a server, without an end of its own.

        Raises:
            ServersError: the hub has no such account or server.
        """
        ...

    def turn_out(self, visitor: str, hub_name: str, server: str) -> None:
        """Let an account in no longer; one that was not let in, or is not there any more, is success."""
        ...

    def address(self, hub_name: str, server: str) -> str:
        """Where a browser finds the server; a whole address where its owner has a domain of their own."""
        ...
