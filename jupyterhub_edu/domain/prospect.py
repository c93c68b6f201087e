"""What loans there are, and the pool as it will be once some of them have ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from .balance import Balance, Keep, Rank, State
from .fewest import Candidate, fewest
from .line import Place
from .pools import Holding, borrowed
from .reasons import Code

__all__ = ["Prospect", "is_wanted", "lent"]


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


def is_wanted(id: str, places: Iterable[Place], state: State, keeps: Iterable[Keep] = ()) -> bool:
    """Whether somebody in the line could use what an admission holds, alone or with what others on its node hold.

    Args:
        places: those that stand in the flavor's line, none of which may start now.
        keeps: what is kept for places.
    """
    prospect, asked = Prospect(state, {}), set[tuple[str, int, str]]()
    kept = set()
    for keep in keeps:
        prospect.keep(keep)
        kept.add(keep.place)
    for place in places:
        kind = place.course, place.devices, place.id if place.id in kept else ""
        if kind not in asked and prospect.could_use(place, id):
            return True
        asked.add(kind)
    return False


class Prospect:
    """The pool as it will be when what is reclaimed has ended and who is served holds what is kept for them.

    Attributes:
        ended: ids of the admissions that count as ended.
    """

    def __init__(self, state: State, lent: Mapping[str, Holding]) -> None:
        self._state, self._lent = state, lent
        self.ended = set[str]()
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
        if new := self._new(ids):
            self.ended.update(new)
            if self._balance is not None:
                self._end(self._balance, new)

    def keep(self, keep: Keep) -> None:
        """Count devices as kept from now on."""
        self._keeps.append(keep)
        if self._at_best is not None:
            self._at_best.keep(keep)
        if self._balance is not None:
            self._balance.keep(keep)

    def could_use(self, place: Place, id: str) -> bool:
        """Whether a place could start once this admission has ended, with others on its node where it alone is too few."""
        balance = self._without({*self.ended, id})
        codes = balance.against(place.course, place.devices, place.id)
        node = self._state.holdings[id].node
        if codes != (Code.NO_CAPACITY,) or node is None:
            return not codes
        beside = (h.id for h in self._state.holdings.values() if h.node == node)
        return self._without({*self.ended, *beside}).fits(place.devices, place.id)

    def may_start(self, place: Place, ids: Collection[str] = ()) -> bool:
        """Whether a place could start, with these ended too."""
        balance, new = self.balance, self._new(ids)
        self._end(balance, new)
        codes = balance.against(place.course, place.devices, place.id)
        self._end(balance, new, -1)
        return not codes

    def node_for(self, place: Place, stored: str, ids: Iterable[str]) -> str:
        """Where it will start: where it would have, else on a node of its loans, else where most is free."""

        def usable(node: str) -> int:
            return self.balance.usable(node, place.devices, place.id)

        if usable(stored) >= place.devices:
            return stored
        ours = {self._state.holdings[id].node for id in ids}
        fit = [node for node in self._state.nodes if usable(node) >= place.devices]
        return min(fit, key=lambda node: (node not in ours, -usable(node), node), default="")

    def short_of(self, opening: Mapping[str, int], but: str = "") -> int:
        """Devices that reservations, of so many by course, would find taken.

        Args:
            but: a place that comes behind them: what is kept for it they may use.
        """
        balance = self.balance
        idle = sum(max(0, devices - balance.used(c, but)) for c, devices in opening.items())
        return idle - balance.free(but)

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

        # What falls idle under a window depends on who else of its course ends: first as though nothing did, which if it
        # lets the place start is the best of all; else as though all did that can.
        for whole in (True, False):
            found = fewest(self._candidates(whole=whole), gain, lack, short)
            if found and self.may_start(place, found):
                return sorted(found)
        return None

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

        The oldest loan of a course may reach into what the course's own window holds: unless ``whole``, that part
        counts as not freed for others.
        """
        if self._all is None:
            self._all = [self._candidate(loan) for loan in self._lent.values()]
        ended, nodes = self.ended, self._state.nodes
        found = [c for c in self._all if c.id not in ended and (not c.group or c.group in nodes)]
        if not whole:
            return found
        return [c if c.frees == c.devices else c._replace(frees=c.devices) for c in found]

    def _candidate(self, loan: Holding) -> Candidate:
        share, used = self.balance.share(loan.course), self._state.used[loan.course]
        key = (share.nominal - used, -loan.since.timestamp(), loan.id)
        falls_idle = 0
        if share.reserved and self._oldest[loan.course] == loan.id:
            falls_idle = max(0, share.reserved - self._owned[loan.course])
        frees = max(0, loan.devices - falls_idle)
        return Candidate(key, loan.id, loan.node or "", loan.devices, frees)

    def _new(self, ids: Iterable[str]) -> list[str]:
        """Those of them that are there and do not count as ended."""
        known, ended = self._state.holdings, self.ended
        return [id for id in dict.fromkeys(ids) if id in known and id not in ended]

    def _end(self, balance: Balance, ids: Iterable[str], sign: int = 1) -> None:
        for id in ids:
            balance.end(self._state.holdings[id], sign)

    def _without(self, ended: Collection[str]) -> Balance:
        """The balance without these."""
        balance = Balance(self._state, self._keeps)
        self._end(balance, (id for id in ended if id in self._state.holdings))
        return balance
