"""Joining a course by oneself: asking its teacher, and coming in by the course's join code.

Nothing is changed that is not in the audit; whoever is let in is enrolled by hand, by the right of a member of staff.
"""

from __future__ import annotations

import hmac
import ipaddress
import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course, Joining
from jupyterhub_edu.domain.joining import (
    JoinCode,
    JoinRequest,
    fold_code,
)
from jupyterhub_edu.domain.people import EnrolmentState, Person
from jupyterhub_edu.ports import AuditEntry, Clock

from .by_hand import ByHand
from .explain import kept_out
from .settling import Tries

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "JoinTries",
    "Newcomer",
    "NoSuchCode",
    "NotAgainYet",
    "NothingToJoin",
    "TooManyJoins",
    "is_in",
    "sections_of",
]

_MOST_OF_ONE: Final = 5
"""Courses that one person asks at a time."""
_MOST_OF_COURSE: Final = 500
"""People who ask one course at a time."""
_ASKS_AN_HOUR: Final = 20
_WRONG_AN_HOUR: Final = 10
"""Wrong codes of one person within an hour."""
_WRONG_OF_ADDRESS: Final = 300
"""The same of one address, behind which a whole lecture hall may sit."""


class NothingToJoin(Exception):
    """There is no such course, or it is none to ask for whoever asks: the same answer."""


class NotAgainYet(Exception):
    """They were refused a short while ago."""

    def __init__(self, again_at: datetime) -> None:
        self.again_at = again_at
        super().__init__(again_at.isoformat())


class TooManyJoins(Exception):
    """They ask for too much, or too often, or too many ask this course."""


class NoSuchCode(Exception):
    """No course lets this person in by what they typed: no such code, one that is over, or one that is not for them."""


class JoinTries(NamedTuple):
    """What the hub remembers of those who try; it forgets them when it starts again.

    Attributes:
        asks: by account.
        wrong: wrong codes, by account.
        wrong_there: wrong codes, by address.
    """

    asks: Tries
    wrong: Tries
    wrong_there: Tries

    @classmethod
    def of(cls, clock: Clock) -> JoinTries:
        """None yet."""
        return cls(
            Tries(clock, _ASKS_AN_HOUR),
            Tries(clock, _WRONG_AN_HOUR),
            Tries(clock, _WRONG_OF_ADDRESS),
        )


