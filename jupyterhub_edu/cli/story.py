"""What ``explain`` found, and how it is told: to a person, or as JSON to a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision, Start, role_in
from jupyterhub_edu.domain.people import (
    FROM_FILE,
    MANUAL,
    CourseRole,
    Enrolment,
    EnrolmentState,
    Person,
    source_origin,
)
from jupyterhub_edu.domain.profiles import Option, Profile
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.ports import utc_now

from .output import BAD, DIM, GOOD, HEAD, NOTE, say
from .remembered import Knowledge

__all__ = ["Answer", "Explained", "print_story", "to_json"]

_STATES: Final = {EnrolmentState.LATER: ", not yet", EnrolmentState.ENDED: ", no longer"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision about one profile, and about each choice of its options taken alone."""

    profile: Profile
    decision: Decision
    choices: Mapping[tuple[str, str], Decision]


@dataclass(frozen=True, slots=True)
class Heard:
    """An enrolment, and when its source last said so; None: just now, or no source says it."""

    enrolment: Enrolment
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Explained:
    """What one person may start in one course at one instant."""

    campus: Campus
    course: Course
    person: Person
    at: datetime
    told: tuple[Heard, ...]
    answers: tuple[Answer, ...]
    knowledge: Knowledge

    @property
    def role(self) -> CourseRole | None:
        """The strongest role at that instant."""
        return role_in([heard.enrolment for heard in self.told], self.at)


def print_story(explained: Explained) -> None:
    """Who, as what, when; then each profile with what it gives or why not."""
    course, person = explained.course, explained.person
    local = explained.at.astimezone(explained.campus.zone)
    say((person.name, HEAD), f" ({person.source}:{person.login}) in ", (course.title, HEAD))
    _enrolments(explained)
    _knowledge(explained)
    say((f"at {local:%Y-%m-%d %H:%M %Z}, with every device idle", DIM))
    decisions = [answer.decision for answer in explained.answers]
    if all(d.reasons and d.reasons[0].code is Code.NOT_ENROLLED for d in decisions):
        # It stands alone and is the same for every profile: once is enough.
        say("")
        say(("no   ", BAD), "anything")
        _reasons(decisions[0])
        return
    for answer in explained.answers:
        say("")
        _answer(explained, answer)


def _enrolments(explained: Explained) -> None:
    if not explained.told:
        say("has no enrolment in it")
    for heard in explained.told:
        e = heard.enrolment
        by_hand = f"hand ({e.by})" if e.by else "--course-role"
        origin = {FROM_FILE: "the campus file", MANUAL: by_hand}.get(e.origin)
        title = origin or explained.campus.source_titles.get(e.origin, e.origin)
        age = f", as it said {_when(explained, heard.at)}" if heard.at else ""
        say(f"is {e.role} by {title}{_STATES.get(e.state(explained.at), '')}{age}")


def _knowledge(explained: Explained) -> None:
    """Where all that comes from, and how old it is."""
    known, person = explained.knowledge, explained.person
    if (out := known.kept_out) is not None:
        say("is kept out of it by hand", f" ({out.by}{f': {out.why}' if out.why else ''})")
    if known.why_not:
        say((f"what the hub remembers was not asked: {known.why_not}", DIM))
    if not known.from_store:
        return
    title = explained.campus.source_titles.get(source_origin(person.source), person.source)
    if not person.active:
        say(f"{title} says that this account is gone or out of use")
    heard = f"; {title} was last heard of them {_when(explained, known.heard_at)}"
    told = {
        "account": f"as the hub's store has it{heard if known.heard_at else ''}",
        "listed": "as the hub's store has it: a roster names them, and they have never logged in",
        "nobody": "the hub's store has never heard of them; --course-role asks as if they were in the course",
    }[known.known_as]
    say((told, DIM))


def _when(explained: Explained, at: datetime | None) -> str:
    """An instant, and how long ago that is."""
    if at is None:
        return "never"
    local = at.astimezone(explained.campus.zone)
    return f"{local:%Y-%m-%d %H:%M} ({_ago(utc_now() - at)} ago)"


