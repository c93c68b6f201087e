"""What is asked about somebody's start and what is answered, as values, and for programs as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision, role_in
from jupyterhub_edu.domain.people import (
    FROM_FILE,
    MANUAL,
    Enrolment,
    Exclusion,
    Person,
    source_origin,
)
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.domain.suppose import Supposed

from .rules_told import RuleTold

__all__ = ["Answer", "Capacity", "Explained", "Heard", "Knowledge", "Question"]


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
