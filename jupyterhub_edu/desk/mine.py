"""What is one's own in each of one's courses, for *My courses*: sessions, hours left, exams, and the place in the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.exams import Sitting
from jupyterhub_edu.domain.people import Person

from .use import LeftRow, RunningRow, left_rows, my_sessions
from .views import Moment, instant

__all__ = ["ExamRow", "Mine", "my_parts"]


@dataclass(frozen=True, slots=True)
class ExamRow:
    """One's part in an exam that is not over.

    Attributes:
        is_on: it has begun.
        ends: one's own end.
    """

    title: str
    is_on: bool
    starts: Moment
    ends: Moment


@dataclass(frozen=True, slots=True)
class Mine:
    """What is somebody's own in one course.

    Attributes:
        place: how they stand in the line for a server in it, in words, or ``""``.
    """

    sessions: list[RunningRow] = field(default_factory=list)
    left: list[LeftRow] = field(default_factory=list)
    exams: list[ExamRow] = field(default_factory=list)
    place: str = ""


def my_parts(core: Core, person: Person) -> Mapping[str, Mine]:
    """By course id; a course in which there is nothing is not in it. Costs as many steps as somebody has courses."""
    now, found = core.clock(), dict[str, Mine]()
    for session in my_sessions(core, person):
        found.setdefault(session.course, Mine()).sessions.append(session)
    for left in left_rows(core, person):
        found.setdefault(left.course, Mine()).left.append(left)
    sittings = core.exams.sittings(person, core.book.held_by(person.hub_name))
    for sitting in sorted(sittings, key=lambda one: (one.exam.starts, one.exam.id)):
        found.setdefault(sitting.exam.course, Mine()).exams.append(_exam(core, sitting, now))
    standing = core.line.standing(person.hub_name)
    if standing is not None and standing.note:
        course = standing.place.request.course
        mine = found.get(course, Mine())
        found[course] = Mine(mine.sessions, mine.left, mine.exams, standing.note)
    return found


def _exam(core: Core, sitting: Sitting, now: datetime) -> ExamRow:
    exam = sitting.exam
    starts, ends = instant(exam.starts, core), instant(sitting.ends, core)
    return ExamRow(exam.title, sitting.is_on(now), starts, ends)
