"""The Entra source with rosters: who is in which education class before anybody logs in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from jupyterhub_edu.domain.people import CourseRef, Roster
from jupyterhub_edu.identity.web import NoAnswer
from jupyterhub_edu.ports import Clock, Safe, Unavailable

from .authority import AppBearer
from .classes import all_classes, members_of
from .graph import NotThere
from .settings import EntraSettings
from .source import EntraSource

__all__ = ["EntraRosterSource", "make_entra"]

_SECONDS: Final = 60.0
"""The longest that one list may take; nobody waits for it."""


class EntraRosterSource(EntraSource):
    """Reads classes with the app's own permissions, within the same budget as logins."""

    async def courses(self) -> Sequence[CourseRef] | Unavailable:
        """Every class of the tenant."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await all_classes(self._graph, self._app, _SECONDS)
        except (NoAnswer, NotThere, TimeoutError) as error:
            return _unknown(error)

    async def roster(self, course: CourseRef) -> Roster | Unavailable:
        """Everybody in one class whose account is in use."""
        at = self._clock()
        try:
            async with asyncio.timeout(_SECONDS):
                members = await members_of(
                    self._graph, self._settings, course.id, self._app, _SECONDS
                )
        except (NoAnswer, NotThere, TimeoutError) as error:
            return _unknown(error)
        return Roster(course, members, at)

    @property
    def _app(self) -> AppBearer:
        return self._apps[self._settings.tenant]


def make_entra(id: str, settings: EntraSettings, clock: Clock, safe: Safe) -> EntraSource:
    """The source for these settings; one that knows rosters if it may read them."""
    knows_rosters = settings.education and settings.app_permissions
    return (EntraRosterSource if knows_rosters else EntraSource)(id, settings, clock, safe)


def _unknown(error: Exception) -> Unavailable:
    if isinstance(error, NotThere):
        return Unavailable(f"Graph does not know {error}")
    return Unavailable(str(error) or "Graph takes too long")
