"""Rules 6, 11 and 12, and what grants and exams do to the others and to the end of a session, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jupyterhub_edu.domain.allowances import GPU_HOUR, Allowance, Budget, Budgets, Reserved
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.decide import (
    Decision,
    EndRule,
    Facts,
    Held,
    StartRequest,
    decide_start,
)
from jupyterhub_edu.domain.ends import start_end
from jupyterhub_edu.domain.exams import Exam, Sitting
from jupyterhub_edu.domain.grants import Cap, Ceilings, Grant, Hours, Lift, Longest, Offer, extras
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.schedule import Period, Span
from jupyterhub_edu.domain.windows import Stretch
from tests.fakes.campus import NOW, T4, a_choice, a_course, a_profile, an_enrolment, an_option

STUDENT, ASSISTANT = CourseRole.STUDENT, CourseRole.ASSISTANT
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OSLO = ZoneInfo("Europe/Oslo")
WEEK = datetime(2026, 11, 1, 23, tzinfo=UTC)
"""Monday 00:00 in Oslo, of the week of NOW."""
NEXT_WEEK = WEEK + 7 * DAY
SIZE = an_option("size", a_choice("one", devices=1), a_choice("two", devices=2))
NOTEBOOK, GPU = a_profile(), a_profile("gpu", flavor=T4, options=[SIZE])
PLENTY = Pool(nodes=(8,), unseen=0, room=8, used=0, used_here=0, nominal=8, most=None, claimed=0)
CEILINGS = Ceilings(
    hours=10 * GPU_HOUR,
    longest=8 * HOUR,
    profiles=frozenset({"gpu"}),
    servers=2,
    devices={"t4": 2},
)


def decide(
    profile: Profile = GPU,
    options: dict[str, str] | None = None,
    now: datetime = NOW,
    **kwargs: Any,
) -> Decision:
    """A student asks for a GPU in an open course with enough of them."""
    defaults: dict[str, Any] = {
        "course": a_course(),
        "enrolments": (an_enrolment(),),
        "profile": profile,
        "held": Held(),
        "caps": Caps(),
        "pool": PLENTY if profile is GPU else None,
        "stale_after": 12 * HOUR,
        "zone": OSLO,
        "ceilings": CEILINGS,
    }
    request = StartRequest("ad:id-ada", "ml", profile.key, options or {})
    return decide_start(request, Facts(**{**defaults, **kwargs}), now)


def codes(decision: Decision) -> list[str]:
    return [str(reason.code) for reason in decision.reasons]


def a_budget(hours: float, period: Period = Period.WEEK, **kwargs: Any) -> Budget:
    taken = {slot: int(taken * GPU_HOUR) for slot, taken in kwargs.pop("taken", {}).items()}
    return Budget(Allowance(int(hours * GPU_HOUR), period), OSLO, taken=taken, **kwargs)


def person(hours: float, **kwargs: Any) -> dict[str, Any]:
    return {"budgets": Budgets(person=a_budget(hours, **kwargs))}


def course(hours: float, **kwargs: Any) -> dict[str, Any]:
    return {"budgets": Budgets(course=a_budget(hours, **kwargs))}


def a_grant(what: Lift, **kwargs: Any) -> Grant:
    defaults = {
        "id": "g",
        "course": "ml",
        "starts": NOW - DAY,
        "ends": NOW + DAY,
        "by": "ad:id-tea",
        "what": what,
    }
    return Grant(**{**defaults, **kwargs})


def an_exam(**kwargs: Any) -> Exam:
    defaults = {
        "id": "e",
        "course": "ml",
        "starts": NOW - HOUR,
        "ends": NOW + HOUR,
        "profile": "gpu",
        "image": "registry.example/exam:1",
    }
    return Exam(**{**defaults, **kwargs})


def sits(servers: int = 0, **kwargs: Any) -> dict[str, Any]:
    exam = an_exam(**kwargs)
    return {"exams": (Sitting(exam, exam.ends, servers),)}


# -- who may start -------------------------------------------------------------------------------------------------

ELSEWHERE: dict[str, Any] = {"course": "db", "profile": "notebook"}
NO_CAP_LEFT = {
    "course": a_course(caps={STUDENT: Caps(1, {"t4": 1})}),
    "held": Held(1, 1, 1, 1),
}
TEACHERS_ONLY = a_course(offers={CourseRole.TEACHER: ("gpu",)})
OFFER = a_grant(Offer("gpu"))

STARTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "without budgets, grants and exams there is no limit": ({}, []),
    "4: a grant offers a profile": ({"course": TEACHERS_ONLY, "grants": (OFFER,)}, []),
    "4: only the one that it names": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("notebook")),)},
        ["profile-not-offered"],
    ),
    "4: only until its date": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("gpu"), ends=NOW),)},
        ["profile-not-offered"],
    ),
    "4: only from its beginning": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("gpu"), starts=NOW + HOUR),)},
        ["profile-not-offered"],
    ),
    "4: only up to the ceiling": (
        {"course": TEACHERS_ONLY, "grants": (OFFER,), "ceilings": Ceilings()},
        ["profile-not-offered"],
    ),
    "4: beyond it where an administrator approved it": (
        {
            "course": TEACHERS_ONLY,
            "grants": (a_grant(Offer("gpu"), approved=True),),
            "ceilings": Ceilings(),
        },
        [],
    ),
    "4: a grant of another course gives nothing here": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("gpu"), course="db"),)},
        ["profile-not-offered"],
    ),
    "4: a grant to somebody else gives nothing": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("gpu"), person="ad:id-bob"),)},
        ["profile-not-offered"],
    ),
    "4: a grant to the person gives it": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("gpu"), person="ad:id-ada"),)},
        [],
    ),
    "4: so does one to another identity of theirs": (
        {
            "course": TEACHERS_ONLY,
            "grants": (a_grant(Offer("gpu"), person="lms:7"),),
            "enrolments": (an_enrolment("lms:7"),),
        },
        [],
    ),
    "4: a grant to a section gives it to those in it": (
        {
            "course": TEACHERS_ONLY,
            "grants": (a_grant(Offer("gpu"), section="a"),),
            "enrolments": (an_enrolment(sections=frozenset({"a"})),),
        },
        [],
    ),
    "4: and to nobody else": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("gpu"), section="a"),)},
        ["profile-not-offered"],
    ),
    "1: a grant is no enrolment": (
        {"enrolments": (), "grants": (OFFER,)},
        ["not-enrolled"],
    ),
    "2: a granted device needs a fresh enrolment, whichever": (
        {
            "course": TEACHERS_ONLY,
            "grants": (OFFER,),
            "enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - DAY),),
        },
        ["roster-stale"],
    ),
    "5: a grant opens no option that is for stronger roles": (
        {
            "course": TEACHERS_ONLY,
            "grants": (OFFER,),
            "options": {"size": "nine"},
        },
        ["option-invalid"],
    ),
    "6: whoever takes part in an exam elsewhere starts nothing here": (
        sits(**ELSEWHERE),
        ["exam-running"],
    ),
    "6: nor another profile of the same course": (sits(profile="notebook"), ["exam-running"]),
    "6: the exam's own server starts": (sits(), []),
    "6: one for each": (sits(servers=1), ["exam-running"]),
    "6: an exam that is still to begin holds nobody": (
        sits(**ELSEWHERE, starts=NOW + MINUTE),
        [],
    ),
    "6: it holds from its first instant": (sits(**ELSEWHERE, starts=NOW), ["exam-running"]),
    "6: and no longer than its end": (sits(**ELSEWHERE, ends=NOW), []),
    "6: nor when it has been closed": (
        {"exams": (Sitting(an_exam(**ELSEWHERE), NOW),)},
        [],
    ),
    "6: of two exams at once either may be started": (
        {"exams": sits()["exams"] + sits(**ELSEWHERE)["exams"]},
        [],
    ),
    "6: an option is fixed": ({**sits(), "options": {"size": "two"}}, ["option-invalid"]),
    "6: saying it as it is fixed does no harm": ({**sits(), "options": {"size": "one"}}, []),
    "6: nor the other way round": (
        {**sits(options={"size": "two"}), "options": {"size": "two"}},
        [],
    ),
    "6: what is no option is none in an exam": (
        {**sits(), "options": {"colour": "red", "size": "two"}},
        ["option-invalid", "option-invalid"],
    ),
    "3: an exam opens no course that is closed": (
        {**sits(), "course": a_course(ends=NOW)},
        ["course-closed"],
    ),
    "4: an exam offers nothing": ({**sits(), "course": TEACHERS_ONLY}, ["profile-not-offered"]),
    "7: windows are not asked in an exam": ({**sits(), "hours": Stretch(False, None)}, []),
    "7: nor of whoever takes part in one": (
        {**sits(**ELSEWHERE), "hours": Stretch(False, None)},
        ["exam-running"],
    ),
    "8: caps are not asked of an exam's server": ({**NO_CAP_LEFT, **sits()}, []),
    "8: they are of any other": (
        {**NO_CAP_LEFT, **sits(**ELSEWHERE)},
        ["exam-running", "person-cap", "person-cap"],
    ),
    "8: a grant lifts the cap that it names": (
        {**NO_CAP_LEFT, "grants": (a_grant(Cap(2)),)},
        ["person-cap"],
    ),
    "8: two grants lift both": (
        {**NO_CAP_LEFT, "grants": (a_grant(Cap(2)), a_grant(Cap(2, "t4")))},
        [],
    ),
    "8: only up to the ceiling": (
        {
            "course": a_course(caps={STUDENT: Caps(2)}),
            "held": Held(2, 0, 2, 0),
            "grants": (a_grant(Cap(9)),),
        },
        ["person-cap"],
    ),
    "8: a grant lifts no cap of the campus": (
        {"held": Held(1, 0, 1, 0), "caps": Caps(1), "grants": (a_grant(Cap(2)),)},
        ["person-cap"],
    ),
    "8: a grant below the cap lowers nothing": (
        {
            "course": a_course(caps={STUDENT: Caps(3)}),
            "held": Held(2, 0, 2, 0),
            "grants": (a_grant(Cap(1)),),
        },
        [],
    ),
    "11: nothing left of the week": (person(1, taken={WEEK: 1}), ["person-allowance"]),
    "11: less than the shortest useful session": (
        person(1, taken={WEEK: 0.9}),
        ["person-allowance"],
    ),
    "11: exactly the shortest": (person(1 / 6), []),
    "11: two devices use twice as much": (
        {**person(1 / 6), "options": {"size": "two"}},
        ["person-allowance"],
    ),
    "11: the next period's may be reached": (
        {**person(1, taken={WEEK: 0.95}), "now": NEXT_WEEK - 3 * MINUTE},
        [],
    ),
    "11: it is asked too": (
        {**person(1, taken={NEXT_WEEK: 1}), "now": NEXT_WEEK - 3 * MINUTE},
        ["person-allowance"],
    ),
    "11: another week's does not matter": (person(1, taken={WEEK - 7 * DAY: 1}), []),
    "11: a server without devices uses nothing": ({"profile": NOTEBOOK, **person(0)}, []),
    "11: a grant's hours come beside": (
        {**person(1, taken={WEEK: 1}), "grants": (a_grant(Hours(GPU_HOUR)),)},
        [],
    ),
    "11: until they are used up": (
        {**person(1, taken={WEEK: 1, "g": 1}), "grants": (a_grant(Hours(GPU_HOUR)),)},
        ["person-allowance"],
    ),
    "11: only up to the ceiling each": (
        {**person(1, taken={WEEK: 1, "g": 10}), "grants": (a_grant(Hours(99 * GPU_HOUR)),)},
        ["person-allowance"],
    ),
    "11: not asked of an exam's participant": ({**person(0), **sits()}, []),
    "12: the course's pooled budget": (course(400, taken={WEEK: 400}), ["course-allowance"]),
    "12: a grant of hours is not of the course's": (
        {**course(1, taken={WEEK: 1}), "grants": (a_grant(Hours(GPU_HOUR)),)},
        ["course-allowance"],
    ),
    "12: not asked of an exam's participant": ({**course(0), **sits()}, []),
    "11 and 12 are told both, in the table's order, before 13": (
        {
            "budgets": Budgets(a_budget(0), a_budget(0)),
            "pool": PLENTY._replace(nodes=(), room=0),
        },
        ["person-allowance", "course-allowance", "no-capacity"],
    ),
    "4: leaves out budgets": (
        {**person(0), "course": TEACHERS_ONLY},
        ["profile-not-offered"],
    ),
    "12: outside its term a term's budget gives nothing": (
        course(9, period=Period.TERM, term=Span(NOW - 9 * DAY, NOW)),
        ["course-allowance"],
    ),
}


@pytest.mark.parametrize(("given_facts", "expected"), STARTS.values(), ids=STARTS)
def test_who_may_start(given_facts: dict[str, Any], expected: list[str]) -> None:
    assert codes(decide(**given_facts)) == expected


# -- until when ----------------------------------------------------------------------------------------------------

LONG = a_profile("gpu", flavor=T4, longest=None)

ENDS: dict[str, tuple[dict[str, Any], timedelta | None, EndRule | None]] = {
    "the longest session": ({}, 4 * HOUR, EndRule.LONGEST),
    "a budget that is used up": (person(3), 3 * HOUR, EndRule.ALLOWANCE),
    "twice as fast by two devices": (
        {**person(3), "options": {"size": "two"}},
        1.5 * HOUR,
        EndRule.ALLOWANCE,
    ),
    "the course's, if that is sooner": (
        {"budgets": Budgets(a_budget(3), a_budget(2))},
        2 * HOUR,
        EndRule.ALLOWANCE,
    ),
    "on a tie the first rule of the page": (person(4), 4 * HOUR, EndRule.LONGEST),
    "nothing, where nothing ends it": ({"profile": LONG}, None, None),
    "a budget ends what nothing else does": (
        {"profile": LONG, **person(50, period=Period.DAY)},
        datetime(2026, 11, 4, 23, tzinfo=UTC) - NOW,
        EndRule.ALLOWANCE,
    ),
    "an exam of theirs that begins": (
        sits(starts=NOW + HOUR, ends=NOW + 2 * HOUR),
        HOUR,
        EndRule.EXAM_START,
    ),
    "the first of several": (
        {
            "exams": sits(starts=NOW + 2 * HOUR, ends=NOW + 3 * HOUR)["exams"]
            + sits(starts=NOW + HOUR, ends=NOW + 2 * HOUR)["exams"]
        },
        HOUR,
        EndRule.EXAM_START,
    ),
    "not if the campus lets them run on": (
        {**sits(starts=NOW + HOUR, ends=NOW + 2 * HOUR), "leaves": True},
        4 * HOUR,
        EndRule.LONGEST,
    ),
    "not an exam that was closed before it began": (
        {"exams": (Sitting(an_exam(starts=NOW + HOUR, ends=NOW + 2 * HOUR), NOW),)},
        4 * HOUR,
        EndRule.LONGEST,
    ),
    "in an exam the person's own end alone": (
        {
            "exams": (
                Sitting(an_exam(), NOW + 9 * HOUR),
                *sits(starts=NOW + HOUR, ends=NOW + 2 * HOUR)["exams"],
            ),
            "course": a_course(ends=NOW + 2 * HOUR),
            "enrolments": (an_enrolment(ends=NOW + HOUR),),
            **person(0),
        },
        9 * HOUR,
        EndRule.EXAM,
    ),
    "the grant's end, if only the grant offers it": (
        {"course": TEACHERS_ONLY, "grants": (a_grant(Offer("gpu"), ends=NOW + HOUR),)},
        HOUR,
        EndRule.GRANT,
    ),
    "not if a role has it too": (
        {"grants": (a_grant(Offer("gpu"), ends=NOW + HOUR),)},
        4 * HOUR,
        EndRule.LONGEST,
    ),
    "the last of grants without a gap": (
        {
            "course": TEACHERS_ONLY,
            "grants": (
                a_grant(Offer("gpu"), starts=NOW + HOUR, ends=NOW + 2 * HOUR),
                a_grant(Offer("gpu"), ends=NOW + HOUR),
            ),
        },
        2 * HOUR,
        EndRule.GRANT,
    ),
    "the first, if there is one": (
        {
            "course": TEACHERS_ONLY,
            "grants": (
                a_grant(Offer("gpu"), starts=NOW + HOUR + MINUTE, ends=NOW + 2 * HOUR),
                a_grant(Offer("gpu"), ends=NOW + HOUR),
            ),
        },
        HOUR,
        EndRule.GRANT,
    ),
    "a grant that goes on where a role ends": (
        {
            "course": a_course(offers={ASSISTANT: ("gpu",)}),
            "enrolments": (an_enrolment(), an_enrolment(role=ASSISTANT, ends=NOW + HOUR)),
            "grants": (a_grant(Offer("gpu"), ends=NOW + 2 * HOUR),),
        },
        2 * HOUR,
        EndRule.GRANT,
    ),
    "the end of the enrolment that the grant needs": (
        {
            "course": TEACHERS_ONLY,
            "enrolments": (an_enrolment(ends=NOW + HOUR),),
            "grants": (a_grant(Offer("gpu"), ends=NOW + 2 * HOUR),),
        },
        HOUR,
        EndRule.ENROLMENT,
    ),
    "the course's end before the grant's, of the same instant": (
        {
            "course": a_course(offers={CourseRole.TEACHER: ("gpu",)}, ends=NOW + HOUR),
            "grants": (a_grant(Offer("gpu"), ends=NOW + HOUR),),
        },
        HOUR,
        EndRule.COURSE,
    ),
    "a grant lengthens the session": (
        {"grants": (a_grant(Longest("gpu", 6 * HOUR)),)},
        6 * HOUR,
        EndRule.LONGEST,
    ),
    "of that profile alone": (
        {"grants": (a_grant(Longest("notebook", 6 * HOUR)),)},
        4 * HOUR,
        EndRule.LONGEST,
    ),
    "up to the ceiling": (
        {"grants": (a_grant(Longest("gpu", 99 * HOUR)),)},
        8 * HOUR,
        EndRule.LONGEST,
    ),
    "until its date": (
        {"grants": (a_grant(Longest("gpu", 8 * HOUR), ends=NOW + 5 * HOUR),)},
        5 * HOUR,
        EndRule.GRANT,
    ),
    "and never shortens it": (
        {"grants": (a_grant(Longest("gpu", 8 * HOUR), ends=NOW + HOUR),)},
        4 * HOUR,
        EndRule.LONGEST,
    ),
    "a cap that was lifted does not end with the grant": (
        {
            **NO_CAP_LEFT,
            "grants": tuple(a_grant(c, ends=NOW + HOUR) for c in (Cap(2), Cap(2, "t4"))),
        },
        4 * HOUR,
        EndRule.LONGEST,
    ),
    "extra hours until the grant's date": (
        {
            **person(1),
            "grants": (a_grant(Hours(9 * GPU_HOUR), ends=NOW + 2 * HOUR),),
        },
        2 * HOUR,
        EndRule.ALLOWANCE,
    ),
}


@pytest.mark.parametrize(("given_facts", "lasts", "rule"), ENDS.values(), ids=ENDS)
def test_until_when(
    given_facts: dict[str, Any], lasts: timedelta | None, rule: EndRule | None
) -> None:
    kwargs = {"pool": PLENTY, **given_facts}
    start = decide(**kwargs).start
    assert start is not None
    assert start.ends_at == (None if lasts is None else NOW + lasts)
    assert start.ends_by is rule


def test_what_is_reserved_is_what_the_planned_length_needs() -> None:
    budgets = Budgets(a_budget(3, taken={WEEK: 1}), a_budget(400))
    start = decide(budgets=budgets, grants=(a_grant(Hours(GPU_HOUR)),)).start
    assert start is not None
    assert start.reserved == Reserved({WEEK: 2 * GPU_HOUR, "g": GPU_HOUR}, {WEEK: 3 * GPU_HOUR})
    shorter = decide(budgets=budgets._replace(course=a_budget(1.5))).start
    assert shorter is not None
    assert shorter.reserved == Reserved({WEEK: GPU_HOUR * 3 // 2}, {WEEK: GPU_HOUR * 3 // 2})


def test_an_exam_reserves_nothing_and_fixes_the_image() -> None:
    start = decide(**sits(options={"size": "two"}), **person(9)).start
    assert start is not None
    assert (start.exam, start.reserved) == ("e", None)
    assert start.granted.image == "registry.example/exam:1"
    assert start.granted.amounts.devices == 2


SENTENCES = {
    "an exam does not say where": (
        sits(**ELSEWHERE),
        "You take part in an exam until 2026-11-03 12:00; until then only its own server starts.",
        NOW + HOUR,
    ),
    "the last of two exams counts": (
        {"exams": sits(**ELSEWHERE)["exams"] + sits(**ELSEWHERE, ends=NOW + DAY)["exams"]},
        "You take part in an exam until 2026-11-04 11:00; until then only its own server starts.",
        NOW + DAY,
    ),
    "one server each": (
        sits(servers=1),
        "You already have your server in this exam; there is one for each.",
        None,
    ),
    "the person's week": (
        person(10, taken={WEEK: 9.95}),
        "Of your 10 GPU hours per week in Machine Learning, 3 minutes are left for this; a session takes at least 10.",
        NEXT_WEEK,
    ),
    "the course's term": (
        course(400, period=Period.TERM, term=Span(WEEK, WEEK + 99 * DAY), taken={WEEK: 400}),
        "Of the 400 GPU hours per term of Machine Learning, 0 minutes are left for this; a session takes at least 10.",
        None,
    ),
    "an option of an exam": (
        {**sits(), "options": {"size": "two"}},
        "Size is fixed to one in this exam.",
        None,
    ),
}


@pytest.mark.parametrize(("given_facts", "words", "retry"), SENTENCES.values(), ids=SENTENCES)
def test_words_and_when_to_try_again(
    given_facts: dict[str, Any], words: str, retry: datetime | None
) -> None:
    decision = decide(**given_facts)
    assert (decision.sentence, decision.retry_at) == (words, retry)
    assert not decision.waitable


# -- laws ----------------------------------------------------------------------------------------------------------

INSTANTS = st.integers(-4, 12).map(lambda half_hours: NOW + half_hours * HOUR / 2)
LIFTS: st.SearchStrategy[Lift] = st.one_of(
    st.builds(Hours, st.integers(1, 12).map(lambda hours: hours * GPU_HOUR)),
    st.builds(Offer, st.sampled_from(["gpu", "notebook"])),
    st.builds(Cap, st.integers(0, 3), st.sampled_from([None, "t4"])),
    st.builds(Longest, st.just("gpu"), st.integers(1, 12).map(lambda hours: hours * HOUR)),
)


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    starts, ends = sorted(draw(st.lists(INSTANTS, min_size=2, max_size=2, unique=True)))
    return a_grant(
        draw(LIFTS),
        id=str(draw(st.integers(0, 99))),
        starts=starts,
        ends=ends,
        approved=draw(st.booleans()),
        section=draw(st.sampled_from([None, "a", "b"])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """Facts of a student who is in section a, with whatever limits."""
    hours = st.none() | st.integers(0, 5).map(a_budget)
    caps = {STUDENT: Caps(draw(st.sampled_from([None, 1])), {"t4": draw(st.integers(1, 2))})}
    exams = st.lists(
        st.tuples(INSTANTS, st.integers(1, 4), st.sampled_from(["ml", "db"]), st.integers(0, 1)),
        max_size=2,
    )
    offers = draw(st.sampled_from([("notebook", "gpu"), ("notebook",)]))
    return {
        "course": a_course(offers={STUDENT: offers, ASSISTANT: ("gpu",)}, caps=caps),
        "enrolments": tuple(
            an_enrolment(role=role, ends=draw(st.none() | INSTANTS), sections=frozenset({"a"}))
            for role in draw(st.lists(st.sampled_from([STUDENT, ASSISTANT]), max_size=2))
        ),
        "held": Held(*(draw(st.integers(0, 1)),) * 4),
        "budgets": draw(st.none() | st.tuples(hours, hours).map(lambda both: Budgets(*both))),
        "exams": tuple(
            Sitting(
                exam := an_exam(starts=at, ends=at + n * HOUR, course=where), exam.ends, servers
            )
            for at, n, where, servers in draw(exams)
        ),
        "leaves": draw(st.booleans()),
        "grants": tuple(draw(st.lists(grants(), max_size=4, unique_by=lambda g: g.id))),
    }


def is_wider(than: Decision, found: Decision) -> bool:
    """Whether more may be started, or for longer."""
    if found.start is None:
        return False
    if than.start is None:
        return True
    before, after = than.start.ends_at, found.start.ends_at
    return before is not None and (after is None or after > before)


def never_wider_by_a_grant_less(world: dict[str, Any]) -> None:
    whole = decide(**world)
    for gone in world["grants"]:
        rest = tuple(grant for grant in world["grants"] if grant is not gone)
        assert not is_wider(whole, decide(**{**world, "grants": rest})), gone


@given(worlds())
def test_a_grant_less_never_widens(world: dict[str, Any]) -> None:
    never_wider_by_a_grant_less(world)


def is_caught(law: Any) -> None:
    """The law fails for some example; which one does not matter."""
    quickly = settings(max_examples=3000, phases=[Phase.generate], derandomize=True)
    with pytest.raises(AssertionError):
        quickly(law)()


def test_ceilings_over_all_grants_together_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The flaw of clipping hours by what earlier grants have used up of the ceiling: one less makes room."""

    def flawed(lifts: list[tuple[Grant, Lift]]) -> Any:
        left, clipped = CEILINGS.hours, []
        for extra in extras(lifts):
            clipped.append(extra._replace(amount=min(extra.amount, left)))
            left -= clipped[-1].amount
        return tuple(clipped)

    monkeypatch.setattr("jupyterhub_edu.domain.case.extras", flawed)
    short, long = (
        a_grant(Hours(10 * GPU_HOUR), id=id, ends=NOW + hours * HOUR)
        for id, hours in (("a", 1), ("b", 4))
    )
    with pytest.raises(AssertionError):
        never_wider_by_a_grant_less({**person(0), "grants": (short, long)})


