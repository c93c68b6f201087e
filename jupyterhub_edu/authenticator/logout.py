"""Log-out: at the hub, at the source that logged the person in, and by the source's own word."""

from __future__ import annotations

import logging
from typing import Final, cast
from urllib.parse import parse_qs

from jupyterhub.handlers import BaseHandler, LogoutHandler
from tornado import web

from jupyterhub_edu.core import current_core
from jupyterhub_edu.domain.people import Person, person_key
from jupyterhub_edu.hub import Route, public_address
from jupyterhub_edu.ports import RedirectSource

from .arrivals import Remembering, ask

__all__ = ["ROUTES", "BackchannelLogout", "Logout"]

_log = logging.getLogger(__name__)
_LARGEST_TOKEN: Final = 64 * 1024


class Logout(Remembering, LogoutHandler):
    """``/hub/logout``: the hub's own, then on to the source where its settings say so, which sends people back here."""

    _onward: str | None = None

    async def handle_logout(self) -> None:
        """Find out where to go on to, while it is known who logs out."""
        person = self._person()
        self.forget_way()
        source = _redirect_source(person.source) if person else None
        if person and source:
            answer = await ask(
                source.id, source.logout_url(person, public_address(self, "logout"))
            )
            self._onward = answer if isinstance(answer, str) else None

    async def render_logout_page(self) -> None:
        """Go on to the source, or end as the hub does."""
        if self._onward:
            self.redirect(self._onward)
        else:
            await super().render_logout_page()

    def _person(self) -> Person | None:
        """As whom this browser logged in, if it is still this account's."""
        user = self.current_user
        person = current_core().roll.person(self.came_as())
        return person if user is not None and person and person.hub_name == user.name else None


@web.stream_request_body
class BackchannelLogout(BaseHandler):
    """``POST /hub/edu/login/<source>/backchannel-logout``: the source has ended somebody's session.

    Always holds:
        - the token alone counts; no cookie, no XSRF token is looked at;
        - at most 64 KiB are read;
        - the account's browsers are logged out before the answer is given.

    Source:
        OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8.
    """

    _accept_cookie_auth = False

    async def prepare(self) -> None:
        """Bound the body before any of it is read."""
        self._body = bytearray()
        self.request.connection.set_max_body_size(_LARGEST_TOKEN)
        await super().prepare()

    def data_received(self, chunk: bytes) -> None:
        """Collect the body."""
        self._body += chunk

    def check_xsrf_cookie(self) -> None:
        """Nothing to check: a server calls, without a cookie."""

    async def post(self, id: str) -> None:
        """Log somebody out."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", "application/json")
        key = await self._told(id)
        if key is None:
            self.set_status(400)
            self.finish({"error": "invalid_request"})
            return
        person = current_core().roll.person(key)
        if person is not None:
            await current_core().accounts.log_out(person.hub_name)
            _log.info("source %s logged %s out", id, person.hub_name)
        self.set_status(200)
        self.finish()

    async def _told(self, id: str) -> str | None:
        """The key of the person whom the token names; None for a token that does not count."""
        source = _redirect_source(id)
        tokens = parse_qs(self._body.decode("ascii", "replace")).get("logout_token", [])
        if source is None or len(tokens) != 1:
            return None
        key = await ask(id, source.logged_out(tokens[0]))
        return key if isinstance(key, str) and key.startswith(person_key(id, "")) else None


def _redirect_source(id: str) -> RedirectSource | None:
    source = current_core().refresher.sources.get(id)
    return cast(RedirectSource, source) if source and source.shape == "redirect" else None


ROUTES: Final[list[Route]] = [
    ("/logout", Logout),
    (r"/edu/login/([^/]+)/backchannel-logout", BackchannelLogout),
]