class Newcomer:
    """One person at the doors of courses that they are not in.

    Always holds:
        - of a course that they may not ask, or are kept out of by hand, they learn nothing, not even that it exists;
        - a code that is wrong, over, used up, of a course that takes none, or of one that they are kept out of gives the
          same answer, and each counts as wrong; all codes are compared, each in the same time;
        - a code lets in by the right of whoever made it, as that is now.

    Args:
        address: theirs on the network, for the audit and the bound on wrong codes.
    """

    def __init__(self, core: Core, person: Person, address: str = "") -> None:
        self._core, self._person, self._address = core, person, address
        self._keys = [one.key for one in core.roll.identities(person)]

    # -- asking ------------------------------------------------------------------------------------------------

    def courses(self) -> list[Course]:
        """Those that they may ask, or have asked; in the campus's order."""
        now, roll = self._core.clock(), self._core.roll
        takes = [c for c in self._core.campus.courses.values() if c.takes(Joining.ASK, now)]
        if not takes:
            return []
        closed = {
            e.course
            for e in roll.enrolments(self._person)
            if e.state(now) is not EnrolmentState.ENDED
        }
        closed |= {
            one.course
            for one in roll.exclusions.of(self._keys)
            if one.until is None or now < one.until
        }
        return [course for course in takes if course.id not in closed]

    @property
    def takes_codes(self) -> bool:
        """Whether any course takes join codes at all."""
        now = self._core.clock()
        return any(c.takes(Joining.CODE, now) for c in self._core.campus.courses.values())

    def require_course(self, id: str) -> Course:
        """A course that they may ask, or have asked.

        Raises:
            NothingToJoin: see the class.
        """
        found = [course for course in self.courses() if course.id == id]
        if not found:
            raise NothingToJoin(id)
        return found[0]

    def asked(self, course: str) -> JoinRequest | None:
        """What they have asked of a course: it waits, or was refused so short a while ago that they may not ask again."""
        now = self._core.clock()
        for request in self._core.joins.of(self._keys):
            again_at = request.again_at
            if request.course == course and (again_at is None or now < again_at):
                return request
        return None

    async def ask(self, id: str, why: str = "") -> JoinRequest:
        """Ask to be let in; asking again while it waits changes nothing.

        Raises:
            NothingToJoin, NotAgainYet, TooManyJoins: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        core, course = self._core, self.require_course(id)
        async with core.joins.turn:
            former = self.asked(course.id)
            if former is not None:
                if former.again_at is not None:
                    raise NotAgainYet(former.again_at)
                return former
            waiting = [one for one in core.joins.requests() if one.waits]
            mine = [one for one in waiting if one.person in self._keys]
            here = [one for one in waiting if one.course == course.id]
            if len(mine) >= _MOST_OF_ONE or len(here) >= _MOST_OF_COURSE:
                raise TooManyJoins
            if not core.join_tries.asks.take(self._person.hub_name):
                raise TooManyJoins
            request = JoinRequest(uuid.uuid4().hex, course.id, self._person.key, core.clock(), why)
            await core.joins.save(request, self._entry("ask-to-join", course.id))
            return request

    async def withdraw(self, id: str) -> None:
        """Ask no more; nothing happens if nothing waits.

        Raises:
            NothingToJoin: see the class.
            StoreError: it could not be kept; nothing has changed.
        """
        course, joins = self.require_course(id), self._core.joins
        async with joins.turn:
            waits = [one for one in joins.of(self._keys) if one.waits and one.course == course.id]
            if waits:
                await joins.drop(waits, self._entry("withdraw-join", course.id))

    # -- the code ----------------------------------------------------------------------------------------------

    async def enter(self, typed: str) -> Course:
        """Come in by a code; one who is in the course already stays as they are.

        Raises:
            NoSuchCode: see the class.
            TooManyJoins: too many wrong ones, from this person or this address; a right one would get the same answer.
            StoreError: it could not be kept; they are not in.
        """
        tries, name, there = self._core.join_tries, self._person.hub_name, _network(self._address)
        if not tries.wrong.take(name):
            raise TooManyJoins
        if not tries.wrong_there.take(there):
            tries.wrong.give_back(name)
            raise TooManyJoins
        is_wrong = False
        try:
            return await self._enter(fold_code(typed))
        except NoSuchCode:
            is_wrong = True
            raise
        finally:
            if not is_wrong:
                tries.wrong.give_back(name)
                tries.wrong_there.give_back(there)

    async def _enter(self, typed: str) -> Course:
        core, joins, octets = self._core, self._core.joins, typed.encode()
        async with joins.turn:
            found = None
            for code in joins.codes():
                if hmac.compare_digest(code.code.encode(), octets):
                    found = code
            course = core.campus.courses.get(found.course) if found is not None else None
            if found is None or course is None:
                raise NoSuchCode
            if self._is_in(course.id):
                return course
            maker = core.roll.by_hub_name(found.by)
            if maker is None or not self._lets_in(found, course, maker):
                raise NoSuchCode
            used = replace(found, uses=found.uses + 1)
            asked = [one for one in joins.of(self._keys) if one.course == course.id]
            staff = ByHand(core, maker, course.id, self._address)
            await staff.admit(
                self._person.key,
                "join-by-code",
                sections=sections_of(found.section),
                why="by the join code",
                records=[joins.record_of(used)],
                forget=joins.over(asked),
            )
            joins.note_in(asked, used)
            return course

    # -- inside ------------------------------------------------------------------------------------------------

    def _lets_in(self, code: JoinCode, course: Course, maker: Person) -> bool:
        now, core = self._core.clock(), self._core
        is_good = course.takes(Joining.CODE, now) and code.is_good(now)
        may = core.may(Act.ENROL, maker, course.id)
        return is_good and may and not self._is_kept_out(course.id)

    def _is_in(self, course: str) -> bool:
        return is_in(self._core, self._person, course)

    def _is_kept_out(self, course: str) -> bool:
        core = self._core
        return kept_out(core.roll, self._person, course, core.clock()) is not None

    def _entry(self, act: str, course: str) -> AuditEntry:
        name = self._person.hub_name
        return AuditEntry(self._core.clock(), name, act, course, name, self._address)


def is_in(core: Core, person: Person, course: str) -> bool:
    """Whether somebody is in a course, or will be by an enrolment that they have."""
    now, mine = core.clock(), core.roll.enrolments_in(person, course)
    return any(e.state(now) is not EnrolmentState.ENDED for e in mine)


def sections_of(section: str) -> frozenset[str]:
    """The sections of an enrolment that says one, or ``""`` for none."""
    return frozenset([section]) if section else frozenset()


def _network(address: str) -> str:
    """What counts as one address: of IPv6 what one household or building has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
