"""Extending a session: when, by how much, and every reason against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jupyterhub_edu.domain.allowances import GPU_HOUR, Allowance, Budget, Budgets, Reserved, draw
from jupyterhub_edu.domain.courses import Caps, CourseState
from jupyterhub_edu.domain.decide import EndRule, Facts, Held, StartRequest
from jupyterhub_edu.domain.exams import Exam, Sitting
from jupyterhub_edu.domain.extend import (
    ExtendTerms,
    Extension,
    Session,
    decide_extend,
    decide_extend_for,
    warnings,
)
from jupyterhub_edu.domain.grants import NO_CEILINGS, Ceilings, Grant, Offer
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Granted
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.domain.windows import Stretch
from tests.fakes.campus import NOW, T4, a_course, a_profile, an_enrolment, some_amounts

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ENDS = NOW + 8 * MINUTE
WEEK = datetime(2026, 11, 1, 23, tzinfo=UTC)
GPU = a_profile("gpu", flavor=T4)
PLENTY = Pool(nodes=(8,), unseen=0, room=8, used=0, used_here=0, nominal=8, most=None, claimed=0)
HELD_FOR_OTHERS = PLENTY._replace(nodes=(1,), room=1, claimed=1)
TERMS = ExtendTerms(by=HOUR, times=2, warn_at=(2 * MINUTE, 10 * MINUTE))
EXAM = Exam("e", "ml", NOW - HOUR, ENDS, "gpu", "registry.example/exam:1")


def a_session(**kwargs: Any) -> Session:
    """A student's on one GPU, eight minutes before its end."""
    defaults: dict[str, Any] = {
        "request": StartRequest("ad:id-ada", "ml", "gpu"),
        "granted": Granted("gpu", "t4", some_amounts(1), None, {}),
        "started": ENDS - 4 * HOUR,
        "ends_at": ENDS,
        "ends_by": EndRule.LONGEST,
    }
    return Session(**{**defaults, **kwargs})


def some_facts(**kwargs: Any) -> Facts:
    defaults: dict[str, Any] = {
        "course": a_course(),
        "enrolments": (an_enrolment(),),
        "profile": GPU,
        "held": Held(),
        "caps": Caps(),
        "pool": PLENTY,
        "stale_after": 12 * HOUR,
        "zone": ZoneInfo("Europe/Oslo"),
    }
    return Facts(**{**defaults, **kwargs})


def extend(
    *, now: datetime = NOW, session: dict[str, Any] | None = None, **facts: Any
) -> Extension:
    return decide_extend(a_session(**session or {}), some_facts(**facts), now, TERMS)


def a_budget(hours: float, taken: float) -> Budget:
    allowance = Allowance(int(hours * GPU_HOUR), Period.WEEK)
    return Budget(allowance, ZoneInfo("Europe/Oslo"), None, {WEEK: int(taken * GPU_HOUR)})


def codes(extension: Extension) -> list[str]:
    return [str(reason.code) for reason in extension.reasons]


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "before the first warning": ({"now": ENDS - 11 * MINUTE}, ["too-early"]),
    "at the first warning it is not too early": ({"now": ENDS - 10 * MINUTE}, []),
    "once more than allowed": ({"session": {"extended": 2}}, ["no-times-left"]),
    "when it is ending": ({"now": ENDS}, ["ending"]),
    "a loan that is called back": ({"session": {"reclaimed": True}}, ["reclaimed"]),
    "while others could use the device": ({"session": {"wanted": True}}, ["others-wait"]),
    "1: without an enrolment": ({"enrolments": ()}, ["not-enrolled"]),
    "2: when the source does not answer": (
        {"enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - DAY),)},
        ["roster-stale"],
    ),
    "3: when the course is closed": (
        {"course": a_course(state=CourseState.SUSPENDED)},
        ["course-closed"],
    ),
    "4: when it is no longer offered": (
        {"course": a_course(offers={CourseRole.STUDENT: ("notebook",)})},
        ["profile-not-offered"],
    ),
    "4: when the catalogue no longer has it": ({"profile": None}, ["profile-not-offered"]),
    "6: in an exam elsewhere": (
        {"exams": (Sitting(Exam("e", "db", NOW, NOW + DAY, "x", "x:1"), NOW + DAY),)},
        ["exam-running"],
    ),
    "6: in an exam of the same profile, if it is none of its servers": (
        {"exams": (Sitting(EXAM, NOW + DAY),), "leaves": True},
        ["exam-running"],
    ),
    "7: outside the windows": (
        {"hours": Stretch(False, NOW + DAY)},
        ["outside-window"],
    ),
    "8: above a cap that was lowered": (
        {"course": a_course(caps={CourseRole.STUDENT: Caps(servers=0)})},
        ["person-cap"],
    ),
    "8: at the cap it is not counted twice": (
        {"course": a_course(caps={CourseRole.STUDENT: Caps(servers=1, devices={"t4": 1})})},
        [],
    ),
    "9: when the quota was lowered": (
        {"pool": PLENTY._replace(nominal=0, most=0)},
        ["course-quota"],
    ),
    "9: what it has counts, whatever the options would choose now": (
        {
            "session": {"granted": Granted("gpu", "t4", some_amounts(3), None, {"gone": "x"})},
            "pool": PLENTY._replace(nominal=2, most=2),
        },
        ["course-quota"],
    ),
    "11: nothing left of the person's": (
        {"budgets": Budgets(a_budget(10, 10))},
        ["person-allowance"],
    ),
    "12: nothing left of the course's": (
        {"budgets": Budgets(a_budget(10, 1), a_budget(10, 10))},
        ["course-allowance"],
    ),
    "11 and 12 together": (
        {"budgets": Budgets(a_budget(10, 10), a_budget(10, 10))},
        ["person-allowance", "course-allowance"],
    ),
    "10: while others' class holds the free devices": (
        {"pool": HELD_FOR_OTHERS},
        ["pool-reserved"],
    ),
    "13 is not asked of what runs": ({"pool": PLENTY._replace(nodes=(), room=0)}, []),
    "14: while nothing is known of what 9 and 10 ask": (
        {"pool": HELD_FOR_OTHERS._replace(stale_since=NOW - DAY)},
        ["inventory-stale"],
    ),
    "the enrolment's end moves for nobody": (
        {"enrolments": (an_enrolment(ends=ENDS),)},
        ["end-fixed"],
    ),
    "nor does an exam's start": (
        {"exams": (Sitting(Exam("e", "db", ENDS, NOW + DAY, "x", "x:1"), NOW + DAY),)},
        ["end-fixed"],
    ),
    "nor the person's end of an exam": (
        {"session": {"exam": "e"}, "exams": (Sitting(EXAM, ENDS),)},
        ["end-fixed"],
    ),
    "all are told": (
        {
            "now": ENDS - HOUR,
            "session": {"extended": 9, "wanted": True, "reclaimed": True},
            "course": a_course(ends=ENDS),
            "hours": Stretch(False, None),
        },
        [
            *("outside-window", "too-early", "no-times-left"),
            *("reclaimed", "others-wait", "end-fixed"),
        ],
    ),
}


