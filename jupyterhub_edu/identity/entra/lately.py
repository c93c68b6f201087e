"""Which classes are as they were when they were last read, by what Graph says has changed in the tenant since."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.people import CourseRef, Member, Roster
from jupyterhub_edu.identity.web import NoAnswer
from jupyterhub_edu.ports import Clock

from .authority import AppBearer
from .classes import Listing
from .graph import Forbidden, Graph, NotThere, text

__all__ = ["Lately"]

_log = logging.getLogger(__name__)
_WHOLE_EVERY: Final = timedelta(days=1)
"""How often every class is read whole, whatever has changed; links to changes hold for a week."""
_READ_AGAIN: Final = 2
"""How often a class that has changed is read: Graph's servers need not agree at once, so also in the sync that follows."""
_FOLLOWED: Final[Mapping[str, str]] = {
    "/groups/delta": "members,owners",
    "/users/delta": "accountEnabled,displayName,userPrincipalName",
}
"""Whose changes are followed, and which: a class is a group of the same id, its teachers are the owners."""


@dataclass(slots=True)
class _Class:
    """A class as it was last read; ``due`` counts how often it is to be read again."""

    listing: Listing
    due: int = 0


class Lately:
    """Follows a tenant's changes and remembers its classes, in memory alone.

    Always holds:
        - a class counts as unchanged only if it was read whole after the place from which changes are told, and neither it
          nor anybody in it is among them;
        - where changes are not told completely, or not at all, every class is read whole; once a day, too.

    Source:
        delta-query-overview.md (replication, 410); group-delta.md; user-delta.md; educationclass.md.
    """

    def __init__(self, graph: Graph, app: AppBearer, clock: Clock) -> None:
        self._graph, self._app, self._clock = graph, app, clock
        self._classes: dict[str, _Class] = {}
        self._people: dict[Member, Member] = {}
        self._unchanged: dict[str, datetime] = {}
        self._links: list[str] = []
        self._began = self._forbidden_until = datetime.min.replace(tzinfo=clock().tzinfo)

    async def follow(self, patience: float) -> None:
        """Ask what has changed; to be called before the classes of a sync are read.

        Args:
            patience: seconds that it may take.
        """
        now = self._clock()
        self._unchanged.clear()
        if self._links and now - self._began < _WHOLE_EVERY:
            try:
                changed = await self._changed(patience)
            except (NoAnswer, NotThere) as silence:
                _log.info("what has changed is not told, so every class is read: %s", silence)
            else:
                self._compare(changed, now)
                return
        await self._begin(now, patience)

    def unchanged(self, course: CourseRef) -> Roster | None:
        """The roster of a class that is as it was, told once for each ``follow``; None for one that must be read."""
        at = self._unchanged.pop(course.id, None)
        if at is None:
            return None
        return Roster(course, self._classes[course.id].listing.members, at, kept=True)

    async def note(self, course: CourseRef, found: Listing, at: datetime) -> Roster:
        """Remember a class that was just read whole.

        Returns:
            Its roster; people in it are the same objects as in others, and as before.
        """
        people = self._people
        members = tuple([people.setdefault(one, one) async for one in in_slices(found.members)])
        if self._links:
            former = self._classes.get(course.id)
            due = max(former.due - 1, 0) if former else 0
            self._classes[course.id] = _Class(Listing(members, found.ids), due)
        return Roster(course, members, at, kept=bool(self._links))

    def forget(self) -> None:
        """Know nothing, so that every class is read whole the next time."""
        self._links.clear()
        self._classes.clear()
        self._people.clear()
        self._unchanged.clear()

    async def _changed(self, patience: float) -> set[str]:
        """Ids of groups and people of whom anything changed."""
        rows: list[Mapping[str, Any]] = []
        links = []
        for link in self._links:
            more, following = await self._graph.changes(link, None, self._app, patience)
            rows += more
            links.append(following)
        self._links = links
        return {text(row, "id").lower() for row in rows}

    def _compare(self, changed: set[str], now: datetime) -> None:
        for id, known in self._classes.items():
            if id.lower() in changed or not changed.isdisjoint(known.listing.ids):
                known.due = _READ_AGAIN
            elif not known.due:
                self._unchanged[id] = now

    async def _begin(self, now: datetime, patience: float) -> None:
        """Count changes from now on; before anything is read, so that what changes meanwhile is told."""
        self.forget()
        if now < self._forbidden_until:
            return
        links = []
        try:
            for path, select in _FOLLOWED.items():
                query = {"$select": select, "$deltatoken": "latest"}
                _, link = await self._graph.changes(path, query, self._app, patience)
                links.append(link)
        except (NoAnswer, NotThere) as silence:
            if isinstance(silence, Forbidden):
                _log.info("every class is read in each sync: %s", silence)
                self._forbidden_until = now + _WHOLE_EVERY
        else:
            self._links, self._began = links, now
