"""A small campus that shares one flavor, and the page's sentences as an oracle that tries everything.

The world books what a turn starts and does what a look says, as the core does. The oracle knows nothing of how turns and
looks are worked out: it counts, enumerates placements and tries all sets of loans.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import combinations, product
from random import Random
from typing import Any

from jupyterhub_edu.domain.balance import Keep, Share, State
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.line import Place, Turn, turn
from jupyterhub_edu.domain.pools import Holding
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.domain.reclaim import Look, Reclaim, keeps_of
from tests.fakes.campus import NOW
from tests.unit.domain.looking import look

MINUTE = timedelta(minutes=1)
WARNING, TERMINATION, STARVE_AFTER = 5, 2, 6
"""Minutes."""
COURSES = ("ada", "bio", "che", "exam")
SIZES = {"a": 3, "b": 2}
NO_SHARE = Share()


# -- the oracle ----------------------------------------------------------------------------------------------------


def kept_for_others(keeps: Iterable[Keep], place: str) -> list[Keep]:
    return [keep for keep in keeps if keep.place != place]


def used_by(state: State, keeps: Iterable[Keep], course: str) -> int:
    own = sum(h.devices for h in state.holdings.values() if h.course == course)
    return own + sum(keep.devices for keep in keeps if keep.course == course)


def rank_of(state: State, keeps: Iterable[Keep], place: Place) -> int:
    share = state.shares.get(place.course, NO_SHARE)
    wanted = used_by(state, kept_for_others(keeps, place.id), place.course) + place.devices
    return 0 if wanted <= share.reserved else 1 if wanted <= share.nominal else 2


def placements(free: Mapping[str, int], coming: int) -> Iterator[dict[str, int]]:
    """Every way in which devices on their way may land: what is left of each node."""
    total = min(coming, sum(free.values()))
    for taken in product(*(range(min(n, total) + 1) for n in free.values())):
        if sum(taken) == total:
            yield {node: n - gone for (node, n), gone in zip(free.items(), taken, strict=True)}


def may_start(state: State, keeps: Iterable[Keep], place: Place) -> bool:
    """The page's formulas and the look at the nodes, for one place with nothing in between."""
    keeps = list(keeps)
    within_most, beside_reservations, free = formulas(state, keeps, place)
    enough = place.devices <= free and fits(state, keeps, place)
    return within_most and beside_reservations and enough


def lacks_only_devices(state: State, keeps: Iterable[Keep], place: Place) -> bool:
    """Whether rule 13 alone refuses it; rule 10 is silent where not even enough is free."""
    keeps = list(keeps)
    within_most, beside_reservations, free = formulas(state, keeps, place)
    enough = place.devices <= free and fits(state, keeps, place)
    return within_most and (beside_reservations or place.devices > free) and not enough


def formulas(state: State, keeps: list[Keep], place: Place) -> tuple[bool, bool, int]:
    """Whether the course may hold so many, whether reservations leave so many, and what is free for this place."""
    others, d = kept_for_others(keeps, place.id), place.devices
    used = {c: used_by(state, others, c) for c in {*COURSES, place.course}}
    share = {c: state.shares.get(c, NO_SHARE) for c in used}
    mine, wanted = share[place.course], used[place.course] + d
    free = state.room - sum(keep.devices for keep in others)
    idle = sum(max(0, share[c].reserved - used[c]) for c in used if c != place.course)
    if wanted > mine.nominal:
        after = {**used, place.course: wanted}
        within_most = mine.borrow is None or wanted <= mine.nominal + mine.borrow
        claimed = sum(max(after[c], share[c].reserved) for c in used)
        return within_most, claimed <= free + sum(used.values()), free
    return True, wanted <= mine.reserved or d <= free - idle, free


def fits(state: State, keeps: list[Keep], place: Place) -> bool:
    """However those on their way land, some node has room, and landing there takes nothing that is kept."""
    open_nodes = {}
    for node, free in state.nodes.items():
        on_node = [keep for keep in kept_for_others(keeps, place.id) if keep.node == node]
        kept = sum(keep.devices for keep in on_node)
        strays = state.unseen - state.away.get(node, 0)
        if on_node and free - strays - place.devices < kept:
            continue
        if free - kept - strays >= place.devices:
            return True
        open_nodes[node] = max(0, free - kept)
    return bool(open_nodes) and all(
        any(left >= place.devices for left in rest.values())
        for rest in placements(open_nodes, state.unseen)
    )


