"""Reclaim, paragraph by paragraph of the policy page; and the fewest loans, against trying all sets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.balance import Keep, Share, State
from jupyterhub_edu.domain.fewest import Candidate, fewest
from jupyterhub_edu.domain.pools import Holding
from jupyterhub_edu.domain.prospect import is_wanted, lent
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.domain.reclaim import Loan, Look, Reclaim, keeps_of
from tests.fakes.campus import NOW
from tests.unit.domain.looking import look

from .test_line import a_place, a_session, a_state

MINUTE = timedelta(minutes=1)
OWNER, GUEST = Share(2, 0), Share(0)


def a_loan(id: str, devices: int = 1, node: str | None = "n1", age: int = 60) -> Holding:
    """A session of a course that owns nothing, begun so many minutes ago."""
    return a_session(id, "guest", devices, node)._replace(since=NOW - age * MINUTE)


def loans_of(seen: Look) -> dict[str, list[str]]:
    return {reclaim.asker: [loan.id for loan in reclaim.loans] for reclaim in seen.reclaims}


def after(
    minutes: int, state: State, seen: Look, *places: Any, **kwargs: Any
) -> tuple[datetime, Look]:
    now = NOW + minutes * MINUTE
    return now, look(places, state, now, seen.reclaims, **kwargs)


FULL = a_state({"n1": 0}, a_loan("old"), a_loan("new", age=1), ml=OWNER)
ADA = a_place("ada")

LOOKS: dict[str, tuple[State, list[Any], dict[str, list[str]]]] = {
    "an own request gets back what is lent, the newest loan first": (
        FULL,
        [ADA],
        {"ada": ["new"]},
    ),
    "a loan that waits reclaims nothing": (FULL, [a_place("bob", "guest")], {}),
    "each own request has its own loan": (
        FULL,
        [ADA, a_place("bob")],
        {"ada": ["new"], "bob": ["old"]},
    ),
    "no more than is own, counting those already served": (
        a_state({"n1": 0}, a_loan("a"), a_loan("b"), ml=Share(1, 9)),
        [ADA, a_place("bob")],
        {"ada": ["a"]},
    ),
    "one loan of two devices before two of one": (
        a_state({"n1": 0}, a_loan("a"), a_loan("b"), a_loan("wide", 2), ml=OWNER),
        [a_place("ada", devices=2)],
        {"ada": ["wide"]},
    ),
    "of as many loans those with fewer devices": (
        a_state({"n1": 0}, a_loan("wide", 2, age=1), a_loan("narrow"), ml=OWNER),
        [ADA],
        {"ada": ["narrow"]},
    ),
    "then of the course that is furthest over its own": (
        a_state(
            {"n1": 0},
            a_loan("a"),
            a_loan("b"),
            a_session("other", "db")._replace(since=NOW),
            ml=OWNER,
            db=GUEST,
        ),
        [ADA],
        {"ada": ["a"]},
    ),
    "all on one node, where two are asked for": (
        a_state({"n1": 0, "n2": 1}, a_loan("a"), a_loan("b"), a_loan("c", node="n2"), ml=OWNER),
        [a_place("ada", devices=2)],
        {"ada": ["c"]},
    ),
    "nothing where all loans together would not help": (
        a_state({"n1": 0, "n2": 0}, a_loan("a"), a_loan("b", node="n2"), ml=OWNER),
        [a_place("ada", devices=2)],
        {},
    ),
    "nothing on a node that is lost": (a_state({}, a_loan("a"), ml=OWNER), [ADA], {}),
    "never an own session": (
        a_state({"n1": 0}, a_session("own", "db"), ml=OWNER, db=Share(1)),
        [ADA],
        {},
    ),
    "never an exam's": (
        a_state({"n1": 0}, a_session("sits", "exam"), ml=OWNER, exam=Share(exam=True)),
        [ADA],
        {},
    ),
    "as many as it takes beside what a class holds": (
        a_state({"n1": 2}, a_loan("a"), a_loan("b"), ml=OWNER, db=Share(3, 0, reserved=3)),
        [ADA],
        {"ada": ["a", "b"]},
    ),
    "whole, though it reaches into its own course's class, where others of the course fill that": (
        a_state(
            {"n1": 0}, a_loan("edge", 2), a_loan("b", age=1), ml=OWNER, guest=Share(1, reserved=1)
        ),
        [a_place("ada", devices=2)],
        {"ada": ["edge"]},
    ),
    "none, where what it frees falls idle under that class": (
        a_state(
            {"n1": 1}, a_loan("edge", 2), a_loan("c", 1), ml=Share(3), guest=Share(2, reserved=2)
        ),
        [a_place("ada", devices=3)],
        {},
    ),
    "none within an own reservation where enough is free": (
        a_state({"n1": 1}, a_loan("a"), ml=Share(1, 0, reserved=1), db=Share(1, 0, reserved=1)),
        [ADA],
        {},
    ),
    "none for one that starts when another's loan has ended": (
        a_state({"n1": 0}, a_loan("wide", 2), ml=OWNER),
        [ADA, a_place("bob")],
        {"ada": ["wide"]},
    ),
}


@pytest.mark.parametrize(("state", "places", "loans"), LOOKS.values(), ids=LOOKS)
def test_look(state: State, places: list[Any], loans: dict[str, list[str]]) -> None:
    assert loans_of(look(places, state, NOW)) == loans


def test_a_loan_is_warned_then_stopped_then_gone_while_its_device_is_kept() -> None:
    first = look([ADA], FULL, NOW)
    assert (first.warn, first.stop) == (("new",), ())
    _, second = after(4, FULL, first, ADA)
    assert (second.warn, second.withdraw, second.stop) == ((), (), ())
    _, third = after(5, FULL, second, ADA)
    assert third.stop == ("new",)
    gone = a_state({"n1": 1}, a_loan("old"), ml=OWNER)
    _, last = after(6, gone, third, ADA)
    assert last.reclaims == (Reclaim("ada", "n1", ()),)
    assert keeps_of(last.reclaims, [ADA], gone) == (Keep("ada", "ml", 1, "n1"),)


WARNED = Look((Reclaim("ada", "n1", (Loan("new", NOW),)),))
STOPPING = Look((Reclaim("ada", "n1", (Loan("new", NOW - 9 * MINUTE, stopping=True),)),))
OWN_NOW = a_state({"n1": 0}, a_loan("old"), a_loan("new", age=1), ml=OWNER, guest=Share(2))

AGAIN: dict[str, tuple[Look, State, list[Any], dict[str, list[str]], tuple[str, ...]]] = {
    "withdrawn when the asker has left": (WARNED, FULL, [], {}, ("new",)),
    "withdrawn when the asker is own no more": (
        WARNED,
        a_state({"n1": 0}, *FULL.holdings.values(), ml=Share(0)),
        [ADA],
        {},
        ("new",),
    ),
    "passed on to the next own request that it serves": (
        WARNED,
        FULL,
        [a_place("bob")],
        {"bob": ["new"]},
        (),
    ),
    "withdrawn when the loan has become own": (WARNED, OWN_NOW, [ADA], {}, ("new",)),
    "withdrawn when something else came free": (
        WARNED,
        a_state({"n1": 1}, *FULL.holdings.values(), ml=OWNER),
        [ADA],
        {"ada": []},
        ("new",),
    ),
    "chosen anew when it would not suffice any more": (
        Look((Reclaim("ada", "n2", (Loan("far", NOW),)),)),
        a_state(
            {"n1": 0, "n2": 0},
            a_loan("far", node="n2"),
            a_loan("wide", 2),
            ml=OWNER,
        ),
        [a_place("ada", devices=2)],
        {"ada": ["wide"]},
        ("far",),
    ),
    "a stop that has begun is not taken back": (STOPPING, FULL, [], {"": ["new"]}, ()),
    "nor does anybody lose a second loan for it": (
        STOPPING,
        FULL,
        [a_place("bob")],
        {"": ["new"]},
        (),
    ),
}


@pytest.mark.parametrize(
    ("before", "state", "places", "loans", "withdrawn"), AGAIN.values(), ids=AGAIN
)
def test_look_again(
    before: Look,
    state: State,
    places: list[Any],
    loans: dict[str, list[str]],
    withdrawn: tuple[str, ...],
) -> None:
    _, seen = after(1, state, before, *places)
    assert (loans_of(seen), seen.withdraw) == (loans, withdrawn)


def test_a_warning_that_goes_on_for_another_runs_from_when_it_was_given() -> None:
    _, seen = after(3, FULL, WARNED, a_place("bob"))
    assert seen.reclaims[0].loans == (Loan("new", NOW),)


def test_a_place_that_another_rule_refuses_reclaims_nothing() -> None:
    refused = (Reason(Code.COURSE_CLOSED),)
    assert look([ADA], FULL, NOW, refused=lambda _: refused) == Look(())


def test_while_the_cluster_is_not_heard_of_nothing_changes() -> None:
    _, seen = after(9, FULL._replace(fresh=False), WARNED, ADA)
    assert seen == Look(WARNED.reclaims)
    _, seen = after(9, FULL._replace(fresh=False), STOPPING, ADA)
    assert (seen.reclaims, seen.stop) == (STOPPING.reclaims, ("new",))


def test_many_at_once_are_searched_for_in_several_looks() -> None:
    state = a_state({"n1": 0}, *(a_loan(f"l{n}") for n in range(20)), ml=Share(20))
    places = [a_place(f"p{n:02}") for n in range(20)]
    seen, looks = look(places, state, NOW), 1
    while seen.more:
        seen, looks = look(places, state, NOW, seen.reclaims), looks + 1
    assert (looks, len(seen.reclaims), len({id for _, (id,) in loans_of(seen).items()})) == (
        5,
        20,
        20,
    )


def test_those_that_nothing_helps_hold_up_no_later_search() -> None:
    state = State.of({"n1": 0}, [a_loan("a")], {f"c{n}": Share(2) for n in range(9)})
    wide = [a_place(f"p{n}", f"c{n}", devices=2, waits=9) for n in range(8)]
    seen = look([*wide, a_place("last", "c8")], state, NOW)
    assert (loans_of(seen), seen.more) == ({"last": ["a"]}, False)


# -- what is kept -----------------------------------------------------------------------------------------------------

TWO_BY_ONE = a_state({"n1": 1}, a_loan("a"), ml=OWNER)
BOTH = a_place("ada", devices=2)
ASKS = Reclaim("ada", "n1", (Loan("a", NOW),))

KEEPS: dict[str, tuple[State, int]] = {
    "what its loans do not hold, at once": (TWO_BY_ONE, 1),
    "all once they are gone": (a_state({"n1": 2}, ml=OWNER), 2),
    "no more than is free": (a_state({"n1": 0}, ml=OWNER), 0),
    "no more than is asked for": (a_state({"n1": 9}, ml=OWNER), 2),
    "nothing that a class of others holds": (
        a_state({"n1": 2}, ml=OWNER, db=Share(1, 0, reserved=1)),
        1,
    ),
}


@pytest.mark.parametrize(("state", "devices"), KEEPS.values(), ids=KEEPS)
def test_keeps(state: State, devices: int) -> None:
    assert keeps_of([ASKS], [BOTH], state) == (Keep("ada", "ml", devices, "n1"),)


def test_nothing_is_kept_for_whoever_has_left_or_is_own_no_more() -> None:
    assert keeps_of([ASKS], [], TWO_BY_ONE) == ()
    assert keeps_of([ASKS], [BOTH], a_state({"n1": 2}, ml=Share(1))) == ()


# -- reservations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "reserved", "loans"),
    [
        pytest.param(0, 1, ["new"], id="loans in the way of a class are warned"),
        pytest.param(0, 3, ["new", "old"], id="all of them where all are too few"),
        pytest.param(1, 1, None, id="none where enough is free"),
        pytest.param(0, 0, None, id="none when nothing opens"),
    ],
)
def test_loans_in_the_way_of_a_reservation(
    free: int, reserved: int, loans: list[str] | None
) -> None:
    state = a_state({"n1": free}, *FULL.holdings.values(), db=Share(3, 0, reserved=reserved))
    opening = {"db": reserved} if reserved else {}
    seen = look([], state, NOW, opening=opening)
    assert loans_of(seen) == ({"": loans} if loans is not None else {})
    _, again = after(1, state, seen, opening=opening)
    assert (loans_of(again), again.warn, again.withdraw) == (loans_of(seen), (), ())


def test_of_a_reservation_that_grows_later_only_what_opens_now_is_cleared() -> None:
    state = a_state({"n1": 0}, *FULL.holdings.values(), db=Share(3, 0, reserved=3))
    assert loans_of(look([], state, NOW, opening={"db": 1})) == {"": ["new"]}


def test_what_is_kept_for_one_that_waits_long_is_there_for_a_class() -> None:
    """Else a loan is called back, which moves what is kept to its node, so that it is spared again, and so on."""
    state = a_state({"n1": 1}, a_loan("a"), db=Share(1, 0, reserved=1))
    long = a_place("long", "guest", devices=2, waits=30)
    kept = Keep(long.id, "guest", 1, "n1")
    assert loans_of(look([long], state, NOW, kept=kept, opening={"db": 1})) == {}
    within = a_place("within", "ml", devices=2, waits=30)
    apart = a_state(
        {"n1": 1, "n2": 0},
        a_loan("a", node="n2"),
        db=Share(1, 0, reserved=1),
        ml=Share(2, 0, reserved=2),
    )
    kept = Keep(within.id, "ml", 1, "n1")
    assert loans_of(look([within], apart, NOW, kept=kept, opening={"db": 1})) == {"": ["a"]}


def test_a_loan_that_reaches_into_its_own_courses_class_frees_only_the_rest() -> None:
    edge = a_session("edge", "guest", 2)
    share = Share(1, 0, reserved=1)
    state = a_state({"n1": 0}, edge, a_loan("plain"), guest=share, db=Share(1, 0, reserved=1))
    assert [h.id for h in lent(state)["guest"]] == ["edge", "plain"]
    assert loans_of(look([], state, NOW, opening={"db": 1})) == {"": ["plain"]}


# -- what others wait for ------------------------------------------------------------------------------------------------

ONE, TWO = a_place("ada"), a_place("ada", devices=2)
MINE = a_session("mine", "db")
WANTED: dict[str, tuple[State, list[Any], bool]] = {
    "nobody waits": (a_state({"n1": 0}, MINE), [], False),
    "somebody waits for one device": (a_state({"n1": 0}, MINE), [ONE], True),
    "two, of which another session on the node has the other": (
        a_state({"n1": 0}, MINE, a_session("other")),
        [TWO],
        True,
    ),
    "two, and the other is on another node": (
        a_state({"n1": 0, "n2": 0}, MINE, a_session("other", node="n2")),
        [TWO],
        False,
    ),
    "a course that has as many as it may": (
        a_state({"n1": 0}, MINE, a_session("theirs"), ml=Share(1, 0)),
        [ONE],
        False,
    ),
    "a course that has as many as it may, this one among them": (
        a_state({"n1": 0}, MINE, db=Share(1, 0)),
        [a_place("bob", "db")],
        True,
    ),
    "what a class holds, which the end of this session would not give to others": (
        a_state({"n1": 0}, MINE, ml=Share(1, reserved=1), db=Share(1, reserved=1)),
        [a_place("bob", "guest")],
        False,
    ),
    "one of several who wait": (
        a_state({"n1": 0}, MINE, a_session("theirs"), ml=Share(1, 0)),
        [ONE, a_place("bob", "guest")],
        True,
    ),
}


@pytest.mark.parametrize(("state", "places", "wanted"), WANTED.values(), ids=WANTED)
def test_somebody_in_the_line_could_use_its_devices(
    state: State, places: list[Any], wanted: bool
) -> None:
    assert is_wanted("mine", places, state) is wanted


def test_nobody_waits_for_a_session_beside_what_is_kept_for_them() -> None:
    state = a_state({"n1": 1}, MINE)
    kept = Keep(ONE.id, ONE.course, 1, "n1")
    assert not is_wanted("mine", [TWO._replace(id="later")], state, [kept])
    assert is_wanted("mine", [a_place("bob", "guest")], state, [kept])


# -- the fewest ---------------------------------------------------------------------------------------------------------

kinds = st.tuples(st.sampled_from(["", "n1", "n2", "n3"]), st.integers(1, 4), st.integers(0, 1))


def candidates_of(kinds: list[tuple[str, int, int]]) -> list[Candidate]:
    return [
        Candidate((-(number % 3), 0.0, f"l{number}"), f"l{number}", group, devices, devices - lost)
        for number, (group, devices, lost) in enumerate(kinds)
    ]


def gains_over(steps: dict[str, int]) -> Callable[[str, int], int]:
    """On each node the first devices give nothing."""
    return lambda group, devices: max(0, devices - steps.get(group, 0))


def enough(
    some: tuple[Candidate, ...], gain: Callable[[str, int], int], lack: int, short: int
) -> bool:
    groups = {c.group for c in some}
    gained = sum(gain(g, sum(c.devices for c in some if c.group == g)) for g in groups)
    return gained >= lack and sum(c.frees for c in some) >= short


def by_trying_all(
    candidates: list[Candidate], gain: Callable[[str, int], int], lack: int, short: int
) -> frozenset[str] | None:
    for size in range(len(candidates) + 1):
        sets = [s for s in combinations(candidates, size) if enough(s, gain, lack, short)]
        if sets:
            best = min(sets, key=lambda s: (sum(c.devices for c in s), sorted(c.key for c in s)))
            return frozenset(c.id for c in best)
    return None


@given(
    st.lists(kinds, max_size=7),
    st.dictionaries(st.sampled_from(["n1", "n2", "n3"]), st.integers(0, 3)),
    st.integers(-1, 4),
    st.integers(-1, 6),
)
def test_the_fewest_are_those_found_by_trying_all(
    kinds: list[tuple[str, int, int]], steps: dict[str, int], lack: int, short: int
) -> None:
    candidates, gain = candidates_of(kinds), gains_over(steps)
    found = by_trying_all(candidates, gain, lack, short)
    assert fewest(candidates, gain, lack, short, 10**6) == found
    bounded = fewest(candidates, gain, lack, short, 0)
    assert (bounded is None) == (found is None)
    if bounded is not None:
        chosen = tuple(c for c in candidates if c.id in bounded)
        assert enough(chosen, gain, lack, short)
        for spared in chosen:
            rest = tuple(c for c in chosen if c is not spared)
            assert not enough(rest, gain, lack, short)


def test_beyond_the_bound_enough_is_chosen_though_not_the_fewest() -> None:
    candidates = candidates_of(
        [("n1", 1, 0), ("n1", 1, 0), ("n1", 1, 0), ("n1", 3, 0), ("n1", 1, 0)]
    )
    gain = gains_over({})
    assert fewest(candidates, gain, 4, 0, 10**6) == frozenset({"l2", "l3"})
    assert fewest(candidates, gain, 4, 0, 0) == frozenset({"l0", "l1", "l2", "l4"})
    assert fewest(candidates, gain, 8, 0, 0) is None
