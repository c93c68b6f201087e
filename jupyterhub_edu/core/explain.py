"""Why somebody may start something or not: the hub's own decisions with what they rest on, for a person or a program.

Asked of now, of another time, or supposing a grant or another quota. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from jupyterhub_edu.domain.balance import Balance, State
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.case import asked_for
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import (
    Decision,
    Facts,
    Held,
    StartRequest,
    decide_start,
    role_in,
)
from jupyterhub_edu.domain.exams import share_of
from jupyterhub_edu.domain.people import (
    FROM_FILE,
    MANUAL,
    Enrolment,
    Exclusion,
    Person,
    source_origin,
)
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Flavor, Profile
from jupyterhub_edu.domain.suppose import Supposed, suppose
from jupyterhub_edu.ports import Queue

from .book import Book
from .budgets import Purses, Used
from .roll import Roll
from .rules_told import RuleTold, rules_told
from .shares import Shares

__all__ = [
    "PLENTY",
    "Answer",
    "Capacity",
    "Explained",
    "Heard",
    "Knowledge",
    "Question",
    "explain",
    "kept_out",
]

PLENTY: Final = 10_000
"""Devices of a flavor without ``count``: only the running cluster knows how many there are."""


class Capacity(StrEnum):
    """What is known of devices and servers in use."""

    LIVE = "live"
    """As the hub that runs has it."""
    KEPT = "kept"
    """The sessions that the store knows; what is free nobody was asked."""
    IDLE = "idle"
    """Every device idle and nobody on: a person who is only supposed, or no store."""
    THEN = "then"
    """The same, of another time."""


class Question(NamedTuple):
    """What is asked about one person.

    Attributes:
        options: choices by option key, as typed.
        at: aware UTC instant; None: now.
        as_typed: what is supposed, as it was typed.
    """

    course: Course
    profiles: tuple[Profile, ...]
    options: Mapping[str, str] = MappingProxyType({})
    at: datetime | None = None
    supposed: Supposed = Supposed()
    as_typed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Where an answer's knowledge of a person comes from.

    Attributes:
        from_store: whether what the hub remembers was looked at; ``why_not`` says why it was not, ``""`` if nobody wanted
            to.
        known_as: somebody with a hub account, somebody whom a roster names, or nobody.
        heard_at: when their source last answered about them; None: never, or it was read just now.
        kept_out: who keeps them out of the course by hand.
        live: the hub that runs says so, and not its store.
    """

    from_store: bool = False
    why_not: str = ""
    known_as: Literal["account", "listed", "nobody"] = "nobody"
    heard_at: datetime | None = None
    kept_out: Exclusion | None = None
    live: bool = False


