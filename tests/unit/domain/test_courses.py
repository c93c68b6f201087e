"""When a course is open, and what it may use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.domain.courses import CourseState, Quota
from tests.fakes.campus import NOW, T4, a_campus, a_course, a_profile

TICK = timedelta.resolution
OPEN: dict[str, tuple[dict[str, Any], bool]] = {
    "without dates it is open": ({}, True),
    "from its first instant": ({"starts": NOW}, True),
    "not before": ({"starts": NOW + TICK}, False),
    "until before its end": ({"ends": NOW + TICK}, True),
    "not at its end": ({"ends": NOW}, False),
    "not while suspended": ({"state": CourseState.SUSPENDED}, False),
    "not once archived": ({"state": CourseState.ARCHIVED}, False),
}


@pytest.mark.parametrize(("case", "is_open"), OPEN.values(), ids=OPEN)
def test_open(case: dict[str, Any], is_open: bool) -> None:
    assert a_course(**case).is_open(NOW) is is_open


MOST = {
    "no limit of its own": (Quota(3, None), None),
    "its own and what it may borrow": (Quota(3, 2), 5),
    "its own alone": (Quota(3, 0), 3),
    "nothing": (Quota(0, 0), 0),
}


@pytest.mark.parametrize(("quota", "most"), MOST.values(), ids=MOST)
def test_the_most(quota: Quota, most: int | None) -> None:
    assert quota.most == most


def test_a_flavor_without_a_quota_owns_nothing_and_borrows_without_limit() -> None:
    quota = a_course(quota={"t4": Quota(1, 0)}).quota_for("a100")
    assert (quota.nominal, quota.most) == (0, None)


def test_courses_are_found_by_key_and_code_in_any_case() -> None:
    ml = a_course("ml", key="ML", codes=("INF-ML", "inf-ml"))
    old = a_course("ml-h25", codes=("INF-ML",))
    index = a_campus(courses=[ml, old], profiles=[a_profile(flavor=T4)]).course_index
    assert index["ml"] == (ml,)
    assert index["inf-ml"] == (ml, old)
    assert "INF-ML" not in index
