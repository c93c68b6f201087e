"""The book: every admission that has not ended, and the only place that reserves.

Between a decision and its reservation there is no await, so no two starts see the same device as free. ``reserve`` and
``hold`` decide and reserve in one step, ``_take`` decides again about what ``hold`` has reserved, and nobody else does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.decide import Decision, EndRule, Start, StartRequest
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.ports import AuditEntry, Clock, Inventory, Store

from .budgets import Purses
from .grounds import STALE_INVENTORY, Consulted, Grounds
from .listeners import call_all
from .open import Open
from .roll import Roll
from .sighting import Sightings

__all__ = ["STALE_INVENTORY", "Book", "Consulted", "Refused"]

_RESERVED: Final = frozenset({Code.PERSON_ALLOWANCE, Code.COURSE_ALLOWANCE})
"""Rules that are not asked again of what the line has reserved: it has its hours."""


class Refused(Exception):
    """The start was refused; ``decision`` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.sentence)
        self.decision = decision


class Book:
    """Admissions in memory; durable by the store, true by the pods.

    Always holds:
        - what is reserved was allowed by a decision of the same step;
        - a reservation that could not be kept is released again, and an end that could not be is moved back;
        - that a session has begun or ended stays true if it could not be kept: the warden's reconciliation repeats it.

    What it rests on has a module each: ``Open`` (what is open, and the sums), ``Grounds`` (what decisions rest on), and
    ``Sightings`` (what pods tell, and a hub that starts again). Ends move in ``Extending`` and ``Sooner``.

    Attributes:
        shares: what each course and exam has of each flavor.
        on_admit: called with an admission once it is durable.
        on_take: called with what the line had reserved, once its spawner has taken it.
        on_run: called with an admission once its server answers.
        on_end: called with an admission once it has ended.
        on_change: called with an admission whenever it is counted, is another than it was, or is counted no longer.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        roll: Roll,
        store: Store,
        inventory: Inventory,
        clock: Clock,
        consulted: Consulted | None = None,
    ) -> None:
        """Make an empty book.

        Args:
            consulted: who else is asked for decisions; None: nobody.
        """
        consulted = consulted or Consulted()
        self._campus, self._roll, self._store, self._clock = campus, roll, store, clock
        self._open = Open(store, clock, Purses(consulted.used, consulted.extra))
        self._grounds = Grounds(campus, roll, inventory, clock, self._open, consulted)
        self._sightings = Sightings(campus, roll, store, inventory, clock, self._open)
        # The rest of the core asks the book alone; these are answered where their names say.
        self.admission, self.admissions = self._open.admission, self._open.admissions
        self.held_by, self.is_held = self._open.held_by, self._open.is_held
        self.wait_ended, self.settle = self._open.wait_ended, self._open.settle
        self.on_run, self.on_end = self._open.on_run, self._open.on_end
        self.on_change = self._open.on_change
        self.glance, self.shares = self._grounds.glance, self._grounds.shares
        self.glance_as = self._grounds.glance_as
        self.state, self.borrowed = self._grounds.state, self._grounds.borrowed
        self.free, self.used = self._grounds.free, self._grounds.used
        self.stale_since = self._grounds.stale_since
        self.sight, self.rebuild = self._sightings.sight, self._sightings.rebuild
        self.on_admit: list[Callable[[Admission], None]] = []
        self.on_take: list[Callable[[Admission], None]] = []

    # -- questions -------------------------------------------------------------------------------------------------

    def of_server(self, hub_name: str, server: str) -> list[Admission]:
        """Admissions of one server that have not ended; a former one may still be ending."""
        if self._roll.by_hub_name(hub_name) is None:
            return []
        return [one for one in self._open.held_by(hub_name) if one.server == server]

    def avoids(self, id: str) -> frozenset[str]:
        """The nodes that the server of an admission must keep off, because what is free there is kept for others."""
        admission = self.admission(id)
        if admission is None:
            return frozenset()
        held = self._open.tally(admission.flavor).holdings.get(id)
        return held.avoids if held is not None else frozenset()

    # -- decisions and reservations: no await from here to the next line -------------------------------------------

    def decide(self, request: StartRequest) -> Decision:
        """Decide, and change nothing. Where a turn of the line has reserved for exactly this, it may start."""
        held = self._open.held
        known = self._roll.person(request.person) if held else None
        for (account, _), (asked, id) in held.items():
            if known is not None and account == known.hub_name and _same(asked, request):
                return self._decide_held(self._open[id], request)
        return self.glance(request.person, request.course).decide(request)

    def reserve(self, request: StartRequest, person: Person, server: str) -> Admission:
        """Decide and reserve without an await between. Use ``admit`` unless you keep it durable yourself.

        What the line has reserved for another request to this server is given up for it.

        Raises:
            Refused: a rule refuses; nothing has changed.
        """
        _, former = self._open.held.get((person.hub_name, server), (None, ""))
        glance = self.glance(request.person, request.course, but=self.admission(former))
        decision, avoids = glance.decide_in_turn(request)
        if decision.start is None:
            raise Refused(decision)
        if (ended := self._open.end(former, None)) is not None:
            self._open.save_later(ended)
        return self._reserve(decision.start, request, person, server, avoids)

    def hold(
        self, request: StartRequest, person: Person, server: str, avoids: frozenset[str]
    ) -> Admission:
        """Reserve for a place whose turn has come, until its spawner takes it or it ends; ``keep`` it.

        Args:
            avoids: nodes that the server must keep off.

        Raises:
            Refused: a rule refuses; nothing has changed.
        """
        decision = self.glance(request.person, request.course).decide_alone(request)
        if decision.start is None:
            raise Refused(decision)
        admission = self._reserve(decision.start, request, person, server, avoids)
        self._open.held[person.hub_name, server] = request, admission.id
        return admission

    def _take(self, request: StartRequest, person: Person, server: str) -> Admission | None:
        """What the line has reserved for this very start, which waits no longer; None: nothing.

        Raises:
            Refused: meanwhile a rule refuses that cannot be waited for; it waits on.
        """
        asked, id = self._open.held.get((person.hub_name, server), (None, ""))
        if asked is None or not _same(asked, request):
            return None
        decision = self._decide_held(self._open[id], request)
        if decision.start is None:
            raise Refused(decision)
        del self._open.held[person.hub_name, server]
        return self._open[id]

    def _decide_held(self, admission: Admission, request: StartRequest) -> Decision:
        """Decide again about what is reserved: its devices and hours it has, and the rest must still allow it."""
        glance = self.glance(request.person, request.course, but=admission)
        against = tuple(
            reason
            for reason in glance.decide_alone(request).reasons
            if not reason.waitable and reason.code not in _RESERVED
        )
        if against:
            return Decision(None, against)
        return Decision(
            Start(
                admission.granted,
                admission.role,
                admission.own,
                admission.ends_at,
                admission.ends_by,
                admission.reserved,
                admission.exam,
            )
        )

    def _reserve(
        self,
        start: Start,
        request: StartRequest,
        person: Person,
        server: str,
        avoids: frozenset[str],
    ) -> Admission:
        weight = self._campus().flavors[start.granted.flavor].weight
        admission = _admission(start, request, person, server, self._clock(), weight)
        self._open.add(admission, avoids)
        return admission

    # -- what is reserved is kept, begins, and ends ----------------------------------------------------------------

    async def admit(self, request: StartRequest, person: Person, server: str) -> Admission:
        """Decide again, reserve in the same step, and return once the reservation is durable.

        What a turn of the line has reserved for this account, server and request is taken instead of a new reservation.

        Raises:
            Refused: a rule refuses; nothing has changed.
            StoreError: it could not be kept; the reservation is released again.
        """
        if (held := self._take(request, person, server)) is None:
            return await self.keep(self.reserve(request, person, server))
        call_all(self.on_take, held, f"admission {held.id}")
        # Its own write may still be under way, and a server is made only of what is durable.
        return await self._kept(held)

    async def keep(self, admission: Admission) -> Admission:
        """Return once a reservation is durable, and tell of it.

        Raises:
            StoreError: it could not be kept; the reservation is released again.
        """
        kept = await self._kept(admission)
        call_all(self.on_admit, admission, f"admission {admission.id}")
        return self.admission(admission.id) or kept

    async def _kept(self, admission: Admission) -> Admission:
        try:
            await self._store.save_admission(admission)
        except BaseException:
            self._open.drop(admission)
            raise
        return self.admission(admission.id) or admission

    async def run(self, id: str) -> None:
        """The server answers: the session has begun. Nothing happens if that is known or the admission has ended."""
        if (admission := self.admission(id)) and admission.stage is Stage.RESERVED:
            await self._store.save_admission(self._open.run(admission, self._clock()))

    async def warn(self, id: str) -> None:
        """Its end is near. Nothing happens if that is known, or it does not run.

        Raises:
            StoreError: it could not be kept; it will count as not warned.
        """
        if (admission := self.admission(id)) and admission.stage is Stage.RUNNING:
            await self.change(replace(admission, stage=Stage.WARNED))

    async def set_end(self, id: str, ends_at: datetime | None, ends_by: EndRule | None) -> bool:
        """Let a session end then, whatever was promised; the warning is due anew. Ask ``Sooner``, which takes it back too.

        Returns:
            False if there is no such session, or nothing is known of what it was promised.

        Raises:
            StoreError: it could not be kept; the end is the former one.
        """
        admission = self.admission(id)
        if admission is None or self._open.is_leftover(id):
            return False
        stage = Stage.RUNNING if admission.stage is Stage.WARNED else admission.stage
        await self.change(replace(admission, stage=stage, ends_at=ends_at, ends_by=ends_by))
        return True

    async def change(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        """Put another state of an open admission in force at once, and return once that is durable.

        Args:
            entry: what the audit is to say of it.

        Raises:
            StoreError: it could not be kept; the former state is in force again.
        """
        former = self._open[admission.id]
        self._open.change(admission)
        try:
            await self._store.save_admission(admission, entry)
        except BaseException:
            if self.admission(admission.id) is admission:
                self._open.change(former)
            raise

    async def end(self, id: str, at: datetime | None = None, *, estimated: bool = False) -> None:
        """The server is gone for sure. Exactly once: later calls change nothing."""
        if (ended := self._open.end(id, at, estimated=estimated)) is not None:
            await self._store.save_admission(ended)


def _same(asked: StartRequest, request: StartRequest) -> bool:
    """Whether one is the other, by whichever identity of the account."""
    return asked[1:] == request[1:]


def _admission(
    start: Start, request: StartRequest, person: Person, server: str, now: datetime, weight: int
) -> Admission:
    return Admission(
        id=uuid.uuid4().hex,
        person=person.key,
        hub_name=person.hub_name,
        server=server,
        course=request.course,
        role=start.role,
        granted=start.granted,
        own=start.own,
        reserved_at=now,
        ends_at=start.ends_at,
        ends_by=start.ends_by,
        weight=weight,
        reserved=start.reserved,
    )