def test_a_grant_that_replaces_the_role_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flaw of ending with the grant although the role has it too."""
    monkeypatch.setattr("jupyterhub_edu.domain.ends.offered_by_role", lambda *_: [])

    @given(worlds())
    def law(world: dict[str, Any]) -> None:
        never_wider_by_a_grant_less(world)

    is_caught(law)


@given(worlds(), st.integers(0, 1))
def test_an_enrolment_less_widens_only_where_an_exam_s_hold_ends_with_it(
    world: dict[str, Any], gone: int
) -> None:
    rest = tuple(e for n, e in enumerate(world["enrolments"]) if n != gone)
    assert not is_wider(decide(**world), decide(**{**world, "enrolments": rest}))


ORDER = [str(code) for code in Code]


@given(worlds())
def test_a_refusal_names_its_reasons_in_order_and_the_same_facts_answer_the_same(
    world: dict[str, Any],
) -> None:
    decision = decide(**world)
    assert decision == decide(**world)
    assert decision.allowed != bool(decision.reasons)
    assert codes(decision) == sorted(codes(decision), key=ORDER.index)


def no_more_than_is_left(world: dict[str, Any]) -> None:
    """Whatever starts has in its budgets what it needs to its end, and no start is shorter than useful by a budget."""
    start = decide(**world).start
    budgets: Budgets | None = world["budgets"]
    if start is None or budgets is None or start.exam is not None:
        return
    assert start.reserved is not None or budgets == Budgets()
    for budget, drawn in zip(budgets[:2], start.reserved or (None, None), strict=True):
        assert (drawn is None) == (budget is None)
        if budget is None or drawn is None:
            continue
        assert start.ends_at is not None
        assert sum(drawn.values()) == (start.ends_at - NOW) // timedelta(milliseconds=1) * 1000
        own = {slot: part for slot, part in drawn.items() if isinstance(slot, datetime)}
        assert max(own.values(), default=0) <= budget.allowance.amount
    if start.ends_by is EndRule.ALLOWANCE:
        assert start.ends_at is not None
        assert start.ends_at - NOW >= 10 * MINUTE


@given(worlds())
def test_a_start_reserves_what_it_needs_and_no_more_than_is_left(world: dict[str, Any]) -> None:
    no_more_than_is_left(world)


def test_a_start_that_reserves_for_its_person_alone_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The flaw of asking the course's budget only whether there is enough for the shortest session."""

    def flawed(case: Any, course: Any) -> Any:
        if case.foresight is not None:
            case.foresight = case.foresight._replace(course=None)
        return start_end(case, course)

    monkeypatch.setattr("jupyterhub_edu.domain.decide.start_end", flawed)

    @given(worlds())
    def law(world: dict[str, Any]) -> None:
        no_more_than_is_left(world)

    is_caught(law)


@given(worlds())
def test_no_reason_names_another_course(world: dict[str, Any]) -> None:
    """Exams of ``db`` hold people here; nothing that they are told says so."""
    named = [str(value) for reason in decide(**world).reasons for value in reason.values.values()]
    assert not any("db" in value.casefold() for value in named)
