"""Own, loan, never, not now; and whether a node is surely free: against oracles that try everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product

import pytest

from jupyterhub_edu.domain import pools
from jupyterhub_edu.domain.pools import (
    Claim,
    Holding,
    Pool,
    borrowed,
    classify,
    fits_a_node,
    is_held_for_others,
    still_to_grow,
)
from tests.fakes.campus import NOW

SIZES = range(4)


def a_pool(nodes: tuple[int, ...] = (4,), unseen: int = 0, **kwargs: int | None) -> Pool:
    sums: dict[str, int | None] = {
        "used": 0,
        "used_here": 0,
        "nominal": 0,
        "most": None,
        "claimed": 0,
    }
    return Pool(
        **{  # type: ignore[arg-type]
            "nodes": nodes,
            "unseen": unseen,
            "room": max(0, sum(nodes) - unseen),
            **sums,
            **kwargs,
        }
    )


def placements(nodes: tuple[int, ...], coming: int) -> Iterator[tuple[int, ...]]:
    """What may be left of each node once everything on its way has taken some device somewhere."""
    for taken in product(*(range(free + 1) for free in nodes)):
        if sum(taken) == min(coming, sum(nodes)):
            yield tuple(free - gone for free, gone in zip(nodes, taken, strict=True))


def wrong_about_nodes(fits: Callable[[int, Pool], bool]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for nodes in [n for size in range(4) for n in product(SIZES, repeat=size)]:
        for unseen, devices in product(range(6), range(1, 4)):
            surely = all(
                any(left >= devices for left in rest) for rest in placements(nodes, unseen)
            )
            if fits(devices, a_pool(nodes, unseen)) != surely:
                found.append((nodes, unseen, devices))
    return found


def test_a_node_is_surely_free_exactly_if_it_is_however_the_unseen_are_placed() -> None:
    assert wrong_about_nodes(fits_a_node) == []


def plain_sum(devices: int, pool: Pool) -> bool:
    return pool.room >= devices


def largest_node(devices: int, pool: Pool) -> bool:
    return pool.room >= devices and max(pool.nodes, default=0) >= devices


@pytest.mark.parametrize("flaw", [plain_sum, largest_node])
def test_the_oracle_catches_a_flawed_look_at_the_nodes(flaw: Callable[[int, Pool], bool]) -> None:
    assert wrong_about_nodes(flaw)


def test_a_flavors_count_binds_whatever_is_free_on_nodes() -> None:
    assert not fits_a_node(1, a_pool((4,), room=0))


# -- claims --------------------------------------------------------------------------------------------------------


def claims_by_definition(
    devices: int, nominal: int, borrow: int | None, peak: int, used: int
) -> Claim:
    """The page's formulas, which ask nothing of the other courses."""
    wanted = used + devices
    if wanted <= nominal:
        return Claim.OWN
    if borrow is None or wanted <= nominal + borrow:
        return Claim.LOAN
    return Claim.NEVER if devices > nominal + borrow and devices > peak else Claim.NOT_NOW


def wrong_claims() -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    mine = product((0, 1, 2), (None, 0, 1, 2), (0, 3), range(4))
    others = product((0, 2), (0, 1, 2), (0, 4), (None, NOW))
    for (nominal, borrow, peak, here), (other, there, free, stale), devices in product(
        mine, [*others], (1, 2, 3)
    ):
        pool = a_pool(
            (free,),
            used=here + there,
            used_here=here,
            nominal=nominal,
            most=None if borrow is None else nominal + borrow,
            claimed=here + max(other, there),
            peak=peak,
        )._replace(stale_since=stale)
        expected = claims_by_definition(devices, nominal, borrow, peak, here)
        if pools.classify(devices, pool) is not expected:
            found.append((nominal, borrow, peak, here, other, there, free, stale, devices))
    return found


def test_a_claim_is_what_the_page_says() -> None:
    assert wrong_claims() == []


def forgets_what_it_uses(devices: int, pool: Pool) -> Claim:
    return classify(devices, pool._replace(used_here=0))


def forgets_the_windows_to_come(devices: int, pool: Pool) -> Claim:
    return classify(devices, pool._replace(peak=0))


def lends_only_what_is_free(devices: int, pool: Pool) -> Claim:
    claim = classify(devices, pool)
    short = claim is Claim.LOAN and pool.claimed + devices > pool.room + pool.used
    return Claim.NOT_NOW if short else claim


def lends_nothing_while_stale(devices: int, pool: Pool) -> Claim:
    claim = classify(devices, pool)
    return Claim.NOT_NOW if claim is Claim.LOAN and pool.stale_since is not None else claim


