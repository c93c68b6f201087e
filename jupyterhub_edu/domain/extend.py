"""Whether a session that runs may go on beyond its planned end, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from .allowances import Reserved, draw, gpu_hours
from .case import Case, EndRule, Facts, StartRequest
from .courses import Course
from .decide import failing, not_enrolled
from .ends import End, bounds, reserve
from .grants import Ceilings
from .people import Enrolment, EnrolmentState
from .profiles import Granted
from .reasons import Code, ExtendCode, Reason

__all__ = ["ExtendTerms", "Extension", "Session", "decide_extend", "decide_extend_for", "warnings"]

_NOT_ASKED: Final = frozenset(
    {
        Code.OPTION_INVALID,  # it has what it was granted
        Code.PERSON_ALLOWANCE,  # asked from the planned end on instead
        Code.COURSE_ALLOWANCE,
        Code.NO_CAPACITY,  # it has its devices
    }
)


class Session(NamedTuple):
    """What an extension needs to know of a session that runs.

    Attributes:
        request: of the person, course and profile that it was started for.
        granted: what it has.
        started: when it was reserved.
        ends_at: its planned end, by ``ends_by``.
        extended: how many times its person has extended it.
        reclaimed: it is a loan that is being called back.
        wanted: somebody in the line could use its devices.
        exam: the id of the exam that it is a server of, or None.
        weight: its flavor's when it was reserved, in thousandths.
    """

    request: StartRequest
    granted: Granted
    started: datetime
    ends_at: datetime
    ends_by: EndRule
    extended: int = 0
    reclaimed: bool = False
    wanted: bool = False
    exam: str | None = None
    weight: int = 1000


class ExtendTerms(NamedTuple):
    """How people may extend their own sessions.

    Attributes:
        by: how much longer at a time, at most.
        times: how many times.
        warn_at: how long before its end a session is warned; the longest is the first warning.
    """

    by: timedelta
    times: int
    warn_at: tuple[timedelta, ...]


class Extension(NamedTuple):
    """The outcome: a later end with what it reserves besides, or every reason against it."""

    ends_at: datetime | None
    ends_by: EndRule | None = None
    reserved: Reserved | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the session goes on."""
        return self.ends_at is not None


def warnings(ends_at: datetime, warn_at: Iterable[timedelta]) -> tuple[datetime, ...]:
    """When a session that ends then is warned, ascending; times before its start are due at once."""
    return tuple(sorted({ends_at - before for before in warn_at}))


def decide_extend(session: Session, facts: Facts, now: datetime, terms: ExtendTerms) -> Extension:
    """Decide whether a person may extend their own session.

    Always holds:
        - an extension ends later than the session did, by at most ``terms.by``, and within every rule that ends a
          session but the profile's longest;
        - it reserves what it adds, or as much of that as the budgets have left.

    Args:
        facts: as for a start, gathered as if the session held no server, no device and no place in its exam; its
            reservation does count as taken from the budgets.

    Source:
        docs/explanation/policy.md, "While it runs".
    """
    against: list[Reason] = []
    first = session.ends_at - max(terms.warn_at, default=timedelta(0))
    if now < first:
        against.append(Reason(ExtendCode.TOO_EARLY, retry_at=first))
    if session.extended >= terms.times:
        against.append(Reason(ExtendCode.NO_TIMES_LEFT, "", {"times": session.extended}))
    return _decide(session, facts, now, session.ends_at + terms.by, against)


def decide_extend_for(
    session: Session, facts: Facts, now: datetime, until: datetime, ceilings: Ceilings | None
) -> Extension:
    """Decide whether a member of staff may let somebody's session go on until then; as ``decide_extend`` otherwise.

    Args:
        ceilings: the most that a teacher may give alone, counted from the session's start; None: an administrator asks.
    """
    against: list[Reason] = []
    if ceilings is not None:
        longest = ceilings.longest or timedelta(0)
        if until - session.started > longest:
            values = {"minutes": longest // timedelta(minutes=1)}
            variant = "" if longest else "none"
            against.append(
                Reason(ExtendCode.ABOVE_CEILING, variant, values, contact=facts.contact)
            )
    return _decide(session, facts, now, until, against)


def _decide(
    session: Session, facts: Facts, now: datetime, until: datetime, against: list[Reason]
) -> Extension:
    course = facts.course
    active = [e for e in facts.enrolments if e.state(now) is EnrolmentState.ACTIVE]
    if course is None or not active:
        return Extension(None, reasons=(not_enrolled(session.request, facts, now),))
    case = _case(session, facts, course, active, now)
    reasons = [r for r in failing(case, course) if r.code not in _NOT_ASKED] + against
    if now >= session.ends_at:
        reasons.append(Reason(ExtendCode.ENDING))
    if session.reclaimed:
        reasons.append(Reason(ExtendCode.RECLAIMED))
    if session.wanted:
        reasons.append(Reason(ExtendCode.OTHERS_WAIT))
    if session.ends_by.is_sooner and not session.reclaimed:
        reasons.append(Reason(ExtendCode.END_FIXED, "", {"why": session.ends_by.words}))
    if case.granted is None:  # no longer offered, so that no end would be left to name
        return Extension(None, reasons=tuple(reasons))
    end = _end(case, course, until)
    if end.at <= session.ends_at:
        reasons.append(Reason(ExtendCode.END_FIXED, "", {"why": end.by.words}))
        return Extension(None, reasons=tuple(reasons))
    last, reserved = reserve(case, session.ends_at, end)
    if last.at <= session.ends_at:
        reasons.extend(_nothing_left(case, course, session.ends_at))
    if reasons:
        return Extension(None, reasons=tuple(reasons))
    return Extension(last.at, last.by, reserved)


def _case(
    session: Session, facts: Facts, course: Course, active: list[Enrolment], now: datetime
) -> Case:
    case = Case(session.request, facts, course, active, now, session.granted, session.weight)
    if case.exam is not None and case.exam.exam.id != session.exam:
        case.exam = None  # a server that was left to run is no server of the exam, even of the same profile
    return case


def _end(case: Case, course: Course, until: datetime) -> End:
    """The wish, or the sooner end that nothing moves; in an exam the person's own end of it."""
    if case.exam is not None:
        return End(case.exam.ends, EndRule.EXAM)
    end = End(until, EndRule.EXTENSION)
    for other in bounds(case, course):
        if other.at < end.at:
            end = other
    return end


def _nothing_left(case: Case, course: Course, start: datetime) -> list[Reason]:
    """Which budgets have nothing left from the planned end on."""
    reasons = []
    budgets = case.budgets
    for code, budget in (
        (Code.PERSON_ALLOWANCE, budgets and budgets.person),
        (Code.COURSE_ALLOWANCE, budgets and budgets.course),
    ):
        soon = start + timedelta(milliseconds=1)
        if budget is not None and draw(budget, case.rate, start, soon)[0] < soon:
            amount, period = budget.allowance
            values = {"title": course.title, "hours": gpu_hours(amount), "period": period}
            reasons.append(Reason(code, "none", values, contact=case.facts.contact))
    return reasons
