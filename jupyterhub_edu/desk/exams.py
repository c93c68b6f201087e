"""The REST API for exams: prepare one, rehearse it, give extra time, end it, and read who started when from where."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.exam_records import Prepared, tag_of
from jupyterhub_edu.core.exam_wishes import CannotExamine, ExamWish
from jupyterhub_edu.core.examining import (
    ExamChanged,
    Examining,
    ExaminingNotYours,
    ExamTooLong,
    NoSuchExam,
    Sat,
)
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.rehearsing import Recalled, Rehearsal, Rehearsed, rehearse
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.exams import Exam
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import exams as wire
from jupyterhub_edu.wire.shapes import Paged

from .api import API
from .grants import names_json
from .operations import operation
from .paging import page_of
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, instant, iso

__all__ = [
    "EXAM_REFUSALS",
    "ExamAPI",
    "ExamActAPI",
    "ExamsAPI",
    "ProtocolAPI",
    "exam_routes",
    "read_wish",
]

_T = TypeVar("_T")
EXAM_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    ExaminingNotYours: Code.NOT_YOUR_EXAMS,
    ExamTooLong: Code.ABOVE_CEILING,
    CannotExamine: Code.CANNOT_EXAMINE,
    NoSuchExam: Code.NO_SUCH_EXAM,
    NotNamed: Code.NOT_IN_COURSE,
    StoreError: Code.NOT_WRITTEN,
}
_SEEING: Final = frozenset({Code.NO_SUCH_COURSE, Code.NOT_YOUR_EXAMS})
_ALL: Final = frozenset({Code.NO_SUCH_COURSE, *EXAM_REFUSALS.values()})
_MINUTE: Final = timedelta(minutes=1)


class _ExaminingAPI(API):
    """One course's exams, by whoever takes part in it; what they may there is looked up anew for each request."""

    async def examining(self, course_id: str) -> tuple[Core, Examining]:
        core, viewer, course = await self.course_of(course_id)
        return core, Examining(core, viewer, course.id, self.from_where)

    async def seen(self, core: Core, examining: Examining, exam: str) -> str | None:
        """What whoever asks has seen of an exam, if they say so.

        Raises:
            DeskError: there is no such exam, or it is another by now.
        """
        known = await done(_found(examining, exam), EXAM_REFUSALS)
        self.require_unchanged(_exam_json(core, known))
        return tag_of(known) if "If-Match" in self.request.headers else None

    async def done(self, core: Core, act: Awaitable[_T]) -> _T:
        """Wait for an act, its refusals in the desk's words."""
        try:
            return await done(act, EXAM_REFUSALS)
        except ExamChanged as changed:
            raise DeskError(Code.STALE, current=_exam_json(core, changed.now)) from changed


class ExamsAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams``."""

    @operation(
        READ,
        does="The exams of the course, by their start.",
        query=Paged,
        answers={200: wire.Exams},
        refuses=_SEEING,
        act=Act.EXAM,
    )
    async def get(self, course_id: str, *, asked: Paged) -> None:
        """For whoever holds exams in it."""
        core, examining = await self.examining(course_id)
        await done(_allowed(examining), EXAM_REFUSALS)
        rows, more = page_of(
            core.exams.of(course_id), asked, lambda one: (one.exam.starts.isoformat(), one.exam.id)
        )
        # One at a time: each may list everybody in the course.
        exams = [_exam_json(core, one) async for one in in_slices(rows, 1)]
        answer: wire.Exams = {
            "time_zone": core.campus.zone.key,
            "longest": core.campus.ceilings.exam // _MINUTE,
            "exams": exams,
            "next": more,
        }
        self.show(answer)

    @operation(
        MANAGE,
        does="Prepare an exam; with dry_run only say what would happen to whom.",
        takes=wire.ExamWish,
        answers={200: wire.OnlyRehearsal, 201: wire.RehearsedExam},
        refuses=_ALL,
        act=Act.EXAM,
    )
    async def post(self, course_id: str, *, wish: wire.ExamWish) -> None:
        """Not longer than the ceiling, but for administrators."""
        core, examining = await self.examining(course_id)
        if wish.get("dry_run"):
            exam = await self.done(core, examining.draft(read_wish(wish)))
            self.show({"rehearsal": await _rehearsal(core, exam)})
            return
        prepared = await self.done(core, examining.prepare(read_wish(wish)))
        shown = _exam_json(core, prepared)
        self.tag(shown)
        self.show({**shown, "rehearsal": await _rehearsal(core, prepared.exam)}, 201)


class ExamAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams/<exam>``."""

    @operation(
        READ,
        does="One exam, and what would happen to whom were it to begin as it is.",
        answers={200: wire.RehearsedExam},
        refuses=_SEEING | {Code.NO_SUCH_EXAM},
        act=Act.EXAM,
    )
    async def get(self, course_id: str, exam: str) -> None:
        """For whoever holds exams in the course."""
        core, examining = await self.examining(course_id)
        known = await done(_found(examining, exam), EXAM_REFUSALS)
        shown = _exam_json(core, known)
        self.tag(shown)
        self.show({**shown, "rehearsal": await _rehearsal(core, known.exam)})

    @operation(
        MANAGE,
        does="Change an exam; with dry_run only say what would happen to whom.",
        takes=wire.ExamWish,
        answers={200: wire.RehearsedExam | wire.OnlyRehearsal},
        refuses=_ALL | {Code.STALE},
        act=Act.EXAM,
    )
    async def patch(self, course_id: str, exam: str, *, wish: wire.ExamWish) -> None:
        """Once it has begun its end, extra time and more participants alone."""
        core, examining = await self.examining(course_id)
        seen = await self.seen(core, examining, exam)
        if wish.get("dry_run"):
            changed = await self.done(core, examining.changed(exam, read_wish(wish)))
            self.show({"rehearsal": await _rehearsal(core, changed)})
            return
        known = await self.done(core, examining.change(exam, read_wish(wish), seen))
        self._show(core, known)

    @operation(
        MANAGE,
        does="Call an exam off that has not begun.",
        answers={204: None},
        refuses=_ALL | {Code.STALE},
        act=Act.EXAM,
    )
    async def delete(self, course_id: str, exam: str) -> None:
        """Ends of other servers that it moved are given back."""
        core, examining = await self.examining(course_id)
        seen = await self.seen(core, examining, exam)
        await self.done(core, examining.call_off(exam, seen))
        self.set_status(204)

    def _show(self, core: Core, known: Prepared) -> None:
        shown = _exam_json(core, known)
        self.tag(shown)
        self.show(shown)


class ExamActAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams/<exam>/begin`` and ``.../end``."""

    @operation(
        MANAGE,
        does="Begin an exam now, or end it for everybody once they have been warned.",
        takes=wire.NoWish,
        answers={200: wire.Exam},
        refuses=_ALL | {Code.STALE},
        act=Act.EXAM,
    )
    async def post(self, course_id: str, exam: str, act: str, *, wish: wire.NoWish) -> None:
        """An end takes extra time too."""
        core, examining = await self.examining(course_id)
        seen = await self.seen(core, examining, exam)
        asked = examining.begin(exam, seen) if act == "begin" else examining.end(exam, seen)
        self.show(_exam_json(core, await self.done(core, asked)))


class ProtocolAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams/<exam>/protocol``."""

    @operation(
        READ,
        does="Who started when and from where, oldest first, and who of those who take part has not.",
        answers={200: wire.Protocol},
        refuses=_SEEING | {Code.NO_SUCH_EXAM, Code.NOT_WRITTEN},
        act=Act.EXAM,
    )
    async def get(self, course_id: str, exam: str) -> None:
        """Made of the audit."""
        core, examining = await self.examining(course_id)
        sat = await done(examining.protocol(exam), EXAM_REFUSALS)
        absent = await examining.absent(exam, sat)
        answer: wire.Protocol = {
            "started": [_sat_json(core, one) for one in sat],
            "not_started": [names_json(core, key) for key in absent],
        }
        self.show(answer)


