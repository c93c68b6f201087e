"""Turns of the line: whose turn has come is reserved for and started, and every place finds its way out.

Who goes first is decided by ``domain.line``, anew at each turn. A turn holds no await: what it starts is reserved in the
book in the same step. What follows, from the store to the hub, is ``Starter``'s; how that ends is told by the book.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import Keep
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.line import Begin, Place, Turn, turn
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.domain.reclaim import Reclaim, keeps_of
from jupyterhub_edu.ports import Clock, Phase, Servers, Store

from .book import Book, Refused
from .outlook import Outlook
from .roll import Roll
from .starting import Starter
from .waiters import Waiter, Waiters

__all__ = ["RUNS", "Turns"]

_log = logging.getLogger(__name__)
RUNS: Final = Reason(Code.PERSON_CAP, "running")
_MOST_TRIES: Final = 3
_FIRST_AGAIN: Final = timedelta(seconds=10)
"""Pause after a start that has failed; twice as long each time."""
_AT_ONCE: Final = 10
"""Places that are started or struck, some tenths of a millisecond each, before others get their turn on the event loop."""
_TOLD_STARTED: Final = timedelta(minutes=2)
_TOLD_STRUCK: Final = timedelta(hours=1)


class Turns:
    """Those who stand in line, and what becomes of them.

    Attributes:
        of: by account, those who stand in a line, and for a while those who did.
        lines: by flavor and id of the place, those that wait.
        reclaims: what is being reclaimed of a flavor now.
        starve_after: how long the first place waits until devices are kept for it.
        paused: no turn comes by itself for now; pokes are kept.
        on_turned: called with the flavor and the turn each time that a turn starts nobody.
        on_change: called with the account whose standing may have changed.
    """

    def __init__(
        self,
        book: Book,
        roll: Roll,
        store: Store,
        servers: Servers,
        clock: Clock,
        reclaims: Callable[[str], Sequence[Reclaim]],
        starve_after: Callable[[], timedelta],
    ) -> None:
        self._book, self._roll, self._clock = book, roll, clock
        self.places = Waiters(store)
        self.starter = Starter(book, servers, self.places, self._tell, self.failed)
        self.of: dict[str, Waiter] = {}
        self.lines: dict[str, dict[str, Waiter]] = {}
        self.reclaims, self.starve_after = reclaims, starve_after
        self.on_turned: list[Callable[[str, Turn], None]] = []
        self.on_change: Callable[[str], None] = lambda _: None
        self.paused = False
        self._kept: dict[str, Keep | None] = {}
        self._outlooks: dict[str, Outlook] = {}
        self._reclaiming: set[str] = set()
        self._poked: set[str] = set()
        self._soon: asyncio.Handle | None = None
        self._chores: set[asyncio.Task[None]] = set()
        book.on_admit.append(self._admitted)
        book.on_take.append(self._taken)
        book.on_run.append(self._runs)
        book.on_end.append(self._ended)
        roll.on_change.append(lambda _: self.poke())

    # -- a turn ------------------------------------------------------------------------------------------------

    def poke(self, flavor: str | None = None) -> None:
        """Something has changed: turn soon. Never blocks; many pokes are one turn.

        Args:
            flavor: None for all in whose line somebody stands, or of which something is being reclaimed.
        """
        self._poked |= self.lines.keys() | self._reclaiming if flavor is None else {flavor}
        if self._poked and self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._turn_poked)

    def _turn_poked(self) -> None:
        self._soon = None
        if self.paused:
            return
        poked, self._poked = self._poked, set()
        for flavor in sorted(poked):
            try:
                self.turn(flavor)
            except Exception:
                _log.exception("the line for %s could not turn", flavor)

    def turn(self, flavor: str) -> None:
        """Let everybody start whose turn has come, until nobody's has; of many a few now, and the others soon."""
        left, aside = _AT_ONCE - self._begin_without_devices(flavor), set[str]()
        while left > 0:
            now, state = self._clock(), self._book.state(flavor)
            waiting = {p.id: p for p in self.waiting(flavor, now) if p.id not in aside}
            keeps = keeps_of(self.reclaims(flavor), waiting.values(), state)
            places, starve_after = waiting.values(), self.starve_after()
            taken = turn(places, state, now, self.against, keeps, starve_after, left)
            if not taken.lapsed and not taken.starts:
                self._rest(flavor, taken)
                return
            for lapse in taken.lapsed:
                self.strike(self.lines[flavor][lapse.place.id], lapse.reasons)
            left -= len(taken.lapsed)
            for begin in taken.starts:
                # Those behind were chosen as though it had started: where it has not, they are chosen anew.
                if not self._begin(begin):
                    aside.add(begin.place.id)
                    break
                left -= 1
        self.poke(flavor)

    def waiting(self, flavor: str, now: datetime) -> list[Place]:
        """The places whose turn may come now, but for those that ask for no device."""
        line = self.lines.get(flavor, {}).values()
        return [w.place for w in line if w.waits(now) and w.place.devices]

    def against(self, place: Place) -> tuple[Reason, ...]:
        """The reasons against a place that cannot be waited for."""
        glance = self._book.glance(place.person, place.request.course)
        decision = glance.decide_alone(place.request)
        found = tuple(reason for reason in decision.reasons if not reason.waitable)
        waiter = self.lines.get(place.flavor, {}).get(place.id)
        runs = waiter is not None and self._book.of_server(waiter.hub_name, waiter.server)
        return found or ((RUNS,) if runs else ())

    def _begin_without_devices(self, flavor: str) -> int:
        """Who asks for no device waits for the hub alone; how many have begun."""
        line, now, begun = self.lines.get(flavor, {}).values(), self._clock(), 0
        for place in [w.place for w in line if w.waits(now) and not w.place.devices]:
            begun += self._begin(Begin(place, own=True, avoids=frozenset()))
            if begun == _AT_ONCE:
                break
        return begun

    def _begin(self, begin: Begin) -> bool:
        """Reserve for a place whose turn has come, and start. The book decides again; whom it refuses waits on."""
        place = begin.place
        waiter, person = self.lines[place.flavor][place.id], self._person(place)
        try:
            admission = self._book.hold(place.request, person, waiter.server, begin.avoids)
        except Refused as refused:
            if not refused.decision.waitable:
                self.strike(waiter, refused.decision.reasons)
            return False
        waiter.admission, waiter.phase, waiter.again_at = admission.id, Phase.STARTING, None
        self.step_out(waiter)
        self.starter.begin(waiter, admission)
        return True

    def _person(self, place: Place) -> Person:
        """Whose place it is; the turn has just asked about them."""
        person = self._roll.person(place.person)
        if person is None:
            raise Refused(Decision(None, self.against(place)))
        return person

    def _rest(self, flavor: str, taken: Turn) -> None:
        """Nobody's turn has come: what those who wait are told may have changed, and reclaim may look."""
        self._kept[flavor] = taken.kept
        self._outlooks.pop(flavor, None)
        for waiter in self.lines.get(flavor, {}).values():
            self._tell(waiter)
        for listener in self.on_turned:
            try:
                listener(flavor, taken)
            except Exception:
                _log.exception("a listener failed for a turn of the line for %s", flavor)
        (self._reclaiming.add if self.reclaims(flavor) else self._reclaiming.discard)(flavor)

    def outlook(self, flavor: str) -> Outlook:
        """What those who wait for a flavor are told."""
        found = self._outlooks.get(flavor)
        if found is None:
            line = self.lines.get(flavor, {}).values()
            places = [waiter.place for waiter in line if waiter.place.devices]
            reclaims, kept = self.reclaims(flavor), self._kept.get(flavor)
            found = Outlook(self._book, flavor, places, reclaims, kept, self._clock())
            self._outlooks[flavor] = found
        return found

    # -- in and out --------------------------------------------------------------------------------------------

    def stand(self, waiter: Waiter) -> None:
        """It stands in its flavor's line from now on."""
        flavor = waiter.place.flavor
        self.lines.setdefault(flavor, {})[waiter.place.id] = waiter
        self._outlooks.pop(flavor, None)
        self.poke(flavor)

    def step_out(self, waiter: Waiter) -> None:
        """It waits no longer, for whatever reason."""
        flavor = waiter.place.flavor
        line = self.lines.get(flavor, {})
        if line.pop(waiter.place.id, None) is not None and not line:
            del self.lines[flavor]
        self._outlooks.pop(flavor, None)
        self.poke(flavor)
        self._tell(waiter)

    async def withdraw(self, waiter: Waiter) -> bool:
        """Take a place out of the line, with what its turn has reserved; False: the hub starts its server already."""
        id = waiter.admission
        if id:
            waiter.admission = ""
            if not await self.starter.take_back(id):
                waiter.admission = id
                return False
        waiter.phase = Phase.STRUCK
        self.step_out(waiter)
        return True

    def failed(self, waiter: Waiter, id: str) -> None:
        """A start has come to nothing: the place waits on where it was, or is struck after several."""
        if waiter.admission != id or waiter.over:
            return
        waiter.tries += not (waiter.former or waiter.spared)
        waiter.admission, waiter.former, waiter.spared = "", False, False
        reasons = self.against(waiter.place)
        if reasons or waiter.tries >= _MOST_TRIES:
            self.strike(waiter, reasons)
            return
        pause = _FIRST_AGAIN * 2 ** max(0, waiter.tries - 1)
        waiter.phase, waiter.again_at = Phase.WAITING, self._clock() + pause
        self.stand(waiter)
        self._tell(waiter)
        self.chore(self._keep(waiter))

    def finish(self, waiter: Waiter) -> None:
        """Its server is under way."""
        self._over(waiter, Phase.STARTED, ())

    def strike(self, waiter: Waiter, reasons: tuple[Reason, ...]) -> None:
        """It is out of the line, for these reasons; none where its server did not start for several times."""
        self._over(waiter, Phase.STRUCK, reasons)

    def _over(self, waiter: Waiter, phase: Phase, reasons: tuple[Reason, ...]) -> None:
        waiter.phase, waiter.reasons = phase, reasons
        told = _TOLD_STARTED if phase is Phase.STARTED else _TOLD_STRUCK
        waiter.told_until = self._clock() + told
        self.step_out(waiter)
        self.chore(self.places.drop(waiter.place.id))

    # -- what the book tells -----------------------------------------------------------------------------------

    def _admitted(self, admission: Admission) -> None:
        """Whoever starts the same server by themselves waits no more."""
        waiter = self.of.get(admission.hub_name)
        if (
            waiter is not None
            and not waiter.over
            and waiter.server == admission.server
            and waiter.admission != admission.id
        ):
            wanted = waiter.place.request.course, waiter.place.request.profile
            same = wanted == (admission.course, admission.granted.profile)
            self._over(waiter, *((Phase.STARTED, ()) if same else (Phase.STRUCK, (RUNS,))))
        self._changed(admission)

    def _taken(self, admission: Admission) -> None:
        self.starter.begun(admission.id)
        if (waiter := self._starting(admission)) is not None:
            waiter.phase = Phase.STARTING
            self._tell(waiter)

    def _runs(self, admission: Admission) -> None:
        if (waiter := self._starting(admission)) is not None and not waiter.former:
            self.finish(waiter)

    def _ended(self, admission: Admission) -> None:
        """Before it ran: else its place was over."""
        if (waiter := self._starting(admission)) is not None:
            self.failed(waiter, admission.id)
        self._changed(admission)

    def _changed(self, admission: Admission) -> None:
        if admission.devices:
            self.poke(admission.flavor)

    def _starting(self, admission: Admission) -> Waiter | None:
        waiter = self.of.get(admission.hub_name)
        return waiter if waiter is not None and waiter.admission == admission.id else None

    # -- inside ------------------------------------------------------------------------------------------------

    def _tell(self, waiter: Waiter) -> None:
        self.on_change(waiter.hub_name)

    def chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _keep(self, waiter: Waiter) -> None:
        try:
            await self.places.keep(waiter)
        except Exception:
            _log.exception("the place of %s could not be kept as it is now", waiter.hub_name)

    async def close(self) -> None:
        """Stop what is under way."""
        if self._soon is not None:
            self._soon.cancel()
        await self.starter.close()
        tasks: Iterable[asyncio.Task[None]] = list(self._chores)
        await asyncio.gather(*tasks, return_exceptions=True)
