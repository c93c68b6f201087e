"""Who may start what: the rules of the policy page, in its order, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from .allowances import Budget, gpu_hours
from .case import Carried, Case, Decision, EndRule, Facts, Held, Start, StartRequest
from .courses import Caps, Course, CourseState
from .ends import foresee, start_end
from .grants import lifted_cap
from .outside import SITE
from .people import CourseRole, Enrolment, EnrolmentState
from .pools import Claim, fits_a_node, is_held_for_others
from .reasons import Code, Reason
from .schedule import Period, period_span
from .words import say

__all__ = [
    "Decision",
    "EndRule",
    "Facts",
    "Held",
    "Start",
    "StartRequest",
    "decide_start",
    "failing",
    "not_enrolled",
    "role_in",
]


def decide_start(request: StartRequest, facts: Facts, now: datetime) -> Decision:
    """Decide whether one server may start now.

    Always holds:
        - the same arguments give the same decision; nothing is changed;
        - a refusal names every failing rule, in table order;
        - no active enrolment means refused, with the same answer as for a course that does not exist.

    Args:
        request: person, course id (lower-case slug, 1-48 characters) and profile.
        facts: a small record gathered for this request at one instant, never a copy of the campus.
        now: aware UTC instant, used for terms and enrolments.

    Returns:
        A Decision; ``reasons`` is empty exactly when it is allowed.

    Source:
        docs/explanation/policy.md, rules 1-14.
    """
    course = facts.course
    active = [e for e in facts.enrolments if e.state(now) is EnrolmentState.ACTIVE]
    if course is None or not active:
        return Decision(None, (not_enrolled(request, facts, now),))
    case = Case(request, facts, course, active, now)
    reasons = failing(case, course)
    if reasons or case.granted is None:
        return Decision(None, tuple(reasons))
    end, reserved = start_end(case, course)
    own, exam = case.claim is not Claim.LOAN, case.exam.exam.id if case.exam else None
    ends_at, ends_by = end or (None, None)
    return Decision(Start(case.granted, case.role, own, ends_at, ends_by, reserved, exam))


def failing(case: Case, course: Course) -> list[Reason]:
    """Every reason against a case, in table order; rule 1 has been asked before."""
    reasons: list[Reason] = []
    for rule in _RULES:
        if found := rule(case, course):
            reasons.extend(found)
    return reasons


def role_in(enrolments: Iterable[Enrolment], now: datetime) -> CourseRole | None:
    """The strongest course role among the enrolments that are active now, or None."""
    return max((e.role for e in enrolments if e.state(now) is EnrolmentState.ACTIVE), default=None)


def not_enrolled(request: StartRequest, facts: Facts, now: datetime) -> Reason:
    """Rule 1. A title is told only to those who have, had or will have an enrolment."""
    if request.course == SITE:
        return Reason(Code.NOT_ENROLLED, "outside", contact=facts.contact)
    if facts.course is None or not facts.enrolments:
        return Reason(Code.NOT_ENROLLED, "", {"course": request.course}, contact=facts.contact)
    starts = min((e.starts for e in facts.enrolments if e.starts and e.starts > now), default=None)
    if starts is not None:
        return Reason(
            Code.NOT_ENROLLED,
            "later",
            {"course": facts.course.title, "starts": _day(starts, facts.zone)},
            starts,
        )
    ended = max(e.ends for e in facts.enrolments if e.ends)
    return Reason(
        Code.NOT_ENROLLED,
        "ended",
        {"course": facts.course.title, "ended": _last_day(ended, facts.zone)},
        contact=facts.contact,
    )


def _roster_stale(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 2: a device needs at least one enrolment that is fresh enough."""
    if not case.devices:
        return ()
    oldest = case.now - case.facts.stale_after
    for enrolment in case.allowing:
        if enrolment.answered_at is None or enrolment.answered_at >= oldest:
            return ()
    last = max(case.allowing, key=lambda e: e.answered_at or oldest)
    title = case.facts.source_titles.get(last.origin, last.origin)
    return [
        Reason(
            Code.ROSTER_STALE,
            "",
            {"source": title, "since": _instant(last.answered_at or oldest, case.facts.zone)},
        )
    ]


