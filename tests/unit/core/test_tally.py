"""Sums that are kept as they change equal sums worked out anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.core.tally import Tally
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Granted
from jupyterhub_edu.ports import Stock
from tests.fakes.campus import NOW, some_amounts


def an_admission(
    id: str, course: str = "ml", devices: int = 1, ends_at: datetime | None = None
) -> Admission:
    granted = Granted("gpu", "t4", some_amounts(devices), None, {})
    role = CourseRole.STUDENT
    return Admission(id, "ad:1", "ada", "", course, role, granted, True, NOW, ends_at, None)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["ml", "db", "gone"]), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(0, 9), st.none()),
        st.tuples(st.just("see"), st.integers(0, 9), st.none()),
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


def test_of_sessions_that_ended_sooner_than_planned_nothing_is_kept() -> None:
    tally, first = Tally("t4"), an_admission("first", ends_at=NOW + timedelta(hours=1))
    tally.add(first)
    kept = []
    for number in range(1000):
        one = an_admission(str(number), ends_at=NOW + timedelta(hours=8))
        tally.add(one)
        tally.remove(one)
        kept.append(len(tally._ends))
    assert max(kept) < 100
    assert tally.frees_at() == first.ends_at


def test_seeing_a_pod_twice_counts_once() -> None:
    tally, admission = Tally("t4"), an_admission("a", devices=2)
    tally.add(admission)
    tally.see(admission, "n1")
    tally.see(admission, "n1")
    assert tally.unseen == 0
    tally.remove(admission)
    assert (tally.used, tally.unseen) == (0, 0)


def test_who_reserves_is_worked_out_when_the_shares_are_others() -> None:
    tally, stock = Tally("t4"), Stock({"n1": 4})

    def reserving(**shares: Share) -> tuple[tuple[str, int], ...]:
        return tally.state(shares, stock, None, fresh=True).reserving

    assert reserving(ml=Share(2, reserved=1), db=Share(1)) == (("ml", 1),)
    assert reserving(ml=Share(2), db=Share(1, reserved=1)) == (("db", 1),)


def test_what_keeps_off_a_node_is_on_its_way_to_another_until_it_is_seen() -> None:
    tally, first, second = Tally("t4"), an_admission("a", devices=2), an_admission("b")
    tally.add(first, frozenset({"n1", "n2"}))
    tally.add(second, frozenset({"n1"}))
    assert (tally.unseen, tally.away) == (3, {"n1": 3, "n2": 2})
    tally.see(first, "n3")
    assert (tally.unseen, tally.away) == (1, {"n1": 1})
    tally.remove(second)
    assert (tally.unseen, tally.away, [h.node for h in tally.holdings.values()]) == (0, {}, ["n3"])
