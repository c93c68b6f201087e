"""Ending the sessions of those who are no longer in the course, where the campus wants that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.outside import SITE
from jupyterhub_edu.domain.people import source_origin

__all__ = ["Losses"]

_SLICE: Final = 50
"""Sessions looked at before others get their turn on the event loop."""


class Losses:
    """One look at all sessions: whose person is still enrolled in their course.

    Always holds:
        - an enrolment is lost only by what somebody said: a source that does not answer takes nothing away, and nothing
          follows from an answer older than ``stale_after``;
        - a session is warned as long as before any other end, and goes on if the enrolment comes back before;
        - a course that the campus file no longer has ends nobody's session, and a server of an exam ends with the exam.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def __call__(self) -> None:
        """Move the ends of those who have lost their enrolment, and take back those of the others.

        Raises:
            StoreError: one could not be kept; the next look does it.
        """
        await self._core.sooner.tidy()
        async for admission in in_slices(self._core.book.admissions(), _SLICE):
            now = self._core.clock()
            if self._core.campus.stops_lost and self._is_lost(admission, now):
                first = max(self._core.campus.warn_at, default=timedelta(0))
                await self._core.sooner.move(admission.id, EndRule.LOST, now + first)
            elif self._core.sooner.wanted(admission.id, EndRule.LOST) is not None:
                await self._core.sooner.take_back(admission.id, EndRule.LOST)

    def _has(self, course: str) -> bool:
        """Whether the campus file has the course, or offers anything outside all of them."""
        campus = self._core.campus
        return course in campus.courses or (course == SITE and bool(campus.no_course))

    def _is_lost(self, admission: Admission, now: datetime) -> bool:
        roll, course = self._core.roll, admission.course
        person = roll.person(admission.person)
        if person is None or admission.exam is not None or not self._has(course):
            return False
        if roll.course_role(person, course, now) is not None:
            return False
        identities = roll.identities(person)
        excluded = roll.exclusions.of([one.key for one in identities])
        if any(e.course == course and (e.until is None or now < e.until) for e in excluded):
            return True
        heard = [one.answered_at for one in identities]
        origins = (source_origin(one.source) for one in identities)
        rosters = (roll.rosters.complete.get((origin, course)) for origin in origins)
        heard += [at for at in rosters if at is not None]
        return now - max(heard) < self._core.campus.stale_after