def is_borrowed(state: State, holding: Holding) -> bool:
    """Whether it lies beyond its course's first devices, counted from the oldest."""
    share = state.shares.get(holding.course, NO_SHARE)
    older = [
        h.devices
        for h in state.holdings.values()
        if h.course == holding.course and (h.since, h.id) <= (holding.since, holding.id)
    ]
    return not share.exam and sum(older) > share.nominal


def without(state: State, ids: Collection[str], most: int | None) -> State:
    """The state once these have ended."""
    nodes = dict(state.nodes)
    for id in ids:
        node = state.holdings[id].node
        if node in nodes:
            nodes[node] += state.holdings[id].devices
    rest = [h for id, h in state.holdings.items() if id not in ids]
    return State.of(nodes, rest, state.shares, most=most)


def best_sets(state: State, place: Place, keeps: list[Keep]) -> tuple[Any, set[str]] | None:
    """The best set of loans whose end lets the place start, by trying all: its size, devices and members."""
    loans = [
        h
        for h in state.holdings.values()
        if is_borrowed(state, h) and (h.node is None or h.node in state.nodes)
    ]

    def order(h: Holding) -> tuple[Any, ...]:
        share = state.shares.get(h.course, NO_SHARE)
        over = used_by(state, (), h.course) - share.nominal
        return (-over, -h.since.timestamp(), h.id)

    for size in range(len(loans) + 1):
        found = []
        for some in combinations(loans, size):
            if may_start(without(state, {h.id for h in some}, None), keeps, place):
                key = sum(h.devices for h in some), sorted(map(order, some))
                found.append((key, {h.id for h in some}))
        if found:
            return min(found, key=lambda pair: pair[0])
    return None


# -- the world -----------------------------------------------------------------------------------------------------


