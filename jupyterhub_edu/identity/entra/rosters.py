"""The Entra source with rosters: who is in which education class before anybody logs in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from jupyterhub_edu.domain.people import CourseRef, Roster
from jupyterhub_edu.identity.web import NoAnswer
from jupyterhub_edu.ports import Clock, Safe, Unavailable

from .authority import AppBearer
from .classes import all_classes, members_of
from .graph import NotThere
from .lately import Lately
from .settings import EntraSettings
from .source import EntraSource

__all__ = ["EntraRosterSource", "make_entra"]

_SECONDS: Final = 60.0
"""The longest that one list may take; nobody waits for it."""


class EntraRosterSource(EntraSource):
    """Reads classes with the app's own permissions, within the same budget as logins.

    Where Graph says what has changed, only classes that it concerns are read again.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lately = Lately(self._graph, self._app, self._clock)

    async def courses(self) -> Sequence[CourseRef] | Unavailable:
        """Every class of the tenant."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._lately.follow(_SECONDS / 2)
                return await all_classes(self._graph, self._app, _SECONDS)
        except (NoAnswer, NotThere, TimeoutError) as error:
            return _unknown(error)

    async def roster(self, course: CourseRef) -> Roster | Unavailable:
        """Everybody in one class whose account is in use."""
        if (unchanged := self._lately.unchanged(course)) is not None:
            return unchanged
        at = self._clock()
        try:
            async with asyncio.timeout(_SECONDS):
                found = await members_of(
                    self._graph, self._settings, course.id, self._app, _SECONDS
                )
        except (NoAnswer, NotThere, TimeoutError) as error:
            return _unknown(error)
        return await self._lately.note(course, found, at)

    def forget_rosters(self) -> None:
        """Read every class whole the next time."""
        self._lately.forget()

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
