"""When a session ends, by which rule, and what it reserves of budgets until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from .allowances import Budgets, Reserved, draw, furthest
from .case import Carried, Case, EndRule, Foresight, offered_by_role
from .courses import Course
from .exams import Sitting, next_start
from .grants import Grant, Longest
from .people import Enrolment

__all__ = ["End", "bounds", "exam_end", "foresee", "planned_end", "reserve", "start_end"]


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
    if facts.exams and not facts.leaves and (exam := exam_end(facts.exams, None, case.now)):
        found.append(exam)
    until = _offered_until(case, course)
    if until is not None and until.by is EndRule.ENROLMENT:
        found.append(until)
    if course.ends is not None:
        found.append(End(course.ends, EndRule.COURSE))
    if until is not None and until.by is EndRule.GRANT:
        found.append(until)
    return found


def exam_end(sittings: Sequence[Sitting], exam: str | None, started: datetime) -> End | None:
    """When exams end a session, also one that began before they were prepared or changed; None: they do not.

    Args:
        sittings: the person's.
        exam: the id of the exam that it is a server of: it ends with the person's own end of it, which extra time moves.
        started: when the session was reserved; any other ends where the next exam after that begins.
    """
    if exam is not None:
        own = (sitting.ends for sitting in sittings if sitting.exam.id == exam)
        return next((End(ends, EndRule.EXAM) for ends in own), None)
    starts = next_start(sittings, started)
    return None if starts is None else End(starts, EndRule.EXAM_START)


def foresee(case: Case, course: Course) -> Foresight:
    """How far each budget carries a start: to its planned end, and at least over the shortest session of use.

    Worked out once for a case, as rules and reservation ask the same. Only for a case that has budgets.
    """
    if case.foresight is None:
        planned = planned_end(case, course)
        budgets = case.budgets or Budgets()
        if planned is None:
            ends = (furthest(budget, case.now) for budget in budgets[:2] if budget is not None)
            planned = End(min(ends), EndRule.ALLOWANCE)
        until = max(planned.at, case.now + budgets.shortest)
        case.foresight = Foresight(*planned, *_carry(budgets, case.rate, case.now, until))
    return case.foresight


def start_end(case: Case, course: Course) -> tuple[End | None, Reserved | None]:
    """When a start ends, and what it reserves; as ``reserve`` says."""
    if case.budgets is None:
        return planned_end(case, course), None
    found = foresee(case, course)
    return _cut(case.budgets, case.rate, case.now, End(found.at, found.by), found[2:])


def reserve(case: Case, start: datetime, end: End) -> tuple[End, Reserved | None]:
    """What a session from ``start`` to ``end`` takes of each budget, and where the budgets end it sooner.

    Always holds:
        - each budget gives what the session needs to its end, and no more than it has left;
        - a session that nothing else ends is ended by a budget, at the latest with the period after this one.
    """
    budgets = case.budgets
    if budgets is None:
        return end, None
    carried = _carry(budgets, case.rate, start, end.at)
    return _cut(budgets, case.rate, start, end, carried)


def _carry(
    budgets: Budgets, rate: int, start: datetime, end: datetime
) -> tuple[Carried | None, Carried | None]:
    person, course, _ = budgets
    return (
        draw(person, rate, start, end) if person is not None else None,
        draw(course, rate, start, end) if course is not None else None,
    )


def _cut(
    budgets: Budgets,
    rate: int,
    start: datetime,
    end: End,
    carried: tuple[Carried | None, Carried | None],
) -> tuple[End, Reserved]:
    """End a session where the first budget is used up; what was drawn beyond that is drawn anew."""
    for one in carried:
        if one is not None and one[0] < end.at:
            end = End(one[0], EndRule.ALLOWANCE)
    exact = all(one is None or one[0] == end.at for one in carried)
    person, course = carried if exact else _carry(budgets, rate, start, end.at)
    return end, Reserved(person and person[1], course and course[1])


def _longest(case: Case) -> End | None:
    """The profile's longest session; what a grant adds to it does not outlast the grant."""
    profile = case.profile
    if profile is None or profile.longest is None:
        return None
    end = End(case.now + profile.longest, EndRule.LONGEST)
    for grant, what in case.lifts:
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
