"""The platforms of a source, each with what speaks to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jupyterhub_edu.identity.keys import KeySet
from jupyterhub_edu.identity.tokens import TokenChecker
from jupyterhub_edu.identity.web import Web
from jupyterhub_edu.ports import Clock, LaunchRequest

from .key import ToolKey
from .rosters import Rosters
from .settings import LtiSettings, PlatformSettings

__all__ = ["Platform", "find_platform", "make_platforms"]


@dataclass(frozen=True, slots=True)
class Platform:
    """One registration of the hub at one platform."""

    name: str
    settings: PlatformSettings
    keys: KeySet
    checker: TokenChecker
    rosters: Rosters

    @property
    def has_rosters(self) -> bool:
        """Whether it has somewhere to ask for access tokens."""
        return bool(self.settings.token)


def make_platforms(
    settings: LtiSettings, key: ToolKey, web: Web, clock: Clock
) -> dict[str, Platform]:
    """Make the platforms of a source by name; opens nothing."""

    def make(name: str, one: PlatformSettings) -> Platform:
        keys = KeySet(web, one.keys, clock)
        checker = TokenChecker(keys, issuer=one.issuer, audience=one.client_id, clock=clock)
        return Platform(name, one, keys, checker, Rosters(one, key, web, clock))

    return {name: make(name, one) for name, one in settings.platforms.items()}


def find_platform(platforms: Mapping[str, Platform], request: LaunchRequest) -> Platform | None:
    """The platform that sent a browser; a client id that was left out is no riddle where there is one platform."""
    found = [
        platform
        for platform in platforms.values()
        if platform.settings.issuer == request.issuer
        and request.client_id in {"", platform.settings.client_id}
    ]
    return found[0] if len(found) == 1 else None
