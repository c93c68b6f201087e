"""Fields of the desk, values under them, and how far a teacher goes alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.adjustments import (
    NOTHING_ALONE,
    Adjustable,
    Reach,
    act_for,
    is_field,
    is_locked,
    lockable,
    may_set,
    merged,
    reach_of,
    value_at,
)
from jupyterhub_edu.domain.allowances import parse_allowance
from jupyterhub_edu.domain.courses import Allowances, Caps
from jupyterhub_edu.domain.people import CourseRole

STUDENT = CourseRole.STUDENT
MOST = Adjustable(
    {STUDENT: frozenset({"gpu"})},
    {STUDENT: Caps(2, {"t4": 2})},
    Allowances(parse_allowance("20h per week"), None),
)
CAPS = st.none() | st.dictionaries(st.sampled_from(["servers", "t4", "a100"]), st.integers(0, 4))
OFFERS = st.none() | st.lists(st.sampled_from(["notebook", "gpu", "big"]), unique=True)
HOURS = st.none() | st.builds(
    "{}h per {}".format, st.integers(0, 40), st.sampled_from(["day", "week"])
)
WINDOWS = st.lists(
    st.fixed_dictionaries(
        {"days": st.just(["Tue"])},
        optional={
            "reserve": st.dictionaries(st.sampled_from(["t4", "a100"]), st.integers(1, 4)),
            "only": st.lists(st.sampled_from(["gpu", "big"]), unique=True),
        },
    ),
    max_size=3,
)
VALUES = st.one_of(
    st.tuples(st.just("caps.student"), CAPS, CAPS),
    st.tuples(st.just("offers.student"), OFFERS, OFFERS),
    st.tuples(st.just("allowance.person"), HOURS, HOURS),
    st.tuples(st.just("windows"), WINDOWS, WINDOWS),
)


@given(VALUES)
def test_what_a_base_says_may_be_said_again(case: tuple[str, Any, Any]) -> None:
    field, base, other = case

    assert may_set(field, base, [base], NOTHING_ALONE, {})
    if field != "windows":  # of those each base restricts
        assert may_set(field, base, [base, other], NOTHING_ALONE, {})


@given(VALUES)
def test_a_higher_ceiling_never_allows_less(case: tuple[str, Any, Any]) -> None:
    field, base, value = case

    if may_set(field, value, [base], NOTHING_ALONE, {"t4": 1}):
        assert may_set(field, value, [base], MOST, {"t4": 2})


CASES = {
    "a profile of the ceiling": ("offers.student", ["gpu"], [["notebook"]], True),
    "one beyond it": ("offers.student", ["big"], [["notebook"]], False),
    "one of another role's ceiling": ("offers.teacher", ["gpu"], [["notebook"]], False),
    "a cap up to the ceiling": (
        "caps.student",
        {"servers": 2, "t4": 1},
        [{"servers": 1, "t4": 1}],
        True,
    ),
    "a cap where there is none": ("caps.student", {"a100": 1}, [None], True),
    "no cap where there is one": ("caps.student", {}, [{"a100": 1}], False),
    "hours of the ceiling": ("allowance.person", "20h per week", ["10h per week"], True),
    "hours beyond it": ("allowance.person", "20.5h per week", ["10h per week"], False),
    "a reservation of its own": ("windows", [{"days": ["Tue"], "reserve": {"t4": 2}}], [[]], True),
    "more than its own": ("windows", [{"days": ["Tue"], "reserve": {"t4": 3}}], [[]], False),
    "of another flavor": ("windows", [{"days": ["Tue"], "reserve": {"a100": 1}}], [[]], False),
    "hours of a profile moved": (
        "windows",
        [{"only": ["gpu"]}],
        [[{"only": ["gpu"], "x": 1}]],
        True,
    ),
    "hours of a profile taken away": ("windows", [], [[{"only": ["gpu"]}]], False),
    "caps that cannot be read": ("caps.student", "x", [{"servers": 1}], False),
    "profiles that cannot be read": ("offers.student", [{}], [[]], False),
    "hours that cannot be read": ("allowance.person", 5, ["10h per week"], False),
    "windows that cannot be read": ("windows", ["x"], [[]], False),
    "a title": ("title", "X", [None], True),
    "devices of its own": ("quota.t4", 1, [2], False),
    "its state": ("state", "open", ["open"], False),
}


@pytest.mark.parametrize(("field", "value", "bases", "may"), CASES.values(), ids=CASES)
def test_how_far_a_teacher_goes_alone(field: str, value: Any, bases: list[Any], may: bool) -> None:
    assert may_set(field, value, bases, MOST, {"t4": 2}) is may


def test_a_value_is_put_under_its_key_and_taken_away() -> None:
    course = {"title": "X", "caps": {"student": {"servers": 1}}}

    assert merged(course, "caps.teacher", {"servers": 2})["caps"] == {
        "student": {"servers": 1},
        "teacher": {"servers": 2},
    }
    assert merged(course, "caps.student", None) == {"title": "X"}
    assert merged(course, "quota.mig-1g.5gb", 2)["quota"] == {"mig-1g.5gb": 2}
    assert merged(course, "title", None) == {"caps": {"student": {"servers": 1}}}
    assert course == {"title": "X", "caps": {"student": {"servers": 1}}}


def test_a_course_that_says_nothing_has_what_all_have() -> None:
    defaults = {"caps": {"student": {"servers": 1}}}

    assert value_at({}, "caps.student", defaults) == {"servers": 1}
    assert value_at({"caps": {"student": {}}}, "caps.student", defaults) == {}
    assert value_at({"caps": {}}, "caps.teacher", defaults) is None
    assert value_at({"quota": {"mig-1g.5gb": 2}}, "quota.mig-1g.5gb", {}) == 2


def test_words_of_locked_stand_for_all_below_them() -> None:
    assert is_locked("caps.student", ["caps"])
    assert is_locked("caps.student", ["caps.student"])
    assert not is_locked("caps.teacher", ["caps.student"])
    assert {"caps", "caps.student", "windows", "quota"} <= set(lockable())


def test_fields_and_their_acts() -> None:
    assert is_field("quota.t4")
    assert not is_field("quota.")
    assert not is_field("people")
    assert (act_for("windows"), act_for("title")) == (Act.WINDOW, Act.ADJUST)
    assert reach_of("quota.t4") is Reach.ADMIN
