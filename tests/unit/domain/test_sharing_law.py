"""The line and reclaim against the page's sentences, whatever happens on a small campus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyterhub_edu.domain import balance, line, prospect, reclaim
from jupyterhub_edu.domain.balance import Balance, Keep, Rank, Share, State
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.pools import Claim, Holding, Pool
from tests.fakes.campus import NOW

from .sharing import MINUTE, World

ARGUMENTS: dict[str, list[tuple[Any, ...]]] = {
    "arrive": list(product(range(5), range(4), range(2))),
    "leave": [(who,) for who in range(5)],
    "finish": [(which,) for which in range(6)],
    "bind": [(where,) for where in range(2)],
    "pass_time": list(product((0, 1, 2, 6), range(2))),
    "node": [(which,) for which in range(2)],
    "other": list(product(range(2), range(3))),
    "edit": list(product(range(3), range(4), range(4))),
    "reserve": list(product(range(4), range(3))),
    "refuse": [(who,) for who in range(5)],
}
OFTEN = ["arrive"] * 10 + ["finish", "pass_time", "bind", "pass_time"]
Step = tuple[str, tuple[Any, ...]]
STEPS: list[Step] = [
    (name, ARGUMENTS[name][number % len(ARGUMENTS[name])])
    for name in [*OFTEN, *ARGUMENTS]
    for number in range(240)
]


def walk(steps: list[Step]) -> None:
    """Take the steps; after each, turns and looks until nothing changes, all of them checked."""
    world = World()
    for number, (name, arguments) in enumerate(steps):
        getattr(world, name)(*arguments)
        world.settle()
        if number % 8 == 0:
            world.check_rebuilt()
    world.drain()


@pytest.mark.timeout(600)
def test_the_line_and_reclaim_keep_the_pages_sentences() -> None:
    # Some 20,000 steps in `make test`, always the same; two million by the long profile, which goes looking.
    many = settings().max_examples
    examples, taken = max(20, many**2 // 100), 0

    @settings(max_examples=examples, derandomize=many <= 200, database=None)
    @given(steps=st.lists(st.sampled_from(STEPS), min_size=45, max_size=55))
    def law(steps: list[Step]) -> None:
        nonlocal taken
        walk(steps)
        taken += len(steps)

    law()
    print(f"{taken} steps, each with its turns and looks")
    assert taken >= 45 * examples


# -- what widens and what narrows: no steps, any state -------------------------------------------------------------

sessions = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bio", "che"]),
        st.integers(1, 2),
        st.sampled_from(["a", "b", None]),
    ),
    max_size=5,
)
shares = st.dictionaries(
    st.sampled_from(["ada", "bio", "che"]),
    st.tuples(st.integers(0, 3), st.none() | st.integers(0, 2), st.integers(0, 3)),
)
Shares = dict[str, tuple[int, int | None, int]]
Sessions = list[tuple[str, int, str | None]]


def balance_of(free: dict[str, int], sessions: Sessions, shares: Shares) -> Balance:
    held = [
        Holding(f"h{number}", course, devices, NOW, None, node)
        for number, (course, devices, node) in enumerate(sessions)
    ]
    parts = {c: Share(max(n, r), borrow, r) for c, (n, borrow, r) in shares.items()}
    return Balance(State.of(free, held, parts))


WISHES = list(product(["ada", "bio", "che"], (1, 2, 3)))


def allowed(balance: Balance) -> set[tuple[str, int]]:
    return {wish for wish in WISHES if not balance.against(*wish)}


def one_more_device_never_narrows(
    free: tuple[int, int], sessions: Sessions, shares: Shares, where: str
) -> None:
    nodes = dict(zip("ab", free, strict=True))
    before = allowed(balance_of(nodes, sessions, shares))
    nodes[where] += 1
    assert before <= allowed(balance_of(nodes, sessions, shares))


def removing_a_window_never_widens(
    free: tuple[int, int], sessions: Sessions, shares: Shares, rest: int
) -> None:
    nodes = dict(zip("ab", free, strict=True))
    for course, (nominal, borrow, reserved) in shares.items():
        less = {**shares, course: (nominal, borrow, min(rest, reserved))}
        mine = {wish for wish in WISHES if wish[0] == course}
        before = allowed(balance_of(nodes, sessions, shares))
        assert allowed(balance_of(nodes, sessions, less)) & mine <= before


free = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(free, sessions, shares, st.sampled_from("ab"))
def test_with_an_empty_line_one_more_device_never_narrows(
    free: tuple[int, int], sessions: Sessions, shares: Shares, where: str
) -> None:
    one_more_device_never_narrows(free, sessions, shares, where)


@given(free, sessions, shares, st.integers(0, 2))
def test_removing_a_window_never_widens_its_own_course(
    free: tuple[int, int], sessions: Sessions, shares: Shares, rest: int
) -> None:
    removing_a_window_never_widens(free, sessions, shares, rest)


def count_nodes_that_fit_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    def exactly(self: Balance, devices: int) -> int:
        return 9 * sum(free == devices for free in self._nodes.values())

    monkeypatch.setattr(Balance, "_open", exactly)


def hold_a_window_against_its_own_course(monkeypatch: pytest.MonkeyPatch) -> None:
    def held(devices: int, pool: Pool) -> bool:
        return pool.room - (pool.claimed - pool.used) < devices <= pool.room

    monkeypatch.setattr(balance, "is_held_for_others", held)


@pytest.mark.parametrize(
    ("flaw", "law", "case"),
    [
        (count_nodes_that_fit_exactly, one_more_device_never_narrows, ((1, 0), [], {}, "a")),
        (
            hold_a_window_against_its_own_course,
            removing_a_window_never_widens,
            ((1, 0), [], {"ada": (0, None, 1)}, 0),
        ),
    ],
)
def test_a_flaw_of_widening_is_caught(
    monkeypatch: pytest.MonkeyPatch,
    flaw: Callable[[pytest.MonkeyPatch], None],
    law: Callable[..., None],
    case: tuple[Any, ...],
) -> None:
    law(*case)
    flaw(monkeypatch)
    with pytest.raises(AssertionError):
        law(*case)


# -- flaws that must be caught, by the sentence that they break ------------------------------------------------------


def forget_those_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    lack = Balance.lack

    def of_what_is_seen(self: Balance, devices: int, place: str = "") -> int:
        return lack(self, devices, place) - self.unseen

    monkeypatch.setattr(Balance, "lack", of_what_is_seen)


def forget_reservations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "is_held_for_others", lambda devices, pool: False)


def forget_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "classify", lambda devices, pool: Claim.LOAN)


def lean_on_the_order_of_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    made = line._Turn.__init__

    def unsorted(self: Any, places: Any, *rest: Any) -> None:
        made(self, places, *rest)
        self.waiting = list(places)

    monkeypatch.setattr(line._Turn, "__init__", unsorted)


def borrow_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_them(holdings: list[Holding], nominal: int) -> list[Holding]:
        return sorted(holdings, key=lambda h: (h.since, h.id))

    monkeypatch.setattr(prospect, "borrowed", all_of_them)


def know_no_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line._Turn, "_rank", lambda self, place: Rank.OWN)


def let_the_last_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made = line._Turn.__init__

    def reversed_line(self: Any, *rest: Any) -> None:
        made(self, *rest)
        self.waiting.reverse()

    monkeypatch.setattr(line._Turn, "__init__", reversed_line)


def give_up_after_one_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(self: Any, place: Any) -> bool:
        return self.too_many < line._BOUNDLESS

    monkeypatch.setattr(line._Turn, "_stands_anyway", tried)


def keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Balance.keep
    monkeypatch.setattr(Balance, "keep", lambda self, what: keep(self, what._replace(devices=0)))


def land_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Balance, "closed_nodes", lambda self, devices, place="": frozenset())


def warn_anew_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reclaim.Looking, "_loan", lambda self, id: reclaim.Loan(id, self.now))


def never_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_warn(self: Any, id: str) -> Any:
        return self.before.get(id) or reclaim.Loan(id, self.now)

    monkeypatch.setattr(reclaim.Looking, "_loan", only_warn)


def stop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(self: Any, id: str) -> Any:
        return (self.before.get(id) or reclaim.Loan(id, self.now))._replace(stopping=True)

    monkeypatch.setattr(reclaim.Looking, "_loan", stopped)


def stop_more_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_them(candidates: Any, *_: Any) -> frozenset[str]:
        return frozenset(c.id for c in candidates)

    monkeypatch.setattr(prospect, "fewest", all_of_them)


def reclaim_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prospect, "fewest", lambda *_: None)


def start_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Balance, "fits", lambda self, devices, place="": False)


FLAWS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "1: those on their way are not counted": (forget_those_on_their_way, "against a limit"),
    "1: reservations are not asked": (forget_reservations, "against a limit"),
    "1: the course's most is not asked": (forget_the_most, "against a limit"),
    "3, 8: places are taken as they come": (lean_on_the_order_of_arguments, "passed|order of"),
    "9: all is borrowed": (borrow_everything, "own admission"),
    "10: no classes": (know_no_classes, "passed somebody|called own"),
    "10: the last goes first": (let_the_last_go_first, "passed somebody"),
    "10: one that may not start holds up others": (give_up_after_one_refusal, "may start waits"),
    "10: what is kept is taken by others": (
        keep_nothing,
        "against a limit|took what|too long|more loans",
    ),
    "11: nobody starts": (start_nobody, "may start waits"),
    "grace: others land on what is kept": (land_anywhere, "more loans|too long"),
    "grace: warned anew at each look": (warn_anew_at_each_look, "begins anew"),
    "grace: never stopped": (never_stop, "too long"),
    "grace: nothing is reclaimed": (reclaim_nothing, "unreclaimed"),
    "reclaim: stopped without a warning": (stop_at_once, "before its time"),
    "reclaim: more than needed": (stop_more_than_needed, "not the fewest"),
}


BESIDE_A_RECLAIM: list[Step] = [
    ("arrive", (0, 2, 1)),
    ("bind", (0,)),
    ("arrive", (1, 2, 0)),
    ("bind", (1,)),
    ("arrive", (2, 0, 1)),
    ("pass_time", (1, 1)),
    ("arrive", (3, 2, 0)),
    ("bind", (1,)),
    ("pass_time", (6, 1)),
]
"""One device of each node is free; that of the second is kept for a request of two while a loan beside it ends, and a
third person starts on one device meanwhile, for which the scheduler would take the second node."""


def broken(seeds: int) -> Iterator[str]:
    """The sentences that some walks break, as they are found."""
    for steps in [BESIDE_A_RECLAIM, *(Random(seed).choices(STEPS, k=60) for seed in range(seeds))]:  # noqa: S311
        try:
            walk(steps)
        except AssertionError as sentence:
            yield str(sentence)


@pytest.mark.parametrize(("flaw", "sentence"), FLAWS.values(), ids=FLAWS)
def test_a_planted_flaw_is_caught(
    monkeypatch: pytest.MonkeyPatch, flaw: Callable[[pytest.MonkeyPatch], None], sentence: str
) -> None:
    flaw(monkeypatch)
    assert any(re.search(sentence, found) for found in broken(400))


keeps = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2", "p3"]),
        st.sampled_from(["ada", "bio", "che"]),
        st.integers(0, 2),
        st.sampled_from("ab"),
    ),
    max_size=4,
)
ENDS = st.lists(st.integers(0, 4), max_size=4, unique=True)


@given(free, sessions, shares, keeps, ENDS, keeps)
def test_what_a_balance_keeps_as_it_changes_is_what_it_would_work_out_anew(
    free: tuple[int, int],
    sessions: Sessions,
    shares: Shares,
    first: list[tuple[str, str, int, str]],
    ends: list[int],
    then: list[tuple[str, str, int, str]],
) -> None:
    nodes = dict(zip("ab", free, strict=True))
    changed = balance_of(nodes, sessions, shares)
    answers(changed)  # what is kept is there before anything changes
    for keep in first:
        changed.keep(Keep(*keep))
    answers(changed)
    ended = [number for number in ends if number < len(sessions)]
    for number in ended:
        course, devices, node = sessions[number]
        changed.end(Holding(f"h{number}", course, devices, NOW, None, node))
        if node is not None:
            nodes[node] += devices
    for keep in then:
        changed.keep(Keep(*keep))
    left = [one for number, one in enumerate(sessions) if number not in ended]
    anew = balance_of(nodes, left, shares)
    for keep in (*first, *then):
        anew.keep(Keep(*keep))
    assert answers(changed) == answers(anew)


def answers(balance: Balance) -> list[object]:
    found: list[object] = [balance.idle(course) for course in ("ada", "bio", "che", "")]
    for place in ("", "p1", "p2"):
        found += [balance.against(*wish, place) for wish in WISHES]
        found += [balance.lack(devices, place) for devices in (1, 2, 3)]
    return found


places = st.lists(
    st.tuples(st.sampled_from(["ada", "bio", "che"]), st.integers(1, 3), st.integers(0, 40)),
    max_size=6,
)


@given(free, sessions, shares, places, st.integers(1, 4))
def test_a_turn_that_ends_early_has_started_those_whom_a_whole_one_starts_first(
    free: tuple[int, int],
    sessions: Sessions,
    shares: Shares,
    places: list[tuple[str, int, int]],
    most: int,
) -> None:
    held = [
        Holding(f"h{number}", course, devices, NOW, None, node)
        for number, (course, devices, node) in enumerate(sessions)
    ]
    parts = {c: Share(max(n, r), borrow, r) for c, (n, borrow, r) in shares.items()}
    state = State.of(dict(zip("ab", free, strict=True)), held, parts)
    standing = [
        Place(
            f"p{n}", f"k{n}", course, "t4", devices, NOW - minutes * MINUTE, StartRequest("", "")
        )
        for n, (course, devices, minutes) in enumerate(places)
    ]
    whole = line.turn(standing, state, NOW, lambda _: ())
    some = line.turn(standing, state, NOW, lambda _: (), most=most)
    assert some.starts == whole.starts[:most]
