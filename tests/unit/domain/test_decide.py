"""Rules 1-5, 8-10, 13 and 14 of the policy page, row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.courses import Caps, CourseState
from jupyterhub_edu.domain.decide import (
    Decision,
    EndRule,
    Facts,
    Held,
    StartRequest,
    decide_start,
)
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.reasons import ROWS, Code
from jupyterhub_edu.domain.windows import Stretch
from tests.fakes.campus import (
    NOW,
    T4,
    a_choice,
    a_course,
    a_profile,
    an_enrolment,
    an_option,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SIZE = an_option(
    "size",
    a_choice("one", devices=1),
    a_choice("two", devices=2, course_roles=frozenset({CourseRole.TEACHER})),
)
NOTEBOOK, GPU = a_profile(), a_profile("gpu", flavor=T4, options=[SIZE])
PLENTY = Pool(nodes=(4,), unseen=0, room=4, used=0, used_here=0, nominal=2, most=None, claimed=0)
FROM_AD: dict[str, Any] = {"origin": "source:ad", "answered_at": NOW}


def facts(**kwargs: Any) -> Facts:
    """A student, enrolled by hand, asks for a notebook in an open course with an idle pool."""
    defaults: dict[str, Any] = {
        "course": a_course(),
        "enrolments": (an_enrolment(),),
        "profile": NOTEBOOK,
        "held": Held(),
        "caps": Caps(),
        "pool": PLENTY if kwargs.get("profile") is GPU else None,
        "stale_after": 12 * HOUR,
        "source_titles": {"source:ad": "Directory"},
        "contact": "it@test.example",
    }
    return Facts(**{**defaults, **kwargs})


def decide(options: dict[str, str] | None = None, **kwargs: Any) -> Decision:
    given_facts = facts(**kwargs)
    profile = given_facts.profile.key if given_facts.profile else "nothing"
    return decide_start(StartRequest("ad:id-ada", "ml", profile, options or {}), given_facts, NOW)


def gpu(**kwargs: Any) -> dict[str, Any]:
    return {"profile": GPU, "pool": PLENTY._replace(**kwargs)}


LIMITED = {CourseRole.STUDENT: Caps(servers=1, devices={"t4": 1})}

ROWS_OF_RULES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an enrolled student may start what is offered": ({}, []),
    "1: without an enrolment nothing may start": ({"enrolments": ()}, ["not-enrolled"]),
    "1: an unknown course answers the same": (
        {"course": None, "enrolments": ()},
        ["not-enrolled"],
    ),
    "1: stands alone, whatever else fails": (
        {"enrolments": (), "profile": None, "course": a_course(state=CourseState.ARCHIVED)},
        ["not-enrolled"],
    ),
    "1: an enrolment that has ended is none": (
        {"enrolments": (an_enrolment(ends=NOW),)},
        ["not-enrolled"],
    ),
    "1: an enrolment still to begin is none": (
        {"enrolments": (an_enrolment(starts=NOW + HOUR),)},
        ["not-enrolled"],
    ),
    "1: an enrolment begins at its first instant": (
        {"enrolments": (an_enrolment(starts=NOW),)},
        [],
    ),
    "2: a device needs an answer younger than stale_after": (
        {**gpu(), "enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - DAY),)},
        ["roster-stale"],
    ),
    "2: an answer exactly stale_after old still counts": (
        {**gpu(), "enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - 12 * HOUR),)},
        [],
    ),
    "2: a CPU notebook starts on an old answer": (
        {"enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - DAY),)},
        [],
    ),
    "2: a manual enrolment is never stale": ({**gpu(), "enrolments": (an_enrolment(),)}, []),
    "2: one fresh enrolment that allows it is enough": (
        {
            **gpu(),
            "enrolments": (
                an_enrolment(origin="source:ad", answered_at=NOW - DAY),
                an_enrolment(origin="source:lms", answered_at=NOW),
            ),
        },
        [],
    ),
    "2: a fresh enrolment that does not allow it does not help": (
        {
            **gpu(),
            "course": a_course(offers={CourseRole.TEACHER: ("gpu",)}),
            "enrolments": (
                an_enrolment(role=CourseRole.TEACHER, origin="source:ad", answered_at=NOW - DAY),
                an_enrolment(**FROM_AD),
            ),
        },
        ["roster-stale"],
    ),
    "3: a course that has not begun is closed": (
        {"course": a_course(starts=NOW + DAY)},
        ["course-closed"],
    ),
    "3: a course is closed from its end on": ({"course": a_course(ends=NOW)}, ["course-closed"]),
    "3: a suspended course is closed": (
        {"course": a_course(state=CourseState.SUSPENDED)},
        ["course-closed"],
    ),
    "3: an archived course is closed": (
        {"course": a_course(state=CourseState.ARCHIVED)},
        ["course-closed"],
    ),
    "4: a profile offered to another course role is refused": (
        {"course": a_course(offers={CourseRole.TEACHER: ("notebook",)})},
        ["profile-not-offered"],
    ),
    "4: a profile that the catalogue does not have is refused": (
        {"profile": None},
        ["profile-not-offered"],
    ),
    "4: an observer to whom nothing is offered may start nothing": (
        {"enrolments": (an_enrolment(role=CourseRole.OBSERVER),)},
        ["profile-not-offered"],
    ),
    "4: leaves out what needs the profile's amounts": (
        {
            **gpu(nodes=(), room=0),
            "course": a_course(offers={}),
            "enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - DAY),),
        },
        ["profile-not-offered"],
    ),
    "5: an unknown option is refused": (
        {**gpu(), "options": {"colour": "red"}},
        ["option-invalid"],
    ),
    "5: an unknown value is refused": ({**gpu(), "options": {"size": "9"}}, ["option-invalid"]),
    "5: a choice of another course role is refused": (
        {**gpu(), "options": {"size": "two"}},
        ["option-invalid"],
    ),
    "5: every invalid option is named": (
        {**gpu(), "options": {"size": "9", "colour": "red"}},
        ["option-invalid", "option-invalid"],
    ),
    "5: leaves out what needs the profile's amounts": (
        {**gpu(nodes=(), room=0), "options": {"size": "9"}},
        ["option-invalid"],
    ),
    "7: a profile that no window restricts starts at any time": ({"hours": None}, []),
    "7: inside a window it starts": ({"hours": Stretch(True, NOW + HOUR)}, []),
    "7: between two windows it does not": (
        {"hours": Stretch(False, NOW + HOUR)},
        ["outside-window"],
    ),
    "7: without a window to come it never does": (
        {"hours": Stretch(False, None)},
        ["outside-window"],
    ),
    "7: is told beside an invalid option": (
        {"hours": Stretch(False, NOW + HOUR), "options": {"size": "huge"}},
        ["option-invalid", "outside-window"],
    ),
    "8: the course's cap on servers binds": (
        {"course": a_course(caps=LIMITED), "held": Held(servers=1, servers_all=1)},
        ["person-cap"],
    ),
    "8: the campus's cap on servers binds": (
        {"caps": Caps(servers=1), "held": Held(servers=0, servers_all=1)},
        ["person-cap"],
    ),
    "8: the smaller cap wins": (
        {
            "course": a_course(caps={CourseRole.STUDENT: Caps(servers=5)}),
            "caps": Caps(servers=1),
            "held": Held(servers=1, servers_all=1),
        },
        ["person-cap"],
    ),
    "8: the cap on devices counts this start": (
        {**gpu(), "course": a_course(caps=LIMITED), "held": Held(devices=1, devices_all=1)},
        ["person-cap"],
    ),
    "8: servers and devices are told apart": (
        {**gpu(), "course": a_course(caps=LIMITED), "held": Held(1, 1, 1, 1)},
        ["person-cap", "person-cap"],
    ),
    "8: of two course roles the wider cap counts": (
        {
            "course": a_course(caps={**LIMITED, CourseRole.TEACHER: Caps(servers=2)}),
            "enrolments": (an_enrolment(), an_enrolment(role=CourseRole.TEACHER)),
            "held": Held(servers=1, servers_all=1),
        },
        [],
    ),
    "8: of two course roles one without a cap has none": (
        {
            "course": a_course(caps=LIMITED),
            "enrolments": (an_enrolment(), an_enrolment(role=CourseRole.TEACHER)),
            "held": Held(servers=7, servers_all=7),
        },
        [],
    ),
    "9: within its own devices a course is never refused": (
        gpu(used_here=1, used=9, claimed=9, room=1),
        [],
    ),
    "9: a loan takes what others own and do not use": (
        gpu(used_here=2, used=2, claimed=2, room=2),
        [],
    ),
    "9: borrowing ends at the course's most": (
        gpu(used_here=3, used=3, claimed=3, room=9, most=3),
        ["course-quota"],
    ),
    "9: more than the course may ever hold is never possible": (
        gpu(most=0, nominal=0),
        ["course-quota"],
    ),
    "9: what only a window to come makes possible is not never": (
        gpu(nominal=0, most=0, peak=2),
        ["course-quota"],
    ),
    "10: a loan never takes what another course's window holds": (
        gpu(used_here=2, used=2, claimed=6, room=4),
        ["pool-reserved"],
    ),
    "10: nor does an own request": (gpu(claimed=4), ["pool-reserved"]),
    "10: within its own reservation a course is not asked": (
        gpu(reserved=1, claimed=5, room=4),
        [],
    ),
    "10: what is free beside the reservations may be taken": (gpu(claimed=3), []),
    "10: is silent where nothing is free at all": (
        gpu(claimed=4, nodes=(0,), room=0),
        ["no-capacity"],
    ),
    "10: is silent while nothing is known of capacity": (
        gpu(claimed=4, stale_since=NOW - HOUR),
        ["inventory-stale"],
    ),
    "13: what fits nowhere is no fault of the course's quota": (
        gpu(used_here=2, used=2, claimed=2, nodes=(0,), room=0),
        ["no-capacity"],
    ),
    "13: no node with a free device": (gpu(nodes=(0, 0), room=0), ["no-capacity"]),
    "13: free devices that others are on their way to do not count": (
        gpu(nodes=(1,), unseen=1, room=0, used=1, claimed=1),
        ["no-capacity"],
    ),
    "14: the cluster has not been heard of": (
        gpu(stale_since=NOW - HOUR),
        ["inventory-stale"],
    ),
    "14: leaves out 13, of which nothing is known then": (
        gpu(stale_since=NOW - HOUR, nodes=(), room=0),
        ["inventory-stale"],
    ),
    "14: the course's own limit is asked all the same": (
        gpu(stale_since=NOW - HOUR, used_here=3, most=3),
        ["course-quota", "inventory-stale"],
    ),
    "14: a CPU notebook does not ask the cluster": ({}, []),
    "all failing rules are told, in the table's order": (
        {
            **gpu(nodes=(0,), room=0, used_here=2, used=2, claimed=2, most=2),
            "course": a_course(
                ends=NOW, caps={CourseRole.STUDENT: Caps(servers=0, devices={"t4": 0})}
            ),
            "enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - DAY),),
        },
        [
            "roster-stale",
            "course-closed",
            "person-cap",
            "person-cap",
            "course-quota",
            "no-capacity",
        ],
    ),
}


@pytest.mark.parametrize(("case", "codes"), ROWS_OF_RULES.values(), ids=ROWS_OF_RULES)
def test_rule(case: dict[str, Any], codes: list[str]) -> None:
    decision = decide(**case)
    assert [str(reason.code) for reason in decision.reasons] == codes
    assert decision.allowed == (not codes)


SENTENCES: dict[str, tuple[dict[str, Any], str, str]] = {
    "not enrolled, and the course's title stays unsaid": (
        {"enrolments": ()},
        "You are not enrolled in ml.",
        "an administrator",
    ),
    "an enrolment to come says when": (
        {"enrolments": (an_enrolment(starts=NOW + DAY),)},
        "Your enrolment in Machine Learning begins on 2026-11-04.",
        "an administrator",
    ),
    "an enrolment that ended says its last day": (
        {"enrolments": (an_enrolment(ends=NOW - DAY),)},
        "Your enrolment in Machine Learning ended on 2026-11-02.",
        "an administrator",
    ),
    "a stale answer says whose and since when": (
        {**gpu(), "enrolments": (an_enrolment(origin="source:ad", answered_at=NOW - DAY),)},
        "Directory has not confirmed your enrolment since 2026-11-02 10:00, "
        "so nothing new starts on a GPU.",
        "nobody",
    ),
    "a time between two windows says when the next opens": (
        {"hours": Stretch(False, NOW + DAY), "zone": ZoneInfo("Europe/Oslo")},
        "Machine Learning starts Notebook only at set times; the next begins on 2026-11-04 11:00.",
        "the course's teacher",
    ),
    "a time after the last window says so": (
        {"hours": Stretch(False, None)},
        "Machine Learning starts Notebook only at set times, and none is left.",
        "the course's teacher",
    ),
    "a full course says so": (
        gpu(used_here=2, used=2, claimed=2, most=2),
        "All NVIDIA T4 that Machine Learning may use now are in use.",
        "an administrator",
    ),
    "what is held for a class says until when": (
        gpu(claimed=4, reserved_until=NOW + HOUR),
        "The free NVIDIA T4 are held for a class or an exam until 2026-11-03 11:00.",
        "an administrator (it@test.example)",
    ),
    "what is held without an end says so": (
        gpu(claimed=4),
        "The free NVIDIA T4 are held for a class or an exam.",
        "an administrator",
    ),
    "what is never possible, in no window either, says the most": (
        gpu(nominal=0, most=0, peak=0),
        "Machine Learning may never use 1 NVIDIA T4 at a time; its most is 0.",
        "an administrator (it@test.example)",
    ),
}


@pytest.mark.parametrize(("case", "sentence", "who"), SENTENCES.values(), ids=SENTENCES)
def test_sentence(case: dict[str, Any], sentence: str, who: str) -> None:
    reason = decide(**case).reasons[0]
    assert reason.sentence == sentence
    assert who in reason.who


def test_what_is_full_says_when_the_next_session_ends() -> None:
    end = NOW + HOUR
    decision = decide(**gpu(used_here=2, used=2, claimed=2, most=2, frees_at=end))
    assert (decision.status, decision.retry_at, decision.waitable) == (409, end, True)


def test_what_is_held_may_be_waited_for_until_the_reservation_ends() -> None:
    decision = decide(**gpu(claimed=4, reserved_until=NOW + HOUR))
    assert (decision.status, decision.retry_at, decision.waitable) == (409, NOW + HOUR, True)


def test_what_a_window_to_come_makes_possible_may_be_waited_for() -> None:
    assert decide(**gpu(nominal=0, most=0, peak=1)).waitable
    assert not decide(**gpu(nominal=0, most=0)).waitable


def test_what_is_never_possible_is_not_worth_waiting_for() -> None:
    decision = decide(**gpu(most=0, nominal=0))
    assert (decision.status, decision.waitable) == (403, False)


def test_a_time_between_two_windows_says_when_to_come_back() -> None:
    decision = decide(hours=Stretch(False, NOW + HOUR))
    assert (decision.status, decision.retry_at, decision.waitable) == (403, NOW + HOUR, False)
    assert decide(hours=Stretch(False, None)).retry_at is None


ENDS: dict[str, tuple[dict[str, Any], tuple[Any, EndRule | None]]] = {
    "the profile's longest session": ({}, (NOW + 4 * HOUR, EndRule.LONGEST)),
    "the course's end": (
        {"course": a_course(ends=NOW + HOUR)},
        (NOW + HOUR, EndRule.COURSE),
    ),
    "the enrolment's end": (
        {"enrolments": (an_enrolment(ends=NOW + HOUR),)},
        (NOW + HOUR, EndRule.ENROLMENT),
    ),
    "the end of an unbroken stretch of enrolments": (
        {
            "enrolments": (
                an_enrolment(ends=NOW + HOUR),
                an_enrolment(starts=NOW + HOUR, ends=NOW + 2 * HOUR),
                an_enrolment(starts=NOW + 3 * HOUR, ends=NOW + 9 * HOUR),
            )
        },
        (NOW + 2 * HOUR, EndRule.ENROLMENT),
    ),
    "the end of the windows that it is restricted to": (
        {"hours": Stretch(True, NOW + HOUR)},
        (NOW + HOUR, EndRule.WINDOW),
    ),
    "of two that end it together, the first of the page": (
        {"hours": Stretch(True, NOW + HOUR), "course": a_course(ends=NOW + HOUR)},
        (NOW + HOUR, EndRule.WINDOW),
    ),
    "windows without an end end nothing": (
        {"hours": Stretch(True, None)},
        (NOW + 4 * HOUR, EndRule.LONGEST),
    ),
    "an enrolment that does not allow the profile holds nothing up": (
        {
            "course": a_course(offers={CourseRole.TEACHER: ("notebook",)}),
            "enrolments": (
                an_enrolment(role=CourseRole.TEACHER, ends=NOW + HOUR),
                an_enrolment(ends=NOW + 9 * HOUR),
            ),
        },
        (NOW + HOUR, EndRule.ENROLMENT),
    ),
    "nothing": ({"profile": a_profile(longest=None)}, (None, None)),
}


@pytest.mark.parametrize(("case", "end"), ENDS.values(), ids=ENDS)
def test_end(case: dict[str, Any], end: tuple[Any, EndRule | None]) -> None:
    start = decide(**case).start
    assert start is not None
    assert (start.ends_at, start.ends_by) == end


def test_a_start_within_own_devices_is_own_and_beyond_them_a_loan() -> None:
    own, loan = decide(**gpu()).start, decide(**gpu(used_here=2, used=2, claimed=2)).start
    assert own is not None
    assert loan is not None
    assert (own.own, loan.own) == (True, False)


@given(
    used_here=st.integers(0, 4),
    nominal=st.integers(0, 4),
    most=st.none() | st.integers(0, 6),
    room=st.integers(0, 6),
    claimed=st.integers(0, 6),
    stale=st.none() | st.just(NOW - HOUR),
    answered=st.none() | st.sampled_from([NOW, NOW - DAY]),
    ended=st.booleans(),
    held=st.integers(0, 2),
)
def test_a_refusal_names_reasons_in_table_order_and_the_same_arguments_answer_the_same(
    used_here: int,
    nominal: int,
    most: int | None,
    room: int,
    claimed: int,
    stale: Any,
    answered: Any,
    ended: bool,
    held: int,
) -> None:
    case = {
        **gpu(
            used_here=used_here,
            used=used_here,
            nominal=nominal,
            most=most,
            room=room,
            nodes=(room,),
            claimed=max(claimed, used_here),
            stale_since=stale,
        ),
        "course": a_course(ends=NOW if ended else None, caps=LIMITED),
        "enrolments": (an_enrolment(origin="source:ad", answered_at=answered),),
        "held": Held(servers=held, servers_all=held),
    }
    decision = decide(**case)
    assert decision == decide(**case)
    assert decision.allowed == (not decision.reasons)
    numbers = [reason.row.number for reason in decision.reasons]
    assert numbers == sorted(numbers)
    assert all(reason.sentence and reason.who for reason in decision.reasons)


def test_every_code_has_a_row_in_the_order_of_the_page() -> None:
    assert list(ROWS) == list(Code)
    numbers = [row.number for row in ROWS.values()]
    assert numbers == sorted(numbers)