def _course_closed(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 3."""
    if course.is_open(case.now):
        return ()
    contact, values = case.facts.contact, {"title": course.title}
    if course.state is not CourseState.OPEN:
        return [Reason(Code.COURSE_CLOSED, str(course.state), values, contact=contact)]
    if course.starts is not None and case.now < course.starts:
        return [
            Reason(
                Code.COURSE_CLOSED,
                "later",
                {**values, "starts": _day(course.starts, case.facts.zone)},
                course.starts,
                contact,
            )
        ]
    ended = _last_day(course.ends or case.now, case.facts.zone)
    return [Reason(Code.COURSE_CLOSED, "ended", {**values, "ended": ended}, contact=contact)]


def _profile_not_offered(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 4. What the catalogue does not have answers like what is not offered."""
    if case.allowing:
        return ()
    asked = case.request.profile or say("A server")
    values = {"profile": asked, "role": case.role, "title": course.title}
    return [Reason(Code.PROFILE_NOT_OFFERED, "", values, contact=case.facts.contact)]


def _option_invalid(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 5."""
    return case.wrong


def _exam_running(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 6, for the person's own exams alone; it never says of which course."""
    if not case.sittings:
        return ()
    if case.exam is None:
        until = max(sitting.ends for sitting in case.sittings)
        values = {"until": _instant(until, case.facts.zone)}
        return [Reason(Code.EXAM_RUNNING, "", values, until)]
    return [Reason(Code.EXAM_RUNNING, "beside")] if case.exam.servers else ()


def _outside_window(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 7: a profile that windows restrict starts in one of them alone; where none is left, never."""
    hours, profile = case.facts.hours, case.profile
    if hours is None or hours.is_open or profile is None or case.sittings:
        return ()
    contact, values = case.facts.contact, {"title": course.title, "profile": profile.title}
    if hours.ends is None:
        return [Reason(Code.OUTSIDE_WINDOW, "none", values, contact=contact)]
    told = {**values, "opens": _instant(hours.ends, case.facts.zone)}
    return [Reason(Code.OUTSIDE_WINDOW, "", told, hours.ends, contact)]


def _person_cap(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 8: the smaller of the course's and the campus's cap binds; of two course roles the wider cap counts."""
    if case.exam is not None:
        return ()
    held, campus = case.facts.held, case.facts.caps
    reasons = []
    here = _course_cap(case, course, None)
    for have, cap in ((held.servers, here), (held.servers_all, campus.servers)):
        if cap is not None and have + 1 > cap:
            reasons.append(Reason(Code.PERSON_CAP, "", {"held": have, "cap": cap}))
            break
    if case.devices and case.profile is not None:
        flavor = case.profile.flavor
        here = _course_cap(case, course, flavor.key)
        for have, cap in (
            (held.devices, here),
            (held.devices_all, campus.devices.get(flavor.key)),
        ):
            if cap is not None and have + case.devices > cap:
                values = {"wanted": have + case.devices, "flavor": flavor.title, "cap": cap}
                reasons.append(Reason(Code.PERSON_CAP, "devices", values))
                break
    return reasons


def _course_quota(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 9."""
    pool, profile = case.facts.pool, case.profile
    if case.claim not in (Claim.NEVER, Claim.NOT_NOW) or pool is None or profile is None:
        return ()
    values = {
        "flavor": profile.flavor.title,
        "title": course.title,
        "wanted": case.devices,
        "most": pool.most if pool.most is None else max(pool.most, pool.peak),
    }
    if case.claim is Claim.NEVER:
        return [Reason(Code.COURSE_QUOTA, "never", values, contact=case.facts.contact)]
    return [Reason(Code.COURSE_QUOTA, "", values, pool.frees_at, case.facts.contact)]


def _pool_reserved(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 10; it never says for whom."""
    pool, profile = case.facts.pool, case.profile
    if not case.devices or pool is None or profile is None:
        return ()
    if not is_held_for_others(case.devices, pool):
        return ()
    contact, values = case.facts.contact, {"flavor": profile.flavor.title}
    if pool.reserved_until is None:
        return [Reason(Code.POOL_RESERVED, "", values, contact=contact)]
    until = _instant(pool.reserved_until, case.facts.zone)
    told = {**values, "until": until}
    return [Reason(Code.POOL_RESERVED, "until", told, pool.reserved_until, contact)]


def _person_allowance(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 11."""
    if case.budgets is None or case.budgets.person is None:
        return ()
    carried = foresee(case, course).person
    return _too_little(case, course, Code.PERSON_ALLOWANCE, case.budgets.person, carried)


def _course_allowance(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 12."""
    if case.budgets is None or case.budgets.course is None:
        return ()
    carried = foresee(case, course).course
    return _too_little(case, course, Code.COURSE_ALLOWANCE, case.budgets.course, carried)


def _too_little(
    case: Case, course: Course, code: Code, budget: Budget, carried: Carried | None
) -> Sequence[Reason]:
    """Against a start for which a budget has less left than the shortest session of use takes."""
    now, facts = case.now, case.facts
    shortest = facts.budgets.shortest if facts.budgets is not None else timedelta(0)
    reached = carried[0] if carried is not None else now
    if reached >= now + shortest:
        return ()
    amount, period = budget.allowance
    values = {
        "title": course.title,
        "hours": gpu_hours(amount),
        "period": period,
        "left": (reached - now) // _MINUTE,
        "shortest": shortest // _MINUTE,
    }
    # After a term there is no next one of this course.
    again = period_span(period, now, budget.zone, None).ends if period is not Period.TERM else None
    return [Reason(code, "", values, again, facts.contact)]


def _no_capacity(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 13; nothing is known of capacity while the inventory is stale."""
    pool, profile = case.facts.pool, case.profile
    if not case.devices or pool is None or profile is None or pool.stale_since is not None:
        return ()
    if fits_a_node(case.devices, pool):
        return ()
    values = {"wanted": case.devices, "flavor": profile.flavor.title}
    return [Reason(Code.NO_CAPACITY, "", values, pool.frees_at)]


def _inventory_stale(case: Case, course: Course) -> Sequence[Reason]:
    """Rule 14."""
    pool = case.facts.pool
    if not case.devices or pool is None or pool.stale_since is None:
        return ()
    return [
        Reason(
            Code.INVENTORY_STALE,
            "",
            {"since": _instant(pool.stale_since, case.facts.zone)},
            contact=case.facts.contact,
        )
    ]


_RULES: Final[tuple[Callable[[Case, Course], Sequence[Reason]], ...]] = (
    _roster_stale,
    _course_closed,
    _profile_not_offered,
    _option_invalid,
    _exam_running,
    _outside_window,
    _person_cap,
    _course_quota,
    _pool_reserved,
    _person_allowance,
    _course_allowance,
    _no_capacity,
    _inventory_stale,
)
_NO_CAPS: Final = Caps()
_MINUTE: Final = timedelta(minutes=1)


def _course_cap(case: Case, course: Course, flavor: str | None) -> int | None:
    """The widest cap of the person's roles in the course, or of a grant; None: no cap.

    Args:
        flavor: whose devices the cap is on; None: on servers.
    """
    widest = 0
    for enrolment in case.active:
        caps = course.caps.get(enrolment.role, _NO_CAPS)
        cap = caps.servers if flavor is None else caps.devices.get(flavor)
        if cap is None:
            return None
        if cap > widest:
            widest = cap
    return lifted_cap(widest, flavor, case.lifts) if case.lifts else widest


def _day(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d}"


def _last_day(end: datetime, zone: tzinfo) -> str:
    """The last day before an end, which is the first instant that no longer belongs."""
    return _day(end - timedelta.resolution, zone)


def _instant(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
