"""Why somebody may start something or not: the hub's own decisions with what they rest on, for a person or a program.

Asked of now, of another time, or supposing a grant or another quota. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from jupyterhub_edu.domain.balance import Balance, State
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.case import asked_for
from jupyterhub_edu.domain.decide import Decision, Facts, Held, StartRequest, decide_start
from jupyterhub_edu.domain.exams import share_of
from jupyterhub_edu.domain.people import Exclusion, Person
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Flavor, Profile
from jupyterhub_edu.domain.suppose import suppose
from jupyterhub_edu.ports import Queue

from .book import Book
from .budgets import Purses, Used
from .explained import Answer, Capacity, Explained, Heard, Knowledge, Question
from .roll import Roll
from .rules_told import rules_told
from .shares import Shares

__all__ = ["PLENTY", "explain", "kept_out"]

PLENTY: Final = 10_000
"""Devices of a flavor without ``count``: only the running cluster knows how many there are."""


def explain(
    campus: Campus,
    question: Question,
    person: Person,
    book: Book,
    used: Used,
    *,
    now: datetime,
    capacity: Capacity,
    knowledge: Knowledge,
    told: Sequence[Heard],
    queue: Queue | None = None,
) -> Explained:
    """Answer by the function that decides starts; in turn with the waiting line, unless something is supposed.

    Args:
        now: when it is asked, aware UTC.
        book: what is in use now.
        used: what ended sessions have used, for the budgets of another time.
        capacity: what the book knows of devices; of another time nothing is known.
        told: the person's enrolments in the course.
        queue: the waiting line, if it is known; it is not of another time.
    """
    at, is_now = question.at or now, question.at is None
    queue = queue if is_now else None
    glance = book.glance(person.key, question.course.id)

    # Whoever has never logged in has no account yet, and the book knows nobody without.
    is_known = bool(glance.enrolments) or not told

    def facts_of(profile: Profile) -> Facts:
        facts = glance.facts(profile.key)
        if not is_known:
            facts = facts._replace(enrolments=tuple(heard.enrolment for heard in told))
        if not is_now:
            facts = _at_another_time(facts, campus, person, book.shares, used, at)
        return suppose(facts, person.key, question.supposed, at)

    def answer(profile: Profile) -> Answer:
        facts = facts_of(profile)

        def decide(chosen: Mapping[str, str]) -> Decision:
            request = StartRequest(person.key, question.course.id, profile.key, chosen)
            if is_now and is_known and not question.as_typed:
                return glance.decide(request)
            return decide_start(request, facts, at)

        choices = {
            (option.key, choice): decide({option.key: choice})
            for option in profile.options.values()
            for choice in option.choices
        }
        line = queue.length(profile.flavor.key) if queue is not None and facts.pool else None
        decision = decide(question.options)
        rules = tuple(rules_told(facts, profile, decision, at))
        return Answer(profile, decision, choices, facts.pool, line, rules)

    standing = queue.standing(person.hub_name) if queue is not None else None
    return Explained(
        now,
        campus,
        question,
        person,
        at,
        told,
        [answer(profile) for profile in question.profiles],
        capacity if is_now else Capacity.THEN,
        knowledge,
        standing.note if standing is not None else "",
    )


def kept_out(roll: Roll, person: Person, course: str, at: datetime) -> Exclusion | None:
    """Who keeps somebody out of a course by hand at this instant."""
    keys = (one.key for one in roll.identities(person))
    return next(
        (one for one in roll.exclusions.find(keys, course) if one.until is None or at < one.until),
        None,
    )


def _at_another_time(
    facts: Facts, campus: Campus, person: Person, shares: Shares, used: Used, at: datetime
) -> Facts:
    """The same as it can be known of another time: sources are heard, nobody is on, every device is idle.

    Of budgets counts what has been used by now of the day, week or term that the time lies in.
    """
    course, profile, pool, budgets = facts.course, facts.profile, facts.pool, facts.budgets
    if course is None or profile is None:
        return facts
    hours = course.hours.get(profile.key)
    exams = tuple(sitting._replace(servers=0) for sitting in facts.exams)
    if pool is not None:
        exam = asked_for([one for one in exams if one.is_on(at)], course.id, profile.key)
        share = course.id if exam is None else share_of(exam.exam.id)
        pool = _idle(shares, share, profile.flavor, at)
        budgets = Purses(used).budgets(campus, course, person.hub_name, (), at)
    return facts._replace(
        enrolments=tuple(
            replace(e, answered_at=at) if e.answered_at else e for e in facts.enrolments
        ),
        held=Held(),
        pool=pool,
        hours=hours.at(at) if hours is not None else None,
        budgets=budgets,
        exams=exams,
    )


def _idle(shares: Shares, share: str, flavor: Flavor, at: datetime) -> Pool:
    devices = flavor.count or PLENTY
    state = State.of({"": devices}, (), shares.of(flavor.key, at))
    until = shares.reserved_until(flavor.key, share, at)
    return Balance(state).pool(share)._replace(nodes=(devices,), reserved_until=until)
