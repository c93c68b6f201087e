"""Reclaim: which loans end so that a course gets back what is its own, and what is kept for it meanwhile.

A reclaim is looked at anew at each change, from plain values: what runs, who stands in the line, what was warned when.
Loans are warned, and stopped when the warning has run out and they are still needed; else the warning is withdrawn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from .balance import Balance, Keep, Rank, State
from .fewest import Candidate, fewest
from .line import Place, in_order
from .pools import Holding, borrowed
from .reasons import Reason

__all__ = ["WARNING", "Loan", "Look", "Reclaim", "keeps_of", "lent", "look"]

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


def lent(state: State) -> dict[str, list[Holding]]:
    """The borrowed admissions of each course that may be reclaimed, oldest first; never an exam's."""
    by_course: dict[str, list[Holding]] = {}
    for holding in state.holdings.values():
        by_course.setdefault(holding.course, []).append(holding)
    found = {}
    for course, holdings in by_course.items():
        share = state.shares.get(course)
        if share is None or not share.exam:
            found[course] = borrowed(holdings, share.nominal if share else 0)
    return found


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
        if place is None or balance.rank(place.course, place.devices) is Rank.LOAN:
            continue
        held = sum(
            state.holdings[loan.id].devices
            for loan in reclaim.loans
            if loan.id in state.holdings and state.holdings[loan.id].node == reclaim.node
        )
        free = balance.usable(reclaim.node, 0)
        spare = balance.room
        if balance.rank(place.course, place.devices) is not Rank.WITHIN:
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


def look(
    places: Collection[Place],
    state: State,
    now: datetime,
    reclaims: Sequence[Reclaim] = (),
    refused: Callable[[Place], tuple[Reason, ...]] = lambda _: (),
    *,
    kept: Keep | None = None,
    opening: Collection[str] = (),
    warning: timedelta = WARNING,
) -> Look:
    """Look at all reclaims of one flavor; call it after each turn of the line that started nobody.

    Always holds:
        - only borrowed admissions are warned or stopped, and never an exam's;
        - a loan is warned at least ``warning`` before it is stopped, and stopped only if it is needed at that instant;
        - what is already reclaimed counts before anything more is, and what is no longer needed is withdrawn;
        - for each own request that would start but for loans, the fewest of them (see ``fewest``);
        - while nothing is known of the cluster, nobody is warned, stopped or spared.

    Args:
        places: those that stand in the line.
        reclaims: what the last look returned.
        refused: reasons against a place that cannot be waited for; such a place reclaims nothing.
        kept: what the last turn keeps for one that has waited long.
        opening: courses whose reservation is open, or opens within one grace.
        warning: how long before the stop a loan is warned.

    Source:
        docs/explanation/policy.md, "Reclaim" and "Reservations".
    """
    if not state.fresh:
        stopping = (loan.id for reclaim in reclaims for loan in reclaim.loans if loan.stopping)
        return Look(tuple(reclaims), stop=tuple(stopping))
    return _Look(places, state, now, reclaims, refused, kept, warning).run(opening)


class _Look:
    """One look, worked out."""

    def __init__(
        self,
        places: Collection[Place],
        state: State,
        now: datetime,
        reclaims: Sequence[Reclaim],
        refused: Callable[[Place], tuple[Reason, ...]],
        kept: Keep | None,
        warning: timedelta,
    ) -> None:
        self.now, self.warning, self.refused, self.kept = now, warning, refused, kept
        self.places = places
        self.state = state
        self.lent = {h.id: h for holdings in lent(state).values() for h in holdings}
        self.before = {loan.id: loan for reclaim in reclaims for loan in reclaim.loans}
        self.future = _Future(state, self.lent)
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
        self.found: list[tuple[str, str, list[str]]] = []

    def _still_counts(self, loan: Loan) -> bool:
        """What stops already is as good as gone; what has become own meanwhile stays."""
        if loan.stopping and loan.id in self.state.holdings:
            self.future.end([loan.id])
            return True
        return loan.id in self.lent

    def run(self, opening: Collection[str]) -> Look:
        line = in_order(self.places, self.state)
        served_before = {id: number for number, id in enumerate(self.ours)}
        for place in sorted(line, key=lambda p: served_before.get(p.id, len(served_before))):
            self._serve(place)
        self._clear(opening)
        return self._result()

    # -- one request after another -------------------------------------------------------------------------------

    def _serve(self, place: Place) -> None:
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

    def _clear(self, opening: Collection[str]) -> None:
        """Let enough loans end that what opens finds its devices free; if all are too few, all."""
        short = self.future.short_of(opening)
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


