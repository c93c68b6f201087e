"""Sums that are kept as they change equal sums worked out anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.core.tally import Tally
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import CourseState, Quota
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Granted
from tests.fakes.campus import NOW, a_campus, a_course, some_amounts

DAY = timedelta(days=1)
TERM = {"starts": NOW + DAY, "ends": NOW + 3 * DAY}


def an_admission(
    id: str, course: str = "ml", devices: int = 1, ends_at: datetime | None = None
) -> Admission:
    granted = Granted("gpu", "t4", some_amounts(devices), None, {})
    role = CourseRole.STUDENT
    return Admission(id, "ad:1", "ada", "", course, role, granted, True, NOW, ends_at, None)


def campus(**courses: dict[str, Any]) -> Campus:
    return a_campus(courses=[a_course(id, **how) for id, how in courses.items()])


COURSES = ["ml", "db", "gone"]
FILES = [
    campus(ml={"quota": {"t4": Quota(2)}, **TERM}, db={"quota": {"t4": Quota(1)}}),
    campus(ml={"quota": {"t4": Quota(1)}, "state": CourseState.SUSPENDED}),
    campus(ml={"quota": {"t4": Quota(3)}, "ends": NOW + 2 * DAY}, db={}),
]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["ml", "db", "gone"]), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(0, 9), st.none()),
        st.tuples(st.just("see"), st.integers(0, 9), st.none()),
        st.tuples(st.just("look"), st.sampled_from(FILES), st.integers(0, 4)),
    ),
    max_size=40,
)


def walk(steps: list[tuple[str, Any, Any]]) -> None:
    """Take the steps, and compare every sum with one worked out anew."""
    tally, held, seen = Tally("t4"), dict[str, Admission](), set[str]()
    for number, (what, which, how) in enumerate(steps):
        if what == "add":
            ends_at = NOW + timedelta(hours=37 * number % 11)
            held[str(number)] = an_admission(str(number), which, how, ends_at)
            tally.add(held[str(number)])
        elif what == "look":
            now = NOW + how * DAY
            owned = which.nominal("t4", now)
            use = {c: sum(a.devices for a in held.values() if a.course == c) for c in COURSES}
            assert tally.claimed(which, now) == sum(max(use[c], owned.get(c, 0)) for c in COURSES)
            assert [tally.nominal(which, c, now) for c in COURSES] == [
                owned.get(c, 0) for c in COURSES
            ]
        elif held:
            id = list(held)[which % len(held)]
            if what == "see":
                tally.see(held[id], "n1")
                seen.add(id)
            else:
                tally.remove(held.pop(id))
        assert tally.used == sum(a.devices for a in held.values()) == sum(tally.by_course.values())
        assert tally.unseen == sum(a.devices for id, a in held.items() if id not in seen)
        assert all(tally.by_course.values())
        assert tally.frees_at() == min(
            (a.ends_at for a in held.values() if a.ends_at), default=None
        )


@given(steps)
def test_the_sums_are_those_worked_out_anew(steps: list[tuple[str, Any, Any]]) -> None:
    walk(steps)


def test_a_course_owns_its_devices_from_its_first_instant_to_its_last() -> None:
    tally = Tally("t4")
    tick = timedelta.resolution
    owned = [
        tally.nominal(FILES[0], "ml", at)
        for at in (NOW + DAY - tick, NOW + DAY, NOW + 3 * DAY - tick, NOW + 3 * DAY)
    ]
    assert owned == [0, 2, 2, 0]


def test_a_clock_that_was_set_back_is_believed() -> None:
    tally = Tally("t4")
    assert [tally.nominal(FILES[0], "ml", NOW + days * DAY) for days in (2, 0, 2)] == [2, 0, 2]


def test_what_is_held_is_claimed_before_anybody_asked_about_quota() -> None:
    tally = Tally("t4")
    tally.add(an_admission("a", devices=3))
    assert tally.claimed(FILES[2], NOW) == 3
    tally.remove(an_admission("a", devices=3))
    assert tally.claimed(FILES[2], NOW) == 3  # what ml owns


def test_seeing_a_pod_twice_counts_once() -> None:
    tally, admission = Tally("t4"), an_admission("a", devices=2)
    tally.add(admission)
    tally.see(admission, "n1")
    tally.see(admission, "n1")
    assert tally.unseen == 0
    tally.remove(admission)
    assert (tally.used, tally.unseen) == (0, 0)


@pytest.mark.parametrize("flaw", ["boundaries", "campus"])
def test_sums_that_are_not_worked_out_anew_would_be_caught(
    monkeypatch: pytest.MonkeyPatch, flaw: str
) -> None:
    fresh = Tally._bring_to

    def forgetful(self: Tally, campus: Campus, now: datetime) -> None:
        if self._campus is None or (flaw == "boundaries" and campus is not self._campus):
            fresh(self, campus, now)

    monkeypatch.setattr(Tally, "_bring_to", forgetful)
    steps = [("add", "ml", 1), *(("look", file, days) for file in FILES for days in range(5))]
    with pytest.raises(AssertionError):
        walk(steps)


def test_what_keeps_off_a_node_is_on_its_way_to_another_until_it_is_seen() -> None:
    tally, first, second = Tally("t4"), an_admission("a", devices=2), an_admission("b")
    tally.add(first, frozenset({"n1", "n2"}))
    tally.add(second, frozenset({"n1"}))
    assert (tally.unseen, tally.away) == (3, {"n1": 3, "n2": 2})
    tally.see(first, "n3")
    assert (tally.unseen, tally.away) == (1, {"n1": 1})
    tally.remove(second)
    assert (tally.unseen, tally.away, [h.node for h in tally.holdings.values()]) == (0, {}, ["n3"])
