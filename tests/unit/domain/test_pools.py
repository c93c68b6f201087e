"""Own, loan, never, not now; and whether a node is surely free: against oracles that try everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product

import pytest

from jupyterhub_edu.domain import pools
from jupyterhub_edu.domain.pools import Claim, Pool, classify, fits_a_node
from tests.fakes.campus import NOW

SIZES = range(4)


def a_pool(nodes: tuple[int, ...] = (4,), unseen: int = 0, **kwargs: int | None) -> Pool:
    sums = {"used": 0, "used_here": 0, "nominal": 0, "most": None, "claimed": 0}
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
    devices: int, quotas: list[tuple[int, int | None]], used: list[int], free: int
) -> Claim:
    """The page's formulas, for the first course of a campus written out in full."""
    nominal, borrow = quotas[0]
    wanted = used[0] + devices
    if wanted <= nominal:
        return Claim.OWN
    if borrow is not None and devices > nominal + borrow:
        return Claim.NEVER
    if borrow is not None and wanted > nominal + borrow:
        return Claim.NOT_NOW
    after = [wanted, *used[1:]]
    claimed = sum(max(n, u) for (n, _), u in zip(quotas, after, strict=True))
    return Claim.LOAN if claimed <= free + sum(used) else Claim.NOT_NOW


def wrong_claims() -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    mine = product((0, 1, 2), (None, 0, 1, 2))
    for quota, other, here, there, free, devices in product(
        mine, (0, 1, 2), range(4), range(3), range(5), (1, 2, 3)
    ):
        nominal, borrow = quota
        pool = a_pool(
            (free,),
            used=here + there,
            used_here=here,
            nominal=nominal,
            most=None if borrow is None else nominal + borrow,
            claimed=max(nominal, here) + max(other, there),
        )
        expected = claims_by_definition(devices, [quota, (other, 0)], [here, there], free)
        if pools.classify(devices, pool) is not expected:
            found.append((quota, other, here, there, free, devices))
    return found


def test_a_claim_is_what_the_page_says() -> None:
    assert wrong_claims() == []


def forgets_what_others_own(devices: int, pool: Pool) -> Claim:
    return classify(devices, pool._replace(claimed=max(pool.used_here, pool.nominal)))


def forgets_itself(devices: int, pool: Pool) -> Claim:
    return classify(devices, pool._replace(claimed=pool.claimed - devices))


@pytest.mark.parametrize("flaw", [forgets_what_others_own, forgets_itself])
def test_the_oracle_catches_a_flawed_claim(
    monkeypatch: pytest.MonkeyPatch, flaw: Callable[[int, Pool], Claim]
) -> None:
    monkeypatch.setattr(pools, "classify", flaw)
    assert wrong_claims()


def test_while_the_view_is_stale_only_the_courses_own_limits_are_asked() -> None:
    stale = a_pool((), used=9, claimed=99)._replace(stale_since=NOW - timedelta(minutes=1))
    assert classify(1, stale) is Claim.LOAN
    assert classify(1, stale._replace(nominal=1)) is Claim.OWN
    assert classify(1, stale._replace(most=0)) is Claim.NEVER
    assert classify(1, stale._replace(used_here=1, most=1)) is Claim.NOT_NOW