def _ago(age: timedelta) -> str:
    minutes = max(0, round(age.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _answer(explained: Explained, answer: Answer) -> None:
    profile, decision = answer.profile, answer.decision
    if decision.start is None:
        say(("no   ", BAD), (profile.key, HEAD), f"  {profile.title}")
        _reasons(decision)
        return
    say(("yes  ", GOOD), (profile.key, HEAD), f"  {profile.title}")
    say(_amounts(explained, decision.start), indent=5)
    for option in profile.options.values():
        _option(option, answer)


def _amounts(explained: Explained, start: Start) -> str:
    amounts = start.granted.amounts
    flavor = explained.campus.flavors[start.granted.flavor]
    parts = [f"{amounts.cpu_limit}", f"{amounts.memory_limit}"]
    if amounts.devices:
        ground = "the course's own" if start.own else "spare, on loan"
        parts.append(f"{amounts.devices} {flavor.title} ({ground})")
    if start.granted.image:
        parts.append(start.granted.image)
    if start.ends_at and start.ends_by:
        until = start.ends_at.astimezone(explained.campus.zone)
        parts.append(f"until {until:%Y-%m-%d %H:%M} ({start.ends_by.words})")
    return ", ".join(parts)


def _reasons(decision: Decision) -> None:
    for reason in decision.reasons:
        say(reason.sentence, (f"  [{reason.code}]", NOTE), indent=5)
        say((f"who can change it: {reason.who}", DIM), indent=7)


def _option(option: Option, answer: Answer) -> None:
    for key, choice in option.choices.items():
        decision = answer.choices[option.key, key]
        usual = " (default)" if key == option.default else ""
        if decision.start is not None:
            say(("yes  ", GOOD), f"{option.key}={key}  {choice.title}{usual}", indent=5)
        else:
            say(("no   ", BAD), f"{option.key}={key}  {choice.title}{usual}", indent=5)
            for reason in decision.reasons:
                say(reason.sentence, (f"  [{reason.code}]", NOTE), indent=10)


def to_json(explained: Explained) -> dict[str, Any]:
    """The same as objects and lists that JSON knows."""
    return {
        "campus": explained.campus.name,
        "course": explained.course.id,
        "person": explained.person.key,
        "at": explained.at.isoformat(),
        "course_role": str(explained.role) if explained.role else None,
        "enrolments": [
            {
                "course_role": str(heard.enrolment.role),
                "origin": heard.enrolment.origin,
                "state": str(heard.enrolment.state(explained.at)),
                "heard_at": heard.at.isoformat() if heard.at else None,
            }
            for heard in explained.told
        ],
        "knowledge": _known(explained.knowledge),
        "profiles": [
            {
                "profile": answer.profile.key,
                **_decision(answer.decision),
                "options": {
                    key: {
                        choice: _decision(answer.choices[key, choice]) for choice in option.choices
                    }
                    for key, option in answer.profile.options.items()
                },
            }
            for answer in explained.answers
        ],
    }


def _known(known: Knowledge) -> dict[str, Any]:
    out = known.kept_out
    return {
        "from_store": known.from_store,
        "why_not": known.why_not,
        "known_as": known.known_as,
        "heard_at": known.heard_at.isoformat() if known.heard_at else None,
        "kept_out": {"by": out.by, "why": out.why} if out else None,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    start = decision.start
    if start is None:
        reasons = [
            {
                "code": str(reason.code),
                "sentence": reason.sentence,
                "who": reason.who,
                "retry_at": reason.retry_at.isoformat() if reason.retry_at else None,
            }
            for reason in decision.reasons
        ]
        return {"allowed": False, "status": decision.status, "reasons": reasons}
    amounts = start.granted.amounts
    return {
        "allowed": True,
        "own": start.own,
        "devices": amounts.devices,
        "cpu_limit": amounts.cpu_limit.cores,
        "memory_limit_bytes": amounts.memory_limit.bytes,
        "image": start.granted.image,
        "ends_at": start.ends_at.isoformat() if start.ends_at else None,
        "ends_by": str(start.ends_by) if start.ends_by else None,
    }
