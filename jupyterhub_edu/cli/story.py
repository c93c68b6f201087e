"""What ``explain`` found, told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.decide import Decision, EndRule, Start
from jupyterhub_edu.domain.people import FROM_FILE, MANUAL, EnrolmentState
from jupyterhub_edu.domain.profiles import Option
from jupyterhub_edu.domain.reasons import Code

from .output import BAD, DIM, GOOD, HEAD, NOTE, say

if TYPE_CHECKING:
    from .explain import Answer, Explained

__all__ = ["print_story"]

_ENDS: Final = {
    EndRule.LONGEST: "longest session",
    EndRule.ENROLMENT: "end of the enrolment",
    EndRule.COURSE: "end of the course",
}
_STATES: Final = {EnrolmentState.LATER: ", not yet", EnrolmentState.ENDED: ", no longer"}


def print_story(explained: Explained) -> None:
    """Who, as what, when; then each profile with what it gives or why not."""
    course, person = explained.course, explained.person
    local = explained.at.astimezone(explained.campus.zone)
    say((person.name, HEAD), f" ({person.source}:{person.login}) in ", (course.title, HEAD))
    _enrolments(explained)
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
    if not explained.enrolments:
        say("has no enrolment in it")
    for e in explained.enrolments:
        origin = {FROM_FILE: "the campus file", MANUAL: "--course-role"}.get(e.origin)
        title = origin or explained.campus.source_titles.get(e.origin, e.origin)
        say(f"is {e.role} by {title}{_STATES.get(e.state(explained.at), '')}")


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
        parts.append(f"until {until:%Y-%m-%d %H:%M} ({_ENDS[start.ends_by]})")
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
