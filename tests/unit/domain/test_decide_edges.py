"""Decisions at the edges: odd dates, when to try again, the campus's clock, and laws over random enrolments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.courses import Caps, Course
from jupyterhub_edu.domain.decide import (
    Decision,
    EndRule,
    Facts,
    Held,
    StartRequest,
    decide_start,
    role_in,
)
from jupyterhub_edu.domain.people import CourseRole, Enrolment
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.reasons import Code, Reason
from tests.fakes.campus import NOW, T4, a_choice, a_course, a_profile, an_enrolment, an_option

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OSLO = ZoneInfo("Europe/Oslo")
IDLE = Pool(nodes=(4,), unseen=0, room=4, used=0, used_here=0, nominal=0, most=None, claimed=0)
SIZE = an_option(
    "size",
    a_choice("one"),
    a_choice("two", devices=2, course_roles=frozenset({CourseRole.TEACHER})),
)
NOTHING_HELD = Held()
GPU = a_profile("gpu", flavor=T4, options=[SIZE])


def decide(
    *enrolments: Enrolment,
    course: Course | None = None,
    size: str = "one",
    now: datetime = NOW,
    held: Held = NOTHING_HELD,
    **kwargs: Any,
) -> Decision:
    defaults: dict[str, Any] = {
        "pool": IDLE,
        "stale_after": 12 * HOUR,
        "caps": Caps(),
        "zone": OSLO,
    }
    facts = Facts(
        course=course or a_course(),
        enrolments=enrolments,
        profile=GPU,
        held=held,
        **{**defaults, **kwargs},
    )
    return decide_start(StartRequest("ad:id-ada", "ml", "gpu", {"size": size}), facts, now)


NOT_ENROLLED: dict[str, tuple[list[Enrolment], str]] = {
    "one that begins after it ended": (
        [an_enrolment(starts=NOW + DAY, ends=NOW - DAY)],
        "Your enrolment in Machine Learning begins on 2026-11-04.",
    ),
    "one that ended before it began": (
        [an_enrolment(starts=NOW - DAY, ends=NOW - 2 * DAY)],
        "Your enrolment in Machine Learning ended on 2026-11-01.",
    ),
    "of several to come the first is told": (
        [an_enrolment(starts=NOW + 9 * DAY), an_enrolment(starts=NOW + DAY)],
        "Your enrolment in Machine Learning begins on 2026-11-04.",
    ),
    "of several that ended the last is told": (
        [an_enrolment(ends=NOW - DAY), an_enrolment(ends=NOW - 9 * DAY)],
        "Your enrolment in Machine Learning ended on 2026-11-02.",
    ),
    "one to come is told before one that ended": (
        [an_enrolment(ends=NOW - DAY), an_enrolment(starts=NOW + DAY, ends=NOW + 2 * DAY)],
        "Your enrolment in Machine Learning begins on 2026-11-04.",
    ),
    "an end at midnight of the campus is the day before": (
        [an_enrolment(ends=datetime(2026, 11, 1, 0, 0, tzinfo=OSLO))],
        "Your enrolment in Machine Learning ended on 2026-10-31.",
    ),
    "a beginning at midnight of the campus is that day": (
        [an_enrolment(starts=datetime(2026, 12, 1, 0, 0, tzinfo=OSLO))],
        "Your enrolment in Machine Learning begins on 2026-12-01.",
    ),
}


@pytest.mark.parametrize(("enrolments", "sentence"), NOT_ENROLLED.values(), ids=NOT_ENROLLED)
def test_not_enrolled_now(enrolments: list[Enrolment], sentence: str) -> None:
    (reason,) = decide(*enrolments).reasons
    assert (reason.code, reason.sentence) == (Code.NOT_ENROLLED, sentence)


def test_a_course_that_is_over_says_its_last_day_at_the_campus() -> None:
    ended = a_course(ends=datetime(2026, 10, 25, 0, 0, tzinfo=OSLO))
    assert decide(an_enrolment(), course=ended).sentence == (
        "Machine Learning ended on 2026-10-24."
    )


def test_instants_are_told_in_the_campuss_zone_on_both_sides_of_a_clock_change() -> None:
    summer, winter = (
        decide(
            an_enrolment(
                origin="source:ad", answered_at=datetime(2026, 10, day, 22, 30, tzinfo=UTC)
            )
        ).sentence
        for day in (24, 25)
    )
    assert "since 2026-10-25 00:30" in summer
    assert "since 2026-10-25 23:30" in winter


# -- when to try again ---------------------------------------------------------------------------------------------

RETRY: dict[str, tuple[list[datetime | None], datetime | None]] = {
    "nothing refused, nothing to wait for": ([], None),
    "one instant": ([NOW + HOUR], NOW + HOUR),
    "the latest of all, when every reason may have passed": ([NOW + DAY, NOW + HOUR], NOW + DAY),
    "not known where one is not known": ([NOW + DAY, None], None),
}


@pytest.mark.parametrize(("instants", "retry_at"), RETRY.values(), ids=RETRY)
def test_retry(instants: list[datetime | None], retry_at: datetime | None) -> None:
    reasons = tuple(Reason(Code.COURSE_QUOTA, retry_at=at) for at in instants)
    assert Decision(None, reasons).retry_at == retry_at


def test_an_enrolment_or_course_to_come_says_when() -> None:
    later = decide(an_enrolment(starts=NOW + DAY))
    closed = decide(an_enrolment(), course=a_course(starts=NOW + 2 * DAY))
    assert (later.retry_at, closed.retry_at) == (NOW + DAY, NOW + 2 * DAY)
    assert not later.waitable
    assert not closed.waitable


def test_one_reason_that_cannot_be_waited_for_is_enough_not_to_wait() -> None:
    full = IDLE._replace(nodes=(), room=0)
    lacks_devices = decide(an_enrolment(), pool=full)
    capped = decide(an_enrolment(), pool=full, caps=Caps(servers=0))
    assert (lacks_devices.waitable, capped.waitable) == (True, False)


def test_an_enrolment_without_end_that_takes_over_in_time_ends_nothing() -> None:
    """The dates of several enrolments are one stretch, though the second one has not begun yet."""
    start = decide(an_enrolment(ends=NOW + HOUR), an_enrolment(starts=NOW + HOUR)).start
    assert start is not None
    assert (start.ends_at, start.ends_by) == (NOW + 4 * HOUR, EndRule.LONGEST)


# -- laws ----------------------------------------------------------------------------------------------------------

_day = st.none() | st.integers(-3, 3).map(lambda days: NOW + days * DAY)
enrolments = st.lists(
    st.builds(
        an_enrolment,
        role=st.sampled_from(CourseRole),
        starts=_day,
        ends=_day,
        origin=st.sampled_from(["manual", "source:ad"]),
        answered_at=st.sampled_from([None, NOW, NOW - 2 * DAY]),
    ),
    max_size=4,
)
offered = st.fixed_dictionaries(
    {}, optional={role: st.sampled_from([(), ("gpu",)]) for role in CourseRole}
)
capped = st.fixed_dictionaries(
    {},
    optional={
        role: st.builds(
            Caps,
            servers=st.none() | st.integers(0, 2),
            devices=st.dictionaries(st.just("t4"), st.integers(0, 2)),
        )
        for role in CourseRole
    },
)


@given(enrolments, offered, capped, st.sampled_from(["one", "two"]), st.integers(0, 2))
def test_an_enrolment_less_never_widens(
    told: list[Enrolment], offers: Any, caps: Any, size: str, holds: int
) -> None:
    """Invariant 4: neither what may start nor until when."""
    course = a_course(offers=offers, caps=caps)
    held = Held(holds, holds, holds, holds)
    everything = decide(*told, course=course, size=size, held=held)
    assert everything.allowed == (not everything.reasons)
    for fewer in combinations(told, max(len(told) - 1, 0)):
        less = decide(*fewer, course=course, size=size, held=held)
        if less.start is not None:
            assert everything.start is not None
            assert less.start.ends_at is not None
            assert everything.start.ends_at is not None
            assert less.start.ends_at <= everything.start.ends_at
            assert less.start.role <= everything.start.role


@given(enrolments)
def test_a_session_ends_while_the_enrolment_that_allows_it_still_holds(
    told: list[Enrolment],
) -> None:
    start = decide(*told).start
    if start is not None and start.ends_at is not None:
        assert start.ends_at > NOW
        assert role_in(told, start.ends_at - timedelta.resolution) is not None
