"""Visits to others' servers, by the hub's own shares. Short, synchronous, committed before any await."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from jupyterhub import orm

from jupyterhub_edu.ports import ServersError

from .running import attached
from .tables import find_account

__all__ = ["HubVisits", "lets_in", "opened_by"]

_ACCESS: Final = "access:servers"


class HubVisits:
    """Implements ``ports.Visits``."""

    def are_safe(self) -> bool:
        """Whether every account's servers have a domain of their own."""
        return bool(attached().app.subdomain_host)

    def may_visit(self, visitor: str, hub_name: str, server: str) -> bool:
        """Whether the server's owner lets this account in already."""
        found = _find(visitor, hub_name, server)
        share: Any = orm.Share.find(attached().app.db, *found) if found is not None else None
        return share is not None and _access(hub_name, server) in share.scopes

    def let_in(self, visitor: str, hub_name: str, server: str) -> None:
        """Let an account into a server, without an end of its own.

        Raises:
            ServersError: the hub has no such account or server.
        """
        found = _find(visitor, hub_name, server)
        if found is None:
            raise ServersError("the hub has no such account or server")
        orm.Share.grant(attached().app.db, *found, scopes=[_access(hub_name, server)])

    def turn_out(self, visitor: str, hub_name: str, server: str) -> None:
        """Let an account in no longer."""
        found = _find(visitor, hub_name, server)
        if found is not None:
            orm.Share.revoke(attached().app.db, *found, scopes=[_access(hub_name, server)])

    def address(self, hub_name: str, server: str) -> str:
        """Where a browser finds the server."""
        account = find_account(attached().app.users, hub_name)
        return "" if account is None else str(account.server_url(server))


def lets_in(scopes: Iterable[str]) -> bool:
    """Whether a share with these scopes lets anybody into a server."""
    return any(scope.partition("!")[0] == _ACCESS for scope in scopes)


def opened_by(code: str) -> tuple[str, str] | None:
    """Into whose server one of the hub's share codes lets, and the server's name; None: into none."""
    found: Any = orm.ShareCode.find(attached().app.db, code)
    if found is None or not lets_in(found.scopes):
        return None
    return found.owner.name, found.spawner.name


def _access(hub_name: str, server: str) -> str:
    return f"{_ACCESS}!server={hub_name}/{server}"


def _find(visitor: str, hub_name: str, server: str) -> tuple[Any, Any] | None:
    """The hub's records of a server and of who visits it, or None."""
    database = attached().app.db
    owner, guest = orm.User.find(database, hub_name), orm.User.find(database, visitor)
    spawner = owner.orm_spawners.get(server) if owner is not None else None
    return (spawner, guest) if spawner is not None and guest is not None else None
