"""Preparing, changing and ending exams of one course, by whoever may; nothing is changed that is not in the audit."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Held, StartRequest, decide_start
from jupyterhub_edu.domain.exams import Exam, Phase, Sitting, unseated
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.profiles import Profile, choose
from jupyterhub_edu.domain.promises import Promises
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.ports import AuditEntry, StoreError

from .exams import Prepared, amounts_of
from .named import find_members

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "STARTED",
    "CannotExamine",
    "ExamTooLong",
    "ExamWish",
    "Examining",
    "ExaminingNotYours",
    "NoSuchExam",
    "Rehearsal",
    "Rehearsed",
    "Sat",
]

_log = logging.getLogger(__name__)
STARTED: Final = "start-in-exam"
"""What the audit calls the start of a server in an exam."""
_IMAGE: Final = re.compile(
    r"[a-z0-9.-]+(:[0-9]+(?=/))?(/[a-z0-9._-]+)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
    re.ASCII,
)
_MOST: Final = 50
"""Exams of one course that are not over."""
_A_WEEK: Final = timedelta(days=7)
_SLICE: Final = 20
"""People decided about before others get their turn on the event loop."""
_PROTOCOL: Final = 20_000
"""Entries of a course's audit that are looked through, the newest first."""
_NOT_TOLD: Final = frozenset({Code.ROSTER_STALE})
"""Of what will be at the start of an exam nothing is known yet."""


class ExaminingNotYours(Exception):
    """Who asks holds no exams in this course."""


class NoSuchExam(Exception):
    """The course has none with this id."""


class CannotExamine(Exception):
    """It means nothing here, or comes too late; the text says why, for whoever asked."""


class ExamTooLong(Exception):
    """A teacher may not hold one so long alone; the text says how long. An administrator can."""


class ExamWish(NamedTuple):
    """What is to be prepared, or changed; in a change None leaves it as it is.

    Attributes:
        image: None: the one that the profile has with these options.
        participants: names of people of the course; None: all its students.
        extra: additional time by name, in place of what that person had; nothing takes it away.
    """

    starts: datetime | None = None
    ends: datetime | None = None
    profile: str | None = None
    image: str | None = None
    options: Mapping[str, str] | None = None
    participants: Collection[str] | None = None
    extra: Mapping[str, timedelta] | None = None


class Rehearsed(NamedTuple):
    """What would happen to one participant.

    Attributes:
        key: the person's.
        ends: their own end.
        stops: sessions of theirs that run now and would be stopped at the start.
        reasons: why they would not be let in, as far as that is known now; devices are not asked.
        is_known: they have logged in before.
    """

    key: str
    ends: datetime
    stops: tuple[Admission, ...]
    reasons: tuple[Reason, ...]
    is_known: bool