class Heard(NamedTuple):
    """An enrolment, and when its source last said so; None: just now, or no source says it."""

    enrolment: Enrolment
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision about one profile, and about each choice of its options taken alone.

    Attributes:
        pool: the flavor's devices as this course sees them; None where it needs none.
        line: how many wait for the flavor; None where that is not known.
        rules: every rule with what it was decided on.
    """

    profile: Profile
    decision: Decision
    choices: Mapping[tuple[str, str], Decision]
    pool: Pool | None = None
    line: int | None = None
    rules: Sequence[RuleTold] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """What one person may start in one course at one instant.

    Attributes:
        asked_at: when that was asked, aware UTC.
        standing: how they stand in the waiting line now, in words, or ``""``.
    """

    asked_at: datetime
    campus: Campus
    question: Question
    person: Person
    at: datetime
    told: Sequence[Heard]
    answers: Sequence[Answer]
    capacity: Capacity
    knowledge: Knowledge = field(default_factory=Knowledge)
    standing: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it as objects and lists that JSON knows; instants in UTC."""
        course, person = self.question.course, self.person
        role = role_in([heard.enrolment for heard in self.told], self.at)
        return {
            "campus": self.campus.name,
            "time_zone": self.campus.zone.key,
            "course": course.id,
            "course_title": course.title,
            "person": person.key,
            "name": person.name,
            "source": person.source,
            "login": person.login,
            "now": self.asked_at.isoformat(),
            "at": self.at.isoformat(),
            "capacity": str(self.capacity),
            "supposed": list(self.question.as_typed),
            "course_role": str(role) if role else None,
            "enrolments": [self._enrolment(heard) for heard in self.told],
            "knowledge": self._known(),
            "standing": self.standing,
            "profiles": [self._answer(answer) for answer in self.answers],
        }

    def _enrolment(self, heard: Heard) -> dict[str, Any]:
        e = heard.enrolment
        unsigned = "hand" if self.knowledge.from_store else "--course-role"
        by_hand = f"hand ({e.by})" if e.by else unsigned
        words = {FROM_FILE: "the campus file", MANUAL: by_hand}.get(e.origin)
        return {
            "course_role": str(e.role),
            "origin": e.origin,
            "by": words or self.campus.source_titles.get(e.origin, e.origin),
            "state": str(e.state(self.at)),
            "heard_at": _iso(heard.at),
        }

    def _known(self) -> dict[str, Any]:
        known, person = self.knowledge, self.person
        out = known.kept_out
        title = self.campus.source_titles.get(source_origin(person.source), person.source)
        return {
            "live": known.live,
            "from_store": known.from_store,
            "why_not": known.why_not,
            "known_as": known.known_as,
            "source": title,
            "active": person.active,
            "heard_at": _iso(known.heard_at),
            "kept_out": {"by": out.by, "why": out.why} if out else None,
        }

    def _answer(self, answer: Answer) -> dict[str, Any]:
        profile = answer.profile
        return {
            "profile": profile.key,
            "title": profile.title,
            "flavor": profile.flavor.key,
            "flavor_title": profile.flavor.title,
            **_decision(answer.decision),
            "pool": _pool(answer.pool, self.capacity) if answer.pool else None,
            "line": answer.line,
            "rules": [
                {
                    "number": rule.number,
                    "code": str(rule.code),
                    "asks": rule.asks,
                    "result": str(rule.result),
                    "facts": rule.facts,
                }
                for rule in answer.rules
            ],
            "options": {
                key: {
                    choice: {
                        "title": known.title,
                        "default": choice == option.default,
                        **_decision(answer.choices[key, choice]),
                    }
                    for choice, known in option.choices.items()
                }
                for key, option in profile.options.items()
            },
        }


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
        (
            one
            for one in roll.exclusions.of(keys)
            if one.course == course and (one.until is None or at < one.until)
        ),
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


# -- for programs --------------------------------------------------------------------------------------------------


def _decision(decision: Decision) -> dict[str, Any]:
    start = decision.start
    if start is None:
        reasons = [
            {
                "code": str(reason.code),
                "sentence": reason.sentence,
                "who": reason.who,
                "retry_at": _iso(reason.retry_at),
            }
            for reason in decision.reasons
        ]
        return {"allowed": False, "status": decision.status, "reasons": reasons}
    amounts = start.granted.amounts
    return {
        "allowed": True,
        "own": start.own,
        "devices": amounts.devices,
        "cpu": str(amounts.cpu_limit),
        "cpu_limit": amounts.cpu_limit.cores,
        "memory": str(amounts.memory_limit),
        "memory_limit_bytes": amounts.memory_limit.bytes,
        "image": start.granted.image,
        "ends_at": _iso(start.ends_at),
        "ends_by": str(start.ends_by) if start.ends_by else None,
        "ends_why": start.ends_by.words if start.ends_by else "",
        "exam": start.exam,
    }


def _pool(pool: Pool, capacity: Capacity) -> dict[str, Any]:
    """The numbers of rules 9, 10 and 13; what of them is not known is None."""
    held_here = max(0, pool.reserved - pool.used_here)
    elsewhere = pool.claimed - pool.used - held_here
    is_live = capacity is Capacity.LIVE and pool.stale_since is None
    return {
        "own": pool.nominal,
        "most": pool.most,
        "used": pool.used_here,
        "spare": max(0, pool.used_here - pool.nominal),
        "reserved": held_here,
        "used_by_others": pool.used - pool.used_here,
        "kept_for_others": max(0, elsewhere),
        "free": pool.room if is_live else None,
        "free_by_node": list(pool.nodes) if is_live else None,
        "on_their_way": pool.unseen if is_live else None,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