class _Future:
    """The pool as it will be when what is reclaimed has ended and who is served holds what is kept for them.

    Attributes:
        ended: ids of the admissions that count as ended.
    """

    def __init__(self, state: State, lent: Mapping[str, Holding]) -> None:
        self._state, self._lent = state, lent
        self.ended: frozenset[str] = frozenset()
        self._keeps: list[Keep] = []
        self._balance: Balance | None = None
        self._at_best: Balance | None = None
        self._all: list[Candidate] | None = None
        self._owned, self._oldest = dict(state.used), dict[str, str]()
        for loan in lent.values():
            self._owned[loan.course] -= loan.devices
            self._oldest.setdefault(loan.course, loan.id)

    @property
    def balance(self) -> Balance:
        """What is left of it."""
        if self._balance is None:
            self._balance = self._without(self.ended)
        return self._balance

    def end(self, ids: Iterable[str]) -> None:
        """Count these as ended from now on."""
        ended = self.ended.union(ids)
        if ended != self.ended:
            self.ended, self._balance = ended, None

    def keep(self, keep: Keep) -> None:
        """Count devices as kept from now on."""
        self._keeps.append(keep)
        if self._at_best is not None:
            self._at_best.keep(keep)
        if self._balance is not None:
            self._balance.keep(keep)

    def may_start(self, place: Place, ids: Collection[str] = ()) -> bool:
        """Whether a place could start, with these ended too."""
        balance = (
            self.balance if self.ended.issuperset(ids) else self._without({*self.ended, *ids})
        )
        return not balance.against(place.course, place.devices, place.id)

    def node_for(self, place: Place, stored: str, ids: Iterable[str]) -> str:
        """Where it will start: where it would have, else on a node of its loans, else where most is free."""

        def usable(node: str) -> int:
            return self.balance.usable(node, place.devices, place.id)

        if usable(stored) >= place.devices:
            return stored
        ours = {self._state.holdings[id].node for id in ids}
        fit = [node for node in self._state.nodes if usable(node) >= place.devices]
        return min(fit, key=lambda node: (node not in ours, -usable(node), node), default="")

    def short_of(self, courses: Iterable[str]) -> int:
        """Devices that these courses' reservations would find taken."""
        balance = self.balance
        idle = sum(max(0, balance.share(c).reserved - balance.used(c)) for c in courses)
        return idle - balance.room

    def fewest_for(self, place: Place) -> list[str] | None:
        """The fewest loans whose end lets the place start; None: all together would not."""
        balance, devices = self.balance, place.devices
        if self._at_best is None:
            self._at_best = self._without({*self._lent, *self.ended})
        if self._at_best.against(place.course, devices, place.id):
            return None
        within = balance.rank(place.course, devices, place.id) is Rank.WITHIN
        short = devices - balance.room + (0 if within else balance.idle(place.course))

        lack = balance.lack(devices, place.id)

        def gain(node: str, freed: int) -> int:
            if not node:
                return freed
            after = balance.usable(node, devices, place.id, freed) - devices + 1
            if after <= 0:
                return 0
            if after > balance.strays(node):
                return max(lack, 0)
            return after - max(0, balance.usable(node, devices, place.id) - devices + 1)

        found = fewest(self._candidates(whole=within), gain, lack, short)
        if not found or not self.may_start(place, found):
            return None
        return sorted(found)

    def fewest_to_clear(self, short: int, again: Sequence[str]) -> list[str]:
        """The fewest loans that leave so many devices free; those chosen before go on if they still do."""
        candidates = self._candidates(whole=False)
        for some in ([c for c in candidates if c.id in again], candidates):
            found = fewest(some, lambda _node, _freed: 0, 0, short)
            if found is not None:
                return sorted(found)
        return sorted(candidate.id for candidate in candidates)

    def _candidates(self, *, whole: bool) -> list[Candidate]:
        """Loans that may be ended yet, on nodes that exist.

        The oldest loan of a course may reach into what the course's own window holds: that part is not freed for
        others, unless they ask ``whole``, from within a reservation of their own.
        """
        if self._all is None:
            self._all = [self._candidate(loan) for loan in self._lent.values()]
        ended, nodes = self.ended, self._state.nodes
        found = [c for c in self._all if c.id not in ended and (not c.group or c.group in nodes)]
        return [c._replace(frees=c.devices) for c in found] if whole else found

    def _candidate(self, loan: Holding) -> Candidate:
        share, used = self.balance.share(loan.course), self._state.used[loan.course]
        key = (share.nominal - used, -loan.since.timestamp(), loan.id)
        falls_idle = 0
        if share.reserved and self._oldest[loan.course] == loan.id:
            falls_idle = max(0, share.reserved - self._owned[loan.course])
        frees = max(0, loan.devices - falls_idle)
        return Candidate(key, loan.id, loan.node or "", loan.devices, frees)

    def _without(self, ended: Collection[str]) -> Balance:
        """The balance without these."""
        state = self._state
        nodes, used, away = dict(state.nodes), dict(state.used), dict(state.away)
        room, unseen = state.room, state.unseen
        for id in ended:
            holding = state.holdings.get(id)
            if holding is None:
                continue
            used[holding.course] -= holding.devices
            if holding.node is None:
                unseen -= holding.devices
                for node in holding.avoids:
                    away[node] -= holding.devices
            elif holding.node in nodes:
                nodes[holding.node] += holding.devices
            else:
                continue
            room += holding.devices
        after = state._replace(nodes=nodes, used=used, away=away, room=room, unseen=unseen)
        return Balance(after, self._keeps)
