"""Reclaim: which loans end so that a course gets back what is its own, and what is kept for it meanwhile.

A reclaim is looked at anew at each change, from plain values: what runs, who stands in the line, what was warned when.
Loans are warned, and stopped when the warning has run out and they are still needed; else the warning is withdrawn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from .balance import Balance, Keep, Rank, State
from .line import Place, in_order
from .prospect import Prospect, lent
from .reasons import Reason

__all__ = ["WARNING", "Loan", "Look", "Looking", "Reclaim", "keeps_of"]

WARNING: Final = timedelta(minutes=5)
"""How long before its stop a loan is warned."""
_MOST_NEW: Final = 4
"""Reclaims begun in one look, so that it ends soon; the next look goes on."""


class Loan(NamedTuple):
    """A borrowed admission that is to end.

    Attributes:
        warned_at: aware UTC; it is stopped ``WARNING`` later if it is still needed then.
        stopping: its stop has begun and cannot be taken back.
    """

    id: str
    warned_at: datetime
    stopping: bool = False


class Reclaim(NamedTuple):
    """Loans that end for one place in the line.

    Attributes:
        asker: the place's id; ``""``: for a reservation that opens, or loans that stop though nobody needs them now.
        node: where the asker will start; ``""`` without an asker.
        loans: those that have not ended yet; none once all it waits for is free and kept.
    """

    asker: str
    node: str
    loans: tuple[Loan, ...]


class Look(NamedTuple):
    """What a look at the reclaims brings. Store ``reclaims``, then act; all acts may be repeated.

    Attributes:
        warn: ids of admissions to be warned now, for the first time.
        withdraw: ids of admissions whose warning is withdrawn.
        stop: ids of admissions to be stopped, those whose stop has begun included.
        more: whether own requests were left for the next look, which may follow at once.
    """

    reclaims: tuple[Reclaim, ...]
    warn: tuple[str, ...] = ()
    withdraw: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    more: bool = False


def keeps_of(
    reclaims: Iterable[Reclaim], places: Iterable[Place], state: State
) -> tuple[Keep, ...]:
    """What is kept for the askers now: of its devices each has those not still held by its loans, if they are free.

    Never more than is free beside what windows and exams of other courses hold, so that a reservation finds its own.
    """
    standing = {place.id: place for place in places}
    balance = Balance(state)
    found = []
    for reclaim in reclaims:
        place = standing.get(reclaim.asker)
        if place is None:
            continue
        rank = balance.rank(place.course, place.devices)
        if rank is Rank.LOAN:
            continue
        held = sum(
            state.holdings[loan.id].devices
            for loan in reclaim.loans
            if loan.id in state.holdings and state.holdings[loan.id].node == reclaim.node
        )
        free = balance.usable(reclaim.node, 0)
        spare = balance.room
        if rank is not Rank.WITHIN:
            spare -= balance.idle(place.course)
        keep = Keep(
            place.id,
            place.course,
            max(0, min(place.devices - held, free, spare)),
            reclaim.node,
        )
        balance.keep(keep)
        found.append(keep)
    return tuple(found)


class Looking:
    """One look at all reclaims of one flavor, place by place; begin it after each turn of the line that started nobody.

    Always holds:
        - only borrowed admissions are warned or stopped, and never an exam's;
        - a loan is warned at least ``warning`` before it is stopped, and stopped only if it is needed at that instant;
        - what is already reclaimed counts before anything more is, and what is no longer needed is withdrawn;
        - for each own request that would start but for loans, the fewest of them (see ``fewest``);
        - while nothing is known of the cluster, nobody is warned, stopped or spared.

    Args:
        places: those that stand in the line.
        state: must stay as it is until the look has ended.
        reclaims: what the last look returned.
        refused: reasons against a place that cannot be waited for; such a place reclaims nothing.
        kept: what the last turn keeps for one that has waited long.
        warning: how long before the stop a loan is warned.

    Attributes:
        line: the places in the order in which each is to be served, once; then comes the end.

    Source:
        docs/explanation/policy.md, "Reclaim" and "Reservations".
    """

    def __init__(
        self,
        places: Collection[Place],
        state: State,
        now: datetime,
        reclaims: Sequence[Reclaim] = (),
        refused: Callable[[Place], tuple[Reason, ...]] = lambda _: (),
        *,
        kept: Keep | None = None,
        warning: timedelta = WARNING,
    ) -> None:
        self.now, self.warning, self.refused, self.kept = now, warning, refused, kept
        self.state, self.reclaims = state, tuple(reclaims)
        self.lent = {h.id: h for holdings in lent(state).values() for h in holdings}
        self.before = {loan.id: loan for reclaim in reclaims for loan in reclaim.loans}
        self.future = Prospect(state, self.lent)
        standing = {place.id for place in places}
        self.ours: dict[str, list[str]] = {}
        self.orphans: list[list[str]] = []
        for reclaim in reclaims:
            ids = [loan.id for loan in reclaim.loans if self._still_counts(loan)]
            if reclaim.asker in standing:
                self.ours[reclaim.asker] = ids
            else:
                self.orphans.append(ids)
        self.nodes = {reclaim.asker: reclaim.node for reclaim in reclaims}
        self.served: dict[str, int] = {}
        self.begun, self.more = 0, False
        self.behind = ""
        """The place that has waited long, if reservations come before it."""
        self.found: list[tuple[str, str, list[str]]] = []
        self.line = self._in_order(places) if state.fresh else []

    def _still_counts(self, loan: Loan) -> bool:
        """What stops already is as good as gone; what has become own meanwhile stays."""
        if loan.stopping and loan.id in self.state.holdings:
            self.future.end([loan.id])
            return True
        return loan.id in self.lent

    def _in_order(self, places: Collection[Place]) -> list[Place]:
        """Those for whom something is reclaimed first, in the order in which that began."""
        before = {id: number for number, id in enumerate(self.ours)}
        line = in_order(places, self.state)
        return sorted(line, key=lambda place: before.get(place.id, len(before)))

    def end(self, opening: Mapping[str, int] = MappingProxyType({})) -> Look:
        """What the look brings.

        Args:
            opening: by course, devices of its reservations that are open, or open within one grace.
        """
        if not self.state.fresh:
            loans = (loan for reclaim in self.reclaims for loan in reclaim.loans)
            return Look(self.reclaims, stop=tuple(loan.id for loan in loans if loan.stopping))
        self._clear(opening)
        return self._result()

    # -- one request after another -------------------------------------------------------------------------------

    def serve(self, place: Place) -> None:
        """Keep, take over or begin a reclaim for one place, if it is own and would start but for loans."""
        ours = self.ours.get(place.id)
        ids = self._loans_for(place, ours) if self._is_own(place) else None
        if ids is not None and (ids or ours is not None) and not self.refused(place):
            self.begun += ours is None
            self.served[place.course] = self.served.get(place.course, 0) + place.devices
            self.future.end(ids)
            node = self.future.node_for(place, self.nodes.get(place.id, ""), ids)
            self.future.keep(Keep(place.id, place.course, place.devices, node))
            self.found.append((place.id, node, ids))
            return
        if ours:
            self.orphans.append(ours)
        if self.kept is not None and self.kept.place == place.id:
            self.future.keep(self.kept)
            if not self._is_within(place):
                self.behind = place.id

    def _is_within(self, place: Place) -> bool:
        """Within its course's own reservation, so that no other reservation comes before it."""
        share = self.state.shares.get(place.course)
        used = self.state.used.get(place.course, 0)
        return share is not None and used + place.devices <= share.reserved

    def _is_own(self, place: Place) -> bool:
        """Own, counting those of its course that are served already."""
        used = self.state.used.get(place.course, 0) + self.served.get(place.course, 0)
        share = self.state.shares.get(place.course)
        return share is not None and used + place.devices <= share.nominal

    def _loans_for(self, place: Place, ours: list[str] | None) -> list[str] | None:
        """Loans whose end lets it start: those chosen before, another's that needs them no more, or the fewest."""
        if ours is not None and self.future.may_start(place, ours):
            return self._needed(place, ours)
        if self.future.may_start(place):
            return []
        for orphans in self.orphans:
            ids = [id for id in orphans if id not in self.future.ended]
            if ids and self.future.may_start(place, ids):
                return self._needed(place, ids)
        if self.begun == _MOST_NEW:
            self.more = True
            return None
        return self.future.fewest_for(place)

    def _needed(self, place: Place, ids: list[str]) -> list[str]:
        """Those without which it would not start, and those that stop already."""
        for id in list(ids):
            rest = [other for other in ids if other != id]
            if not self.before[id].stopping and self.future.may_start(place, rest):
                ids = rest
        return ids

    def _clear(self, opening: Mapping[str, int]) -> None:
        """Let enough loans end that what opens finds its devices free; if all are too few, all."""
        short = self.future.short_of(opening, self.behind)
        if short > 0:
            again = [id for ids in self.orphans for id in ids]
            if ids := self.future.fewest_to_clear(short, again):
                self.found.append(("", "", ids))

    # -- what comes of it --------------------------------------------------------------------------------------

    def _result(self) -> Look:
        reclaims, wanted = [], set[str]()
        for asker, node, ids in self.found:
            wanted.update(ids)
            reclaims.append(Reclaim(asker, node, tuple(self._loan(id) for id in sorted(ids))))
        held = self.state.holdings.keys()
        rest = [loan for id, loan in self.before.items() if id in held and id not in wanted]
        stopping = tuple(loan for loan in rest if loan.stopping)
        if stopping:
            reclaims.append(Reclaim("", "", stopping))
        return Look(
            tuple(reclaims),
            warn=tuple(sorted(wanted - self.before.keys())),
            withdraw=tuple(sorted(loan.id for loan in rest if not loan.stopping)),
            stop=tuple(sorted(x.id for r in reclaims for x in r.loans if x.stopping)),
            more=self.more,
        )

    def _loan(self, id: str) -> Loan:
        loan = self.before.get(id) or Loan(id, self.now)
        return loan._replace(stopping=loan.warned_at + self.warning <= self.now)
