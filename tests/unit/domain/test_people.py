"""Roles have an order within their kind; an enrolment holds from its first instant to before its end."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta

import pytest

from jupyterhub_edu.domain.people import CourseRole, EnrolmentState, SiteRole
from tests.fakes.campus import NOW, an_enrolment, an_identity

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("kind", [CourseRole, SiteRole], ids=["course roles", "site roles"])
def test_roles_stand_in_the_order_of_the_page(kind: type[CourseRole]) -> None:
    weaker_first = list(kind)
    assert sorted({*weaker_first}) == weaker_first
    assert max(weaker_first) is weaker_first[-1]
    for place, role in enumerate(weaker_first):
        for other_place, other in enumerate(weaker_first):
            assert (role < other) == (place < other_place)
            assert (role <= other) == (place <= other_place)
            assert (role > other) == (place > other_place)
            assert (role >= other) == (place >= other_place)


def test_the_order_is_the_policys() -> None:
    assert [str(role) for role in CourseRole] == ["observer", "student", "assistant", "teacher"]
    assert [str(role) for role in SiteRole] == ["guest", "student", "teacher", "manager", "admin"]


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_a_course_role_and_a_site_role_cannot_be_compared(compare) -> None:
    with pytest.raises(TypeError, match="different kinds"):
        compare(CourseRole.TEACHER, SiteRole.TEACHER)


def test_roles_of_the_same_word_and_another_kind_are_not_equal() -> None:
    course: object = CourseRole.STUDENT
    assert course != SiteRole.STUDENT


STATES: dict[str, tuple[datetime | None, datetime | None, EnrolmentState]] = {
    "without dates it holds": (None, None, EnrolmentState.ACTIVE),
    "it holds from its first instant": (NOW, None, EnrolmentState.ACTIVE),
    "not before": (NOW + timedelta.resolution, None, EnrolmentState.LATER),
    "it has ended at its end": (None, NOW, EnrolmentState.ENDED),
    "and holds until then": (None, NOW + timedelta.resolution, EnrolmentState.ACTIVE),
    "one that ends when it begins never holds": (NOW, NOW, EnrolmentState.ENDED),
    "one that ends before it begins never holds": (
        NOW - HOUR,
        NOW - 2 * HOUR,
        EnrolmentState.ENDED,
    ),
}


@pytest.mark.parametrize(("starts", "ends", "state"), STATES.values(), ids=STATES)
def test_enrolment(starts: datetime | None, ends: datetime | None, state: EnrolmentState) -> None:
    assert an_enrolment(starts=starts, ends=ends).state(NOW) is state


def test_an_identity_is_keyed_by_source_and_immutable_id() -> None:
    renamed = an_identity("ada", subject="7f"), an_identity("countess", subject="7f")
    assert renamed[0].key == renamed[1].key == "ad:7f"
    assert an_identity("ada", subject="7f", source="lms").key != renamed[0].key
