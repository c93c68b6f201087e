"""Whether a start passes somebody who stands in line, and what a place that waits waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.domain.balance import Balance, Keep, State
from jupyterhub_edu.domain.decide import Decision, Facts, decide_start
from jupyterhub_edu.domain.line import Place, turn
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.reasons import Code, Reason

__all__ = ["try_in_turn", "why_not_yet"]

_PLENTY: Final = 2**31


def try_in_turn(
    mine: Place,
    others: Iterable[Place],
    state: State,
    now: datetime,
    refused: Callable[[Place], tuple[Reason, ...]],
    keeps: Sequence[Keep],
    starve_after: timedelta,
    allowed: tuple[Facts, Decision],
) -> tuple[Decision, frozenset[str]]:
    """What becomes of a start that the rules allow, when everybody takes their turn.

    Always holds:
        - it may start exactly if a turn of all of them starts it: nobody is passed, and what is kept stays;
        - a refusal says by which of rules 9, 10 and 13, as they stand once those before it have started.

    Args:
        mine: its place, the last to arrive if it stands in no line yet.
        others: those that stand in the line.
        allowed: the facts of its request, and the decision that allows it.

    Returns:
        The decision, and the nodes that its server must keep off.
    """
    facts, decision = allowed
    taken = turn([*others, mine], state, now, refused, keeps, starve_after)
    for begin in taken.starts:
        if begin.place.id == mine.id and decision.start is not None:
            return Decision(decision.start._replace(own=begin.own)), begin.avoids
    balance = Balance(state, keeps)
    for begin in taken.starts:
        balance.start(begin.place.course, begin.place.devices, begin.place.id)
    if taken.kept is not None:
        balance.keep(taken.kept)
    told = why_not_yet(balance, mine, facts, now)
    return Decision(None, told or (_for_others(facts),)), frozenset()


def why_not_yet(balance: Balance, place: Place, facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """The reasons against a place once others have had their turn.

    Args:
        balance: what they leave.
        facts: of its request, as though nobody stood in line.
    """
    request, seen = place.request, _as_seen(balance, place, facts.pool)
    found = decide_start(request, facts._replace(pool=seen), now).reasons
    if found and decide_start(request, facts, now).allowed:
        return tuple(_of_others(r) if r.code is Code.NO_CAPACITY else r for r in found)
    return found


def _as_seen(balance: Balance, place: Place, pool: Pool | None) -> Pool | None:
    """The pool as a place sees it; which node has room is the balance's to say."""
    if pool is None:
        return None
    seen = balance.pool(place.course, place.id)
    return seen._replace(
        nodes=(_PLENTY,) if balance.fits(place.devices, place.id) else (),
        stale_since=pool.stale_since,
        frees_at=pool.frees_at,
        reserved_until=pool.reserved_until,
    )


def _of_others(reason: Reason) -> Reason:
    """Not that there is nothing free, but that it is for others."""
    return reason._replace(variant="line", retry_at=None)


def _for_others(facts: Facts) -> Reason:
    flavor = facts.profile.flavor.title if facts.profile is not None else ""
    return Reason(Code.NO_CAPACITY, "line", {"flavor": flavor})
