"""The book: every admission that has not ended, and the only place that reserves.

Between the decision and the reservation there is no await, so no two starts see the same device as free.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import Budgets, Drawn
from jupyterhub_edu.domain.balance import Share, State
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision, EndRule, Facts, Start, StartRequest
from jupyterhub_edu.domain.exams import Sitting
from jupyterhub_edu.domain.extend import (
    ExtendTerms,
    Extension,
    Session,
    decide_extend,
    decide_extend_for,
)
from jupyterhub_edu.domain.grants import Ceilings, Grant
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Amounts, Flavor, Granted
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.ports import AuditEntry, Clock, Inventory, PodSighting, Store

from .budgets import Purses, Used, both
from .glance import Glance, InTurn
from .listeners import call_all
from .roll import Roll
from .shares import Shares
from .tally import Tally

__all__ = ["STALE_INVENTORY", "Book", "Refused"]

_log = logging.getLogger(__name__)
STALE_INVENTORY: Final = timedelta(seconds=30)
"""Age of the last proof of life beyond which nothing new starts on a device (rule 14)."""
_SLICE: Final = 100
"""Rows that are taken up before others get their turn on the event loop."""

_NO_SHARE: Final = Share()
_RESERVED: Final = frozenset({Code.PERSON_ALLOWANCE, Code.COURSE_ALLOWANCE})
"""Rules that are not asked again of what the line has reserved: it has its hours."""


class Refused(Exception):
    """The start was refused; ``decision`` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.sentence)
        self.decision = decision


