"""Starting by the hub's pages where one must wait: join the line, and be forwarded to its page."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import urlencode

from jupyterhub.handlers.pages import SpawnPendingHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from jupyterhub_edu import hub
from jupyterhub_edu.core import Refused, current_core, request_of
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.ports import StoreError

from .admission import ready_core, unavailable

__all__ = ["EduSpawnPendingHandler", "JoinsTheLine"]

_LOOK_AGAIN: Final = 0.05
"""Seconds."""
_TOO_MANY: Final = 429
"""The hub starts as many servers at a time as it may."""


class JoinsTheLine:
    """Mixed in before a page that starts servers.

    Always holds:
        - a start that is refused by nothing but what can be waited for, or by the hub's own limit on concurrent starts,
          takes a place in the line for the server's owner, if it is the owner who asks; any other refusal is told;
        - the hub then goes on to its spawn-pending page, which forwards those who stand in the line.
    """

    current_user: Any
    request: Any

    async def spawn_single_user(
        self, user: Any, server_name: str = "", *args: Any, **kwargs: Any
    ) -> Any:
        """Begin the spawn, or take a place."""
        try:
            begun = await super().spawn_single_user(user, server_name, *args, **kwargs)  # type: ignore[misc]
            await _until_admitted(user.spawners[server_name])
            return begun
        except web.HTTPError as error:
            if user.name != self.current_user.name or not _may_be_waited_for(error):
                raise
        options = kwargs.get("options")
        if options is None:
            options = user.spawners[server_name].orm_spawner.user_options
        return await _join(user.name, options, server_name, self.request.remote_ip or "")


class EduSpawnPendingHandler(SpawnPendingHandler):
    """The hub's page of a server that starts: those who stand in the line are forwarded to its page."""

    @web.authenticated
    @needs_scope("servers")
    async def get(self, user_name: str, server_name: str = "") -> None:
        """Forward, or show the hub's own page; ``next`` goes along."""
        if user_name == self.current_user.name and await self._stands(server_name):
            onwards = self.get_query_argument("next", "")
            line = url_path_join(self.hub.base_url, "edu/line/")
            self.redirect(f"{line}?{urlencode({'next': onwards})}" if onwards else line)
            return
        await super().get(user_name, server_name)

    async def _stands(self, server_name: str) -> bool:
        """Whether this server of one's own is waited for, and the hub has not begun to start it."""
        spawner = self.current_user.spawners.get(server_name or "")
        if spawner is not None and spawner.active:
            return False
        await ready_core()
        standing = current_core().line.standing(self.current_user.name)
        return (
            standing is not None
            and standing.server == (server_name or "")
            and standing.phase.goes_on
        )


async def _until_admitted(spawner: Any) -> None:
    """Wait until a spawn that the hub has begun holds its admission: of many at once for the last devices some are refused.

    The hub itself waits for its spawns only as long as ``slow_spawn_timeout``, which is nothing in the stock chart.

    Raises:
        web.HTTPError: it is refused.
    """
    spawn = spawner._spawn_future
    while spawn is not None and not spawn.done() and not getattr(spawner, "admitted", True):
        await asyncio.wait({spawn}, timeout=_LOOK_AGAIN)
    if spawn is not None and spawn.done() and not spawn.cancelled():
        error = spawn.exception()
        if isinstance(error, web.HTTPError) and _may_be_waited_for(error):
            raise error


def _may_be_waited_for(error: web.HTTPError) -> bool:
    decision = getattr(error, "edu_decision", None)
    if isinstance(decision, Decision):
        return decision.waitable
    return error.status_code == _TOO_MANY


async def _join(hub_name: str, options: object, server: str, address: str) -> None:
    """Take a place; what an exam writes down is from where its participant asked, not from where the line starts."""
    core = await ready_core()
    try:
        person, request = request_of(core, hub_name, options)
        core.exams.note_address(hub_name, address)
        await core.line.join(request, person, server)
    except Refused as refused:
        raise hub.refusal(refused.decision) from None
    except StoreError as error:
        raise unavailable(core, error) from error
