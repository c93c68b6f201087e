"""Every rule that was asked about a start, with what it was decided on, in words for whoever runs the course."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from jupyterhub_edu.domain.allowances import Budget, gpu_hours
from jupyterhub_edu.domain.case import Decision, Facts
from jupyterhub_edu.domain.courses import Caps, Course
from jupyterhub_edu.domain.people import FROM_FILE, MANUAL, EnrolmentState
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.domain.reasons import ROWS, Code
from jupyterhub_edu.domain.schedule import period_span
from jupyterhub_edu.domain.words import join_words, say

__all__ = ["Result", "RuleTold", "rules_told"]


class Result(StrEnum):
    """What a rule has said."""

    PASSES = "passes"
    REFUSES = "refuses"
    SILENT = "not asked"
    """A rule before it leaves nothing to ask it, or the profile needs no devices."""


class RuleTold(NamedTuple):
    """One rule and its facts.

    Attributes:
        number: as on the policy page.
        asks: what it asks, in a few words.
        facts: what it was decided on; plain text, ``""`` where nothing is known of it.
    """

    number: int
    code: Code
    asks: str
    result: Result
    facts: str


class _Asked(NamedTuple):
    facts: Facts
    course: Course
    profile: Profile
    at: datetime

    def when(self, at: datetime) -> str:
        return f"{at.astimezone(self.facts.zone):%Y-%m-%d %H:%M}"


def rules_told(
    facts: Facts, profile: Profile, decision: Decision, at: datetime
) -> Iterator[RuleTold]:
    """Every rule in the policy page's order, each with what it was decided on.

    Args:
        facts: what the decision was made from.
        at: the instant that was asked about, aware UTC.
    """
    against = {reason.code for reason in decision.reasons}
    alone = Code.NOT_ENROLLED in against
    for code, (asks, words) in _RULES.items():
        silent = (alone and code is not Code.NOT_ENROLLED) or (
            code in _OF_DEVICES and profile.flavor.device is None
        )
        result = Result.REFUSES if code in against else Result.SILENT if silent else Result.PASSES
        known = facts.course
        asked = _Asked(facts, known, profile, at) if known is not None and not silent else None
        yield RuleTold(ROWS[code].number, code, asks, result, words(asked) if asked else "")


def _enrolments(asked: _Asked) -> str:
    titles = {**asked.facts.source_titles, FROM_FILE: say("campus file"), MANUAL: say("by hand")}
    found = [
        join_words(
            [
                e.role,
                " (",
                titles.get(e.origin, e.origin),
                *([] if (state := e.state(asked.at)) is EnrolmentState.ACTIVE else [", ", state]),
                ")",
            ]
        )
        for e in asked.facts.enrolments
    ]
    return join_words(found, ", ") or say("none")


def _freshness(asked: _Asked) -> str:
    heard = [e.answered_at for e in asked.facts.enrolments if e.answered_at is not None]
    oldest = say("no older than {length} counts", length=_length(asked.facts.stale_after))
    if len(heard) < len(asked.facts.enrolments):
        return say("by hand, or in the campus file")
    return (
        say("last answer {when}; {oldest}", when=asked.when(max(heard)), oldest=oldest)
        if heard
        else oldest
    )


def _dates(asked: _Asked) -> str:
    course = asked.course
    starts = say("from {when}", when=asked.when(course.starts)) if course.starts else ""
    ends = say("until {when}", when=asked.when(course.ends)) if course.ends else ""
    dates = join_words([one for one in (starts, ends) if one], " ") or say("no dates")
    return join_words([course.state, dates], ", ")


def _offers(asked: _Asked) -> str:
    key = asked.profile.key
    roles = [role for role, keys in asked.course.offers.items() if key in keys]
    return (
        say("offered to: {roles}", roles=join_words(roles, ", "))
        if roles
        else say("offered to no role")
    )


def _exams(asked: _Asked) -> str:
    on = [sitting for sitting in asked.facts.exams if sitting.is_on(asked.at)]
    if not on:
        return say("in no exam")
    return say("in an exam until {when}", when=asked.when(max(sitting.ends for sitting in on)))


def _windows(asked: _Asked) -> str:
    hours = asked.facts.hours
    if hours is None:
        return say("no window restricts it")
    change = f" {asked.when(hours.ends)}" if hours.ends is not None else ""
    if hours.is_open:
        return (
            say("a window is open until{change}", change=change)
            if change
            else say("a window is open")
        )
    return (
        say("shut; the next opens{change}", change=change)
        if change
        else say("shut, and no window opens it")
    )


def _caps(asked: _Asked) -> str:
    held, campus, flavor = asked.facts.held, asked.facts.caps, asked.profile.flavor
    roles = {e.role for e in asked.facts.enrolments if e.state(asked.at) is EnrolmentState.ACTIVE}
    caps = [asked.course.caps.get(role, Caps()) for role in roles]
    parts = [
        say(
            "servers here: {servers} (may {widest})",
            servers=held.servers,
            widest=_widest(one.servers for one in caps),
        ),
        say(
            "in all: {servers_all} (may {most})",
            servers_all=held.servers_all,
            most=_most(campus.servers),
        ),
    ]
    if flavor.device is not None:
        here = _widest(one.devices.get(flavor.key) for one in caps)
        everywhere = _most(campus.devices.get(flavor.key))
        parts.append(
            say(
                "{title} here: {devices} (may {here})",
                title=flavor.title,
                devices=held.devices,
                here=here,
            )
        )
        parts.append(
            say(
                "in all: {devices_all} (may {everywhere})",
                devices_all=held.devices_all,
                everywhere=everywhere,
            )
        )
    return join_words(parts, ", ")


def _quota(asked: _Asked) -> str:
    pool = asked.facts.pool
    if pool is None:
        return ""
    return say(
        "the course uses {used_here}, owns {nominal}, may hold {most}",
        used_here=pool.used_here,
        nominal=pool.nominal,
        most=_most(pool.most),
    )


def _held_back(asked: _Asked) -> str:
    pool = asked.facts.pool
    if pool is None:
        return ""
    idle = pool.claimed - pool.used - max(0, pool.reserved - pool.used_here)
    until = (
        say(" until {when}", when=asked.when(pool.reserved_until))
        if pool.reserved_until and idle
        else ""
    )
    return say("{idle} kept for others{until}", idle=max(0, idle), until=until)


def _own_hours(asked: _Asked) -> str:
    budgets = asked.facts.budgets
    return _hours(budgets.person if budgets is not None else None, asked.at)


def _pooled_hours(asked: _Asked) -> str:
    budgets = asked.facts.budgets
    return _hours(budgets.course if budgets is not None else None, asked.at)


def _hours(budget: Budget | None, at: datetime) -> str:
    if budget is None:
        return say("without limit")
    amount, period = budget.allowance
    taken = budget.taken.get(period_span(period, at, budget.zone, budget.term).starts, 0)
    extra = sum(one.amount for one in budget.extras)
    granted = say(", {extra} more granted", extra=gpu_hours(extra)) if extra else ""
    return say(
        "{taken} of {amount} GPU hours per {period} taken{granted}",
        taken=gpu_hours(taken),
        amount=gpu_hours(amount),
        period=period,
        granted=granted,
    )


def _capacity(asked: _Asked) -> str:
    pool = asked.facts.pool
    if pool is None or pool.stale_since is not None:
        return ""
    fullest = max(pool.nodes, default=0)
    return say(
        "{free} free, at most {fullest} on one machine, {unseen} on their way",
        free=max(0, pool.room),
        fullest=fullest,
        unseen=pool.unseen,
    )


def _heard(asked: _Asked) -> str:
    pool = asked.facts.pool
    if pool is None or pool.stale_since is None:
        return say("the cluster is heard")
    return say("not heard since {when}", when=asked.when(pool.stale_since))


def _nothing(asked: _Asked) -> str:
    return ""


_RULES: Final[Mapping[Code, tuple[str, Callable[[_Asked], str]]]] = MappingProxyType(
    {
        Code.NOT_ENROLLED: (say("enrolled in the course now"), _enrolments),
        Code.ROSTER_STALE: (say("the source has confirmed it lately"), _freshness),
        Code.COURSE_CLOSED: (say("the course is open"), _dates),
        Code.PROFILE_NOT_OFFERED: (say("the profile is offered"), _offers),
        Code.OPTION_INVALID: (say("the options can be chosen"), _nothing),
        Code.EXAM_RUNNING: (say("no exam forbids it"), _exams),
        Code.OUTSIDE_WINDOW: (say("a window is open"), _windows),
        Code.PERSON_CAP: (say("below the person's caps"), _caps),
        Code.COURSE_QUOTA: (say("within the course's quota"), _quota),
        Code.POOL_RESERVED: (say("not held for another class"), _held_back),
        Code.PERSON_ALLOWANCE: (say("the person's GPU hours"), _own_hours),
        Code.COURSE_ALLOWANCE: (say("the course's GPU hours"), _pooled_hours),
        Code.NO_CAPACITY: (say("a machine has room"), _capacity),
        Code.INVENTORY_STALE: (say("the cluster is heard"), _heard),
    }
)
_OF_DEVICES: Final = frozenset(
    {
        Code.ROSTER_STALE,
        Code.COURSE_QUOTA,
        Code.POOL_RESERVED,
        Code.PERSON_ALLOWANCE,
        Code.COURSE_ALLOWANCE,
        Code.NO_CAPACITY,
        Code.INVENTORY_STALE,
    }
)


def _widest(caps: Iterator[int | None]) -> str:
    known = list(caps)
    return (
        say("any number")
        if not known or None in known
        else str(max(one for one in known if one is not None))
    )


def _most(cap: int | None) -> str:
    return say("any number") if cap is None else str(cap)


def _length(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    return f"{hours:g} h"
