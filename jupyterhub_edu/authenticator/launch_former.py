"""The addresses that ltiauthenticator had: platforms at which the hub is registered with them go on launching it."""

from __future__ import annotations

from typing import Any, Final

from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import Route

from .arrivals import LoginRefused
from .launch import LaunchCallback, LaunchLogin, launch_path
from .launch_tool import ToolJson

__all__ = ["FORMER_ROUTES"]


_FORMER: Final = {"login": "oauth_login", "launch": "oauth_callback", "config.json": "config"}


class _Former:
    """The addresses that ltiauthenticator had, for platforms at which the hub is registered with them."""

    @staticmethod
    def step_path(source: str, step: str) -> str:
        """The former address of a step; steps that it did not have are where they are now."""
        former = _FORMER.get(step)
        return f"lti13/{former}" if former else launch_path(source, step)

    def only_source(self: Any) -> str:
        """The source that is meant: there must be one of launches, no more.

        Raises:
            LoginRefused: there is none, or there are several.
        """
        sources = self.core.refresher.sources.items()
        found = [id for id, source in sources if source.shape == "launch"]
        if len(found) != 1:
            raise LoginRefused(404, say("There is no such way to sign in here (any more)."))
        only: str = found[0]
        return only


class FormerLogin(_Former, LaunchLogin):
    """``/hub/lti13/oauth_login``."""

    async def get(self) -> None:  # type: ignore[override]
        """As ``login``."""
        await super().get(self.only_source())

    post = get  # type: ignore[assignment]


class FormerCallback(_Former, LaunchCallback):
    """``/hub/lti13/oauth_callback``."""

    async def get(self) -> None:  # type: ignore[override]
        """As ``launch``."""
        await super().get(self.only_source())

    async def post(self) -> None:  # type: ignore[override]
        """As ``launch``."""
        await super().post(self.only_source())


class FormerConfig(_Former, ToolJson):
    """``/hub/lti13/config``."""

    async def get(self) -> None:  # type: ignore[override]
        """As ``config.json``."""
        await super().get(self.only_source())


FORMER_ROUTES: Final[list[Route]] = [
    (r"/lti13/oauth_login", FormerLogin),
    (r"/lti13/oauth_callback", FormerCallback),
    (r"/lti13/config", FormerConfig),
]
