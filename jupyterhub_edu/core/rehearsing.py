"""A dry run of an exam: what would happen to whom and when, as far as that is known now; nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import State
from jupyterhub_edu.domain.decide import Held, StartRequest, decide_start
from jupyterhub_edu.domain.exams import Exam, Sitting, granted_in, share_of, unseated
from jupyterhub_edu.domain.promises import Promises
from jupyterhub_edu.domain.prospect import Prospect, lent
from jupyterhub_edu.domain.reasons import Code, Reason

from .reclaims import TERMINATION
from .slices import in_slices

if TYPE_CHECKING:
    from .app import Core

__all__ = ["Recalled", "Rehearsal", "Rehearsed", "rehearse"]

_SLICE: Final = 20
"""People decided about before others get their turn on the event loop."""
_NOT_TOLD: Final = frozenset({Code.ROSTER_STALE})
"""Of what will be at the start of an exam nothing is known yet."""


class Rehearsed(NamedTuple):
    """What would happen to one participant.

    Attributes:
        key: the person's.
        ends: their own end.
        stops: sessions of theirs that run now and would be stopped at the start.
        reasons: why they would not be let in, as far as that is known now; devices are not asked.
        is_known: they have logged in before.
    """

    key: str
    ends: datetime
    stops: tuple[Admission, ...]
    reasons: tuple[Reason, ...]
    is_known: bool


class Recalled(NamedTuple):
    """Spare devices that would be called back for it, of sessions that run now and would still run then.

    Attributes:
        own: those that the exam's own course has borrowed.
        others: those of all other courses together.
        at: when whoever has them is warned.
    """

    own: int
    others: int
    at: datetime


class Rehearsal(NamedTuple):
    """What would happen to whom.

    Attributes:
        stops_at: when other servers of those who take part end.
        devices: that are held for all together.
        held_from: from when they are held.
        unseated: how many would not start for want of devices; None: the cluster is not heard.
        recalled: None where nothing is called back, or the cluster is not heard.
        leaves: other servers run on.
    """

    exam: Exam
    people: tuple[Rehearsed, ...]
    stops_at: datetime
    devices: int
    held_from: datetime
    unseated: int | None
    recalled: Recalled | None
    leaves: bool

    @property
    def stopped(self) -> int:
        """How many other servers would be stopped."""
        return sum(len(one.stops) for one in self.people)

    @property
    def refused(self) -> int:
        """How many would not be let in, whatever devices there are."""
        return sum(bool(one.reasons) for one in self.people)


async def rehearse(core: Core, exam: Exam) -> Rehearsal:
    """Rehearse an exam as though it were prepared, or changed, so; who may ask is asked before."""
    campus, now, people = core.campus, core.clock(), list[Rehearsed]()
    members = await core.exams.members(exam, max(exam.starts, now))
    async for key, sitting in in_slices(members.items(), _SLICE):
        people.append(_rehearsed(core, exam, key, sitting))
    granted = granted_in(exam, campus.profiles)
    missing: int | None = 0
    recalled: Recalled | None = None
    each = granted.amounts.devices if granted is not None else 0
    if granted is not None and each:
        state = core.book.state(granted.flavor)
        missing = _unseated(core, exam, granted.flavor, state, each, len(people))
        over = {one.id for person in people for one in person.stops}
        recalled = _recalled(core, exam, granted.flavor, state, each * len(people), over)
        if not state.fresh:
            missing, recalled = None, None
    return Rehearsal(
        exam,
        tuple(people),
        max(exam.starts, now + min(campus.warn_at, default=timedelta(0))),
        each * len(people),
        exam.starts - core.exams.lead_time(),
        missing,
        recalled,
        campus.exams_leave,
    )


def _rehearsed(core: Core, exam: Exam, key: str, sitting: Sitting) -> Rehearsed:
    person = core.roll.person(key)
    if person is None:
        return Rehearsed(key, sitting.ends, (), (), is_known=False)
    stops = [] if core.campus.exams_leave else core.book.held_by(person.hub_name)
    glance = core.book.glance(key, exam.course)
    facts = glance.facts(exam.profile)._replace(
        held=Held(), pool=None, budgets=None, exams=(sitting,)
    )
    request = StartRequest(key, exam.course, exam.profile)
    reasons = decide_start(request, facts, exam.starts).reasons
    return Rehearsed(
        key,
        sitting.ends,
        tuple(one for one in stops if one.exam != exam.id),
        tuple(reason for reason in reasons if reason.code not in _NOT_TOLD),
        is_known=True,
    )


def _unseated(core: Core, exam: Exam, flavor: str, state: State, each: int, people: int) -> int:
    """How many would not start, were all sessions of ours over by then, and what others reserve kept free."""
    nodes = dict(state.nodes)
    for holding in state.holdings.values():
        if holding.node in nodes:
            nodes[holding.node] += holding.devices
    count = core.campus.flavors[flavor].count
    total = sum(nodes.values()) if count is None else min(sum(nodes.values()), count)
    promises = Promises(core.campus.courses.values(), flavor).at(exam.starts)
    others = sum(share.reserved for share in promises.values())
    others += core.exams.held_beside(exam, flavor)
    return max(unseated(people, each, nodes.values()), people - max(0, total - others) // each)


def _recalled(
    core: Core, exam: Exam, flavor: str, state: State, devices: int, over: Collection[str]
) -> Recalled | None:
    """What reclaim would take for this exam beyond what it takes for whatever else has begun by then.

    Args:
        over: ids of sessions that the exam itself ends.
    """
    # One of its own: asked for a later instant, the campus's would have to be brought back for the next decision.
    promises = Promises(core.campus.courses.values(), flavor)
    shares, mine = promises.at(exam.starts), share_of(exam.id)
    opening = {
        **promises.opening(exam.starts, timedelta(0)),
        **core.exams.opening(flavor, exam.starts, timedelta(0)),
    }
    opening.pop(mine, None)
    ended = {one for one in state.holdings if one in over or _is_over(core, one, exam.starts)}
    then = _without(state, ended)._replace(shares=shares)
    loans = {one.id: one for borrowed in lent(then).values() for one in borrowed}
    prospect = Prospect(then, loans)
    before = prospect.short_of(opening)
    if before > 0:
        prospect.end(prospect.fewest_to_clear(before, ()))
    short = prospect.short_of({**opening, mine: devices})
    if short <= max(0, prospect.short_of(opening)):
        return None
    found = Counter[bool]()
    for id in prospect.fewest_to_clear(short, ()):
        found[loans[id].course == exam.course] += loans[id].devices
    at = exam.starts - core.campus.reclaim_warning - TERMINATION
    return Recalled(found[True], found[False], at) if found else None


def _is_over(core: Core, id: str, at: datetime) -> bool:
    admission = core.book.admission(id)
    return admission is None or (admission.ends_at is not None and admission.ends_at <= at)


def _without(state: State, ended: Collection[str]) -> State:
    """The state once some have ended."""
    nodes: Mapping[str, int] = state.nodes
    freed = dict(nodes)
    for id in ended:
        holding = state.holdings[id]
        if holding.node in freed:
            freed[holding.node] += holding.devices
    left = [holding for id, holding in state.holdings.items() if id not in ended]
    spare = sum(nodes.values()) - state.unseen
    most = state.room + sum(state.used.values()) if state.room < spare else None
    return State.of(freed, left, state.shares, most=most, fresh=state.fresh)
