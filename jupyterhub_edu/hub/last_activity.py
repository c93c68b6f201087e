"""When servers were last in use, as the hub's proxy tells it: written down in steps that the hub's loop can bear.

JupyterHub asks its proxy every five minutes and writes the answer down in one go, server by server: with a thousand of them
it answers nobody for three seconds. This does the same, a few servers at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from dateutil.parser import parse
from jupyterhub import orm
from jupyterhub.utils import catch_db_error, utcnow
from sqlalchemy.orm import lazyload

from jupyterhub_edu.core.slices import slices

__all__ = ["update_last_activity"]

_AT_ONCE: Final = 8
"""Accounts: some eight milliseconds."""
_Heard: TypeAlias = Mapping[tuple[str, str], str]
"""When the proxy last heard of use, by account and server."""


@catch_db_error
async def update_last_activity(app: Any) -> None:
    """Move the last activity of accounts and servers on to what the proxy heard, then let it check its routes.

    Always holds:
        - nothing becomes earlier than it was;
        - whenever others have their turn, all that was changed is kept;
        - routes are checked against what the proxy has at the end, not at the begin: servers start and stop meanwhile.

    Args:
        app: JupyterHub's application.

    Source:
        ``jupyterhub.app.JupyterHub.update_last_activity``, 5.5 and 6.1.
    """
    routes = await app.proxy.get_all_routes()
    servers = [
        one["data"] for one in routes.values() if {"user", "server_name"} <= one["data"].keys()
    ]
    heard = {
        (one["user"], one["server_name"]): one["last_activity"]
        for one in servers
        if "last_activity" in one
    }
    names, active = sorted({user for user, _ in heard}), 0
    async for some in slices(names, _AT_ONCE):
        active += _note(app, some, heard)
    if hasattr(app, "statsd"):  # until 5.5
        app.statsd.gauge("users.running", len(servers))
        app.statsd.gauge("users.active", active)
    await app.proxy.check_routes(app.users, app._service_map)


def _note(app: Any, names: Sequence[str], heard: _Heard) -> int:
    """Write some accounts' down.

    Returns:
        How many of their servers belong to somebody who was active of late.
    """
    of_these = (
        app.db.query(orm.User, orm.Spawner)
        .join(orm.Spawner, orm.Spawner.user_id == orm.User.id)
        .filter(orm.User.name.in_(names))
        .options(lazyload("*"))
    )
    recently = utcnow(with_tz=False) - timedelta(seconds=app.active_user_window)
    active = 0
    for user, spawner in of_these:
        if (told := heard.get((user.name, spawner.name))) is None:
            continue
        at = _naive(told)
        for one in (user, spawner):
            one.last_activity = max(one.last_activity or at, at)
        active += user.last_activity > recently
    app.db.commit()
    return active


def _naive(told: str) -> datetime:
    """In UTC without saying so, as the hub keeps it."""
    at = parse(told)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