@pytest.mark.parametrize(
    "flaw",
    [
        forgets_what_it_uses,
        forgets_the_windows_to_come,
        lends_only_what_is_free,
        lends_nothing_while_stale,
    ],
)
def test_the_oracle_catches_a_flawed_claim(
    monkeypatch: pytest.MonkeyPatch, flaw: Callable[[int, Pool], Claim]
) -> None:
    monkeypatch.setattr(pools, "classify", flaw)
    assert wrong_claims()


# -- reservations --------------------------------------------------------------------------------------------------


def may_start_by_the_formulas(
    devices: int, held: list[tuple[int, int]], used: list[int], free: int
) -> bool:
    """The two formulas of the page, for the first of courses with nominal quota and reservation each."""
    nominal, reserved = held[0]
    after = [used[0] + devices, *used[1:]]
    if after[0] > max(nominal, reserved):
        return sum(max(u, r) for u, (_, r) in zip(after, held, strict=True)) <= free + sum(used)
    if after[0] <= reserved:
        return devices <= free
    others = zip(used[1:], held[1:], strict=True)
    return devices <= free - sum(max(0, r - u) for u, (_, r) in others)


def wrong_about_reservations() -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    sizes = (range(3), range(3), range(4), range(4), range(6), (1, 2))
    for nominal, reserved, other, used, free, devices in product(*sizes):
        for there in range(3):
            pool = a_pool(
                (free,),
                used=used + there,
                used_here=used,
                nominal=max(nominal, reserved),
                claimed=max(used, reserved) + max(there, other),
                reserved=reserved,
            )
            refused = devices > free or pools.is_held_for_others(devices, pool)
            held = [(nominal, reserved), (9, other)]
            if refused == may_start_by_the_formulas(devices, held, [used, there], free):
                found.append((nominal, reserved, other, used, there, free, devices))
            assert classify(devices, pool) in (Claim.OWN, Claim.LOAN)
    return found


def test_reservations_are_asked_as_the_pages_formulas_do() -> None:
    assert wrong_about_reservations() == []


def forgets_the_reservation_of_others(devices: int, pool: Pool) -> bool:
    return is_held_for_others(devices, pool._replace(claimed=pool.used))


def forgets_its_own_reservation(devices: int, pool: Pool) -> bool:
    return is_held_for_others(devices, pool._replace(reserved=0))


@pytest.mark.parametrize("flaw", [forgets_the_reservation_of_others, forgets_its_own_reservation])
def test_the_oracle_catches_a_flawed_look_at_reservations(
    monkeypatch: pytest.MonkeyPatch, flaw: Callable[[int, Pool], bool]
) -> None:
    monkeypatch.setattr(pools, "is_held_for_others", flaw)
    assert wrong_about_reservations()


@pytest.mark.parametrize(
    ("grows_to", "shown", "per_node", "free"),
    [
        pytest.param(28, 14, 7, (7, 7), id="two nodes of seven may still come"),
        pytest.param(28, 28, 7, (), id="nothing more once it is full-grown"),
        pytest.param(4, 8, 1, (), id="nor when more is shown than it grows to"),
        pytest.param(10, 0, 4, (4, 4), id="a rest that fills no node is not counted"),
    ],
)
def test_what_may_still_be_added(
    grows_to: int, shown: int, per_node: int, free: tuple[int, ...]
) -> None:
    assert still_to_grow(grows_to, shown, per_node) == free


def a_holding(id: str, devices: int = 1, minutes: int = 0) -> Holding:
    return Holding(id, "ml", devices, NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("nominal", "ids"),
    [
        pytest.param(4, "", id="nothing within the course's own devices"),
        pytest.param(3, "d", id="the newest beyond them"),
        pytest.param(2, "cd", id="the one that reaches over the edge, whole, and all newer"),
        pytest.param(1, "bcd", id="of one instant, by id"),
        pytest.param(0, "abcd", id="everything where nothing is owned"),
    ],
)
def test_borrowed(nominal: int, ids: str) -> None:
    ages = [a_holding("d", minutes=2), a_holding("b"), a_holding("a"), a_holding("c", minutes=1)]
    assert "".join(h.id for h in borrowed(ages, nominal)) == ids


def test_borrowed_of_several_devices_is_counted_in_devices() -> None:
    both = [a_holding("small", 1), a_holding("wide", 2, minutes=1)]
    assert [h.id for h in borrowed(both, 2)] == ["wide"]
