"""Accounts and groups of the hub, through its own objects. Short, synchronous, committed before any await."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from jupyterhub import orm
from sqlalchemy import select

from jupyterhub_edu.domain.names import is_our_group

from .running import attached

__all__ = ["HubAccounts", "HubGroups", "groups_beside", "remember_options"]

_OWN_CLIENT: Final = "jupyterhub"
"""To whom the hub gives tokens that no browser asked for: those of servers, and those that people make."""


class HubAccounts:
    """Implements ``ports.Accounts``."""

    def exists(self, hub_name: str) -> bool:
        """Whether the hub has an account of this name."""
        return orm.User.find(attached().app.db, hub_name) is not None

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
        """Names of an account's groups, by one plain query: every login asks, and the hub's objects bring much along."""
        account = orm.User.name == hub_name
        query = select(orm.Group.name).join(orm.Group.users).where(account)
        return list(attached().app.db.scalars(query))

    async def write(self, hub_name: str, ours: Iterable[str]) -> None:
        """Make the account's groups: every group of it that is not ours, and exactly these."""
        app = attached().app
        found = orm.User.find(app.db, hub_name)
        if found is not None:
            app.users[found].sync_groups(groups_beside(self.read(hub_name), ours))


def groups_beside(has: Iterable[str], ours: Iterable[str]) -> list[str]:
    """The groups that an account shall have: those it has that are not ours, and these."""
    return sorted({name for name in has if not is_our_group(name)} | set(ours))


def remember_options(spawner: Any, options: object) -> None:
    """Let the hub remember these start options of a server in the place of those that it has just stored.

    Committed here: whatever is not when the start first waits is rolled back by the next request that ends.
    """
    spawner.orm_spawner.user_options = options
    attached().app.db.commit()