class World:
    """The truth of one flavor, minute by minute."""

    def __init__(self) -> None:
        self.minute = 0
        self.nodes = dict.fromkeys(SIZES, 0)
        """Devices that others hold, by node that is there."""
        self.quota: dict[str, tuple[int, int | None]] = {"ada": (2, None), "bio": (1, 1)}
        self.reserved: dict[str, int] = {}
        self.places: dict[str, Place] = {}
        self.holdings: dict[str, Holding] = {}
        self.stop_at: dict[str, int] = {}
        self.refusing: set[str] = set()
        self.reclaims: tuple[Reclaim, ...] = ()
        self.since: dict[str, int] = {}
        """By asker: since when it has been served by the loans it has."""
        self.upset = False
        """Whether something happened since the last look that may begin a grace anew."""
        self.count = 0
        self.chance = Random(0)  # noqa: S311

    # -- what may happen ---------------------------------------------------------------------------------------

    def arrive(self, who: int, course: int, devices: int) -> None:
        """One place for each person; asking for something else is a new arrival."""
        self.count += 1
        id = f"p{who}"
        if len(self.places) < 5 or id in self.places:
            name = COURSES[course]
            request = StartRequest(id, name)
            self.places[id] = Place(
                f"{id}.{self.count}", id, name, "t4", devices + 1, self.now, request
            )

    def leave(self, who: int) -> None:
        self.places.pop(f"p{who}", None)

    def finish(self, which: int) -> None:
        """A session ends by itself, also one that has just begun."""
        if self.holdings:
            self.gone(sorted(self.holdings)[which % len(self.holdings)])

    def bind(self, where: int) -> None:
        """The scheduler binds, in the order of their starts, those that find room; which node is its own business."""
        for holding in sorted(self.holdings.values(), key=lambda h: (h.since, h.id)):
            if holding.node is None:
                fit = [
                    node
                    for node in sorted(self.nodes)
                    if node not in holding.avoids and self.free(node) >= holding.devices
                ]
                if fit:
                    node = fit[where % len(fit)]
                    self.holdings[holding.id] = holding._replace(node=node)
                    # Where a loan lands that was called back on its way is known only now: others may have to end for it.
                    self.upset |= any(x.id == holding.id for r in self.reclaims for x in r.loans)

    def pass_time(self, minutes: int, where: int) -> None:
        """Minutes go by: pods are bound, what was told to stop is gone in time."""
        for _ in range(minutes + 1):
            self.bind(where)
            self.minute += 1
            for id, at in list(self.stop_at.items()):
                if at <= self.minute:
                    self.gone(id)
            self.settle()

    def node(self, which: int) -> None:
        """A node is cordoned, or back."""
        name = sorted(SIZES)[which]
        if name in self.nodes:
            del self.nodes[name]
        else:
            self.nodes[name] = 0
        self.upset = True

    def other(self, which: int, devices: int) -> None:
        """Pods that are not ours come or go."""
        name = sorted(SIZES)[which]
        if name in self.nodes:
            ours = sum(h.devices for h in self.holdings.values() if h.node == name)
            self.nodes[name] = max(0, min(devices, SIZES[name] - ours - self.unseen))
            self.upset = True

    def edit(self, course: int, nominal: int, borrow: int) -> None:
        """A quota is edited; what is promised stays within what there is."""
        name, others = COURSES[course], {c: self.shares()[c].nominal for c in self.shares()}
        others.pop(name, None)
        if nominal + sum(others.values()) <= sum(SIZES.values()):
            self.quota[name] = nominal, None if borrow == 3 else borrow
            self.upset = True

    def reserve(self, course: int, devices: int) -> None:
        """A window or an exam begins to hold devices, or ends."""
        name, shares = COURSES[course], self.shares()
        others = sum(share.nominal for c, share in shares.items() if c != name)
        if devices + others <= sum(SIZES.values()):
            self.reserved[name] = devices
            self.upset = True

    def refuse(self, who: int) -> None:
        """Another rule refuses a person from now on, or no longer."""
        self.refusing ^= {f"p{who}"}

    # -- the core ----------------------------------------------------------------------------------------------

    @property
    def now(self) -> Any:
        return NOW + self.minute * MINUTE

    @property
    def unseen(self) -> int:
        return sum(h.devices for h in self.holdings.values() if h.node is None)

    def free(self, node: str) -> int:
        ours = sum(h.devices for h in self.holdings.values() if h.node == node)
        return SIZES[node] - self.nodes[node] - ours

    def shares(self) -> dict[str, Share]:
        found = {}
        for course in COURSES[:-1]:
            nominal, borrow = self.quota.get(course, (0, None))
            reserved = self.reserved.get(course, 0)
            found[course] = Share(max(nominal, reserved), borrow, reserved)
        reserved = self.reserved.get("exam", 0)
        found["exam"] = Share(reserved, 0, reserved, exam=True)
        return found

    def state(self) -> State:
        nodes = {node: max(0, self.free(node)) for node in self.nodes}
        return State.of(nodes, self.holdings.values(), self.shares())

    def refused(self, place: Place) -> tuple[Reason, ...]:
        if place.person in self.refusing:
            return (Reason(Code.PERSON_CAP, "", {"held": 1, "cap": 1}),)
        return ()

    def gone(self, id: str) -> None:
        node = self.holdings.pop(id).node
        # On a cordoned node nothing comes free, though a class may miss now what its session held there.
        self.upset |= node is not None and node not in self.nodes
        self.stop_at.pop(id, None)

    def turn(self, keeps: Collection[Keep]) -> Turn:
        line = list(self.places.values())
        after = STARVE_AFTER * MINUTE
        return turn(line, self.state(), self.now, self.refused, keeps, after)

    def look(self, kept: Keep | None) -> Look:
        opening = {course: devices for course, devices in self.reserved.items() if devices}
        return look(
            list(self.places.values()),
            self.state(),
            self.now,
            self.reclaims,
            self.refused,
            kept=kept,
            opening=opening,
            warning=WARNING * MINUTE,
        )

    def settle(self) -> None:
        """Turn and look until nothing changes any more, and check each."""
        for _ in range(60):
            keeps = keeps_of(self.reclaims, self.places.values(), self.state())
            taken = self.turn(keeps)
            self.check_turn(taken, list(keeps))
            for lapse in taken.lapsed:
                del self.places[lapse.place.person]
            if taken.starts or taken.lapsed:
                continue
            seen = self.look(taken.kept)
            self.check_look(seen, taken.kept)
            again = seen.reclaims != self.reclaims or seen.more
            self.obey(seen)
            if not again:
                self.check_standing(list(keeps), taken.kept)
                return
        raise AssertionError("turns and looks do not come to rest")

    def begin(self, place: Place, avoids: frozenset[str]) -> None:
        self.count += 1
        ends = self.now + (3 + 5 * (self.count % 4)) * MINUTE if self.count % 5 else None
        id = f"h{self.count:04}"
        self.holdings[id] = Holding(id, place.course, place.devices, self.now, ends, None, avoids)
        del self.places[place.person]

    def obey(self, seen: Look) -> None:
        self.reclaims = seen.reclaims
        for id in seen.stop:
            self.stop_at.setdefault(id, self.minute + TERMINATION)

    # -- the page's sentences ----------------------------------------------------------------------------------

    def check_turn(self, taken: Turn, keeps: list[Keep]) -> None:
        """1 and 10: every start may be made at its moment, and nobody before it in the order might have been."""
        standing = {p.id: p for p in self.places.values()}
        lapsed = {lapse.place.id for lapse in taken.lapsed}
        reclaimed, served = tuple(keeps), False
        assert all(self.refused(lapse.place) == lapse.reasons for lapse in taken.lapsed)
        for start in taken.starts:
            state, place = self.state(), start.place
            mine = rank_of(state, keeps, place), place.arrived_at, place.id
            assert not self.refused(place)
            assert may_start(state, keeps, place), "started against a limit"
            assert start.own == (mine[0] < 2), "a loan is called own, or an own start a loan"
            for other in standing.values():
                order = rank_of(state, keeps, other), other.arrived_at, other.id
                passed = order < mine and other.id not in lapsed
                assert not (passed and may_start(state, keeps, other)), "passed somebody"
            del standing[place.id]
            keeps[:] = kept_for_others(keeps, place.id)
            served = served or any(keep.place == place.id for keep in reclaimed)
            if taken.kept is not None and taken.kept not in keeps and not served:
                first = standing[taken.kept.place]
                order = rank_of(state, keeps, first), first.arrived_at, first.id
                if order < mine and lacks_only_devices(state, keeps, first):
                    keeps.append(taken.kept)
                    assert may_start(state, keeps, place), "took what is kept"
            self.begin(place, start.avoids)

    def check_look(self, seen: Look, kept: Keep | None) -> None:
        """9, and the fewest: only loans are warned and stopped, and no more than it takes."""
        state = self.state()
        before = {loan.id: loan for reclaim in self.reclaims for loan in reclaim.loans}
        after = {loan.id: loan for reclaim in seen.reclaims for loan in reclaim.loans}
        for id, loan in after.items():
            if not (loan.stopping and id in before and before[id].stopping):
                assert is_borrowed(state, self.holdings[id]), "an own admission is reclaimed"
            if loan.stopping:
                assert loan.warned_at + WARNING * MINUTE <= self.now, "stopped before its time"
            warned_at = before[id].warned_at if id in before else self.now
            assert loan.warned_at == warned_at, "a warning begins anew"
        assert set(seen.warn) == after.keys() - before.keys()
        assert set(seen.withdraw) == before.keys() & self.holdings.keys() - after.keys()
        assert set(seen.stop) == {id for id, loan in after.items() if loan.stopping}
        assert all(not before[id].stopping for id in seen.withdraw)
        if not self.reclaims and kept is None and seen.reclaims and seen.reclaims[0].asker:
            self.check_fewest(state, seen.reclaims[0])
        self.check_grace(seen, state)

    def check_fewest(self, state: State, reclaim: Reclaim) -> None:
        (place,) = [p for p in self.places.values() if p.id == reclaim.asker]
        best = best_sets(state, place, [])
        assert best is not None, "loans end though none suffice"
        assert {loan.id for loan in reclaim.loans} == best[1], "not the fewest loans"

    def check_grace(self, seen: Look, state: State) -> None:
        """Loans alone hold an own request up no longer than warning and termination."""
        before = {reclaim.asker: reclaim for reclaim in self.reclaims}
        for reclaim in seen.reclaims:
            asker, old = reclaim.asker, before.get(reclaim.asker)
            if not asker:
                continue
            if old is None:
                self.since[asker] = self.minute
                continue
            fresh = {x.id for x in reclaim.loans} - {x.id for x in old.loans}
            own = any(self.frees_less(state, x.id) for x in old.loans)
            if self.upset or (fresh and own):
                self.since[asker] = self.minute
            else:
                assert not fresh or max(self.warned(reclaim, fresh)) <= self.since[asker], (
                    "more loans are warned for nothing that happened"
                )
            waited = self.minute - self.since[asker]
            assert waited <= WARNING + TERMINATION + 1, "loans held an own request up for too long"
        self.upset = False

    def frees_less(self, state: State, id: str) -> bool:
        """Whether a loan has become own, or its end may leave its own course's window idle."""
        holding = state.holdings.get(id)
        if holding is None:
            return False
        share = state.shares.get(holding.course, NO_SHARE)
        return share.reserved > 0 or not is_borrowed(state, holding)

    def warned(self, reclaim: Reclaim, ids: Collection[str]) -> list[int]:
        return [(x.warned_at - NOW) // MINUTE for x in reclaim.loans if x.id in ids]

    def check_standing(self, keeps: list[Keep], kept: Keep | None) -> None:
        """Nobody waits who might start, and no own request waits for loans that nobody reclaims."""
        state = self.state()
        held = [*keeps, kept] if kept is not None else keeps
        asked = {reclaim.asker: reclaim for reclaim in self.reclaims}
        for place in self.places.values():
            if not self.refused(place):
                assert not may_start(state, held, place), "one that may start waits"
        loans = {id for id, h in state.holdings.items() if is_borrowed(state, h)}
        if any(state.holdings[id].node is None for id in loans):
            return  # where a loan is on its way, it may be found only once its node is seen
        stopping = {x.id for r in self.reclaims for x in r.loans if x.stopping}
        future = without(state, loans | stopping, None)
        served = [p for p in self.places.values() if p.id in asked]
        theirs = [Keep(p.id, p.course, p.devices, asked[p.id].node) for p in served]
        for place in self.places.values():
            if place.id in asked or self.refused(place) or kept is not None:
                continue
            used = used_by(state, (), place.course)
            used += sum(p.devices for p in served if p.course == place.course)
            if used + place.devices <= state.shares[place.course].nominal:
                idle = may_start(future, theirs, place)
                now = without(state, {x.id for r in self.reclaims for x in r.loans}, None)
                assert not idle or may_start(now, theirs, place), "waits for loans unreclaimed"

    def check_rebuilt(self) -> None:
        """3 and 8: from the same values in another order come the same turn and the same look."""
        keeps = keeps_of(self.reclaims, self.places.values(), self.state())
        answers = self.turn(keeps), self.look(None)
        for values in (self.places, self.holdings, self.nodes):
            items = list(values.items())
            self.chance.shuffle(items)
            values.clear()
            values.update(items)  # type: ignore[arg-type]
        again = keeps_of(self.reclaims, self.places.values(), self.state())
        assert again == keeps
        assert (self.turn(keeps), self.look(None)) == answers, "the order of values matters"

    def drain(self) -> None:
        """11: when all have ended, who could start on an idle campus starts."""
        self.refusing.clear()
        for name in SIZES:
            self.nodes[name] = 0
        self.upset = True
        idle = State.of(SIZES, (), self.shares())
        hopeful = {p.id for p in self.places.values() if may_start(idle, (), p)}
        for _ in range(12):
            for id in list(self.holdings):
                self.gone(id)
            self.settle()
        assert not hopeful & {p.id for p in self.places.values()}, "waits on an idle campus"