class Rehearsal(NamedTuple):
    """What would happen to whom.

    Attributes:
        devices: that are held for all together.
        unseated: how many would not start, as far as that is known now.
        leaves: other servers run on.
    """

    exam: Exam
    people: tuple[Rehearsed, ...]
    devices: int
    unseated: int
    leaves: bool


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
        - nobody's session ends by a change without the shortest warning.

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
            raise CannotExamine("Say from when until when, and which profile.")
        if wish.starts < self._core.clock():
            raise CannotExamine("It would have begun already.")
        exam = await self._made(uuid.uuid4().hex, wish, None)
        self._require_allowed(exam)
        return exam

    async def prepare(self, wish: ExamWish) -> Prepared:
        """Prepare one.

        Raises:
            ExaminingNotYours, ExamTooLong, CannotExamine, NotNamed: as for ``draft``.
            StoreError: it could not be kept; nothing has changed.
        """
        core = self._core
        async with core.exams.turn:
            exam, now = await self.draft(wish), core.clock()
            waiting = [p for p in core.exams.of(self._course) if p.exam.phase(now) != Phase.OVER]
            if len(waiting) >= _MOST:
                raise CannotExamine(f"The course has {_MOST} exams to come. Call some off.")
            prepared = Prepared(exam, self._actor.hub_name, now)
            await core.exams.save(prepared, self._entry("prepare-exam", exam))
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
            raise CannotExamine("It is over.")
        if phase is not Phase.BEFORE:
            self._require_takes_nothing(former, wish)
        elif wish.starts is not None and wish.starts < now:
            raise CannotExamine("It would have begun already.")
        exam = await self._made(id, wish, former)
        if phase is not Phase.BEFORE and not self._leaves_time(former, exam):
            raise CannotExamine(f"An exam that has begun ends no sooner than {self._soon()}.")
        self._require_allowed(exam)
        return exam

    async def change(self, id: str, wish: ExamWish) -> Prepared:
        """Change one.

        Raises:
            ExaminingNotYours, NoSuchExam, ExamTooLong, CannotExamine, NotNamed: as for ``changed``.
            StoreError: it could not be kept; nothing has changed.
        """
        async with self._core.exams.turn:
            exam = await self.changed(id, wish)
            return await self._keep(exam, "change-exam")

    async def begin(self, id: str) -> Prepared:
        """Begin one now that was to begin later.

        Raises:
            ExaminingNotYours, NoSuchExam, ExamTooLong, CannotExamine, StoreError: as for ``change``.
        """
        async with self._core.exams.turn:
            exam, now = self.find(id).exam, self._core.clock()
            if exam.phase(now) is not Phase.BEFORE:
                raise CannotExamine("It has begun.")
            exam = replace(exam, starts=now)
            self._require_allowed(exam)
            return await self._keep(exam, "begin-exam")

    async def end(self, id: str) -> Prepared:
        """End one for everybody, extra time included, once whoever sits has been warned.

        Raises:
            ExaminingNotYours, NoSuchExam, CannotExamine, StoreError: as for ``change``.
        """
        async with self._core.exams.turn:
            exam, now = self.find(id).exam, self._core.clock()
            if exam.phase(now) in (Phase.BEFORE, Phase.OVER):
                raise CannotExamine("It does not go on: call it off, or leave it as it is.")
            closed = now + min(self._core.campus.warn_at, default=timedelta(0))
            exam = replace(exam, closed=min(closed, exam.closed or closed))
            return await self._keep(exam, "end-exam")

    async def call_off(self, id: str) -> None:
        """Take one back that has not begun.

        Raises:
            ExaminingNotYours, NoSuchExam, CannotExamine, StoreError: as for ``change``.
        """
        core = self._core
        async with core.exams.turn:
            exam = self.find(id).exam
            if exam.phase(core.clock()) is not Phase.BEFORE:
                raise CannotExamine("It has begun: end it instead.")
            await core.exams.drop(exam, self._entry("call-off-exam", exam))
        await self._look()

    async def rehearse(self, exam: Exam) -> Rehearsal:
        """What would happen to whom; nothing is changed. Ask ``require_may`` before."""
        core, people = self._core, list[Rehearsed]()
        sittings = await core.exams.members(exam, max(exam.starts, core.clock()))
        for key, sitting in sittings.items():
            people.append(self._rehearsed(exam, key, sitting))
            if len(people) % _SLICE == 0:
                await asyncio.sleep(0)
        granted = amounts_of(core.campus, exam)
        each = granted.amounts.devices if granted is not None else 0
        missing = (
            self._unseated(exam, granted.flavor, each, len(people)) if granted and each else 0
        )
        return Rehearsal(exam, tuple(people), each * len(people), missing, core.campus.exams_leave)

    async def protocol(self, id: str) -> list[Sat]:
        """Who started when from where, oldest first.

        Raises:
            ExaminingNotYours, NoSuchExam: see the classes.
            StoreError: it cannot be read now.
        """
        self.find(id)
        store = self._core.store
        entries = await store.load_audit(self._course, _PROTOCOL)
        mine = [e for e in entries if e.act == STARTED and e.details.get("exam") == id]
        return [
            Sat(e.target, e.at, e.address, await store.find_admission(str(e.details["admission"])))
            for e in reversed(mine)
        ]

    # -- inside ------------------------------------------------------------------------------------------------

    def _may(self, *, within_ceiling: bool) -> bool:
        return self._core.may(Act.EXAM, self._actor, self._course, within_ceiling=within_ceiling)

    def _require_allowed(self, exam: Exam) -> None:
        ceiling = self._core.campus.ceilings.exam
        if not self._may(within_ceiling=exam.length <= ceiling):
            minutes = ceiling // timedelta(minutes=1)
            raise ExamTooLong(
                f"Teachers hold exams of at most {minutes} minutes, extra time included."
            )

    def _require_takes_nothing(self, former: Exam, wish: ExamWish) -> None:
        fixed: tuple[Any, ...] = (wish.starts, wish.profile, wish.image, wish.options)
        if any(one is not None for one in fixed):
            raise CannotExamine(
                "It has begun: its end, extra time and more participants are left."
            )
        if former.closed is not None:
            raise CannotExamine("It is being ended.")

    async def _made(self, id: str, wish: ExamWish, former: Exam | None) -> Exam:
        core, course = self._core, self._core.campus.courses[self._course]
        names = [*(wish.participants or ()), *(wish.extra or ())]
        found = await find_members(core.roll, self._course, names)
        key = wish.profile or (former.profile if former else "")
        profile = self._profile(course, key)
        options = wish.options if wish.options is not None else former.options if former else {}
        if wish.options is None and former is not None and former.profile != key:
            options = {}
        same = former is not None and wish.profile is None and wish.options is None
        image = wish.image or (former.image if same and former is not None else None)
        exam_image = self._image(profile, options, image, course)
        extra = dict(former.extra) if former is not None else {}
        extra.update((found[name], time) for name, time in (wish.extra or {}).items())
        listed = former.participants if former is not None else None
        if wish.participants is not None:
            listed = frozenset(found[name] for name in wish.participants)
            if former is not None and self._has_begun(former):
                listed = self._more(former, listed)
        try:
            exam = Exam(
                id=id,
                course=self._course,
                starts=wish.starts or _known(former).starts,
                ends=wish.ends or _known(former).ends,
                profile=profile.key,
                image=exam_image,
                options=dict(options),
                participants=listed,
                extra={key: time for key, time in extra.items() if time},
                closed=former.closed if former is not None else None,
            )
        except ValueError as error:
            raise CannotExamine(f"{str(error).capitalize()}.") from error
        self._require_sense(exam, course)
        return exam

    def _profile(self, course: Course, key: str) -> Profile:
        profile = self._core.campus.profiles.get(key)
        if profile is None or key not in course.offers.get(CourseRole.STUDENT, ()):
            raise CannotExamine(f"The course offers its students no profile {key!r}.")
        return profile

    def _image(
        self, profile: Profile, options: Mapping[str, str], image: str | None, course: Course
    ) -> str:
        fixed = {option.key: option.default for option in profile.options.values()}
        chosen = choose(profile, {**fixed, **options}, CourseRole.STUDENT, course.image)
        if isinstance(chosen, list):
            raise CannotExamine(" ".join(reason.sentence for reason in chosen))
        image = image or chosen.image or ""
        if not _IMAGE.fullmatch(image):
            raise CannotExamine("Say an image with its tag or digest: registry/name:tag.")
        return image

    def _require_sense(self, exam: Exam, course: Course) -> None:
        if exam.length > _A_WEEK:
            raise CannotExamine("It is longer than a week.")
        last = exam.starts + exam.length
        if (course.starts and exam.starts < course.starts) or (course.ends and last > course.ends):
            raise CannotExamine("It lies outside the course's dates.")

    def _more(self, former: Exam, listed: frozenset[str]) -> frozenset[str]:
        if former.participants is None or not former.participants <= listed:
            raise CannotExamine("It has begun: participants can be added, and not taken out.")
        return listed

    def _has_begun(self, exam: Exam) -> bool:
        return exam.phase(self._core.clock()) is not Phase.BEFORE

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
        await core.exams.save(prepared, self._entry(act, exam))
        await self._look()
        return prepared

    async def _look(self) -> None:
        """Let what has changed take effect at once; what cannot be kept now is tried again by itself."""
        try:
            await self._core.exams.look(self._core.sooner)
        except StoreError:
            _log.exception("an exam does not end all it should yet")

    def _rehearsed(self, exam: Exam, key: str, sitting: Sitting) -> Rehearsed:
        core = self._core
        person = core.roll.person(key)
        if person is None:
            return Rehearsed(key, sitting.ends, (), (), is_known=False)
        stops = [] if core.campus.exams_leave else core.book.held_by(person.hub_name)
        glance = core.book.glance(key, exam.course)
        facts = glance.facts(exam.profile)._replace(
            held=Held(), pool=None, budgets=None, exams=(sitting,)
        )
        request = StartRequest(key, exam.course, exam.profile)
        reasons = decide_start(request, facts, exam.starts).reasons
        return Rehearsed(
            key,
            sitting.ends,
            tuple(one for one in stops if one.exam != exam.id),
            tuple(reason for reason in reasons if reason.code not in _NOT_TOLD),
            is_known=True,
        )

    def _unseated(self, exam: Exam, flavor: str, each: int, people: int) -> int:
        """How many would not start, were all sessions of ours over by then, and what others reserve kept free."""
        core = self._core
        state = core.book.state(flavor)
        nodes = dict(state.nodes)
        for holding in state.holdings.values():
            if holding.node in nodes:
                nodes[holding.node] += holding.devices
        count = core.campus.flavors[flavor].count
        total = sum(nodes.values()) if count is None else min(sum(nodes.values()), count)
        promises = Promises(core.campus.courses.values(), flavor).at(exam.starts)
        others = sum(share.reserved for share in promises.values())
        others += core.exams.held_beside(exam, flavor)
        return max(unseated(people, each, nodes.values()), people - max(0, total - others) // each)

    def _entry(self, act: str, exam: Exam) -> AuditEntry:
        details: dict[str, str | int | None] = {
            "exam": exam.id,
            "from": exam.starts.isoformat(),
            "until": exam.ends.isoformat(),
            "profile": exam.profile,
            "image": exam.image,
            "participants": len(exam.participants) if exam.participants is not None else None,
            "with_extra_time": len(exam.extra),
        }
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            address=self._address,
            details=details,
        )


def _known(exam: Exam | None) -> Exam:
    if exam is None:
        raise CannotExamine("Say from when until when.")
    return exam
