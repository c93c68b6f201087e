"""At the door of a course: who asks to join it and is let in or not, and its join code."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course, CourseState, Joining
from jupyterhub_edu.domain.joining import CODE_LENGTH, CODE_SIGNS, JoinCode, JoinRequest
from jupyterhub_edu.domain.people import Enrolment, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry

from .by_hand import ByHand, NotYours
from .explain import kept_out
from .joining import is_in, sections_of

if TYPE_CHECKING:
    from .app import Core

__all__ = ["CannotCode", "CodeChanged", "Doorkeeper", "JoinNotYours", "NoSuchJoin", "tidy_joins"]

_MOST_USES: Final = 5000
_LONGEST: Final = timedelta(days=366)


class NoSuchJoin(Exception):
    """Nobody waits with this id to be let into this course."""


class JoinNotYours(Exception):
    """Who asks lets nobody into this course."""


class CannotCode(Exception):
    """There cannot be such a code; the text says why, for whoever wants it."""


class CodeChanged(Exception):
    """Somebody else has made or ended the course's code since it was looked at, and it is left as it is now."""


class Doorkeeper:
    """What one member of staff does at the door of one course.

    Always holds:
        - only who may add people to the course sees who asks, answers, and has to do with its code;
        - of a person who is in the course by now, or is kept out of it, no request is shown or answered.

    Args:
        address: network address of the actor, for the audit.

    Raises:
        JoinNotYours: see the class.
    """

    def __init__(self, core: Core, actor: Person, course: Course, address: str = "") -> None:
        if not core.may(Act.ENROL, actor, course.id):
            raise JoinNotYours
        self._core, self._actor, self._course, self._address = core, actor, course, address

    # -- who asks ----------------------------------------------------------------------------------------------

    def waiting(self) -> list[JoinRequest]:
        """Who waits for an answer, oldest first."""
        return [r for r in self._core.joins.in_course(self._course.id) if self._waits(r)]

    async def approve(
        self,
        id: str,
        *,
        section: str = "",
        starts: datetime | None = None,
        ends: datetime | None = None,
    ) -> Enrolment:
        """Let somebody in, as a student.

        Raises:
            NoSuchJoin, JoinNotYours: see the classes.
            StoreError: it could not be kept; nothing was done.
        """
        joins = self._core.joins
        async with joins.turn:
            request = self._require(id)
            why = f"asked to join: {request.why}" if request.why else "asked to join"
            staff = ByHand(self._core, self._actor, self._course.id, self._address)
            try:
                done = await staff.admit(
                    request.person,
                    "approve-join",
                    sections=sections_of(section),
                    starts=starts,
                    ends=ends,
                    why=why,
                    forget=joins.over([request]),
                )
            except NotYours as error:
                raise JoinNotYours from error
            joins.note_in([request])
            return done

    async def refuse(self, id: str, words: str = "") -> None:
        """Let somebody not in; they learn it, and may ask again after a while.

        Raises:
            NoSuchJoin: see the class.
            StoreError: it could not be kept; nothing has changed.
        """
        joins, now = self._core.joins, self._core.clock()
        async with joins.turn:
            request = self._require(id)
            person = self._core.roll.person(request.person)
            answered = replace(request, refused_at=now, by=self._actor.hub_name, words=words)
            target = person.hub_name if person is not None else request.person
            await joins.save(answered, self._entry("refuse-join", target, why=words))

    # -- the code ----------------------------------------------------------------------------------------------

    @property
    def code(self) -> JoinCode | None:
        """The course's code, also one that is over."""
        return self._core.joins.code(self._course.id)

    async def make_code(
        self, ends: datetime, most: int, section: str = "", *, seen: str | None = None
    ) -> JoinCode:
        """Make a code, in the place of the one that there is.

        Args:
            ends: aware UTC instant.
            most: how many it lets in.
            seen: the code that the actor was shown, as people write it, or ``""`` for none; None: whatever is there.

        Raises:
            CannotCode, CodeChanged: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        course, now = self._course, self._core.clock()
        if Joining.CODE not in course.joining:
            raise CannotCode(say("The course is joined by no code."))
        last = now + _LONGEST if course.ends is None else min(course.ends, now + _LONGEST)
        if course.state is not CourseState.OPEN or not now < ends <= last:
            raise CannotCode(say("It ends before it begins, after the course, or in over a year."))
        if not 1 <= most <= _MOST_USES:
            raise CannotCode(
                say("It lets in at least 1 and at most {most_uses}.", most_uses=_MOST_USES)
            )
        signs = "".join(secrets.choice(CODE_SIGNS) for _ in range(CODE_LENGTH))
        code = JoinCode(course.id, signs, self._actor.hub_name, now, ends, most, 0, section)
        async with self._core.joins.turn:
            self._require_seen(seen)
            until = ends.isoformat()
            entry = self._entry("make-join-code", until=until, most=most, section=section)
            await self._core.joins.save_code(code, entry)
        return code

    async def end_code(self, seen: str | None = None) -> None:
        """Let the course have no code; nothing happens if it has none.

        Args:
            seen: as for ``make_code``.

        Raises:
            CodeChanged: see the class.
            StoreError: it could not be kept; nothing has changed.
        """
        async with self._core.joins.turn:
            self._require_seen(seen)
            if self.code is not None:
                uses = self.code.uses
                await self._core.joins.drop_code(
                    self.code, self._entry("end-join-code", uses=uses)
                )

    # -- inside ------------------------------------------------------------------------------------------------

    def _require(self, id: str) -> JoinRequest:
        request = self._core.joins.find(self._course.id, id)
        if request is None or not self._waits(request):
            raise NoSuchJoin(id)
        return request

    def _require_seen(self, seen: str | None) -> None:
        if seen is not None and seen != (self.code.text if self.code is not None else ""):
            raise CodeChanged

    def _waits(self, request: JoinRequest) -> bool:
        core, course = self._core, self._course.id
        person = core.roll.person(request.person)
        if person is None or not request.waits or is_in(core, person, course):
            return False
        return kept_out(core.roll, person, course, core.clock()) is None

    def _entry(self, act: str, target: str = "", **details: str | int) -> AuditEntry:
        at, actor = self._core.clock(), self._actor.hub_name
        return AuditEntry(at, actor, act, self._course.id, target, self._address, details)


async def tidy_joins(core: Core) -> None:
    """Keep no requests that nobody will answer: after a refusal its while, of courses that are over, of who is in by now.

    Raises:
        StoreError: the store cannot be written.
    """
    now, courses = core.clock(), core.campus.courses
    over = []
    for request in core.joins.requests():
        person, course = core.roll.person(request.person), courses.get(request.course)
        ends = course.ends if course is not None else None
        is_over = course is None or (ends is not None and now >= ends)
        may_again = request.again_at is not None and now >= request.again_at
        if is_over or may_again or person is None or is_in(core, person, request.course):
            over.append(request)
    async with core.joins.turn:
        await core.joins.drop(over)
