"""What decisions rest on, gathered at one instant: of a person, and of a flavor's devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.allowances import Budgets, Drawn
from jupyterhub_edu.domain.balance import Share, State
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.exams import Sitting
from jupyterhub_edu.domain.grants import Grant
from jupyterhub_edu.domain.people import MANUAL, CourseRole, Enrolment, Person
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.ports import Clock, Inventory

from .budgets import Used
from .glance import Glance, InTurn
from .open import Open
from .roll import Roll
from .shares import Shares

__all__ = ["STALE_INVENTORY", "Consulted", "Grounds"]

STALE_INVENTORY: Final = timedelta(seconds=30)
"""Age of the last proof of life beyond which nothing new starts on a device (rule 14)."""
_NO_SHARE: Final = Share()


@dataclass(slots=True, kw_only=True)
class Consulted:
    """Who is asked besides roll, inventory and what is open; each answers at once, and by default knows of nothing.

    Usage is known before there is a book. Exams and the line rest on one themselves, so they are put in afterwards.

    Attributes:
        must_log_in: whether a person's source will not be asked about them before they log in again.
        used: what ended sessions have used.
        extra: what of it an account has used of the extra hours of grants, by the grant's id.
        grants: those of a course that may be for somebody.
        sittings: somebody's parts in exams that are not over, by what they hold open.
        in_turn: who comes before a start; None: nobody.
    """

    must_log_in: Callable[[Person], bool] = lambda _: False
    used: Used = lambda *_: 0
    extra: Callable[[str], Drawn] = lambda _: {}
    grants: Callable[[Person, str], tuple[Grant, ...]] = lambda *_: ()
    sittings: Callable[[Person, Iterable[Admission]], tuple[Sitting, ...]] = lambda *_: ()
    in_turn: InTurn | None = None


class Grounds:
    """Gathers what is asked for from what is in memory.

    Always holds:
        - nothing is changed, and nothing is waited for; an answer is good until the next await;
        - the sums are those of ``Open``, so that an answer costs the same at 5,000 servers.

    Attributes:
        shares: what each course and exam has of each flavor.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        roll: Roll,
        inventory: Inventory,
        clock: Clock,
        open_: Open,
        consulted: Consulted,
    ) -> None:
        self._campus, self._roll, self._inventory, self._clock = campus, roll, inventory, clock
        self._open, self._consulted = open_, consulted
        self.shares = Shares(campus)

    # -- of a person -----------------------------------------------------------------------------------------------

    def glance(self, person: str, course: str, but: Admission | None = None) -> Glance:
        """What decisions on one person (by key) in one course rest on now; good until the next await.

        Args:
            but: an open admission of theirs that counts as if it held nothing; what it has reserved stays reserved.
        """
        campus, known, now = self._campus(), self._roll.person(person), self._clock()
        taught, consulted = self._roll.course(known, course), self._consulted
        # What somebody holds counts for the account, whichever of its identities asked for it.
        mine = self._open.held_by(known.hub_name) if known is not None else []
        held = mine if but is None else [one for one in mine if one.id != but.id]

        def budgets() -> Budgets | None:
            if known is None or taught is None:
                return None
            return self._open.purses.budgets(campus, taught, known.hub_name, mine, now)

        return Glance(
            campus,
            taught,
            self._roll.enrolments_in(known, course) if known is not None else (),
            held,
            self.pool_of if but is None else partial(self._pool_without, but),
            now,
            # What cannot be asked again is as old as it gets.
            timedelta(0)
            if known is not None and consulted.must_log_in(known)
            else campus.stale_after,
            budgets,
            consulted.grants(known, course) if known is not None else (),
            consulted.sittings(known, held) if known is not None else (),
            consulted.in_turn,
        )

    def glance_as(self, person: Person, course: Course, role: CourseRole) -> Glance:
        """The same of somebody who has this role in the course since just now, and nothing else anywhere.

        Args:
            person: made up; nobody's key.
        """
        campus, now, consulted = self._campus(), self._clock(), self._consulted
        purses = self._open.purses
        return Glance(
            campus,
            course,
            (Enrolment(person.key, course.id, role, MANUAL),),
            (),
            self.pool_of,
            now,
            campus.stale_after,
            lambda: purses.budgets(campus, course, person.hub_name, (), now),
            consulted.grants(person, course.id),
            (),
            consulted.in_turn,
        )

    # -- of a flavor -----------------------------------------------------------------------------------------------

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
        tally = self._open.tally(flavor)
        return tally.used if course is None else tally.by_course.get(course, 0)

    def state(self, flavor: str) -> State:
        """One flavor as a whole now, for the line and for reclaim; it follows every change, so use it before the next one."""
        now, known = self._clock(), self._campus().flavors.get(flavor)
        return self._open.tally(flavor).state(
            self.shares.of(flavor, now),
            self._inventory.stock(flavor),
            known.count if known is not None else None,
            fresh=self.stale_since(now) is None,
        )

    def borrowed(self, flavor: str) -> frozenset[str]:
        """The admissions of a flavor that are beyond what their courses own now; any change may change them."""
        return self._open.tally(flavor).borrowed(self.state(flavor))

    def pool_of(self, campus: Campus, course: Course, flavor: Flavor, now: datetime) -> Pool:
        """As ``Balance.pool`` has it where nothing is kept, from the sums that are there."""
        tally, state = self._open.tally(flavor.key), self.state(flavor.key)
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
        pool = self.pool_of(campus, course, flavor, now)
        if held.flavor != flavor.key or held.share != course.id:
            return pool
        here = pool.used_here - held.devices
        claimed = pool.claimed - max(pool.used_here, pool.reserved) + max(here, pool.reserved)
        holding = self._open.tally(flavor.key).holdings.get(held.id)
        if holding is not None and holding.node is None:
            pool = pool._replace(unseen=pool.unseen - held.devices, away=())
        return pool._replace(
            room=pool.room + held.devices,
            used=pool.used - held.devices,
            used_here=here,
            claimed=claimed,
        )
