"""What a teacher may set alone of a field, in a sentence."""

from __future__ import annotations

from jupyterhub_edu.domain.adjustments import Reach, reach_of
from jupyterhub_edu.domain.allowances import Allowance, gpu_hours
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.people import CourseRole

__all__ = ["ceiling_words"]


def ceiling_words(field: str, campus: Campus, course: str) -> str:
    """The ceiling of a field that has one, as a sentence of plain text."""
    if reach_of(field) is Reach.ADMIN:
        return "Only administrators of the site change this."
    head, _, key = field.partition(".")
    most = campus.ceilings.adjust
    match head:
        case "offers":
            role = CourseRole[key.upper()]
            titles = _titles(campus, most.offers.get(role, frozenset()))
            return f"Teachers offer {key}s what the campus file offers{_and(titles)}."
        case "caps":
            caps = _caps(most.caps.get(CourseRole[key.upper()], Caps()), campus)
            return f"Teachers set caps up to those of the campus file{_and(caps)}."
        case "allowance":
            allowed = most.allowances.person if key == "person" else most.allowances.course
            hours = f", or {_allowance(allowed)}" if allowed is not None else ""
            return f"Teachers allow no more than the campus file, in the same period{hours}."
        case "windows":
            quota = campus.courses[course].quota if course in campus.courses else {}
            own = ", ".join(
                f"{q.nominal} {campus.flavors[key].title}" for key, q in quota.items() if q.nominal
            )
            return (
                f"Teachers reserve what is the course's own: {own or 'no device'}. What windows of the campus file "
                "restrict stays restricted."
            )
    return ""


def _and(more: str) -> str:
    return f", and {more}" if more else ""


def _titles(campus: Campus, keys: frozenset[str]) -> str:
    return ", ".join(profile.title for key, profile in campus.profiles.items() if key in keys)


def _caps(caps: Caps, campus: Campus) -> str:
    servers = [f"{caps.servers} servers"] if caps.servers is not None else []
    devices = [f"{most} {campus.flavors[key].title}" for key, most in caps.devices.items()]
    return ", ".join([*servers, *devices])


def _allowance(allowance: Allowance) -> str:
    return f"{gpu_hours(allowance.amount)} GPU hours per {allowance.period}"
