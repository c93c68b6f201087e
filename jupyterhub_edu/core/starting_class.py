"""Starting a whole class's servers, now or at a time: what a member of staff does about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry

from .class_starts import ClassStart
from .starting_for import StartingNotYours

if TYPE_CHECKING:
    from .app import Core

__all__ = ["CannotStart", "StartingClass"]

_MOST_AHEAD: Final = timedelta(days=14)


class CannotStart(Exception):
    """There cannot be such a class start; the text says why, for whoever wants it."""


class StartingClass:
    """What one member of staff does about the class start of one course.

    Args:
        address: network address of the actor, for the audit.

    Raises:
        StartingNotYours: they start nobody's servers here.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        if not core.may(Act.START_FOR, actor, course):
            raise StartingNotYours
        self._core, self._actor, self._course, self._address = core, actor, course, address

    async def plan(
        self, profile: str | None = None, section: str = "", at: datetime | None = None
    ) -> ClassStart:
        """Start everybody's server, now or at a time before the class.

        Args:
            profile: its key; None: the first that the course offers its students.
            section: of those whose servers are started, or ``""`` for all students.
            at: aware UTC instant; None: now.

        Raises:
            CannotStart: see the class.
            StoreError: it could not be kept; nothing has changed.
        """
        async with self._core.class_starts.turn:
            return await self._plan(profile, section, at)

    async def _plan(self, profile: str | None, section: str, at: datetime | None) -> ClassStart:
        core, now = self._core, self._core.clock()
        starts, course = core.class_starts, core.campus.courses[self._course]
        former = starts.of(self._course)
        if former is not None and former.goes_on:
            raise CannotStart(say("There is one already. Call it off first."))
        if profile is not None and profile not in course.offers.get(CourseRole.STUDENT, ()):
            raise CannotStart(say("The course does not offer this profile to its students."))
        if at is not None and not now <= at <= now + _MOST_AHEAD:
            raise CannotStart(
                say("Its time is past, or more than {days} days ahead.", days=_MOST_AHEAD.days)
            )
        start = ClassStart(
            self._course, profile, section, self._actor.hub_name, self._address, at or now
        )
        await starts.put(start, self._entry("start-class", start))
        return start if at is not None else await starts.begin(start)

    async def call_off(self) -> None:
        """Ask for no more servers; nothing happens if none are asked for.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        starts = self._core.class_starts
        async with starts.turn:
            start = starts.of(self._course)
            if start is not None and start.goes_on:
                await starts.call_off(start, self._entry("call-off-class-start", start))

    def _entry(self, act: str, start: ClassStart) -> AuditEntry:
        at, actor = self._core.clock(), self._actor.hub_name
        details = {"profile": start.profile or "", "at": start.at.isoformat()}
        if start.section:
            details["section"] = start.section
        return AuditEntry(at, actor, act, self._course, "", self._address, details)
