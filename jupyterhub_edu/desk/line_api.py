"""The waiting line for programs: one's own place."""

from __future__ import annotations

import json
from typing import Any, Final

from jupyterhub.scopes import needs_scope, scope_definitions
from jupyterhub.utils import url_path_join

from jupyterhub_edu.core import Core, Refused, request_of
from jupyterhub_edu.hub import refusal
from jupyterhub_edu.ports import Standing, StoreError

from .api import API
from .line import line_json, way_on
from .refusals import Code, DeskError
from .scopes import MANAGE, READ

__all__ = ["LineAPI"]

_START: Final = "start:servers" if "start:servers" in scope_definitions else "servers"
"""What the hub asks of whoever starts a server; JupyterHub 5 has no scope for that alone."""

_LONGEST: Final = 128
"""Characters of a server's name; which names it takes is the hub's to say."""


class LineAPI(API):
    """``/hub/api/edu/line``."""

    @needs_scope(READ)
    async def get(self) -> None:
        """How one stands, 404 for whoever stands in no line."""
        core = await self.ready_core()
        standing = core.line.standing(self.require_person(core).hub_name)
        if standing is None:
            raise DeskError(Code.NO_PLACE)
        self._show(core, standing)

    @needs_scope(MANAGE)
    async def post(self) -> None:
        """Take a place for a server of one's own: 201 and how one stands, or the reasons that cannot be waited for."""
        core = await self.ready_core()
        self.require_person(core)
        user = self.current_user
        # The turn starts a server, so a token that may start none takes no place either.
        if not self.get_scope_filter(_START)(user, "user"):
            raise DeskError(Code.MAY_NOT_START)
        options, server = self._wish()
        try:
            person, request = request_of(core, user.name, options)
            core.exams.note_address(person.hub_name, self.request.remote_ip or "")
            standing = await core.line.join(request, person, server)
        except Refused as refused:
            raise refusal(refused.decision) from None
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error
        self.set_status(201)
        self.set_header("Location", self.request.path)
        self._show(core, standing)

    @needs_scope(MANAGE)
    async def delete(self) -> None:
        """Give one's place up: 204, or 404 if there is none that can be given up."""
        core = await self.ready_core()
        person = self.require_person(core)
        try:
            left = await core.line.leave(person.hub_name)
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error
        if not left:
            raise DeskError(Code.NO_PLACE)
        self.set_status(204)

    def _wish(self) -> tuple[dict[str, Any], str]:
        """What is asked for, and the name of the server.

        Raises:
            DeskError: the body cannot be read, or names a server where the hub has no named ones.
        """
        body = self.get_json_body() or {}
        if not isinstance(body, dict):
            raise DeskError(Code.UNREADABLE)
        options = dict(body)
        server = options.pop("server", "")
        if not isinstance(server, str) or len(server) > _LONGEST or not server.isprintable():
            raise DeskError(Code.UNREADABLE)
        if server and not self.allow_named_servers:
            raise DeskError(Code.UNREADABLE)
        return options, server

    def _show(self, core: Core, standing: Standing) -> None:
        url = way_on(self.current_user, standing, self.hub.base_url)
        page = url_path_join(self.hub.base_url, "edu/line/")
        self.write(json.dumps({**line_json(core, standing), "page": page, "url": url or None}))
