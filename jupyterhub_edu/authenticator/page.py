"""The login page: one form and one button per source to which the browser goes, in the campus's order.

No source is asked to show it, so none can hide another.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from jupyterhub.handlers import LoginHandler
from jupyterhub.utils import url_path_join
from tornado.escape import url_escape
from tornado.httputil import url_concat

from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import Route

from .arrivals import LoginRefused, Remembering, login_path

__all__ = ["ROUTES", "LoginPage"]

_SAID_BY_THE_HUB: Final[Mapping[str | None, str]] = MappingProxyType(
    {
        "Invalid username or password": say("Invalid username or password"),
        "Login form invalid or expired. Try again.": say(
            "Login form invalid or expired. Try again."
        ),
        "Forbidden": say("This account may not use this hub."),
    }
)
"""Sentences of the hub's own about a login."""


class LoginPage(Remembering, LoginHandler):
    """``/hub/login``, with ``?source=<id>`` to choose a source: on to it, or preselected in the form."""

    async def get(self) -> None:
        """Show the page, or go on where there is nothing to choose."""
        if self.current_user is None:
            chosen = self._chosen_redirect() or self._only_redirect()
            if chosen is not None:
                self.redirect(self._begin(chosen, self.get_argument("next", "")))
                return
            if (
                self.authenticator.auto_login
            ):  # the hub's own page would log in by itself, by no form
                self.finish(await self._render(username=self.get_argument("username", "")))
                return
        await super().get()

    async def post(self) -> None:
        """Check the form."""
        if "username" not in self.request.body_arguments:
            raise LoginRefused(400, say("The form was incomplete; please try again."))
        await super().post()

    def render_template(self, name: str, sync: bool = False, **ns: Any) -> Any:
        """The page knows which source was chosen, and where each button leads."""
        going_on = self.get_argument("next", "")
        ns.setdefault("chosen", self.get_argument("source", ""))
        ns.setdefault("begin", lambda source: self._begin(source, going_on))
        return super().render_template(name, sync, **ns)

    def _render(
        self, login_error: str | None = None, username: str | None = None, **more: Any
    ) -> Any:
        """The hub's page. Without HTML of the deployment's own there is no template to compile for each visitor."""
        login_error = _SAID_BY_THE_HUB.get(login_error, login_error)
        if self.authenticator.get_custom_html(self.hub.base_url):
            return super()._render(login_error, username, **more)
        going_on = self.get_argument("next", "")
        address = self.authenticator.login_url(self.hub.base_url)
        return self.render_template(
            "login.html",
            next=url_escape(going_on),
            username=username,
            login_error=login_error,
            login_url=self.settings["login_url"],
            authenticator_login_url=url_concat(address, {"next": going_on}),
            authenticator=self.authenticator,
            xsrf=self.xsrf_token.decode("ascii"),
            custom_html="",
            **more,
        )

    def _chosen_redirect(self) -> SourceInfo | None:
        chosen = self.get_argument("source", "")
        return next((s for s in self.authenticator.redirect_sources if s.id == chosen), None)

    def _only_redirect(self) -> SourceInfo | None:
        """The one way in, where the configuration says that nobody has to click."""
        ways = self.authenticator.ways_in
        if not self.authenticator.auto_login or len(ways) != 1:
            return None
        return next(iter(self.authenticator.redirect_sources), None)

    def _begin(self, source: SourceInfo, going_on: str) -> str:
        address = url_path_join(self.hub.base_url, login_path(source.id))
        return url_concat(address, {"next": going_on}) if going_on else address


ROUTES: Final[list[Route]] = [("/login", LoginPage)]
