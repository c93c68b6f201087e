"""The waiting line of one flavor: its order, one turn of it, and when a place may expect to start.

Nothing is remembered from turn to turn but the places themselves and what reclaim keeps for them. A turn is worked out
anew at each change: a start, an end, a new place, a node, a quota, an hour that strikes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final, NamedTuple

from .balance import Balance, Keep, Rank, State
from .decide import StartRequest
from .pools import Holding
from .reasons import Code, Reason

__all__ = [
    "STARVE_AFTER",
    "Begin",
    "Estimate",
    "Lapse",
    "Place",
    "Turn",
    "estimates",
    "in_order",
    "turn",
]

STARVE_AFTER: Final = timedelta(minutes=15)
"""How long the first place waits for devices of one node before they are kept for it."""
_BOUNDLESS: Final = 2**31
_AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Place(NamedTuple):
    """One person's place in one flavor's line.

    Attributes:
        id: unique; of two arrivals at one instant the smaller goes first.
        course: the course's id; for an exam its key in the sums.
        devices: whole devices asked for; a turn is worked out for those that ask for at least 1.
        arrived_at: aware UTC; asking for more is a new arrival.
        request: what is started when its turn comes.
    """

    id: str
    person: str
    course: str
    flavor: str
    devices: int
    arrived_at: datetime
    request: StartRequest


class Begin(NamedTuple):
    """A place whose turn has come: start it now.

    Attributes:
        own: False for a loan.
        avoids: nodes that the server must keep off, because what is free there is kept for others.
    """

    place: Place
    own: bool
    avoids: frozenset[str]


class Lapse(NamedTuple):
    """A place that is struck from the line, and why: reasons that cannot be waited for, or none if it has left."""

    place: Place
    reasons: tuple[Reason, ...]


class Turn(NamedTuple):
    """What one turn of the line brings.

    Attributes:
        starts: in the order in which they are to be reserved. Decide each again: where one is refused, drop the rest
            and turn again, because they were chosen as though it had started.
        kept: what is kept for the first place that has waited long and lacks only devices; good until the next turn.
    """

    starts: tuple[Begin, ...] = ()
    lapsed: tuple[Lapse, ...] = ()
    kept: Keep | None = None


class Estimate(NamedTuple):
    """When a place may start, by planned ends; an estimate, because sessions end sooner and others may be ahead.

    Attributes:
        at: aware UTC, or None where planned ends do not tell.
        ahead: places that come before it.
        ends: planned ends that it rests on.
    """

    at: datetime | None
    ahead: int
    ends: int


def in_order(places: Iterable[Place], state: State, keeps: Iterable[Keep] = ()) -> list[Place]:
    """Sort places as the next turn would try them: within an own reservation, own, loans; by arrival, then id."""
    rank = Balance(state, keeps).rank
    return sorted(places, key=lambda p: (rank(p.course, p.devices, p.id), p.arrived_at, p.id))


def turn(
    places: Iterable[Place],
    state: State,
    now: datetime,
    refused: Callable[[Place], tuple[Reason, ...]],
    keeps: Iterable[Keep] = (),
    starve_after: timedelta = STARVE_AFTER,
    most: int = _BOUNDLESS,
) -> Turn:
    """Say who starts now.

    Always holds:
        - when a place starts, none before it in the order could have started at that moment, and when the turn ends,
          none that still stands could start: so within a class nobody is passed by those who came later;
        - one that may not start holds up nobody, except the first that has waited ``starve_after`` and lacks nothing
          but devices: what is kept for it is kept against those behind it;
        - the order of the arguments does not matter.

    Args:
        places: those that stand in this flavor's line; whoever has left is not among them.
        refused: the reasons against a place that cannot be waited for; asked only when its turn has come, devices are
            to be kept for it, or its course can never have so many.
        keeps: what reclaim keeps; of places that stand no longer it counts for nothing.
        most: ends when so many have started or been struck. Once that has been done, another turn goes on where it
            would have: whoever is first of those that are left.

    Source:
        docs/explanation/policy.md, "The waiting line".
    """
    if not state.fresh:
        return Turn()
    return _Turn(places, state, now, refused, keeps, starve_after, most).run()


class _Turn:
    """One turn, worked out."""

    def __init__(
        self,
        places: Iterable[Place],
        state: State,
        now: datetime,
        refused: Callable[[Place], tuple[Reason, ...]],
        keeps: Iterable[Keep],
        starve_after: timedelta,
        most: int,
    ) -> None:
        self.most = most
        self.waiting = sorted(places, key=lambda p: (p.arrived_at, p.id))
        standing = {place.id for place in self.waiting}
        keeps = [keep for keep in keeps if keep.place in standing]
        self.served = {keep.place for keep in keeps}
        self.state, self.refused, self.now = state, refused, now
        self.balance = Balance(state, keeps)
        self.patient = now - starve_after
        self.starts: list[Begin] = []
        self.lapsed: list[Lapse] = []
        self.kept: Keep | None = None
        self.ranks: dict[tuple[str, int], Rank] = {}
        self.codes: dict[tuple[str, int], tuple[Code, ...]] = {}
        self.opened = False
        """Whether a place has started that something was kept for: a node may be open to others now."""
        self.too_many = _BOUNDLESS
        """Of this many devices and more it is known that no node has them."""

    def run(self) -> Turn:
        # A start never betters anybody's class, so that one pass for each class tries all in their order; only what
        # was kept for a place that starts now may open a node to others, and then the passes begin again.
        self._strike_the_hopeless()
        while not self._is_done() and self._pass_through():
            self.too_many, self.opened = _BOUNDLESS, False
        return Turn(tuple(self.starts), tuple(self.lapsed), self.kept)

    def _strike_the_hopeless(self) -> None:
        """Strike those whose course may never hold so many, as a lowered quota may bring about."""
        share_of, standing = self.balance.share, []
        for place in self.waiting:
            share = share_of(place.course)
            never = share.borrow is not None and place.devices > max(
                share.nominal + share.borrow, share.peak
            )
            if never and not self._is_done() and (reasons := self.refused(place)):
                self.lapsed.append(Lapse(place, reasons))
            else:
                standing.append(place)
        self.waiting = standing

    def _pass_through(self) -> bool:
        """Try everybody once, in order; whether to begin again."""
        for rank in Rank:
            standing: list[Place] = []
            for number, place in enumerate(self.waiting):
                if (
                    self._stands_anyway(place)
                    or self._rank(place) is not rank
                    or not self._try(place, rank)
                ):
                    standing.append(place)
                elif self._is_done():
                    return False
                elif self.opened:
                    self.waiting = standing + self.waiting[number + 1 :]
                    return True
            self.waiting = standing
        return False

    def _is_done(self) -> bool:
        """Whether as many have started or been struck as may in one turn."""
        return len(self.starts) + len(self.lapsed) >= self.most

    def _stands_anyway(self, place: Place) -> bool:
        """Whether it surely can neither start nor have devices kept for it in this turn; the quick answer for most."""
        return (
            place.devices >= self.too_many
            and (self.kept is not None or place.arrived_at > self.patient)
            and not self._is_kept_for(place)
        )

    def _is_kept_for(self, place: Place) -> bool:
        return place.id in self.served or (self.kept is not None and self.kept.place == place.id)

    def _rank(self, place: Place) -> Rank:
        kind = place.course, place.devices
        if self._is_kept_for(place):
            return self.balance.rank(*kind, place.id)
        rank = self.ranks.get(kind)
        if rank is None:
            rank = self.ranks[kind] = self.balance.rank(*kind)
        return rank

    def _against(self, place: Place) -> tuple[Code, ...]:
        """What refuses it now; the same for all of a kind for whom nothing is kept."""
        kind = place.course, place.devices
        if self._is_kept_for(place):
            return self.balance.against(*kind, place.id)
        codes = self.codes.get(kind)
        if codes is None:
            codes = self.codes[kind] = self.balance.against(*kind)
        return codes

    def _forget(self) -> None:
        """The balance has changed, and with it every answer."""
        self.ranks.clear()
        self.codes.clear()

    def _try(self, place: Place, rank: Rank) -> bool:
        """Start it, strike it, keep devices for it, or leave it standing; whether it stands no longer."""
        codes, served = self._against(place), self._is_kept_for(place)
        if Code.NO_CAPACITY in codes and not served:
            self.too_many = min(self.too_many, place.devices)
        starves = self.kept is None and place.arrived_at <= self.patient
        starves = starves and codes == (Code.NO_CAPACITY,) and not served
        if codes and not starves:
            return False
        if reasons := self.refused(place):
            self.lapsed.append(Lapse(place, reasons))
            return True
        if not codes:
            avoids = self.balance.start(place.course, place.devices, place.id)
            self.starts.append(Begin(place, rank is not Rank.LOAN, avoids))
            self._forget()
            self.opened = served
            if self.kept is not None and self.kept.place == place.id:
                self.kept = None
            return True
        self._keep_for(place)
        return False

    def _keep_for(self, place: Place) -> None:
        if (node := self._soonest(place)) is not None:
            free = min(self.balance.usable(node, place.devices, place.id), self.balance.room)
            devices = max(0, min(free, place.devices))
            self.kept = Keep(place.id, place.course, devices, node)
            self.balance.keep(self.kept)
            self._forget()

    def _soonest(self, place: Place) -> str | None:
        """The node on which it would start soonest by planned ends; of several the one with most free, by name."""
        on_node: dict[str, list[Holding]] = {}
        for holding in self.state.holdings.values():
            if holding.node is not None:
                on_node.setdefault(holding.node, []).append(holding)
        best: tuple[datetime, int, str] | None = None
        for node in self.state.nodes:
            free = self.balance.usable(node, place.devices, place.id)
            at = _enough_at(on_node.get(node, ()), place.devices - free)
            if at is not None and (best is None or (at, -free, node) < best):
                best = at, -free, node
        return best[2] if best else None


def _enough_at(holdings: Iterable[Holding], missing: int) -> datetime | None:
    """When planned ends will have freed this many devices; far off where one has none, None if they never do."""
    at = _AT_ONCE
    for holding in sorted(holdings, key=lambda h: (h.ends_at or _NEVER, h.id)):
        if missing <= 0:
            break
        missing -= holding.devices
        at = holding.ends_at or _NEVER
    return at if missing <= 0 else None


def estimates(
    places: Sequence[Place],
    state: State,
    now: datetime,
    keeps: Collection[Keep] = (),
    reclaimed_at: Mapping[str, datetime] | None = None,
) -> dict[str, Estimate]:
    """Estimate each place's start from the planned ends of the flavor and of its own course.

    A place is expected when as many devices have come free as it and all ahead of it ask for, beside those that windows
    hold, and its course is within its most again.

    Args:
        places: in their order.
        reclaimed_at: by place, when what is reclaimed for it will be back; the earlier of both counts.
    """
    balance, kept = Balance(state, keeps), sum(keep.devices for keep in keeps)
    everybody = _Ends(state.holdings.values(), now)
    holdings_of: dict[str, list[Holding]] = {}
    for holding in state.holdings.values():
        holdings_of.setdefault(holding.course, []).append(holding)
    by_course: dict[str, _Ends] = {}
    found, wanted = {}, 0
    for ahead, place in enumerate(places):
        wanted += place.devices
        share = balance.share(place.course)
        free = balance.room + kept - balance.idle(place.course)
        at, ends = everybody.until(wanted - free)
        if share.borrow is not None:
            course = by_course.get(place.course)
            if course is None:
                mine = holdings_of.get(place.course, ())
                course = by_course[place.course] = _Ends(mine, now)
            over = state.used.get(place.course, 0) + place.devices - share.nominal - share.borrow
            mine_at, mine_ends = course.until(over)
            at = None if at is None or mine_at is None else max(at, mine_at)
            ends = max(ends, mine_ends)
        back = (reclaimed_at or {}).get(place.id)
        if back is not None and (at is None or back < at):
            at = back
        found[place.id] = Estimate(at, ahead, ends)
    return found


class _Ends:
    """Planned ends in their order, and how many devices have come free by each."""

    def __init__(self, holdings: Iterable[Holding], now: datetime) -> None:
        planned = sorted((h.ends_at, h.devices) for h in holdings if h.ends_at is not None)
        self._now = now
        self._at = [at for at, _ in planned]
        self._freed = list(accumulate(devices for _, devices in planned))

    def until(self, missing: int) -> tuple[datetime | None, int]:
        """When this many devices will have come free, and by how many ends."""
        if missing <= 0:
            return self._now, 0
        index = bisect_left(self._freed, missing)
        if index == len(self._at):
            return None, index
        return max(self._at[index], self._now), index + 1
