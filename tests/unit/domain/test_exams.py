"""Exams: who takes part, until when, and what is held for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.case import EndRule
from jupyterhub_edu.domain.ends import End, exam_end
from jupyterhub_edu.domain.exams import (
    Exam,
    Phase,
    Sitting,
    next_start,
    reserves,
    sitting_of,
    unseated,
)
from jupyterhub_edu.domain.people import CourseRole
from tests.fakes.campus import NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
STUDENT = CourseRole.STUDENT
ADA, BOB = "ad:id-ada", "ad:id-bob"


def an_exam(**kwargs: Any) -> Exam:
    """Two hours from now on, for all students; Ada has half an hour more."""
    defaults = {
        "id": "e",
        "course": "ml",
        "starts": NOW,
        "ends": NOW + 2 * HOUR,
        "profile": "gpu",
        "image": "registry.example/exam:1",
        "extra": {ADA: HOUR / 2},
    }
    return Exam(**{**defaults, **kwargs})


LIST = frozenset({ADA})
TAKES_PART: dict[str, tuple[dict[str, Any], set[str], CourseRole | None, timedelta | None]] = {
    "a student takes part until the end": ({}, {BOB}, STUDENT, 2 * HOUR),
    "extra time moves only the person's own end": ({}, {ADA}, STUDENT, 2.5 * HOUR),
    "by any of their identities": ({}, {"lms:7", ADA}, STUDENT, 2.5 * HOUR),
    "nobody who is not enrolled": ({}, {BOB}, None, None),
    "an observer is no student": ({}, {BOB}, CourseRole.OBSERVER, None),
    "staff are unaffected": ({}, {ADA}, CourseRole.ASSISTANT, None),
    "of a list those who stand in it": ({"participants": LIST}, {ADA}, STUDENT, 2.5 * HOUR),
    "and nobody else": ({"participants": LIST}, {BOB}, STUDENT, None),
    "an observer if listed": ({"participants": LIST}, {ADA}, CourseRole.OBSERVER, 2.5 * HOUR),
    "listed staff are unaffected too": ({"participants": LIST}, {ADA}, CourseRole.TEACHER, None),
    "a list of nobody": ({"participants": frozenset()}, {ADA}, STUDENT, None),
    "an exam closed early ends for all": ({"closed": NOW + HOUR}, {ADA}, STUDENT, HOUR),
    "closing it late gives no more": ({"closed": NOW + 9 * HOUR}, {BOB}, STUDENT, 2 * HOUR),
}


@pytest.mark.parametrize(("about", "people", "role", "lasts"), TAKES_PART.values(), ids=TAKES_PART)
def test_who_takes_part_until_when(
    about: dict[str, Any], people: set[str], role: CourseRole | None, lasts: timedelta | None
) -> None:
    sitting = sitting_of(an_exam(**about), people, role, 1)
    expected = None if lasts is None else Sitting(an_exam(**about), NOW + lasts, 1)
    assert sitting == expected


PHASES: dict[str, tuple[dict[str, Any], timedelta, Phase]] = {
    "before": ({}, -MINUTE, Phase.BEFORE),
    "from its first instant": ({}, 0 * HOUR, Phase.RUNNING),
    "extra time from the end on": ({}, 2 * HOUR, Phase.EXTRA),
    "over for everybody": ({}, 2.5 * HOUR, Phase.OVER),
    "no extra time where nobody has any": ({"extra": {}}, 2 * HOUR, Phase.OVER),
    "closed in the middle": ({"closed": NOW + HOUR}, HOUR, Phase.OVER),
    "closed in the extra time": (
        {"closed": NOW + 2.25 * HOUR},
        2.25 * HOUR,
        Phase.OVER,
    ),
    "not yet closed": ({"closed": NOW + HOUR}, HOUR - MINUTE, Phase.RUNNING),
}


@pytest.mark.parametrize(("about", "after", "phase"), PHASES.values(), ids=PHASES)
def test_phases(about: dict[str, Any], after: timedelta, phase: Phase) -> None:
    assert an_exam(**about).phase(NOW + after) is phase


def test_the_ceiling_counts_extra_time() -> None:
    assert an_exam().length == 2.5 * HOUR
    assert an_exam(extra={}, closed=NOW + HOUR).length == 2 * HOUR


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends": NOW},
        {"starts": datetime(2026, 1, 1)},  # noqa: DTZ001  naive on purpose
        {"extra": {ADA: -MINUTE}},
    ],
    ids=["empty", "naive", "less than no extra time"],
)
def test_an_exam_that_means_nothing_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"An exam|Extra time"):
        an_exam(**wrong)


def test_the_next_exam_of_a_person() -> None:
    def sitting(starts: timedelta, **kwargs: Any) -> Sitting:
        exam = an_exam(starts=NOW + starts, ends=NOW + 9 * HOUR, **kwargs)
        return Sitting(exam, exam.ends_for(()))

    on, later, sooner = sitting(-HOUR), sitting(3 * HOUR), sitting(2 * HOUR)
    called_off = sitting(HOUR, closed=NOW)
    assert next_start([on, later, sooner, called_off], NOW) == NOW + 2 * HOUR
    assert next_start([on, called_off], NOW) is None


HELD: dict[str, tuple[timedelta, int]] = {
    "nothing long before": (-HOUR, 0),
    "everybody's from the lead time on": (-15 * MINUTE, 4),
    "and while it runs": (HOUR, 4),
    "only theirs who have extra time": (2 * HOUR, 2),
    "nothing when it is over": (2.5 * HOUR, 0),
}


@pytest.mark.parametrize(("after", "devices"), HELD.values(), ids=HELD)
def test_what_is_held(after: timedelta, devices: int) -> None:
    exam = an_exam()
    sittings = [s for key in (ADA, BOB) if (s := sitting_of(exam, {key}, STUDENT))]
    assert reserves(exam, 2, sittings, NOW + after, 15 * MINUTE) == devices


@given(st.integers(0, 20), st.integers(0, 4), st.lists(st.integers(0, 9), max_size=6))
def test_how_many_will_not_start(participants: int, devices: int, nodes: list[int]) -> None:
    """Against seating them one by one."""
    left, seated = list(nodes), 0
    for _ in range(participants):
        at = next((n for n, free in enumerate(left) if free >= devices), None)
        if at is None and devices:
            break
        if devices and at is not None:
            left[at] -= devices
        seated += 1
    assert unseated(participants, devices, nodes) == participants - seated


def test_what_an_exam_says_of_sessions_that_run() -> None:
    exam = an_exam(starts=NOW + HOUR)
    sitting = Sitting(exam, exam.ends_for({ADA}))
    began = End(exam.starts, EndRule.EXAM_START)
    assert exam_end([sitting], None, NOW) == began
    assert exam_end([sitting], None, NOW + 2 * HOUR) is None, "it began in the exam, so it may"
    assert exam_end([sitting], "e", NOW + 2 * HOUR) == End(sitting.ends, EndRule.EXAM)
    more = sitting._replace(ends=sitting.ends + HOUR)
    assert exam_end([more], "e", NOW + 2 * HOUR) == End(more.ends, EndRule.EXAM)
    assert exam_end([], "e", NOW) is exam_end([], None, NOW) is None
