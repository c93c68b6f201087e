"""Budgets: what a session draws from them, held against an oracle that counts every single step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jupyterhub_edu.domain.allowances import (
    GPU_HOUR,
    Allowance,
    Budget,
    Drawn,
    Extra,
    Slot,
    draw,
    furthest,
    gpu_hours,
    parse_allowance,
    settle,
    usage,
)
from jupyterhub_edu.domain.schedule import Period, Span, period_span

OSLO = ZoneInfo("Europe/Oslo")
MS, HOUR, DAY = timedelta(milliseconds=1), timedelta(hours=1), timedelta(days=1)
RATE = 1000
"""One device of weight 1."""
MONDAY = datetime(2026, 11, 1, 23, tzinfo=UTC)
"""00:00 in Oslo."""


def a_budget(amount: int, period: Period = Period.WEEK, **kwargs: object) -> Budget:
    return Budget(**{"allowance": Allowance(amount, period), "zone": OSLO, **kwargs})  # type: ignore[arg-type]


# -- reading and showing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10h per week", Allowance(10 * GPU_HOUR, Period.WEEK)),
        (" 0.5h per day ", Allowance(GPU_HOUR // 2, Period.DAY)),
        ("400h per term", Allowance(400 * GPU_HOUR, Period.TERM)),
        ("0h per week", Allowance(0, Period.WEEK)),
        ("0.001h per day", Allowance(3_600_000, Period.DAY)),
    ],
)
def test_an_allowance_as_people_write_it(text: str, expected: Allowance) -> None:
    assert parse_allowance(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "10h", "10 h per week", "-1h per week", "1h per month", "0.0001h per day", "١h per day"],
)
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an allowance"):
        parse_allowance(text)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, "0"), (GPU_HOUR, "1"), (GPU_HOUR * 19 // 2, "9.5"), (GPU_HOUR - 1, "0.99"), (1, "0")],
)
def test_gpu_hours_are_rounded_down(amount: int, expected: str) -> None:
    assert gpu_hours(amount) == expected


def test_usage_of_adjoining_times_adds_up_whatever_the_instants() -> None:
    start, middle = MONDAY + timedelta(microseconds=1), MONDAY + timedelta(microseconds=1999)
    end = MONDAY + timedelta(microseconds=3500)
    assert usage(RATE, start, end) == 3 * RATE
    assert usage(RATE, start, middle) + usage(RATE, middle, end) == 3 * RATE
    assert usage(RATE, end, start) == 0


# -- rows of the page ----------------------------------------------------------------------------------------------


class Row(NamedTuple):
    budget: Budget
    start: datetime
    hours: float
    carries: float
    drawn: dict[Slot, int]


NEXT = MONDAY + 7 * DAY
EARLY, LATE = MONDAY + 2 * DAY, MONDAY + 3 * DAY
EXTRAS = (Extra("b", 2, LATE), Extra("a", 1, EARLY))
ROWS = {
    "a session within the budget takes what it needs": Row(
        a_budget(10), MONDAY, 4, 4, {MONDAY: 4}
    ),
    "it ends where the budget is used up": Row(a_budget(3), MONDAY, 4, 3, {MONDAY: 3}),
    "what is reserved counts as well as what is used": Row(
        a_budget(10, taken={MONDAY: 8}), MONDAY, 4, 2, {MONDAY: 2}
    ),
    "each period pays for its own part": Row(
        a_budget(3), NEXT - 2 * HOUR, 4, 4, {MONDAY: 2, NEXT: 2}
    ),
    "a full week before it does not matter to the next": Row(
        a_budget(3, taken={MONDAY: 3}), NEXT, 2, 2, {NEXT: 2}
    ),
    "a full next week ends it at midnight": Row(
        a_budget(3, taken={NEXT: 3}), NEXT - 2 * HOUR, 4, 2, {MONDAY: 2}
    ),
    "nothing is left of a lowered allowance": Row(
        a_budget(3, taken={MONDAY: 5}), MONDAY, 4, 0, {}
    ),
    "extra hours come after the period's own": Row(
        a_budget(3, extras=EXTRAS), MONDAY, 9, 6, {MONDAY: 3, "a": 1, "b": 2}
    ),
    "those of an ended grant are gone": Row(
        a_budget(3, extras=EXTRAS), EARLY, 9, 5, {MONDAY: 3, "b": 2}
    ),
    "and a session may not outlast them": Row(
        a_budget(3, extras=EXTRAS, taken={MONDAY: 3}), LATE - HOUR, 9, 1, {"b": 1}
    ),
    "extra hours are one amount over all periods": Row(
        a_budget(1, extras=(Extra("a", 2, NEXT + DAY),)),
        NEXT - 2 * HOUR,
        9,
        4,
        {MONDAY: 1, "a": 2, NEXT: 1},
    ),
    "a term's allowance carries nothing after the term": Row(
        a_budget(99, Period.TERM, term=Span(MONDAY, NEXT)), NEXT - HOUR, 3, 1, {MONDAY: 1}
    ),
    "nor before it": Row(
        a_budget(99, Period.TERM, term=Span(MONDAY, NEXT)), MONDAY - HOUR, 3, 0, {}
    ),
}


def in_hours(budget: Budget) -> Budget:
    """Rows count in GPU hours."""
    amount, period = budget.allowance
    return budget._replace(
        allowance=Allowance(amount * GPU_HOUR, period),
        taken={slot: taken * GPU_HOUR for slot, taken in budget.taken.items()},
        extras=tuple(x._replace(amount=x.amount * GPU_HOUR) for x in budget.extras),
    )


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_a_session_draws(row: Row) -> None:
    end, drawn = draw(in_hours(row.budget), RATE, row.start, row.start + row.hours * HOUR)
    assert end == row.start + row.carries * HOUR
    assert drawn == {slot: hours * GPU_HOUR for slot, hours in row.drawn.items()}


def test_a_rest_that_pays_for_no_millisecond_is_left() -> None:
    assert draw(a_budget(2500), RATE, MONDAY, MONDAY + HOUR) == (
        MONDAY + 2 * MS,
        {MONDAY: 2000},
    )


def test_a_rest_of_the_own_and_an_extra_pay_for_a_millisecond_together() -> None:
    budget = a_budget(500, extras=(Extra("a", 700, NEXT),))
    assert draw(budget, RATE, MONDAY, MONDAY + HOUR) == (MONDAY + MS, {MONDAY: 500, "a": 500})


def test_what_nothing_else_ends_reaches_into_the_next_period_at_most() -> None:
    assert furthest(a_budget(1), MONDAY + DAY) == MONDAY + 14 * DAY
    term = Span(MONDAY, NEXT)
    assert furthest(a_budget(1, Period.TERM, term=term), MONDAY + DAY) == NEXT


SETTLED: dict[str, tuple[Drawn, float, float, dict[Slot, int]]] = {
    "what was not used is returned": ({MONDAY: 4}, 1, 3, {MONDAY: 2}),
    "extra hours are returned first": ({MONDAY: 2, "a": 2}, 0, 3, {MONDAY: 2, "a": 1}),
    "termination is charged to the period's own": ({MONDAY: 2}, 0, 3, {MONDAY: 3}),
    "what never ran uses nothing": ({MONDAY: 2}, 1, 1, {}),
    "what reserved nothing is charged too": ({}, 0, 1, {MONDAY: 1}),
    "each period by its overlap": ({MONDAY: 9, NEXT: 9}, 167, 169, {MONDAY: 1, NEXT: 1}),
}


@pytest.mark.parametrize(("drawn", "ran", "ended", "expected"), SETTLED.values(), ids=SETTLED)
def test_settling(drawn: Drawn, ran: float, ended: float, expected: dict[Slot, int]) -> None:
    drawn = {slot: hours * GPU_HOUR for slot, hours in drawn.items()}
    used = settle(a_budget(0), drawn, RATE, MONDAY + ran * HOUR, MONDAY + ended * HOUR)
    assert used == {slot: hours * GPU_HOUR for slot, hours in expected.items()}


# -- the oracle ----------------------------------------------------------------------------------------------------


def is_caught(law: Callable[[], None]) -> None:
    """The law fails for some example; which one does not matter."""
    quickly = settings(max_examples=2000, phases=[Phase.generate], derandomize=True)
    with pytest.raises(AssertionError):
        quickly(law)()


Drawing = Callable[[Budget, int, datetime, datetime], tuple[datetime, Drawn]]


def step_by_step(
    budget: Budget, rate: int, start: datetime, end: datetime, step: timedelta
) -> tuple[datetime, Drawn]:
    """The page read aloud: every step is paid for by its day's own, then by the extras in turn, or ends it."""
    left = {x.grant: max(0, x.amount - budget.taken.get(x.grant, 0)) for x in budget.extras}
    own: dict[datetime, int] = {}
    drawn: dict[Slot, int] = {}
    need = rate * (step // MS)
    at = start
    while at < end:
        local = at.astimezone(OSLO)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        day = midnight.astimezone(UTC)
        own.setdefault(day, max(0, budget.allowance.amount - budget.taken.get(day, 0)))
        open_ = sorted((x for x in budget.extras if at < x.ends), key=lambda x: (x.ends, x.grant))
        if own[day] + sum(left[x.grant] for x in open_) < need:
            break
        rest = need - min(need, own[day])
        if own[day]:
            drawn[day] = drawn.get(day, 0) + min(need, own[day])
        own[day] -= min(need, own[day])
        for extra in open_:
            part = min(rest, left[extra.grant])
            if part:
                drawn[extra.grant] = drawn.get(extra.grant, 0) + part
            left[extra.grant] -= part
            rest -= part
        at += step
    return at, drawn


class World(NamedTuple):
    """Around a local midnight, all amounts in whole usage of one step."""

    budget: Budget
    rate: int
    start: datetime
    end: datetime
    step: timedelta


MIDNIGHTS = [
    datetime(2026, 11, 2, 23, tzinfo=UTC),
    datetime(2026, 3, 28, 23, tzinfo=UTC),  # the day that follows has 23 hours
    datetime(2026, 10, 24, 22, tzinfo=UTC),  # 25 hours
]


@st.composite
def worlds(draw_: st.DrawFn) -> World:
    step = draw_(st.sampled_from([MS, HOUR]))
    around = 12 if step == MS else 60
    midnight = draw_(st.sampled_from(MIDNIGHTS))
    rate = draw_(st.sampled_from([1, 150, 1000, 3000]))
    # At one millisecond a step any amount will do; else only whole steps, or the oracle is too coarse.
    unit = 1 if step == MS else rate * (HOUR // MS)
    top = around * rate if step == MS else around
    amounts = st.integers(0, top).map(lambda n: n * unit)
    instants = st.integers(-around, around).map(lambda n: midnight + n * step)
    days = [midnight - DAY, midnight, midnight + DAY - HOUR, midnight + DAY, midnight + DAY + HOUR]
    extras = draw_(st.lists(st.tuples(amounts, instants), max_size=3))
    slots: list[Slot] = [*days, *(str(n) for n in range(3))]
    taken = draw_(st.dictionaries(st.sampled_from(slots), amounts, max_size=3))
    start, end = draw_(instants), draw_(instants)
    return World(
        Budget(
            Allowance(draw_(amounts), Period.DAY),
            OSLO,
            None,
            taken,
            tuple(Extra(str(n), amount, ends) for n, (amount, ends) in enumerate(extras)),
        ),
        rate,
        min(start, end),
        max(start, end),
        step,
    )


def agrees(world: World, by: Drawing) -> bool:
    budget, rate, start, end, step = world
    return by(budget, rate, start, end) == step_by_step(budget, rate, start, end, step)


@given(worlds())
def test_draw_agrees_with_counting_every_step(world: World) -> None:
    assert agrees(world, draw)


@given(worlds(), st.integers(0, 120))
def test_a_shorter_session_takes_the_same_up_to_its_end(world: World, steps: int) -> None:
    budget, rate, start, end, step = world
    reached, _ = draw(budget, rate, start, end)
    shorter = min(start + steps * step, reached)
    assert draw(budget, rate, start, shorter)[0] == shorter


def blind_to_reservations(
    budget: Budget, rate: int, start: datetime, end: datetime
) -> tuple[datetime, Drawn]:
    return draw(budget._replace(taken={}), rate, start, end)


def one_period_alone(
    budget: Budget, rate: int, start: datetime, end: datetime
) -> tuple[datetime, Drawn]:
    """The flaw of charging a session to the period in which it starts."""
    long = budget._replace(allowance=budget.allowance._replace(period=Period.TERM))
    first = period_span(Period.DAY, start, OSLO, None)
    return draw(long._replace(term=Span(first.starts, end)), rate, start, end)


def extras_for_ever(
    budget: Budget, rate: int, start: datetime, end: datetime
) -> tuple[datetime, Drawn]:
    forever = tuple(x._replace(ends=end + DAY) for x in budget.extras)
    return draw(budget._replace(extras=forever), rate, start, end)


@pytest.mark.parametrize("flaw", [blind_to_reservations, one_period_alone, extras_for_ever])
def test_the_oracle_would_notice(flaw: Drawing) -> None:
    @given(worlds())
    def holds(world: World) -> None:
        assert agrees(world, flaw)

    is_caught(holds)


# -- many sessions: no two see the same minutes, and the overrun is the termination's ---------------------------------


class Session(NamedTuple):
    """One session in steps from the first instant of the story, with what happens to it.

    Attributes:
        pending: from its start until it runs.
        length: planned, unless the budget ends it sooner.
        stopped: how long it runs if nothing ends it sooner.
        termination: how long it takes to end.
    """

    start: int
    length: int
    pending: int
    stopped: int
    termination: int
    rate: int


SESSIONS = st.lists(
    st.builds(
        Session,
        start=st.integers(0, 12),
        length=st.integers(1, 12),
        pending=st.integers(0, 3),
        stopped=st.integers(0, 20),
        termination=st.integers(0, 3),
        rate=st.sampled_from([1, 2, 3]),
    ),
    max_size=8,
)
BASE = MIDNIGHTS[0] - 8 * MS


class Ran(NamedTuple):
    """A session that was let in: what it drew, until when it was planned, and when it ran in fact."""

    rate: int
    drawn: Drawn
    planned: datetime
    began: datetime
    ended: datetime

    def counts(self, budget: Budget, now: datetime) -> Drawn:
        """What is taken for it at an instant: its reservation, and once it has ended what it used."""
        if now < self.ended:
            return self.drawn
        return settle(budget, self.drawn, self.rate, self.began, self.ended)


def summed(parts: Iterable[Drawn]) -> Counter[Slot]:
    sums: Counter[Slot] = Counter()
    for part in parts:
        sums.update(part)
    return sums


def play(sessions: list[Session], budget: Budget, *, forgets: bool) -> list[Ran]:
    """Let them in one after another, each on what the others have taken by then."""
    let_in: list[Ran] = []
    for session in sorted(sessions):
        now = BASE + session.start * MS
        seen = [ran for ran in let_in if not forgets or ran.ended <= now]
        taken = summed(ran.counts(budget, now) for ran in seen)
        wanted = now + session.length * MS
        planned, drawn = draw(budget._replace(taken=taken), session.rate, now, wanted)
        if planned > now:
            began = now + session.pending * MS
            stops = min(planned, began + session.stopped * MS) + session.termination * MS
            let_in.append(Ran(session.rate, drawn, planned, began, max(began, stops)))
    return let_in


def over_time(ran: Ran) -> Counter[Slot]:
    """What a session used after its planned end, by day: its termination's."""
    late = max(ran.planned, ran.began)
    before, after = min(ran.ended, MIDNIGHTS[0]), max(late, MIDNIGHTS[0])
    return Counter(
        {
            MIDNIGHTS[0] - DAY: usage(ran.rate, late, before),
            MIDNIGHTS[0]: usage(ran.rate, after, ran.ended),
        }
    )


def wrongs(
    sessions: list[Session], amount: int, extra: int, *, forgets: bool = False
) -> list[str]:
    """What was promised twice, overrun by more than terminations, or charged wrong."""
    budget = Budget(
        Allowance(amount, Period.DAY), OSLO, None, {}, (Extra("g", extra, BASE + DAY),)
    )
    let_in = play(sessions, budget, forgets=forgets)
    parts = [settle(budget, ran.drawn, ran.rate, ran.began, ran.ended) for ran in let_in]
    wrong = [
        f"{ran} is charged {part}"
        for ran, part in zip(let_in, parts, strict=True)
        if sum(part.values()) != usage(ran.rate, ran.began, ran.ended)
    ]
    late = summed(map(over_time, let_in))
    for slot, used in summed(parts).items():
        most = amount + late[slot] if isinstance(slot, datetime) else extra
        if used > most:
            wrong.append(f"{used} of {most} are used of {slot}")
    return wrong


@given(SESSIONS, st.integers(0, 30), st.integers(0, 10))
def test_no_two_see_the_same_minutes_and_only_terminations_overrun(
    sessions: list[Session], amount: int, extra: int
) -> None:
    assert wrongs(sessions, amount, extra) == []


def test_forgetting_what_is_reserved_would_be_noticed() -> None:
    @given(SESSIONS, st.integers(0, 30), st.integers(0, 10))
    def holds(sessions: list[Session], amount: int, extra: int) -> None:
        assert wrongs(sessions, amount, extra, forgets=True) == []

    is_caught(holds)


def test_charging_a_session_to_the_day_on_which_it_ran_first_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def flawed(
        budget: Budget, drawn: Drawn, rate: int, start: datetime, end: datetime
    ) -> dict[Slot, int]:
        whole = usage(rate, start, end)
        first = period_span(Period.DAY, start, OSLO, None).starts
        return {first: whole} if whole else {}

    monkeypatch.setitem(globals(), "settle", flawed)
    two_days = Session(start=6, length=6, pending=0, stopped=20, termination=0, rate=1)
    assert wrongs([two_days], 4, 0)