async def _allowed(examining: Examining) -> None:
    examining.require_may()


async def _found(examining: Examining, exam: str) -> Prepared:
    return examining.find(exam)


def read_wish(wish: wire.ExamWish) -> ExamWish:
    """What is to be prepared or changed."""
    extra, listed = wish.get("extra"), wish.get("participants")
    return ExamWish(
        starts=instant(wish.get("starts")),
        ends=instant(wish.get("ends")),
        profile=wish.get("profile"),
        image=wish.get("image"),
        options=wish.get("options"),
        participants=None if listed is None else tuple(listed),
        extra=None if extra is None else {name: n * _MINUTE for name, n in extra.items()},
        title=wish.get("title"),
        section=wish.get("section"),
        everybody=wish.get("everybody", False),
    )


def _exam_json(core: Core, prepared: Prepared) -> wire.Exam:
    """One exam; names are hostile text."""
    exam = prepared.exam
    listed = exam.participants
    return {
        "id": exam.id,
        "course": exam.course,
        "title": exam.title,
        "phase": str(exam.phase(core.clock())),
        "starts": exam.starts.isoformat(),
        "ends": exam.ends.isoformat(),
        "closed": iso(exam.closed),
        "profile": exam.profile,
        "image": exam.image,
        "options": dict(exam.options),
        "participants": None if listed is None else [names_json(core, k) for k in sorted(listed)],
        "extra": [
            {**names_json(core, key), "minutes": time // _MINUTE}
            for key, time in sorted(exam.extra.items())
        ],
        "by": prepared.by,
        "at": prepared.at.isoformat(),
    }


async def _rehearsal(core: Core, exam: Exam) -> wire.Rehearsal:
    """What would happen to whom; of servers in other courses only how many they are."""
    found: Rehearsal = await rehearse(core, exam)
    return {
        "starts": exam.starts.isoformat(),
        "ends": exam.ends.isoformat(),
        "stops_at": found.stops_at.isoformat(),
        "profile": exam.profile,
        "image": exam.image,
        "devices": found.devices,
        "held_from": found.held_from.isoformat(),
        "will_not_start": found.unseated,
        "recalled": _recalled_json(found.recalled) if found.recalled is not None else None,
        "others_run_on": found.leaves,
        "people": [_rehearsed_json(core, one) for one in found.people],
    }


def _recalled_json(recalled: Recalled) -> wire.Recalled:
    return {"own": recalled.own, "others": recalled.others, "at": recalled.at.isoformat()}


def _rehearsed_json(core: Core, one: Rehearsed) -> wire.Rehearsed:
    return {
        **names_json(core, one.key),
        "ends": one.ends.isoformat(),
        "stopped": len(one.stops),
        "logged_in": one.is_known,
        "reasons": [
            {"code": str(reason.code), "sentence": reason.sentence} for reason in one.reasons
        ],
    }


def _sat_json(core: Core, sat: Sat) -> wire.Sat:
    person, admission = core.roll.by_hub_name(sat.hub_name), sat.admission
    return {
        "user": sat.hub_name,
        "name": person.name if person is not None else None,
        "at": sat.at.isoformat(),
        "address": sat.address,
        "server": admission.server if admission is not None else None,
        "running_at": iso(admission.running_at) if admission is not None else None,
        "ended_at": iso(admission.ended_at) if admission is not None else None,
    }


def exam_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/exams", ExamsAPI),
        (r"/api/edu/courses/([^/]+)/exams/([^/]+)", ExamAPI),
        (r"/api/edu/courses/([^/]+)/exams/([^/]+)/(begin|end)", ExamActAPI),
        (r"/api/edu/courses/([^/]+)/exams/([^/]+)/protocol", ProtocolAPI),
    )
