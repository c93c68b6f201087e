"""Preparing, changing and ending exams of one course, by whoever may; nothing is changed that is not in the audit."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.exams import Exam, Phase
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry, AuditQuery, StoreError

from .along import ALONE, Along
from .exam_records import Prepared, tag_of
from .exam_wishes import CannotExamine, ExamWish, make_exam
from .slices import in_slices

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "STARTED",
    "ExamChanged",
    "ExamTooLong",
    "Examining",
    "ExaminingNotYours",
    "NoSuchExam",
    "Sat",
]

_log = logging.getLogger(__name__)
STARTED: Final = "start-in-exam"
"""What the audit calls the start of a server in an exam."""
_MOST: Final = 50
"""Exams of one course that are not over."""
_PROTOCOL: Final = 20_000
"""Starts in exams of a course that are looked through, the newest first."""


class ExaminingNotYours(Exception):
    """Who asks holds no exams in this course."""


class NoSuchExam(Exception):
    """The course has none with this id."""


class ExamTooLong(Exception):
    """A teacher may not hold one so long alone; the text says how long. An administrator can."""


class ExamChanged(Exception):
    """Somebody else has changed it since it was looked at, and it is left as it is now."""

    def __init__(self, now: Prepared) -> None:
        super().__init__(say("Somebody else has changed it meanwhile."))
        self.now = now


class Sat(NamedTuple):
    """One start in an exam.

    Attributes:
        hub_name: the hub account, or its stand-in once it is erased.
        address: from where, or ``""``.
        admission: of its session, or None if nothing is kept of that any more.
    """

    hub_name: str
    at: datetime
    address: str
    admission: Admission | None


class Examining:
    """What one member of staff does with exams of one course.

    Always holds:
        - a teacher stays within the ceiling, extra time included; an administrator of the site does not;
        - before its start everything of an exam can be changed, after it only what takes nothing away: its end, extra
          time, more participants; nothing of one that is over;
        - nobody's session ends by a change without the shortest warning;
        - who says what they have seen (``tag_of`` the exam) changes that and nothing newer.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address

    def require_may(self) -> None:
        """Make sure that the actor holds exams here at all.

        Raises:
            ExaminingNotYours: they do not.
        """
        if not self._may(within_ceiling=True):
            raise ExaminingNotYours

    def find(self, id: str) -> Prepared:
        """One exam of this course.

        Raises:
            ExaminingNotYours, NoSuchExam: see the classes.
        """
        self.require_may()
        known = self._core.exams.find(id)
        if known is None or known.exam.course != self._course:
            raise NoSuchExam(id)
        return known

    async def draft(self, wish: ExamWish) -> Exam:
        """What would be prepared; nothing is kept.

        Raises:
            ExaminingNotYours, ExamTooLong, CannotExamine: see the classes.
            NotNamed: names that mean nobody in the course, or several.
        """
        self.require_may()
        if wish.starts is None or wish.ends is None or wish.profile is None:
            raise CannotExamine(say("Say from when until when, and which profile."))
        if wish.starts < self._core.clock():
            raise CannotExamine(say("It would have begun already."))
        course = self._core.campus.courses[self._course]
        exam = await make_exam(self._core, course, uuid.uuid4().hex, wish, None)
        self._require_allowed(exam)
        return exam

    async def prepare(self, wish: ExamWish, along: Along = ALONE) -> Prepared:
        """Prepare one; the very same again, by the same person before it is over, changes nothing.

        Args:
            along: kept in the same step.

        Raises:
            ExaminingNotYours, ExamTooLong, CannotExamine, NotNamed: as for ``draft``.
            StoreError: it could not be kept; nothing has changed.
        """
        core = self._core
        async with core.exams.turn:
            exam, now = await self.draft(wish), core.clock()
            waiting = [p for p in core.exams.of(self._course) if p.exam.phase(now) != Phase.OVER]
            mine = (one for one in waiting if one.by == self._actor.hub_name)
            again = next((one for one in mine if replace(one.exam, id=exam.id) == exam), None)
            if again is not None and along is ALONE:
                return again
            if len(waiting) >= _MOST:
                raise CannotExamine(
                    say("The course has {most} exams to come. Call some off.", most=_MOST)
                )
            prepared = Prepared(exam, self._actor.hub_name, now)
            await core.exams.save(prepared, self._entry("prepare-exam", exam), along)
        await self._look()
        return prepared

    async def changed(self, id: str, wish: ExamWish) -> Exam:
        """What an exam would be with this change; nothing is kept.

        Raises:
            ExaminingNotYours, NoSuchExam, ExamTooLong, CannotExamine, NotNamed: as for the others.
        """
        former, now = self.find(id).exam, self._core.clock()
        phase = former.phase(now)
        if phase is Phase.OVER:
            raise CannotExamine(say("It is over."))
        if phase is not Phase.BEFORE:
            self._require_takes_nothing(former, wish)
        elif wish.starts is not None and wish.starts < now:
            raise CannotExamine(say("It would have begun already."))
        course = self._core.campus.courses[self._course]
        exam = await make_exam(self._core, course, id, wish, former)
        if phase is not Phase.BEFORE and not self._leaves_time(former, exam):
            raise CannotExamine(
                say("An exam that has begun ends no sooner than {soon}.", soon=self._soon())
            )
        self._require_allowed(exam)
        return exam

    async def change(self, id: str, wish: ExamWish, seen: str | None = None) -> Prepared:
        """Change one.

        Raises:
            ExaminingNotYours, NoSuchExam, ExamTooLong, CannotExamine, NotNamed: as for ``changed``.
            ExamChanged: it is not as it was seen.
            StoreError: it could not be kept; nothing has changed.
        """
        async with self._core.exams.turn:
            self._find_as(id, seen)
            exam = await self.changed(id, wish)
            return await self._keep(exam, "change-exam")

    async def begin(self, id: str, seen: str | None = None) -> Prepared:
        """Begin one now that was to begin later.

        Raises:
            ExaminingNotYours, NoSuchExam, ExamTooLong, CannotExamine, ExamChanged, StoreError: as for ``change``.
        """
        async with self._core.exams.turn:
            exam, now = self._find_as(id, seen).exam, self._core.clock()
            if exam.phase(now) is not Phase.BEFORE:
                raise CannotExamine(say("It has begun."))
            exam = replace(exam, starts=now)
            self._require_allowed(exam)
            return await self._keep(exam, "begin-exam")

    async def end(self, id: str, seen: str | None = None) -> Prepared:
        """End one for everybody, extra time included, once whoever sits has been warned.

        Raises:
            ExaminingNotYours, NoSuchExam, CannotExamine, ExamChanged, StoreError: as for ``change``.
        """
        async with self._core.exams.turn:
            exam, now = self._find_as(id, seen).exam, self._core.clock()
            if exam.phase(now) in (Phase.BEFORE, Phase.OVER):
                raise CannotExamine(say("It does not go on: call it off, or leave it as it is."))
            closed = now + min(self._core.campus.warn_at, default=timedelta(0))
            exam = replace(exam, closed=min(closed, exam.closed or closed))
            return await self._keep(exam, "end-exam")

    async def call_off(self, id: str, seen: str | None = None) -> None:
        """Take one back that has not begun.

        Raises:
            ExaminingNotYours, NoSuchExam, CannotExamine, ExamChanged, StoreError: as for ``change``.
        """
        core = self._core
        async with core.exams.turn:
            exam = self._find_as(id, seen).exam
            if exam.phase(core.clock()) is not Phase.BEFORE:
                raise CannotExamine(say("It has begun: end it instead."))
            await core.exams.drop(exam, self._entry("call-off-exam", exam))
        await self._look()

    async def protocol(self, id: str) -> list[Sat]:
        """Who started when from where, oldest first.

        Raises:
            ExaminingNotYours, NoSuchExam: see the classes.
            StoreError: it cannot be read now.
        """
        exam, store = self.find(id).exam, self._core.store
        query = AuditQuery(course=self._course, act=STARTED, since=exam.starts)
        filed = await store.find_audit(query, limit=_PROTOCOL)
        found = []
        for one in (one.entry for one in reversed(filed)):
            if one.details.get("exam") != id:
                continue
            started = str(one.details["admission"])
            admission = self._core.book.admission(started) or await store.find_admission(started)
            found.append(Sat(one.target, one.at, one.address, admission))
        return found

    async def absent(self, id: str, sat: Iterable[Sat]) -> list[str]:
        """The keys of those who take part, now or when it begins, and are not among ``sat``.

        Raises:
            ExaminingNotYours, NoSuchExam: see the classes.
        """
        core, exam = self._core, self.find(id).exam
        came = {one.hub_name for one in sat}
        found = []
        async for key in in_slices(await core.exams.members(exam, max(core.clock(), exam.starts))):
            person = core.roll.person(key)
            if person is None or person.hub_name not in came:
                found.append(key)
        return found

    # -- inside ------------------------------------------------------------------------------------------------

    def _find_as(self, id: str, seen: str | None) -> Prepared:
        known = self.find(id)
        if seen is not None and seen != tag_of(known):
            raise ExamChanged(known)
        return known

    def _may(self, *, within_ceiling: bool) -> bool:
        return self._core.may(Act.EXAM, self._actor, self._course, within_ceiling=within_ceiling)

    def _require_allowed(self, exam: Exam) -> None:
        ceiling = self._core.campus.ceilings.exam
        if not self._may(within_ceiling=exam.length <= ceiling):
            minutes = ceiling // timedelta(minutes=1)
            raise ExamTooLong(
                say(
                    "Teachers hold exams of at most {minutes} minutes, extra time included.",
                    minutes=minutes,
                )
            )

    def _require_takes_nothing(self, former: Exam, wish: ExamWish) -> None:
        fixed: tuple[Any, ...] = (wish.starts, wish.profile, wish.image, wish.options)
        if any(one is not None for one in fixed):
            raise CannotExamine(
                say("It has begun: its end, extra time and more participants are left.")
            )
        if former.closed is not None:
            raise CannotExamine(say("It is being ended."))

    def _leaves_time(self, former: Exam, exam: Exam) -> bool:
        """Whether nobody's own end comes sooner than a warning of it."""
        soon = self._soon()
        return all(
            exam.ends_for(who) >= min(soon, former.ends_for(who))
            for who in ((), *((key,) for key in former.extra))
        )

    def _soon(self) -> datetime:
        return self._core.clock() + min(self._core.campus.warn_at, default=timedelta(0))

    async def _keep(self, exam: Exam, act: str) -> Prepared:
        core, former = self._core, self._core.exams.find(exam.id)
        by, at = (former.by, former.at) if former else (self._actor.hub_name, core.clock())
        prepared = Prepared(exam, by, at)
        await core.exams.save(prepared, self._entry(act, exam, former.exam if former else None))
        await self._look()
        return prepared

    async def _look(self) -> None:
        """Let what has changed take effect at once; what cannot be kept now is tried again by itself."""
        try:
            await self._core.exams.look(self._core.sooner)
        except StoreError:
            _log.exception("an exam does not end all it should yet")

    def _entry(self, act: str, exam: Exam, former: Exam | None = None) -> AuditEntry:
        """What the audit says; of a change also how it was."""
        details, before = _told(exam), _told(former) if former is not None else {}
        was = {f"{key}_was": old for key, old in before.items() if old != details[key]}
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            address=self._address,
            details={"exam": exam.id, **details, **was},
        )


def _told(exam: Exam) -> dict[str, str | int | None]:
    return {
        "title": exam.title,
        "from": exam.starts.isoformat(),
        "until": exam.ends.isoformat(),
        "profile": exam.profile,
        "image": exam.image,
        "participants": len(exam.participants) if exam.participants is not None else None,
        "with_extra_time": len(exam.extra),
    }
