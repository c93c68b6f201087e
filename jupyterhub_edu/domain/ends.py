"""When a session ends, by which rule, and what it reserves of budgets until then."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from .allowances import Budget, Drawn, Reserved, draw, furthest
from .case import Case, EndRule, offered_by_role
from .courses import Course
from .exams import next_start
from .grants import Grant, Longest, lift
from .people import Enrolment

__all__ = ["End", "bounds", "planned_end", "reserve"]


_AT: Final = attrgetter("at")


class End(NamedTuple):
    """When a session ends, and the rule that says so."""

    at: datetime
    by: EndRule


def planned_end(case: Case, course: Course) -> End | None:
    """The earliest end by every rule but budgets, on a tie by the first; None: nothing ends it.

    In an exam it is the person's own end of it alone.
    """
    if case.exam is not None:
        return End(case.exam.ends, EndRule.EXAM)
    end = _longest(case)
    for other in bounds(case, course):
        if end is None or other.at < end.at:
            end = other
    return end


def bounds(case: Case, course: Course) -> list[End]:
    """Every end that no extension moves, in the page's order; budgets are not asked."""
    facts, found = case.facts, []
    if facts.hours is not None and facts.hours.ends is not None:
        found.append(End(facts.hours.ends, EndRule.WINDOW))
    if facts.exams and not facts.leaves and (starts := next_start(facts.exams, case.now)):
        found.append(End(starts, EndRule.EXAM_START))
    until = _offered_until(case, course)
    if until is not None and until.by is EndRule.ENROLMENT:
        found.append(until)
    if course.ends is not None:
        found.append(End(course.ends, EndRule.COURSE))
    if until is not None and until.by is EndRule.GRANT:
        found.append(until)
    return found


def reserve(case: Case, start: datetime, end: End | None) -> tuple[End | None, Reserved | None]:
    """What a session from ``start`` to ``end`` takes of each budget, and where the budgets end it sooner.

    Always holds:
        - each budget gives what the session needs to its end, and no more than it has left;
        - a session that nothing else ends is ended by a budget, at the latest with the period after this one.
    """
    budgets = case.budgets
    if budgets is None or (budgets.person is None and budgets.course is None):
        return end, None
    both = [budget for budget in (budgets.person, budgets.course) if budget is not None]
    if end is None:
        end = End(min(furthest(budget, start) for budget in both), EndRule.ALLOWANCE)
    reached = min(draw(budget, case.rate, start, end.at)[0] for budget in both)
    if reached < end.at:
        end = End(reached, EndRule.ALLOWANCE)
    return end, Reserved(
        _drawn(budgets.person, case.rate, start, end.at),
        _drawn(budgets.course, case.rate, start, end.at),
    )


def _drawn(budget: Budget | None, rate: int, start: datetime, end: datetime) -> Drawn | None:
    return None if budget is None else draw(budget, rate, start, end)[1]


def _longest(case: Case) -> End | None:
    """The profile's longest session; what a grant adds to it does not outlast the grant."""
    profile = case.profile
    if profile is None or profile.longest is None:
        return None
    end = End(case.now + profile.longest, EndRule.LONGEST)
    for grant in case.grants:
        what = lift(grant, case.facts.ceilings)
        if isinstance(what, Longest) and what.profile == profile.key:
            longer = End(case.now + what.length, EndRule.LONGEST)
            end = max(end, min(longer, End(grant.ends, EndRule.GRANT), key=_AT), key=_AT)
    return end


def _offered_until(case: Case, course: Course) -> End | None:
    """The end of the unbroken stretch, from now on, of enrolments that allow the profile: by their role, or by a grant."""
    if not case.offers:
        for enrolment in case.allowing:
            if enrolment.ends is None:
                return None
    enrolments = case.facts.enrolments
    spans = [
        (e.starts or case.now, e.ends, EndRule.ENROLMENT)
        for e in offered_by_role(enrolments, case.profile, course)
    ]
    spans += [_span_of(grant, e) for grant in case.offers for e in enrolments]
    until = End(case.now, EndRule.ENROLMENT)
    for starts, ends, by in sorted(spans, key=lambda span: (span[0], span[2] is EndRule.GRANT)):
        if starts > until.at:
            break
        if ends is None:
            return None
        if ends > until.at:
            until = End(ends, by)
    return until


def _span_of(grant: Grant, enrolment: Enrolment) -> tuple[datetime, datetime | None, EndRule]:
    """When somebody who is enrolled so has what the grant gives."""
    starts = max(grant.starts, enrolment.starts or grant.starts)
    if enrolment.ends is not None and enrolment.ends <= grant.ends:
        return starts, enrolment.ends, EndRule.ENROLMENT
    return starts, grant.ends, EndRule.GRANT
