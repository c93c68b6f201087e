"""The waiting line for programs: one's own place."""

from __future__ import annotations

from typing import Final

from jupyterhub.scopes import scope_definitions
from jupyterhub.utils import url_path_join

from jupyterhub_edu.core import Core, Refused, request_of
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import refusal
from jupyterhub_edu.ports import Standing, StoreError
from jupyterhub_edu.wire import line as wire

from .api import API
from .line import line_json, way_on
from .operations import operation
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .views import may_look_in

__all__ = ["LineAPI"]

_START: Final = "start:servers" if "start:servers" in scope_definitions else "servers"
"""What the hub asks of whoever starts a server; JupyterHub 5 has no scope for that alone."""


class LineAPI(API):
    """``/hub/api/edu/line``."""

    @operation(
        READ, does="How one stands in line.", answers={200: wire.Place}, refuses={Code.NO_PLACE}
    )
    async def get(self) -> None:
        """404 for whoever stands in no line."""
        core, asker = await self.who_asks()
        standing = core.line.standing(asker.hub_name)
        if standing is None:
            raise DeskError(Code.NO_PLACE)
        self._show(core, standing)

    @operation(
        MANAGE,
        does="Take a place for a server of one's own, or the reasons that cannot be waited for.",
        takes=wire.LineWish,
        answers={201: wire.Place},
        refuses={Code.MAY_NOT_START},
        decides=True,
    )
    async def post(self, *, wish: wire.LineWish) -> None:
        """The turn starts a server, so a token that may start none takes no place either."""
        core, asker = await self.who_asks()
        user = self.current_user
        if not self.get_scope_filter(_START)(user, "user"):
            raise DeskError(Code.MAY_NOT_START)
        server = wish.pop("server", "")
        if server and not self.allow_named_servers:
            raise DeskError(Code.UNREADABLE, say("This hub has no named servers."))
        try:
            person, request = request_of(core, user.name, dict(wish))
            core.exams.note_address(person.hub_name, self.from_where)
            standing = await core.line.join(request, person, server)
        except Refused as refused:
            course = str(wish.get("course", ""))
            if may_look_in(core, asker, course):  # whoever is outside it counts for nothing there
                core.counts.refuse(course, refused.decision.reasons)
            raise refusal(refused.decision) from None
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error
        self.set_header("Location", self.request.path)
        self._show(core, standing, 201)

    @operation(MANAGE, does="Give one's place up.", answers={204: None}, refuses={Code.NO_PLACE})
    async def delete(self) -> None:
        """404 if there is none that can be given up."""
        core, person = await self.who_asks()
        try:
            left = await core.line.leave(person.hub_name)
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error
        if not left:
            raise DeskError(Code.NO_PLACE)
        self.set_status(204)

    def _show(self, core: Core, standing: Standing, status: int = 200) -> None:
        url = way_on(self.current_user, standing, self.hub.base_url)
        page = url_path_join(self.hub.base_url, "edu/line/")
        self.show({**line_json(core, standing), "page": page, "url": url or None}, status)
