"""Grants and ceilings: what lies within them, for whom, and what a teacher must request."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.allowances import GPU_HOUR, Extra
from jupyterhub_edu.domain.grants import (
    NO_CEILINGS,
    Cap,
    Ceilings,
    Grant,
    Hours,
    Lift,
    Longest,
    Offer,
    exceeds,
    extras,
    granted_hours,
    lift,
    lifted_cap,
    reaching,
)
from tests.fakes.campus import NOW, an_enrolment

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CEILINGS = Ceilings(
    hours=10 * GPU_HOUR,
    longest=8 * HOUR,
    profiles=frozenset({"gpu"}),
    servers=2,
    devices={"t4": 2},
)


def a_grant(what: Lift | None = None, **kwargs: Any) -> Grant:
    defaults = {
        "id": "g",
        "course": "ml",
        "starts": NOW - DAY,
        "ends": NOW + DAY,
        "by": "ad:id-tea",
        "what": what or Hours(GPU_HOUR),
    }
    return Grant(**{**defaults, **kwargs})


WITHIN: dict[str, tuple[Lift, Lift | None]] = {
    "hours below the ceiling": (Hours(GPU_HOUR), Hours(GPU_HOUR)),
    "hours above it": (Hours(11 * GPU_HOUR), Hours(10 * GPU_HOUR)),
    "a profile that teachers may offer": (Offer("gpu"), Offer("gpu")),
    "one that they may not": (Offer("a100"), None),
    "servers": (Cap(9), Cap(2)),
    "devices of a flavor": (Cap(9, "t4"), Cap(2, "t4")),
    "devices of a flavor without a ceiling": (Cap(9, "a100"), Cap(0, "a100")),
    "a longer session": (Longest("gpu", 9 * HOUR), Longest("gpu", 8 * HOUR)),
    "a session below the ceiling": (Longest("gpu", 7 * HOUR), Longest("gpu", 7 * HOUR)),
}


@pytest.mark.parametrize(("what", "expected"), WITHIN.values(), ids=WITHIN)
def test_what_lies_within_the_ceilings(what: Lift, expected: Lift | None) -> None:
    assert lift(a_grant(what), CEILINGS) == expected
    assert exceeds(a_grant(what), 0, CEILINGS) == (what != expected)
    assert lift(a_grant(what, approved=True), NO_CEILINGS) == what
    assert not exceeds(a_grant(what, approved=True), 99 * GPU_HOUR, NO_CEILINGS)


@pytest.mark.parametrize(
    "what", [Hours(1), Offer("gpu"), Cap(1), Cap(1, "t4"), Longest("gpu", HOUR)], ids=str
)
def test_a_campus_that_says_nothing_lets_a_teacher_give_nothing(what: Lift) -> None:
    assert exceeds(a_grant(what), 0, NO_CEILINGS)


def test_a_teacher_s_hours_count_together() -> None:
    assert not exceeds(a_grant(Hours(3 * GPU_HOUR)), 7 * GPU_HOUR, CEILINGS)
    assert exceeds(a_grant(Hours(3 * GPU_HOUR)), 7 * GPU_HOUR + 1, CEILINGS)
    assert not exceeds(a_grant(Offer("gpu")), 99 * GPU_HOUR, CEILINGS)


def test_hours_granted_in_the_course_count_though_the_grant_has_ended() -> None:
    given_ = [
        a_grant(person="ad:id-ada", ends=NOW - HOUR),
        a_grant(section="a"),
        a_grant(),
        a_grant(Offer("gpu")),
        a_grant(person="ad:id-bob"),
        a_grant(section="b"),
        a_grant(course="db"),
        a_grant(approved=True),
    ]
    assert granted_hours(given_, "ml", {"ad:id-ada"}, {"a"}) == 3 * GPU_HOUR


def test_those_that_reach_a_person() -> None:
    given_ = [
        a_grant(id="all"),
        a_grant(id="hers", person="ad:id-ada"),
        a_grant(id="linked", person="lms:7"),
        a_grant(id="section", section="a"),
        a_grant(id="later", starts=NOW + HOUR),
        a_grant(id="over", ends=NOW),
        a_grant(id="elsewhere", course="db"),
        a_grant(id="another", person="ad:id-bob"),
        a_grant(id="other section", section="b"),
    ]
    enrolment = an_enrolment("lms:7", sections=frozenset({"a"}))
    found = reaching(given_, "ml", "ad:id-ada", [enrolment], NOW)
    assert [grant.id for grant in found] == ["all", "hers", "linked", "section", "later"]


def lifts(*grants: Grant, ceilings: Ceilings = CEILINGS) -> list[tuple[Grant, Lift]]:
    return [(grant, what) for grant in grants if (what := lift(grant, ceilings))]


def test_a_cap_is_lifted_by_the_highest() -> None:
    found = lifts(a_grant(Cap(1)), a_grant(Cap(2)), a_grant(Cap(5, "t4")), a_grant(Hours(1)))
    assert lifted_cap(0, None, found) == 2
    assert lifted_cap(3, None, found) == 3
    assert lifted_cap(0, "t4", found) == 2
    assert lifted_cap(0, "mig", found) == 0


def test_extra_hours_end_with_their_grant() -> None:
    given_ = a_grant(Hours(99 * GPU_HOUR)), a_grant(Offer("gpu"), id="h")
    assert extras(lifts(*given_)) == (Extra("g", 10 * GPU_HOUR, NOW + DAY),)
    assert extras(lifts(*given_, ceilings=NO_CEILINGS)) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends": NOW - DAY},
        {"ends": NOW - 2 * DAY},
        {"starts": datetime(2026, 1, 1)},  # noqa: DTZ001  naive on purpose
        {"person": "ad:id-ada", "section": "a"},
    ],
    ids=["empty", "backwards", "naive", "two at once"],
)
def test_a_grant_that_means_nothing_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a grant"):
        a_grant(**wrong)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_a_lower_ceiling_never_gives_more(hours: int, lower: int, higher: int) -> None:
    lower, higher = sorted((lower, higher))
    low, high = (
        sum(x.amount for x in extras(lifts(a_grant(Hours(hours + 1)), ceilings=Ceilings(ceiling))))
        for ceiling in (lower, higher)
    )
    assert low <= high <= hours + 1
