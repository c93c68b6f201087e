"""Accounts and groups of the hub, through its own objects. Short, synchronous, committed before any await."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jupyterhub import orm
from sqlalchemy import bindparam, select

from jupyterhub_edu.domain.names import is_our_group

from .running import attached

__all__ = [
    "HubAccounts",
    "HubGroups",
    "drop_token",
    "find_account",
    "find_activities",
    "groups_beside",
    "has_nothing_to_write",
    "remember_options",
    "unshare",
]

_OWN_CLIENT: Final = "jupyterhub"
"""To whom the hub gives tokens that no browser asked for: those of servers, and those that people make."""

_WRITTEN: Final = {"name", "admin", "groups", "auth_state", "user_info"}
"""What the hub takes from an auth model."""
_ACCOUNTS: Final = orm.User.__table__
_ID: Final = select(_ACCOUNTS.c.id).where(_ACCOUNTS.c.name == bindparam("name"))
_SERVERS: Final = orm.Spawner.__table__
_ACTIVITIES: Final = (
    select(_ACCOUNTS.c.name, _SERVERS.c.name, _SERVERS.c.last_activity)
    .join(_SERVERS, _SERVERS.c.user_id == _ACCOUNTS.c.id)
    .where(_ACCOUNTS.c.name.in_(bindparam("names", expanding=True)))
)


def find_account(users: Any, hub_name: str) -> Any | None:
    """The hub's account of this name, or None.

    One plain query for an account that the hub has met since it started: its own search reads roles, groups and shares
    along each time, though it is alone with its database and holds them already.

    Args:
        users: ``JupyterHub.users``.
    """
    id = users.db.scalar(_ID, {"name": hub_name})
    return None if id is None else users.get(id)


def find_activities(
    database: Any, hub_names: Collection[str]
) -> Mapping[tuple[str, str], datetime]:
    """When the hub last heard of use, aware UTC, by account and server; the hub keeps it in UTC without saying so."""
    rows = database.execute(_ACTIVITIES, {"names": list(hub_names)})
    return {(user, server): at.replace(tzinfo=UTC) for user, server, at in rows if at is not None}


def has_nothing_to_write(account: Any, model: Mapping[str, Any], authenticator: Any) -> bool:
    """Whether an account is already as an auth model says, in all that the hub writes of it at a login.

    No for whatever is not known here, so that the hub then does as ever.

    Args:
        account: JupyterHub's ``User``.

    Source:
        ``jupyterhub.handlers.base.BaseHandler.auth_to_user``, 5.5 and 6.1: what it writes.
    """
    roles = {role.name for role in account.roles}
    return (
        not (authenticator.enable_auth_state or authenticator.manage_roles)
        and model["name"] == account.name
        and model.keys() <= _WRITTEN
        and model.get("user_info") is None
        and account.encrypted_auth_state is None
        and model.get("admin") in {None, account.admin}
        and "user" in roles
        and ("admin" in roles) is account.admin
        and {group.name for group in account.groups} == set(model.get("groups") or ())
    )


class HubAccounts:
    """Implements ``ports.Accounts``."""

    def exists(self, hub_name: str) -> bool:
        """Whether the hub has an account of this name."""
        return find_account(attached().app.users, hub_name) is not None

    async def log_out(self, hub_name: str) -> None:
        """Log every browser of the account out; servers run on, and tokens that the person made stay."""
        self._forget(hub_name, lambda token: token.client_id != _OWN_CLIENT)

    async def end_sessions(self, hub_name: str) -> None:
        """Let nobody in to the account any more by what was given out before: cookies, tokens of any kind."""
        self._forget(hub_name, lambda token: True)

    def _forget(self, hub_name: str, is_meant: Callable[[Any], bool]) -> None:
        """New cookie id, and none of these tokens, nor codes that could still become tokens."""
        database = attached().app.db
        user = orm.User.find(database, hub_name)
        if user is None:
            return
        user.cookie_id = orm.new_token()
        for code in user.oauth_codes:
            database.delete(code)
        for token in user.api_tokens:
            if is_meant(token):
                database.delete(token)
        database.commit()


class HubGroups:
    """Implements ``ports.Groups``."""

    def read(self, hub_name: str) -> list[str]:
        """Names of an account's groups."""
        account = find_account(attached().app.users, hub_name)
        return [] if account is None else [group.name for group in account.groups]

    async def write(self, hub_name: str, ours: Iterable[str]) -> None:
        """Make the account's groups: every group of it that is not ours, and exactly these."""
        account = find_account(attached().app.users, hub_name)
        if account is not None:
            has = [group.name for group in account.groups]
            account.sync_groups(groups_beside(has, ours))


def groups_beside(has: Iterable[str], ours: Iterable[str]) -> list[str]:
    """The groups that an account shall have: those it has that are not ours, and these."""
    return sorted({name for name in has if not is_our_group(name)} | set(ours))


def unshare(spawner: Any) -> int:
    """Take back all that lets others at a server: shares, and codes that would become shares.

    Returns:
        How many there were.
    """
    server = spawner.orm_spawner
    if server is None:
        return 0
    found = [*server.shares, *server.share_codes]
    for one in found:
        attached().app.db.delete(one)
    if found:
        attached().app.db.commit()
    return len(found)


def remember_options(spawner: Any, options: object) -> None:
    """Let the hub remember these start options of a server in the place of those that it has just stored.

    Committed here: whatever is not when the start first waits is rolled back by the next request that ends.
    """
    spawner.orm_spawner.user_options = options
    attached().app.db.commit()


def drop_token(token: str) -> None:
    """Let an API token of the hub open nothing any more."""
    database = attached().app.db
    if (found := orm.APIToken.find(database, token)) is not None:
        database.delete(found)
        database.commit()