class Book:
    """Admissions in memory; durable by the store, true by the pods."""

    def __init__(
        self,
        campus: Callable[[], Campus],
        roll: Roll,
        store: Store,
        inventory: Inventory,
        clock: Clock,
        must_log_in: Callable[[Person], bool] = lambda _: False,
        used: Used = lambda *_: 0,
        extra: Callable[[str], Drawn] = lambda _: {},
        grants: Callable[[Person, str], tuple[Grant, ...]] = lambda *_: (),
        sittings: Callable[[Person, Iterable[Admission]], tuple[Sitting, ...]] = lambda *_: (),
    ) -> None:
        """Make an empty book.

        Args:
            used: what ended sessions have used.
            extra: what of it an account has used of the extra hours of grants.
            grants: those of a course that may be for somebody.
            sittings: somebody's parts in exams that are not over, by what they hold open.
            must_log_in: whether a person's source will not be asked about them before they log in again.
        """
        self._campus, self._roll, self._store, self._inventory, self._clock = (
            campus,
            roll,
            store,
            inventory,
            clock,
        )
        self._must_log_in = must_log_in
        self._grants, self._sittings = grants, sittings
        self._open: dict[str, Admission] = {}
        self._of_account: dict[str, set[str]] = {}
        self._tallies: dict[str, Tally] = {}
        self._purses = Purses(used, extra)
        self._ended: dict[str, asyncio.Event] = {}
        self._leftovers: set[str] = set()
        self._rebuilt = False
        self._unsaved: set[asyncio.Task[None]] = set()
        self.shares = Shares(campus)
        """What each course and exam has of each flavor."""
        self._waiting: dict[tuple[str, str], tuple[StartRequest, str]] = {}
        """By account and server: what a turn of the line has reserved, and for which request, until the spawner takes it."""
        self.is_reclaimed: Callable[[str], bool] = lambda _: False
        """Whether an admission is a loan that is being called back."""
        self.is_wanted: Callable[[Admission], bool] = lambda _: False
        """Whether somebody in line could use its devices."""
        self.in_turn: InTurn | None = None
        """Who comes before a start; None: nobody."""
        self.on_admit: list[Callable[[Admission], None]] = []
        self.on_extend: list[Callable[[Admission], None]] = []
        self.on_take: list[Callable[[Admission], None]] = []
        self.on_run: list[Callable[[Admission], None]] = []
        self.on_end: list[Callable[[Admission], None]] = []

    # -- questions ---------------------------------------------------------------------------------------------

    def admission(self, id: str) -> Admission | None:
        """An admission that has not ended."""
        return self._open.get(id)

    def admissions(self, course: str | None = None) -> list[Admission]:
        """Admissions that have not ended, of one course or all, oldest first."""
        found = [a for a in self._open.values() if course is None or a.course == course]
        return sorted(found, key=lambda a: (a.reserved_at, a.id))

    def of_server(self, hub_name: str, server: str) -> list[Admission]:
        """Admissions of one server that have not ended; a former one may still be ending."""
        known = self._roll.by_hub_name(hub_name)
        ids = self._of_account.get(hub_name, ()) if known is not None else ()
        return [a for a in map(self._open.__getitem__, sorted(ids)) if a.server == server]

    def held_by(self, hub_name: str) -> list[Admission]:
        """Admissions of an account that have not ended."""
        return [self._open[id] for id in sorted(self._of_account.get(hub_name, ()))]

    def decide(self, request: StartRequest) -> Decision:
        """Decide, and change nothing. Where a turn of the line has reserved for exactly this, it may start."""
        known = self._roll.person(request.person) if self._waiting else None
        for (account, _), (asked, id) in self._waiting.items():
            if known is not None and account == known.hub_name and _same(asked, request):
                return self._decide_held(self._open[id], request)
        return self.glance(request.person, request.course).decide(request)

    def glance(self, person: str, course: str, but: Admission | None = None) -> Glance:
        """What decisions on one person (by key) in one course rest on now; good until the next await.

        Args:
            but: an open admission of theirs that counts as if it held nothing; what it has reserved stays reserved.
        """
        campus, known, now = self._campus(), self._roll.person(person), self._clock()
        taught = self._roll.course(known, course)
        # What somebody holds counts for the account, whichever of its identities asked for it.
        ids = self._of_account.get(known.hub_name, ()) if known is not None else ()
        mine = [self._open[id] for id in ids]
        held = mine if but is None else [one for one in mine if one.id != but.id]

        def budgets() -> Budgets | None:
            if known is None or taught is None:
                return None
            return self._purses.budgets(campus, taught, known.hub_name, mine, now)

        return Glance(
            campus,
            taught,
            self._roll.enrolments_in(known, course) if known is not None else (),
            held,
            self._pool_of if but is None else partial(self._pool_without, but),
            now,
            # What cannot be asked again is as old as it gets.
            timedelta(0) if known is not None and self._must_log_in(known) else campus.stale_after,
            budgets,
            self._grants(known, course) if known is not None else (),
            self._sittings(known, held) if known is not None else (),
            self.in_turn,
        )

    def free(self, flavor: str) -> int | None:
        """Devices of this flavor that nobody holds; None while the inventory is stale."""
        now = self._clock()
        if self.stale_since(now) is not None:
            return None
        return max(0, self.state(flavor).room)

    def stale_since(self, now: datetime) -> datetime | None:
        """The last proof of life of the inventory if it is too old, else None."""
        proof = self._inventory.proof_of_life()
        return proof if proof is not None and now - proof > STALE_INVENTORY else None

    def used(self, flavor: str, course: str | None = None) -> int:
        """Devices in use, by one course or in all."""
        tally = self._tally(flavor)
        return tally.used if course is None else tally.by_course.get(course, 0)

    def state(self, flavor: str) -> State:
        """One flavor as a whole now, for the line and for reclaim; it follows every change, so use it before the next one."""
        now, known = self._clock(), self._campus().flavors.get(flavor)
        return self._tally(flavor).state(
            self.shares.of(flavor, now),
            self._inventory.stock(flavor),
            known.count if known is not None else None,
            fresh=self.stale_since(now) is None,
        )

    def borrowed(self, flavor: str) -> frozenset[str]:
        """The admissions of a flavor that are beyond what their courses own now; any change may change them."""
        return self._tally(flavor).borrowed(self.state(flavor))

    # -- changes -----------------------------------------------------------------------------------------------

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
        return self._open.get(admission.id, kept)

    async def _kept(self, admission: Admission) -> Admission:
        try:
            await self._store.save_admission(admission)
        except BaseException:
            self._drop(admission)
            raise
        return self._open.get(admission.id, admission)

    def reserve(self, request: StartRequest, person: Person, server: str) -> Admission:
        """Decide and reserve without an await between. Use ``admit`` unless you keep it durable yourself.

        What the line has reserved for another request to this server is given up for it.

        Raises:
            Refused: a rule refuses; nothing has changed.
        """
        _, former = self._waiting.get((person.hub_name, server), (None, ""))
        glance = self.glance(request.person, request.course, but=self._open.get(former))
        decision, avoids = glance.decide_in_turn(request)
        if decision.start is None:
            raise Refused(decision)
        if (ended := self._end(former, None)) is not None:
            self._save_later(ended)
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
        self._waiting[person.hub_name, server] = request, admission.id
        return admission

    def is_held(self, id: str) -> bool:
        """Whether what the line has reserved still waits for its spawner."""
        return any(held == id for _, held in self._waiting.values())

    def avoids(self, id: str) -> frozenset[str]:
        """The nodes that the server of an admission must keep off, because what is free there is kept for others."""
        admission = self._open.get(id)
        held = self._tally(admission.flavor).holdings.get(id) if admission is not None else None
        return held.avoids if held is not None else frozenset()

    async def run(self, id: str) -> None:
        """The server answers: the session has begun. Nothing happens if that is known or the admission has ended."""
        if (admission := self._open.get(id)) and admission.stage is Stage.RESERVED:
            await self._store.save_admission(self._set_running(admission, self._clock()))

    async def warn(self, id: str) -> None:
        """Its end is near. Nothing happens if that is known, or it does not run.

        Raises:
            StoreError: it could not be kept; it will count as not warned.
        """
        if (admission := self._open.get(id)) and admission.stage is Stage.RUNNING:
            warned = self._open[id] = replace(admission, stage=Stage.WARNED)
            try:
                await self._store.save_admission(warned)
            except BaseException:
                if self._open.get(id) is warned:
                    self._open[id] = admission
                raise

    async def set_end(self, id: str, ends_at: datetime | None, ends_by: EndRule | None) -> bool:
        """Let a session end then, whatever was promised; the warning is due anew. Ask ``Sooner``, which takes it back too.

        Returns:
            False if there is no such session, or nothing is known of what it was promised.

        Raises:
            StoreError: it could not be kept; the end is the former one.
        """
        admission = self._open.get(id)
        if admission is None or id in self._leftovers:
            return False
        stage = Stage.RUNNING if admission.stage is Stage.WARNED else admission.stage
        moved = replace(admission, stage=stage, ends_at=ends_at, ends_by=ends_by)
        self._change(moved)
        try:
            await self._store.save_admission(moved)
        except BaseException:
            if self._open.get(id) is moved:
                self._change(admission)
            raise
        return True

    def may_extend(self, admission: Admission) -> Extension | None:
        """What its person would get by extending this session now; None: nothing ends it, or it does not run."""
        if (known := self._session(admission)) is None:
            return None
        campus, (session, facts, now) = self._campus(), known
        terms = ExtendTerms(campus.extend_by, campus.extend_times, campus.warn_at)
        return decide_extend(session, facts, now, terms)

    def may_extend_for(
        self, admission: Admission, until: datetime, ceilings: Ceilings | None
    ) -> Extension | None:
        """What would come of letting somebody's session go on until then; None as for ``may_extend``.

        Args:
            ceilings: the most that a teacher may give alone; None: an administrator asks.
        """
        if (known := self._session(admission)) is None:
            return None
        session, facts, now = known
        return decide_extend_for(session, facts, now, until, ceilings)

    def _session(self, admission: Admission) -> tuple[Session, Facts, datetime] | None:
        """What an extension rests on now; None: nothing ends the session, or it does not run."""
        if admission.ends_at is None or admission.ends_by is None or not admission.is_running:
            return None
        granted = admission.granted
        asked = admission.person, admission.course, granted.profile, granted.options
        session = Session(
            StartRequest(*asked),
            granted,
            admission.reserved_at,
            admission.ends_at,
            admission.ends_by,
            admission.extended,
            exam=admission.exam,
            reclaimed=self.is_reclaimed(admission.id),
            wanted=self.is_wanted(admission),
            weight=admission.weight,
        )
        glance = self.glance(admission.person, admission.course, but=admission)
        return session, glance.facts(granted.profile), glance.now

    async def extend(
        self,
        id: str,
        decide: Callable[[Admission], Extension | None],
        write_down: Callable[[Admission, Admission], AuditEntry],
        *,
        counts: bool,
    ) -> Extension | None:
        """Decide and move the end in the same step; return once that is durable. None: no such session.

        Args:
            decide: ``may_extend``, or ``may_extend_for`` with its wish.
            counts: it is one of the times that a person may extend their own.
            write_down: makes the entry of the audit, from the admission before and after.

        Raises:
            StoreError: it could not be kept; the end is the former one.
        """
        admission = self._open.get(id)
        extension = decide(admission) if admission is not None else None
        if admission is None or extension is None or extension.ends_at is None:
            return extension
        longer = replace(
            admission,
            stage=Stage.RUNNING,
            ends_at=extension.ends_at,
            ends_by=extension.ends_by,
            reserved=both(admission.reserved, extension.reserved),
            extended=admission.extended + counts,
        )
        self._change(longer)
        try:
            await self._store.save_admission(longer, write_down(admission, longer))
        except BaseException:
            if self._open.get(id) is longer:
                self._change(admission)
            raise
        call_all(self.on_extend, longer, f"admission {id}")
        return extension

    async def end(self, id: str, at: datetime | None = None, *, estimated: bool = False) -> None:
        """The server is gone for sure. Exactly once: later calls change nothing."""
        if (ended := self._end(id, at, estimated=estimated)) is not None:
            await self._store.save_admission(ended)

    async def wait_ended(self, ids: Iterable[str], within: float) -> bool:
        """Wait until these admissions have ended, at most ``within`` seconds; whether they have."""
        events = [self._ended.setdefault(id, asyncio.Event()) for id in ids if id in self._open]
        try:
            async with asyncio.timeout(within):
                for event in events:
                    await event.wait()
        except TimeoutError:
            return False
        return True

    def sight(self, sighting: PodSighting) -> None:
        """Take in what the inventory saw of one of our pods; in the same step as the inventory's own change.

        Before ``rebuild`` nothing is taken in: a pod whose row has not been read yet would look like a leftover.
        """
        if not self._rebuilt:
            return
        admission = self._open.get(sighting.admission)
        if admission is None:
            if not sighting.gone:
                self._adopt(sighting)
            return
        if sighting.gone:
            if sighting.running_at is not None and admission.stage is Stage.RESERVED:
                self._set_running(admission, sighting.running_at)
            ended = self._end(admission.id, sighting.ended_at)
            if ended is not None:
                self._save_later(ended)
            return
        if sighting.node is not None:
            self._tally(admission.flavor).see(admission, self._node(sighting.node))
        if sighting.running_at is not None and admission.stage is Stage.RESERVED:
            self._save_later(self._set_running(admission, sighting.running_at))

    async def rebuild(self) -> None:
        """Fill the book after a start of the hub: the store's rows and the live pods; where they differ pods win.

        Call once, after the inventory's first complete list. A reservation without a pod is released, and ends when a
        hub was last surely at work: nobody pays for a night in which there was none. A pod of ours without a row counts
        as used until it is gone.
        """
        rows = await self._store.load_open_admissions()
        at_work = self._last_at_work(rows)
        for at, row in enumerate(rows):
            if at % _SLICE == 0:
                await asyncio.sleep(0)
            self._add(row)
        # No await from here to the last sighting: a pod that goes meanwhile is either in this view or sighted after it.
        pods = self._inventory.pods()
        lost = [row for row in rows if self._inventory.sees_pods and row.id not in pods]
        self._rebuilt = True
        for sighting in list(pods.values()):
            self.sight(sighting)
        for row in lost:
            await self.end(row.id, max(at_work, row.running_at or row.reserved_at), estimated=True)

    async def settle(self) -> None:
        """Wait for writes that are under way."""
        while self._unsaved:
            await asyncio.gather(*self._unsaved, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    def _last_at_work(self, rows: Iterable[Admission]) -> datetime:
        """The last instant before now at which a hub has kept anything that tells its time."""
        told = [row.running_at or row.reserved_at for row in rows]
        told += [person.answered_at for person in self._roll.people()]
        now = self._clock()
        return max((at for at in told if at <= now), default=now)

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
        self._add(admission, avoids)
        return admission

    def _take(self, request: StartRequest, person: Person, server: str) -> Admission | None:
        """What the line has reserved for this very start, which waits no longer; None: nothing.

        Raises:
            Refused: meanwhile a rule refuses that cannot be waited for; it waits on.
        """
        asked, id = self._waiting.get((person.hub_name, server), (None, ""))
        if asked is None or not _same(asked, request):
            return None
        decision = self._decide_held(self._open[id], request)
        if decision.start is None:
            raise Refused(decision)
        del self._waiting[person.hub_name, server]
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

    def _pool_of(self, campus: Campus, course: Course, flavor: Flavor, now: datetime) -> Pool:
        """As ``Balance.pool`` has it where nothing is kept, from the sums that are there."""
        tally, state = self._tally(flavor.key), self.state(flavor.key)
        share = state.shares.get(course.id, _NO_SHARE)
        idle = sum(max(0, held - state.used.get(c, 0)) for c, held in state.reserving)
        return Pool(
            nodes=tuple(state.nodes.values()),
            unseen=state.unseen,
            room=max(0, state.room),
            used=tally.used,
            used_here=state.used.get(course.id, 0),
            nominal=share.nominal,
            most=share.most,
            claimed=tally.used + idle,
            reserved=share.reserved,
            peak=share.peak,
            stale_since=self.stale_since(now),
            frees_at=tally.frees_at(),
            reserved_until=self.shares.reserved_until(flavor.key, course.id, now),
            away=tuple((state.nodes.get(node, 0), off) for node, off in tally.away.items()),
        )

    def _pool_without(
        self, held: Admission, campus: Campus, course: Course, flavor: Flavor, now: datetime
    ) -> Pool:
        """The same as if this admission held nothing; the node on which it runs is not asked."""
        pool = self._pool_of(campus, course, flavor, now)
        if held.flavor != flavor.key or held.share != course.id:
            return pool
        here = pool.used_here - held.devices
        claimed = pool.claimed - max(pool.used_here, pool.reserved) + max(here, pool.reserved)
        holding = self._tally(flavor.key).holdings.get(held.id)
        if holding is not None and holding.node is None:
            pool = pool._replace(unseen=pool.unseen - held.devices, away=())
        return pool._replace(
            room=pool.room + held.devices,
            used=pool.used - held.devices,
            used_here=here,
            claimed=claimed,
        )

    def _node(self, name: str) -> str:
        """A node as the stock names it, which may not tell nodes apart."""
        return name if self._inventory.kind == "cluster" else ""

    def _tally(self, flavor: str) -> Tally:
        tally = self._tallies.get(flavor)
        if tally is None:
            tally = self._tallies[flavor] = Tally(flavor)
        return tally

    def _add(self, admission: Admission, avoids: frozenset[str] = frozenset()) -> None:
        self._open[admission.id] = admission
        self._of_account.setdefault(admission.hub_name, set()).add(admission.id)
        self._tally(admission.flavor).add(admission, avoids)
        self._purses.add(admission)

    def _change(self, admission: Admission) -> None:
        """Put another state of an open admission in its place."""
        self._purses.remove(self._open[admission.id])
        self._purses.add(admission)
        self._open[admission.id] = admission
        self._tally(admission.flavor).plan(admission)

    def _drop(self, admission: Admission) -> None:
        if (held := self._open.pop(admission.id, None)) is None:
            return
        self._purses.remove(held)
        if self.is_held(admission.id):
            del self._waiting[admission.hub_name, admission.server]
        ids = self._of_account[admission.hub_name]
        ids.discard(admission.id)
        if not ids:
            del self._of_account[admission.hub_name]
        self._tally(admission.flavor).remove(admission)
        if (event := self._ended.pop(admission.id, None)) is not None:
            event.set()

    def _set_running(self, admission: Admission, at: datetime) -> Admission:
        running = replace(admission, stage=Stage.RUNNING, running_at=at)
        self._open[admission.id] = running
        call_all(self.on_run, running, f"admission {admission.id}")
        return running

    def _end(self, id: str, at: datetime | None, *, estimated: bool = False) -> Admission | None:
        admission = self._open.get(id)
        if admission is None:
            return None
        ended = replace(
            admission, stage=Stage.ENDED, ended_at=at or self._clock(), estimated=estimated
        )
        self._drop(admission)
        if id in self._leftovers:
            self._leftovers.discard(id)
            return None
        call_all(self.on_end, ended, f"admission {id}")
        return ended

    def _adopt(self, sighting: PodSighting) -> None:
        """Count a pod of ours that the book does not know: a leftover, until it is gone.

        It gets no row and no listener hears of its end: what it was granted, to whom and when, is not known.
        """
        person = self._roll.by_hub_name(sighting.hub_name)
        flavor = sighting.labels.get("jupyterhub-edu/flavor", "")
        known = self._campus().flavors.get(flavor)
        devices = sighting.devices.get(known.device, 0) if known and known.device else 0
        nothing = Amounts(Cpu(0), Cpu(0), Memory(0), Memory(0), devices)
        now = self._clock()
        admission = Admission(
            id=sighting.admission,
            person=person.key if person else "",
            hub_name=sighting.hub_name,
            server=sighting.server,
            course=sighting.labels.get("jupyterhub-edu/course", ""),
            role=CourseRole.OBSERVER,
            granted=Granted(
                sighting.labels.get("jupyterhub-edu/profile", ""), flavor, nothing, None, {}
            ),
            own=True,
            reserved_at=now,
            ends_at=None,
            ends_by=None,
            stage=Stage.RUNNING,
            running_at=sighting.running_at or now,
        )
        self._leftovers.add(admission.id)
        self._add(admission)
        if sighting.node is not None:
            self._tally(flavor).see(admission, self._node(sighting.node))
        _log.warning("counting a pod that the book did not know: admission %s", sighting.admission)

    def _save_later(self, admission: Admission) -> None:
        """Keep a change that was seen in a callback; the warden's reconciliation repeats what fails."""

        async def save() -> None:
            try:
                # As it is by now: an older state must not be written over a newer one.
                await self._store.save_admission(self._open.get(admission.id, admission))
            except Exception:
                _log.exception("could not keep admission %s", admission.id)

        task = asyncio.get_running_loop().create_task(save())
        self._unsaved.add(task)
        task.add_done_callback(self._unsaved.discard)


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
