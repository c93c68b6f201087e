"""What a teacher may set alone of a field, in a sentence."""

from __future__ import annotations

from typing import Final

from jupyterhub_edu.domain.adjustments import Reach, reach_of
from jupyterhub_edu.domain.allowances import Allowance, gpu_hours
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.words import join_words, say, say_count

__all__ = ["ceiling_words"]

_ROLES: Final = {
    CourseRole.STUDENT: say("students"),
    CourseRole.ASSISTANT: say("assistants"),
    CourseRole.TEACHER: say("teachers"),
    CourseRole.OBSERVER: say("observers"),
}


def ceiling_words(field: str, campus: Campus, course: str) -> str:
    """The ceiling of a field that has one, as a sentence of plain text."""
    if reach_of(field) is Reach.ADMIN:
        return say("Only administrators of the site change this.")
    head, _, key = field.partition(".")
    most = campus.ceilings.adjust
    match head:
        case "offers":
            role = CourseRole[key.upper()]
            titles = _titles(campus, most.offers.get(role, frozenset()))
            return say(
                "Teachers offer {roles} what the campus file offers{more}.",
                roles=_ROLES[role],
                more=_and(titles),
            )
        case "caps":
            caps = _caps(most.caps.get(CourseRole[key.upper()], Caps()), campus)
            return say("Teachers set caps up to those of the campus file{more}.", more=_and(caps))
        case "allowance":
            allowed = most.allowances.person if key == "person" else most.allowances.course
            hours = (
                say(", or {allowance}", allowance=_allowance(allowed))
                if allowed is not None
                else ""
            )
            return say(
                "Teachers allow no more than the campus file, in the same period{hours}.",
                hours=hours,
            )
        case "windows":
            quota = campus.courses[course].quota if course in campus.courses else {}
            own = ", ".join(
                f"{q.nominal} {campus.flavors[key].title}" for key, q in quota.items() if q.nominal
            )
            return say(
                "Teachers reserve what is the course's own: {what}. What windows of the campus file restrict stays restricted.",
                what=own or say("no device"),
            )
    return ""


def _and(more: str) -> str:
    return say(", and {more}", more=more) if more else ""


def _titles(campus: Campus, keys: frozenset[str]) -> str:
    return ", ".join(profile.title for key, profile in campus.profiles.items() if key in keys)


def _caps(caps: Caps, campus: Campus) -> str:
    servers = (
        [say_count(caps.servers, "{n} server", "{n} servers")] if caps.servers is not None else []
    )
    devices = [f"{most} {campus.flavors[key].title}" for key, most in caps.devices.items()]
    return join_words([*servers, *devices], ", ")


def _allowance(allowance: Allowance) -> str:
    return say(
        "{amount} GPU hours per {period}",
        amount=gpu_hours(allowance.amount),
        period=allowance.period,
    )
