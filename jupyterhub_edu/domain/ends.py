"""When a session ends, by which rule, and what it reserves of budgets until then."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from .allowances import Budget, Drawn, Reserved, draw, furthest
from .case import Case, EndRule, offered_by_role
from .courses import Course
from .exams import next_start
from .grants import Grant, Longest, lift
from .people import Enrolment

__all__ = ["End", "bounds", "planned_end", "reserve"]


class End(NamedTuple):
    """The earliest end, and the rule that sets it; both None where nothing ends a session."""

    at: datetime | None = None
    by: EndRule | None = None

    def or_sooner(self, at: datetime | None, by: EndRule) -> End:
        """This end, or another one before it; on a tie the first."""
        if at is None or (self.at is not None and self.at <= at):
            return self
        return End(at, by)


def planned_end(case: Case, course: Course) -> End:
    """The end by every rule but budgets, in the page's order; in an exam the person's own end of it alone."""
    if case.exam is not None:
        return End(case.exam.ends, EndRule.EXAM)
    return bounds(case, course, _longest(case))


def bounds(case: Case, course: Course, end: End) -> End:
    """An end, or a sooner one by the rules that no extension moves; budgets are not asked."""
    facts = case.facts
    if facts.hours is not None:
        end = end.or_sooner(facts.hours.ends, EndRule.WINDOW)
    if facts.exams and not facts.leaves:
        end = end.or_sooner(next_start(facts.exams, case.now), EndRule.EXAM_START)
    until = _offered_until(case, course)
    if until.by is EndRule.ENROLMENT:
        end = end.or_sooner(until.at, EndRule.ENROLMENT)
    end = end.or_sooner(course.ends, EndRule.COURSE)
    if until.by is EndRule.GRANT:
        end = end.or_sooner(until.at, EndRule.GRANT)
    return end


def reserve(case: Case, start: datetime, end: End) -> tuple[End, Reserved | None]:
    """What a session from ``start`` to ``end`` takes of each budget, and where the budgets end it sooner.

    Always holds:
        - each budget gives what the session needs to its end, and no more than it has left;
        - a session that nothing else ends is ended by a budget, at the latest with the period after this one.
    """
    budgets = case.budgets
    if budgets is None:
        return end, None
    both = (budgets.person, budgets.course)
    for budget in both:
        if budget is not None and end.at is None:
            end = end.or_sooner(furthest(budget, start), EndRule.ALLOWANCE)
    for budget in both:
        if budget is not None and end.at is not None:
            end = end.or_sooner(draw(budget, case.rate, start, end.at)[0], EndRule.ALLOWANCE)
    until = end.at or start
    return end, Reserved(*(_drawn(budget, case.rate, start, until) for budget in both))


def _drawn(budget: Budget | None, rate: int, start: datetime, end: datetime) -> Drawn | None:
    return None if budget is None else draw(budget, rate, start, end)[1]


def _longest(case: Case) -> End:
    """The profile's longest session; what a grant adds to it does not outlast the grant."""
    profile = case.profile
    if profile is None or profile.longest is None:
        return End()
    end = End(case.now + profile.longest, EndRule.LONGEST)
    for grant in case.grants:
        what = lift(grant, case.facts.ceilings)
        if isinstance(what, Longest) and what.profile == profile.key:
            longer = End(case.now + what.length, EndRule.LONGEST)
            longer = longer.or_sooner(grant.ends, EndRule.GRANT)
            end = max(end, longer, key=lambda e: e.at or case.now)
    return end


def _offered_until(case: Case, course: Course) -> End:
    """The end of the unbroken stretch, from now on, of enrolments that allow the profile: by their role, or by a grant."""
    if any(e.ends is None for e in case.allowing) and not case.offers:
        return End()
    enrolments = case.facts.enrolments
    spans = [
        (e.starts or case.now, e.ends, EndRule.ENROLMENT)
        for e in offered_by_role(enrolments, case.profile, course)
    ]
    spans += [_span_of(grant, e) for grant in case.offers for e in enrolments]
    until = End(case.now)
    for starts, ends, by in sorted(spans, key=lambda span: (span[0], span[2] is EndRule.GRANT)):
        if until.at is None or starts > until.at:
            break
        if ends is None or ends > until.at:
            until = End(ends, by)
    return until


def _span_of(grant: Grant, enrolment: Enrolment) -> tuple[datetime, datetime, EndRule]:
    """When somebody who is enrolled so has what the grant gives."""
    starts = max(grant.starts, enrolment.starts or grant.starts)
    if enrolment.ends is not None and enrolment.ends <= grant.ends:
        return starts, enrolment.ends, EndRule.ENROLMENT
    return starts, grant.ends, EndRule.GRANT
