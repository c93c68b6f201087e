"""The waiting line as people meet it: one place for each account, kept over restarts, and starts that pass nobody."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.decide import Decision, Facts, StartRequest
from jupyterhub_edu.domain.exams import share_of
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.profiles import Granted
from jupyterhub_edu.domain.reclaim import Reclaim, keeps_of
from jupyterhub_edu.ports import AuditEntry, Clock, Phase, Servers, Standing, Store

from .book import Book, Refused
from .following import Followers
from .glance import Glance
from .listeners import call_all
from .passing import try_in_turn
from .rereading import Rereading
from .roll import Roll
from .turns import RUNS, Turns
from .waiters import Waiter

__all__ = ["Line"]

_LAST: Final = "~"
"""After every other place that arrives at the same instant."""


class Line:
    """Implements ``ports.Queue``.

    Always holds:
        - a start passes nobody: whether by a turn or by the hub's own spawn, it starts only when its turn has come;
        - no place takes a turn before it is durable, and none is forgotten before its server is under way, it is struck,
          or its person has left;
        - a start that fails leaves the place where it was, with what it had reserved given back; after three it is struck.

    Attributes:
        poke: something has changed, of one flavor or all: turn soon.
        reread: the campus file has changed: what those who wait asked for may be other devices now, or not be there any more.
        refused: the reasons against a place that cannot be waited for.
        on_turned: called with the flavor and the turn each time that a turn starts nobody.
        on_change: called with the course of a place that may stand otherwise now.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        book: Book,
        roll: Roll,
        store: Store,
        servers: Servers,
        clock: Clock,
        reclaims: Callable[[str], Sequence[Reclaim]],
    ) -> None:
        """Make an empty line.

        Args:
            reclaims: what is being reclaimed of a flavor now.
        """
        self._campus, self._book, self._roll = campus, book, roll
        self._servers, self._clock = servers, clock
        self._turns = Turns(
            book, roll, store, servers, clock, reclaims, lambda: campus().starve_after
        )
        self._rereading = Rereading(book, self._turns)
        self.reread = self._rereading.begin
        self._followers = Followers(self.standing, self._phase)
        self._turns.on_change = self._tell
        self.on_change: list[Callable[[str], None]] = []
        self._loaded: Sequence[Waiter] = ()
        self.follow = self._followers.follow
        self.poke, self.refused = self._turns.poke, self._turns.against
        self.on_turned = self._turns.on_turned

    # -- those who wait ----------------------------------------------------------------------------------------

    async def join(
        self,
        request: StartRequest,
        person: Person,
        server: str = "",
        entry: AuditEntry | None = None,
    ) -> Standing:
        """Take a place; asking for something else is a new arrival, asking for the same again changes nothing.

        Whoever finds devices free and nobody before them has their turn at once; so has whoever asks for none, who waits for
        the hub alone.

        Args:
            entry: what the audit is to say of it, kept with the place; of one that changes nothing it says nothing.

        Raises:
            Refused: something refuses that cannot be waited for.
            StoreError: the place could not be kept; nothing has changed.
        """
        former = self._of(person.hub_name)
        held = self._book.admission(former.admission) if former is not None else None
        glance = self._book.glance(request.person, request.course, but=held)
        if (profile := glance.facts(request.profile).profile) is not None:
            request = request._replace(profile=profile.key)
        if former is not None and former.asks(request, server):
            return self._standing(former)
        place = _place(request, _waited_for(glance, request), glance.now, uuid.uuid4().hex)
        running = [a for a in self._book.of_server(person.hub_name, server) if a is not held]
        if running or (former is not None and not await self._turns.withdraw(former)):
            raise Refused(Decision(None, (RUNS,)))
        waiter = Waiter(place, person.hub_name, server)
        await self._put(waiter, former, entry)
        return self._standing(waiter)

    async def leave(self, hub_name: str) -> bool:
        """Give the place up; False if there is none, or the hub starts its server already: that is stopped as any is."""
        waiter = self._of(hub_name)
        if waiter is None or not await self._turns.withdraw(waiter):
            return False
        if self._turns.of.get(hub_name) is waiter:
            del self._turns.of[hub_name]
        self._tell(hub_name, waiter)
        await self._turns.places.drop(waiter.place.id)
        return True

    def standing(self, hub_name: str) -> Standing | None:
        """How somebody stands; for a while also after they were started or struck, so that every tab learns of it."""
        waiter = self._turns.of.get(hub_name)
        return self._standing(waiter) if waiter is not None else None

    def length(self, flavor: str, course: str | None = None) -> int:
        """Places that wait for a flavor, of one course or all."""
        waiting = self._turns.lines.get(flavor, {}).values()
        return sum(1 for one in waiting if course in (None, one.place.request.course))

    def of_course(self, course: str) -> list[tuple[str, Standing]]:
        """Those of one course who stand in a line, by account, in the order of each flavor's line; without reasons."""
        found = [
            (waiter.hub_name, self._standing(waiter, why=False))
            for waiter in self._turns.of.values()
            if waiter.place.request.course == course and not waiter.over
        ]
        return sorted(found, key=lambda one: _in_order(one[1]))

    def people(self) -> frozenset[str]:
        """Keys of those who stand in a line."""
        return frozenset(w.place.person for w in self._turns.of.values() if not w.over)

    def places(self, flavor: str) -> list[Place]:
        """Those that wait for devices of a flavor."""
        self._rereading.finish()
        line = self._turns.lines.get(flavor, {}).values()
        return [waiter.place for waiter in line if waiter.place.devices]

    # -- starts that do not come from the line -----------------------------------------------------------------

    def may_start_now(
        self, request: StartRequest, facts: Facts, decision: Decision, now: datetime
    ) -> tuple[Decision, frozenset[str]]:
        """What becomes of a start that the rules allow: it takes its turn as whoever comes last.

        Whoever stands in line for the very same has that place. With nobody in line nothing is asked.

        Returns:
            The decision, and the nodes that its server must keep off.
        """
        start = decision.start
        if start is None or not start.granted.amounts.devices:
            return decision, frozenset()
        self._rereading.finish()
        flavor, turns = start.granted.flavor, self._turns
        if flavor not in turns.lines:
            return decision, frozenset()
        known = self._roll.person(request.person)
        waiter = self._of(known.hub_name) if known is not None else None
        if waiter is not None and waiter.asks(request, waiter.server):
            mine = waiter.place
        else:
            mine = _place(request, start.granted, now, _LAST)
        others = [place for place in turns.waiting(flavor, now) if place.id != mine.id]
        state = self._book.state(flavor)
        keeps = keeps_of(turns.reclaims(flavor), [*others, mine], state)
        allowed = facts, decision
        starve_after = turns.starve_after()
        return try_in_turn(mine, others, state, now, turns.against, keeps, starve_after, allowed)

    # -- the core ----------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read the store, before the book is rebuilt.

        Raises:
            StoreError: a place cannot be read.
        """
        self._loaded = await self._turns.places.load()

    def begin(self) -> None:
        """Everybody stands where they stood, once the book has been rebuilt.

        What a turn had reserved is gone with the hub, unless its pod was made: then its server may yet come, or be removed.
        """
        for waiter in self._loaded:
            self._turns.of[waiter.hub_name] = waiter
            if self._book.admission(waiter.admission) is not None:
                waiter.phase, waiter.former = Phase.STARTING, True
            else:
                waiter.admission = ""
                self._turns.stand(waiter)
        self._loaded = ()

    async def tend(self) -> None:
        """Turn everywhere, and repair what was missed; every few seconds, which also finds windows that open.

        Raises:
            ServersError: the hub did not say what runs.
        """
        turns, now = self._turns, self._clock()
        for flavor in [f.key for f in self._campus().flavors.values() if f.device]:
            self.poke(flavor)
        self.poke()
        for waiter in list(turns.of.values()):
            if self._roll.person(waiter.place.person) is None and not waiter.over:
                await self.leave(waiter.hub_name)
            elif waiter.told_until is not None and waiter.told_until <= now:
                del turns.of[waiter.hub_name]
                self._tell(waiter.hub_name, waiter)
            elif self._book.is_held(waiter.admission) and not turns.starter.is_under_way(
                waiter.admission
            ):
                # The hub has taken it for begun, and no spawner ever asked.
                await turns.starter.take_back(waiter.admission)
        await turns.places.drop()
        await self._follow_former()

    async def close(self) -> None:
        """Stop what is under way; places stay."""
        self._rereading.close()
        await self._turns.close()

    # -- inside ------------------------------------------------------------------------------------------------

    def _of(self, hub_name: str) -> Waiter | None:
        """Who stands in a line."""
        waiter = self._turns.of.get(hub_name)
        return waiter if waiter is not None and not waiter.over else None

    def _tell(self, hub_name: str, waiter: Waiter | None = None) -> None:
        """Let all look again who follow somebody's place.

        Args:
            waiter: it, where it is forgotten already.
        """
        self._followers.tell(hub_name)
        if (waiter := waiter or self._turns.of.get(hub_name)) is not None:
            call_all(self.on_change, waiter.place.request.course, f"the place of {hub_name}")

    async def _put(self, waiter: Waiter, former: Waiter | None, entry: AuditEntry | None) -> None:
        """Let somebody stand in the line, once that is durable, instead of where they stood."""
        turns, name = self._turns, waiter.hub_name
        turns.of[name] = waiter
        try:
            instead_of = former.place.id if former is not None else ""
            await turns.places.keep(waiter, instead_of, entry)
        except BaseException:
            waiter.phase = Phase.STRUCK
            if turns.of.get(name) is waiter:
                del turns.of[name]
                if former is not None:
                    former.phase, turns.of[name] = Phase.WAITING, former
                    turns.stand(former)
            raise
        if not waiter.over:
            turns.stand(waiter)
            self._rereading.finish()
            turns.turn(waiter.place.flavor)

    async def _follow_former(self) -> None:
        """What a hub before this one was starting has come to something if this hub has it."""
        former = [w for w in self._turns.of.values() if w.former and not w.over]
        if former:
            live = {one.admission for one in await self._servers.live()}
            for waiter in former:
                if waiter.admission in live and not waiter.over:
                    self._turns.finish(waiter)

    def _standing(self, waiter: Waiter, *, why: bool = True) -> Standing:
        place, reasons, estimate, ahead = waiter.place, waiter.reasons, None, 0
        if waiter.phase is Phase.WAITING and place.devices:
            line = self._turns.lines.get(place.flavor, {})
            ahead = len(line)  # until the place is durable it stands behind everybody
            if place.id in line:
                outlook = self._turns.outlook(place.flavor)
                estimate = outlook.estimate(place)
                reasons = outlook.reasons(place) if why else ()
                ahead = estimate.ahead if estimate is not None else ahead
        return Standing(place, waiter.server, _shown(waiter), ahead, estimate, reasons)

    def _phase(self, hub_name: str) -> Phase | None:
        waiter = self._turns.of.get(hub_name)
        return _shown(waiter) if waiter is not None else None


def _in_order(standing: Standing) -> tuple[str, int, datetime, str]:
    place = standing.place
    return place.flavor, standing.ahead, place.arrived_at, place.id


def _shown(waiter: Waiter) -> Phase:
    """Who asks for no device waits for nobody, only for the hub."""
    is_for_hub = waiter.phase is Phase.WAITING and not waiter.place.devices
    return Phase.SOON if is_for_hub else waiter.phase


def _waited_for(glance: Glance, request: StartRequest) -> Granted:
    """What is waited for.

    Raises:
        Refused: something refuses that cannot be waited for.
    """
    against = [r for r in glance.decide_alone(request).reasons if not r.waitable]
    granted = glance.granted(request)
    if against or granted is None:
        raise Refused(Decision(None, tuple(against)))
    return granted


def _place(request: StartRequest, granted: Granted, now: datetime, id: str) -> Place:
    course = request.course if granted.exam is None else share_of(granted.exam)
    devices = granted.amounts.devices
    return Place(id, request.person, course, granted.flavor, devices, now, request)
