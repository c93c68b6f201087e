"""The line of one flavor, paragraph by paragraph of the policy page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.domain.balance import Balance, Keep, Rank, Share, State
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.line import Estimate, Place, Turn, estimates, in_order, turn
from jupyterhub_edu.domain.pools import Holding
from jupyterhub_edu.domain.reasons import Code, Reason
from tests.fakes.campus import NOW

MINUTE = timedelta(minutes=1)
REFUSED = (Reason(Code.COURSE_CLOSED),)


def a_place(id: str, course: str = "ml", devices: int = 1, waits: int = 0) -> Place:
    """Somebody who has waited for so many minutes."""
    request = StartRequest(id, course)
    return Place(id, id, course, "t4", devices, NOW - waits * MINUTE, request)


def a_session(
    id: str, course: str = "ml", devices: int = 1, node: str | None = "n1", ends: int | None = 60
) -> Holding:
    """A session that ends in so many minutes."""
    ends_at = None if ends is None else NOW + ends * MINUTE
    return Holding(id, course, devices, NOW - 60 * MINUTE, ends_at, node)


def a_state(
    free: dict[str, int], *sessions: Holding, most: int | None = None, **shares: Share
) -> State:
    return State.of(free, sessions, shares, most=most)


def take(state: State, *places: Place, **kwargs: Any) -> Turn:
    return turn(places, state, NOW, kwargs.pop("refused", lambda _: ()), **kwargs)


def who(taken: Turn) -> str:
    return " ".join(start.place.id for start in taken.starts)


OWNS_TWO, OWNS_NOTHING = Share(2, 0), Share(0, 0)

TURNS: dict[str, tuple[State, list[Place], str]] = {
    "who asks alone starts at once": (a_state({"n1": 1}), [a_place("ada")], "ada"),
    "by arrival": (
        a_state({"n1": 1}),
        [a_place("late", waits=1), a_place("early", waits=2)],
        "early",
    ),
    "of one instant, by id": (a_state({"n1": 1}), [a_place("b"), a_place("a")], "a"),
    "own before loans": (
        a_state({"n1": 1}, ml=OWNS_TWO),
        [a_place("loan", "stat", waits=9), a_place("own")],
        "own",
    ),
    "within an own reservation before own": (
        a_state({"n1": 2}, ml=OWNS_TWO, db=Share(1, 0, reserved=1)),
        [a_place("own", waits=9), a_place("class", "db")],
        "class own",
    ),
    "what is own is counted anew after each start": (
        a_state({"n1": 2}, ml=Share(1)),
        [a_place("first", waits=3), a_place("second", waits=1), a_place("other", "stat", waits=2)],
        "first other",
    ),
    "one that may not start holds up nobody": (
        a_state({"n1": 1}),
        [a_place("wide", devices=2, waits=9), a_place("narrow")],
        "narrow",
    ),
    "nor does a course at its most": (
        a_state({"n1": 1}, ml=OWNS_NOTHING),
        [a_place("no", waits=9), a_place("yes", "stat")],
        "yes",
    ),
    "what a class holds is lent to nobody": (
        a_state({"n1": 2}, db=Share(2, 0, reserved=2)),
        [a_place("loan"), a_place("class", "db")],
        "class",
    ),
    "idle quota is lent": (a_state({"n1": 1}, db=OWNS_TWO), [a_place("loan")], "loan"),
    "the flavor's count binds": (
        a_state({"n1": 4}, a_session("s"), most=2),
        [a_place("a"), a_place("b")],
        "a",
    ),
    "two devices need one node": (
        a_state({"n1": 1, "n2": 1}),
        [a_place("wide", devices=2)],
        "",
    ),
    "those on their way may be anywhere": (
        a_state({"n1": 2}, a_session("s", node=None)),
        [a_place("wide", devices=2), a_place("narrow")],
        "narrow",
    ),
}


@pytest.mark.parametrize(("state", "places", "starts"), TURNS.values(), ids=TURNS)
def test_turn(state: State, places: list[Place], starts: str) -> None:
    assert who(take(state, *places)) == starts


def test_a_start_says_whether_it_is_own() -> None:
    taken = take(a_state({"n1": 2}, ml=Share(1)), a_place("a"), a_place("b"))
    assert [start.own for start in taken.starts] == [True, False]


def test_while_the_cluster_is_not_heard_of_nobody_starts() -> None:
    assert take(a_state({"n1": 1})._replace(fresh=False), a_place("ada")) == Turn()


def test_a_place_lapses_when_its_turn_comes_and_another_rule_refuses() -> None:
    places = [a_place("no", waits=2), a_place("yes")]
    taken = take(a_state({"n1": 1}), *places, refused=lambda p: REFUSED if p.id == "no" else ())
    assert [(lapse.place.id, lapse.reasons) for lapse in taken.lapsed] == [("no", REFUSED)]
    assert who(taken) == "yes"


def test_a_place_stands_while_its_turn_has_not_come_whatever_refuses_it() -> None:
    assert take(a_state({"n1": 0}), a_place("ada"), refused=lambda _: REFUSED) == Turn()


def test_a_place_lapses_when_its_course_may_never_hold_so_many() -> None:
    taken = take(a_state({"n1": 0}, ml=OWNS_NOTHING), a_place("ada"), refused=lambda _: REFUSED)
    assert [lapse.place.id for lapse in taken.lapsed] == ["ada"]


def test_a_place_that_only_a_window_to_come_lets_start_stands() -> None:
    share = Share(0, 0, peak=1)
    taken = take(a_state({"n1": 1}, ml=share), a_place("ada"), refused=lambda _: REFUSED)
    assert taken == Turn()


# -- devices kept for one that has waited long -----------------------------------------------------------------------

FULL = a_state(
    {"n1": 1, "n2": 1}, a_session("soon", node="n2", ends=10), a_session("late", node="n1")
)
STARVING = a_place("wide", devices=2, waits=15)

KEPT: dict[str, tuple[State, list[Place], Keep | None, str]] = {
    "the node where it would start soonest by planned ends": (
        FULL,
        [STARVING, a_place("next"), a_place("third")],
        Keep("wide", "ml", 1, "n2"),
        "next",
    ),
    "not before it has waited for so long": (
        FULL,
        [a_place("wide", devices=2, waits=14), a_place("next"), a_place("third")],
        None,
        "next third",
    ),
    "not for one that lacks more than devices": (
        State.of(FULL.nodes, FULL.holdings.values(), {"ml": Share(0, 1)}),
        [STARVING._replace(devices=2), a_place("next", "stat")],
        None,
        "next",
    ),
    "only for the first": (
        FULL,
        [STARVING, a_place("x", devices=2, waits=15), a_place("next"), a_place("third")],
        Keep("wide", "ml", 1, "n2"),
        "next",
    ),
    "not against those before it": (
        State.of(FULL.nodes, FULL.holdings.values(), {"db": Share(2)}),
        [STARVING, a_place("own", "db"), a_place("next")],
        Keep("wide", "ml", 1, "n2"),
        "own",
    ),
    "a session without a planned end comes last": (
        a_state(
            {"n1": 1, "n2": 1},
            a_session("endless", node="n1", ends=None),
            a_session("late", node="n2", ends=600),
        ),
        [STARVING],
        Keep("wide", "ml", 1, "n2"),
        "",
    ),
    "of nodes alike the one with most free, then by name": (
        a_state(
            {"n2": 1, "n1": 0, "n0": 1},
            *(a_session(f"s{n}", node=f"n{n}", devices=2) for n in range(3)),
        ),
        [STARVING],
        Keep("wide", "ml", 1, "n0"),
        "",
    ),
    "nothing where no planned end would help": (a_state({"n1": 1}), [STARVING], None, ""),
}


@pytest.mark.parametrize(("state", "places", "kept", "starts"), KEPT.values(), ids=KEPT)
def test_kept(state: State, places: list[Place], kept: Keep | None, starts: str) -> None:
    taken = take(state, *places)
    assert (taken.kept, who(taken)) == (kept, starts)


def test_whoever_starts_beside_what_is_kept_must_keep_off_that_node() -> None:
    taken = take(FULL, STARVING, a_place("next"))
    assert [start.avoids for start in taken.starts] == [frozenset({"n2"})]


def test_a_node_with_plenty_beside_what_is_kept_need_not_be_kept_off() -> None:
    state = a_state({"n1": 5}, a_session("s", devices=3))
    taken = take(state, a_place("wide", devices=6, waits=15), a_place("next"))
    assert (taken.kept, who(taken)) == (Keep("wide", "ml", 5, "n1"), "")
    keep = Keep("asker", "db", 1, "n1")
    taken = take(state, a_place("asker", "db"), a_place("next"), keeps=[keep])
    assert [start.avoids for start in taken.starts] == [frozenset(), frozenset()]


def test_what_is_kept_for_somebody_who_has_left_counts_for_nothing() -> None:
    keep = Keep("gone", "db", 1, "n1")
    assert who(take(a_state({"n1": 1}), a_place("ada"), keeps=[keep])) == "ada"


def test_what_is_kept_is_used_by_its_course_in_the_eyes_of_others() -> None:
    balance = Balance(a_state({"n1": 2}, ml=OWNS_TWO), [Keep("asker", "ml", 1, "n1")])
    assert [balance.rank("ml", d) for d in (1, 2)] == [Rank.OWN, Rank.LOAN]
    assert balance.rank("ml", 2, "asker") is Rank.OWN
    assert balance.against("ml", 2, "asker") == ()
    assert balance.against("ml", 2) == (Code.COURSE_QUOTA, Code.NO_CAPACITY)


# -- estimates -------------------------------------------------------------------------------------------------------


def expected(state: State, *places: Place, **kwargs: Any) -> list[Estimate]:
    line = in_order(places, state)
    return list(estimates(line, state, NOW, **kwargs).values())


SESSIONS = [a_session(str(ends), ends=ends) for ends in (10, 20, 30)]


def test_each_place_is_expected_when_enough_has_come_free_for_it_and_those_ahead() -> None:
    found = expected(a_state({"n1": 0}, *SESSIONS), *(a_place(id) for id in "abcd"))
    assert found == [
        Estimate(NOW + 10 * MINUTE, 0, 1),
        Estimate(NOW + 20 * MINUTE, 1, 2),
        Estimate(NOW + 30 * MINUTE, 2, 3),
        Estimate(None, 3, 3),
    ]


@pytest.mark.parametrize(
    ("state", "minutes"),
    [
        pytest.param(a_state({"n1": 1}, *SESSIONS), 0, id="now, where something is free"),
        pytest.param(
            a_state({"n1": 1}, *SESSIONS, db=Share(1, 0, reserved=1)),
            10,
            id="what a class holds is not free",
        ),
        pytest.param(
            a_state({"n1": 9}, *SESSIONS, ml=Share(0, 2)),
            20,
            id="when the course is within its most again",
        ),
        pytest.param(
            a_state({"n1": 0}, a_session("late", ends=-5)),
            0,
            id="a planned end that has passed is due now",
        ),
    ],
)
def test_estimate(state: State, minutes: int) -> None:
    assert expected(state, a_place("ada"))[0].at == NOW + minutes * MINUTE


def test_what_is_reclaimed_counts_where_it_comes_back_sooner() -> None:
    back = {"ada": NOW + 7 * MINUTE}
    assert expected(a_state({"n1": 0}, *SESSIONS), a_place("ada"), reclaimed_at=back)[0].at == (
        NOW + 7 * MINUTE
    )


# -- the shape of a state ----------------------------------------------------------------------------------------------


def devices_on_their_way(holdings: Iterable[Holding]) -> int:
    return sum(holding.devices for holding in holdings if holding.node is None)


def test_a_state_is_summed_up_from_plain_values() -> None:
    told = a_session("told", devices=2, node=None)._replace(avoids=frozenset({"n2"}))
    sessions = [a_session("a"), told, a_session("c", "db", node=None)]
    state = a_state({"n1": 3, "n2": 4}, *sessions, db=Share(1, 0, reserved=1))
    assert (state.unseen, state.room) == (devices_on_their_way(sessions), 4)
    assert (dict(state.used), dict(state.away)) == ({"ml": 3, "db": 1}, {"n2": 2})
    assert state.reserving == (("db", 1),)