@pytest.mark.parametrize(("given_facts", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_stands_against_it(given_facts: dict[str, Any], expected: list[str]) -> None:
    extension = extend(**given_facts)
    assert codes(extension) == expected
    assert extension.allowed == (not expected)


GRANT = Grant("g", "ml", Offer("gpu"), NOW - DAY, ENDS + HOUR / 2, "ad:id-tea", approved=True)
GRANTED: dict[str, tuple[dict[str, Any], timedelta, EndRule]] = {
    "by as much as people may": ({}, HOUR, EndRule.EXTENSION),
    "up to the end of the enrolment": (
        {"enrolments": (an_enrolment(ends=ENDS + MINUTE),)},
        MINUTE,
        EndRule.ENROLMENT,
    ),
    "up to the end of the window": (
        {"hours": Stretch(True, ENDS + MINUTE)},
        MINUTE,
        EndRule.WINDOW,
    ),
    "up to the end of the grant": (
        {"course": a_course(offers={}), "grants": (GRANT,)},
        HOUR / 2,
        EndRule.GRANT,
    ),
    "as far as a budget has some left, however little": (
        {"budgets": Budgets(a_budget(10, 9.95))},
        3 * MINUTE,
        EndRule.ALLOWANCE,
    ),
}


@pytest.mark.parametrize(("given_facts", "longer", "rule"), GRANTED.values(), ids=GRANTED)
def test_until_when(given_facts: dict[str, Any], longer: timedelta, rule: EndRule) -> None:
    extension = extend(**given_facts)
    assert (extension.ends_at, extension.ends_by) == (ENDS + longer, rule)


def test_it_reserves_what_it_adds_and_nothing_of_what_it_has() -> None:
    extension = extend(budgets=Budgets(a_budget(10, 9.5), a_budget(400, 0)))
    assert extension.reserved == Reserved({WEEK: GPU_HOUR // 2}, {WEEK: GPU_HOUR // 2})


def test_the_weight_is_that_of_the_reservation() -> None:
    budgets = Budgets(a_budget(10, 9.5))
    half = extend(session={"weight": 500}, budgets=budgets)
    assert (half.ends_at, half.reserved) == (ENDS + HOUR, Reserved({WEEK: GPU_HOUR // 2}))
    nothing = extend(session={"weight": 0}, budgets=budgets)
    assert (nothing.ends_at, nothing.reserved) == (ENDS + HOUR, None)


WORDS = {
    "when to try again": (
        {"now": ENDS - HOUR},
        "A session can be extended from its first warning on.",
    ),
    "how often": (
        {"session": {"extended": 2}},
        "This session has been extended as often as people may themselves (2).",
    ),
    "which end": (
        {"course": a_course(ends=ENDS)},
        "This session cannot last longer: the course ends.",
    ),
    "which budget": (
        {"budgets": Budgets(a_budget(10, 10))},
        "Nothing is left of your 10 GPU hours per week in Machine Learning.",
    ),
}


@pytest.mark.parametrize(("given_facts", "words"), WORDS.values(), ids=WORDS)
def test_words(given_facts: dict[str, Any], words: str) -> None:
    assert [reason.sentence for reason in extend(**given_facts).reasons] == [words]


STAFF: dict[str, tuple[Ceilings | None, timedelta, list[str]]] = {
    "within the ceiling": (Ceilings(longest=8 * HOUR), 8 * HOUR, []),
    "above it": (Ceilings(longest=8 * HOUR), 8 * HOUR + MINUTE, ["above-ceiling"]),
    "where the campus names none": (NO_CEILINGS, 5 * HOUR, ["above-ceiling"]),
    "an administrator has none": (None, 99 * HOUR, []),
    "to no later end": (None, 4 * HOUR, ["end-fixed"]),
}


@pytest.mark.parametrize(("ceilings", "lasts", "expected"), STAFF.values(), ids=STAFF)
def test_by_staff_at_any_time_and_as_often_as_they_like(
    ceilings: Ceilings | None, lasts: timedelta, expected: list[str]
) -> None:
    session = a_session(extended=9)
    until = session.started + lasts
    extension = decide_extend_for(session, some_facts(), NOW - HOUR, until, ceilings)
    assert codes(extension) == expected
    assert extension.ends_at == (None if expected else until)


def test_warnings_in_their_order() -> None:
    assert warnings(ENDS, (2 * MINUTE, 10 * MINUTE, 2 * MINUTE)) == (
        ENDS - 10 * MINUTE,
        ENDS - 2 * MINUTE,
    )
    assert warnings(ENDS, ()) == ()


# -- law -----------------------------------------------------------------------------------------------------------

HOURS = st.integers(0, 48).map(lambda quarters: quarters / 4)


@st.composite
def worlds(draw_: st.DrawFn) -> dict[str, Any]:
    def budget() -> Budget | None:
        return a_budget(draw_(HOURS), draw_(HOURS)) if draw_(st.booleans()) else None

    return {
        "budgets": Budgets(budget(), budget()),
        "enrolments": (an_enrolment(ends=draw_(st.none() | HOURS.map(lambda h: NOW + h * HOUR))),),
        "course": a_course(ends=draw_(st.none() | HOURS.map(lambda h: NOW + h * HOUR))),
        "now": ENDS - draw_(st.integers(0, 12)) * MINUTE,
        "session": {"extended": draw_(st.integers(0, 2)), "wanted": draw_(st.integers(0, 3)) == 3},
    }


def is_later_and_paid_for(world: dict[str, Any], extension: Extension) -> bool:
    """An extension ends later, not by more than people may, and its budgets have what it takes."""
    if extension.ends_at is None:
        return bool(extension.reasons)
    added = (extension.ends_at - ENDS) // timedelta(milliseconds=1) * 1000
    reserved = extension.reserved or Reserved()
    paid = [
        drawn is not None
        and sum(drawn.values()) == added
        and draw(budget, 1000, ENDS, extension.ends_at)[0] == extension.ends_at
        for budget, drawn in zip(
            world["budgets"][:2], (reserved.person, reserved.course), strict=True
        )
        if budget is not None
    ]
    return not extension.reasons and ENDS < extension.ends_at <= ENDS + HOUR and all(paid)


@given(worlds())
def test_a_session_goes_on_for_what_it_reserves_and_never_ends_sooner(
    world: dict[str, Any],
) -> None:
    assert is_later_and_paid_for(world, extend(**world))


def test_reserving_from_now_on_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flaw of charging again what the session has reserved already."""
    from jupyterhub_edu.domain.ends import reserve

    monkeypatch.setattr(
        "jupyterhub_edu.domain.extend.reserve", lambda case, _, end: reserve(case, case.now, end)
    )

    @given(worlds())
    def law(world: dict[str, Any]) -> None:
        assert is_later_and_paid_for(world, extend(**world))

    quickly = settings(max_examples=500, phases=[Phase.generate], derandomize=True)
    with pytest.raises(AssertionError):
        quickly(law)()


POOLS = st.builds(
    lambda room, held, nominal: PLENTY._replace(
        nodes=(room,), room=room, claimed=held, nominal=nominal
    ),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 1),
)


def stale_never_widens(pool: Pool) -> None:
    stale = extend(pool=pool._replace(stale_since=NOW - DAY))
    assert extend(pool=pool).allowed or not stale.allowed


@given(POOLS)
def test_what_is_not_known_of_the_cluster_never_widens(pool: Pool) -> None:
    stale_never_widens(pool)


def test_not_asking_rule_14_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flaw of taking what runs for granted while nobody knows for whom its devices are held."""
    asked = "jupyterhub_edu.domain.extend._NOT_ASKED"
    monkeypatch.setattr(asked, {Code.NO_CAPACITY, Code.INVENTORY_STALE})
    with pytest.raises(AssertionError):
        stale_never_widens(HELD_FOR_OTHERS)
