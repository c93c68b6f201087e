"""*My use*: the page, and the same for programs."""

from __future__ import annotations

from collections.abc import Sequence

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import usage as wire

from .api import API
from .frame import Page
from .operations import operation
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .use import Use, my_use, use_json

__all__ = ["UseAPI", "UsePage", "use_routes"]


async def _use(core: Core, person: Person) -> Use:
    try:
        return await my_use(core, person)
    except StoreError as error:
        raise DeskError(Code.NOT_READY) from error


class UseAPI(API):
    """``/hub/api/edu/use``."""

    @operation(
        READ,
        does="One's own sessions, what is left of the hours, and what was used by week and course.",
        answers={200: wire.Use},
    )
    async def get(self) -> None:
        """The page for programs."""
        core, person = await self.who_asks()
        self.show(use_json(core, await _use(core, person)))


class UsePage(Page):
    """``/hub/edu/use``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """The page."""
        await self._show("")

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self) -> None:
        """Let one's own session go on, as far as the rules do."""
        core, person = await self.who_asks()
        asked = self.get_body_argument("session", "")
        admission = core.book.admission(asked)
        if admission is None or admission.hub_name != person.hub_name:
            self.redirect(self.address("use"), status=303)
            return
        try:
            longer = core.extending.extend(person.hub_name, admission, self.from_where)
            await self.require_extended(core, admission, longer)
        except Exception as error:
            # Our refusals carry their sentences on either version of the hub.
            words = getattr(error, "jupyterhub_message", "")
            if not words:
                raise
            self.set_status(getattr(error, "status_code", 409))
            await self._show(words)
            return
        self.redirect(self.address("use"), status=303)

    async def _show(self, refused: str) -> None:
        core, person = await self.who_asks()
        await self.show(
            "use.html",
            use=await _use(core, person),
            refused=refused,
            zone=str(core.campus.zone),
        )


def use_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/edu/use", UsePage), (r"/api/edu/use", UseAPI))
