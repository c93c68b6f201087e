"""The REST API for exams: prepare one, rehearse it, give extra time, end it, and read who started when from where."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from jupyterhub.scopes import needs_scope

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.exam_records import Prepared
from jupyterhub_edu.core.exam_wishes import CannotExamine, ExamWish
from jupyterhub_edu.core.examining import (
    Examining,
    ExaminingNotYours,
    ExamTooLong,
    NoSuchExam,
    Sat,
)
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.rehearsing import Rehearsal, Rehearsed
from jupyterhub_edu.domain.exams import Exam
from jupyterhub_edu.ports import StoreError

from .api import API
from .grants import names_json
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import body_of, done, instant, iso, minutes, names, text

__all__ = ["ExamAPI", "ExamActAPI", "ExamsAPI", "ProtocolAPI", "exam_routes", "read_wish"]

_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    ExaminingNotYours: Code.NOT_YOUR_EXAMS,
    ExamTooLong: Code.ABOVE_CEILING,
    CannotExamine: Code.CANNOT_EXAMINE,
    NoSuchExam: Code.NO_SUCH_EXAM,
    NotNamed: Code.NOT_IN_COURSE,
    StoreError: Code.NOT_WRITTEN,
}
_WISH: Final = frozenset(
    {"starts", "ends", "profile", "image", "options", "participants", "extra"}
)
_DRY: Final = "dry_run"
_MINUTE: Final = timedelta(minutes=1)


class _ExaminingAPI(API):
    """One course's exams, by whoever takes part in it; what they may there is looked up anew for each request."""

    async def examining(self, course_id: str) -> tuple[Core, Examining]:
        core = await self.ready_core()
        viewer = self.require_person(core)
        course = self.require_course(core, viewer, course_id)
        return core, Examining(core, viewer, course.id, self.request.remote_ip or "")

    def wish(self) -> tuple[ExamWish, bool]:
        """What is wanted, and whether it is only to be rehearsed."""
        body = body_of(self.request.body, _WISH | {_DRY})
        if type(body.get(_DRY, False)) is not bool:
            raise DeskError(Code.UNREADABLE)
        return read_wish(body), body.get(_DRY, False)


class ExamsAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams``."""

    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Every exam of the course, for whoever holds exams in it."""
        core, examining = await self.examining(course_id)
        await done(_allowed(examining), _REFUSALS)
        known = core.exams.of(course_id)
        answer = {
            "time_zone": core.campus.zone.key,
            "longest": core.campus.ceilings.exam // _MINUTE,
            "exams": [_exam_json(core, one) for one in known],
        }
        self.write(json.dumps(answer))

    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Prepare one: 201 with it and what would happen to whom; with ``dry_run`` 200 with the latter alone."""
        core, examining = await self.examining(course_id)
        wish, is_dry = self.wish()
        if is_dry:
            exam = await done(examining.draft(wish), _REFUSALS)
            self.write(json.dumps({"rehearsal": await _rehearsal(core, examining, exam)}))
            return
        prepared = await done(examining.prepare(wish), _REFUSALS)
        self.set_status(201)
        answer = {
            **_exam_json(core, prepared),
            "rehearsal": await _rehearsal(core, examining, prepared.exam),
        }
        self.write(json.dumps(answer))


class ExamAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams/<exam>``."""

    @needs_scope(READ)
    async def get(self, course_id: str, exam: str) -> None:
        """One exam, and what would happen to whom were it to begin as it is."""
        core, examining = await self.examining(course_id)
        known = await done(_found(examining, exam), _REFUSALS)
        answer = {
            **_exam_json(core, known),
            "rehearsal": await _rehearsal(core, examining, known.exam),
        }
        self.write(json.dumps(answer))

    @needs_scope(MANAGE)
    async def patch(self, course_id: str, exam: str) -> None:
        """Change it: 200 with it as it is then; with ``dry_run`` what would happen to whom."""
        core, examining = await self.examining(course_id)
        wish, is_dry = self.wish()
        if is_dry:
            changed = await done(examining.changed(exam, wish), _REFUSALS)
            self.write(json.dumps({"rehearsal": await _rehearsal(core, examining, changed)}))
            return
        known = await done(examining.change(exam, wish), _REFUSALS)
        self.write(json.dumps(_exam_json(core, known)))

    @needs_scope(MANAGE)
    async def delete(self, course_id: str, exam: str) -> None:
        """Call it off, before it has begun; 204."""
        _, examining = await self.examining(course_id)
        await done(examining.call_off(exam), _REFUSALS)
        self.set_status(204)


class ExamActAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams/<exam>/begin`` and ``.../end``."""

    @needs_scope(MANAGE)
    async def post(self, course_id: str, exam: str, act: str) -> None:
        """Begin it now, or end it for everybody once they have been warned; 200 with it."""
        core, examining = await self.examining(course_id)
        body_of(self.request.body, frozenset())
        known = await done(
            examining.begin(exam) if act == "begin" else examining.end(exam), _REFUSALS
        )
        self.write(json.dumps(_exam_json(core, known)))


class ProtocolAPI(_ExaminingAPI):
    """``/hub/api/edu/courses/<course>/exams/<exam>/protocol``."""

    @needs_scope(READ)
    async def get(self, course_id: str, exam: str) -> None:
        """Who started when and from where, oldest first, and who of those who take part has not."""
        core, examining = await self.examining(course_id)
        known = await done(_found(examining, exam), _REFUSALS)
        sat = await done(examining.protocol(exam), _REFUSALS)
        came = {one.hub_name for one in sat}
        members = await core.exams.members(known.exam, max(core.clock(), known.exam.starts))
        people = [names_json(core, key) for key in members]
        answer = {
            "started": [_sat_json(core, one) for one in sat],
            "not_started": [one for one in people if one["user"] not in came],
        }
        self.write(json.dumps(answer))


async def _allowed(examining: Examining) -> None:
    examining.require_may()


async def _found(examining: Examining, exam: str) -> Prepared:
    return examining.find(exam)


def read_wish(body: Mapping[str, Any]) -> ExamWish:
    """What is to be prepared or changed.

    Raises:
        DeskError: it cannot be read.
    """
    extra, options = body.get("extra"), body.get("options")
    for one in (extra, options):
        if one is not None and not isinstance(one, dict):
            raise DeskError(Code.UNREADABLE)
    return ExamWish(
        starts=instant(body.get("starts")),
        ends=instant(body.get("ends")),
        profile=None if body.get("profile") is None else text(body["profile"]),
        image=None if body.get("image") is None else text(body["image"]),
        options=None if options is None else {text(k): text(v) for k, v in options.items()},
        participants=names(body.get("participants")),
        extra=None if extra is None else {text(k): minutes(v) for k, v in extra.items()},
    )


def _exam_json(core: Core, prepared: Prepared) -> dict[str, object]:
    """One exam; names are hostile text."""
    exam = prepared.exam
    listed = exam.participants
    return {
        "id": exam.id,
        "course": exam.course,
        "phase": str(exam.phase(core.clock())),
        "starts": iso(exam.starts),
        "ends": iso(exam.ends),
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
        "at": iso(prepared.at),
    }


async def _rehearsal(core: Core, examining: Examining, exam: Exam) -> dict[str, object]:
    """What would happen to whom; of servers in other courses only how many they are."""
    found: Rehearsal = await examining.rehearse(exam)
    return {
        "starts": iso(exam.starts),
        "ends": iso(exam.ends),
        "profile": exam.profile,
        "image": exam.image,
        "devices": found.devices,
        "will_not_start": found.unseated,
        "others_run_on": found.leaves,
        "people": [_rehearsed_json(core, one) for one in found.people],
    }


def _rehearsed_json(core: Core, one: Rehearsed) -> dict[str, object]:
    return {
        **names_json(core, one.key),
        "ends": iso(one.ends),
        "stopped": len(one.stops),
        "logged_in": one.is_known,
        "reasons": [
            {"code": str(reason.code), "sentence": reason.sentence} for reason in one.reasons
        ],
    }


def _sat_json(core: Core, sat: Sat) -> dict[str, object]:
    person, admission = core.roll.by_hub_name(sat.hub_name), sat.admission
    return {
        "user": sat.hub_name,
        "name": person.name if person is not None else None,
        "at": iso(sat.at),
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
