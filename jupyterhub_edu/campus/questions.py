"""What was asked about a start, as typed: the course, the profile, the time, and what to suppose."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from jupyterhub_edu.core.explained import Question
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course, Quota
from jupyterhub_edu.domain.grants import Cap, Hours, Lift, Longest, Offer
from jupyterhub_edu.domain.outside import SITE
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.domain.suppose import Supposed

from .mistakes import did_you_mean, show

__all__ = ["Asked", "Unanswerable", "find_course", "read_question"]

_AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]{1,3})?)h?", re.ASCII)
_LENGTH: Final = re.compile(r"([0-9]{1,4})([mhd])", re.ASCII)
_Named = TypeVar("_Named")
_OUTSIDE: Final = Course(SITE, SITE, "Outside any course", {})
"""What it offers is by the person's site role, which the roll knows."""
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_QUOTA: Final = re.compile(r"([0-9]{1,6})(?:\+([0-9]{1,6}))?", re.ASCII)


class Unanswerable(ValueError):
    """The question names something that does not exist, or cannot be read; the text says what does."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was typed.

    Attributes:
        at: a time, local to the campus unless it has an offset; None: now.
        options: ``KEY=CHOICE`` each.
        grants: ``hours=5``, ``offer=gpu``, ``cap=2``, ``cap=t4:2`` or ``longest=gpu:8h`` each.
        quotas: ``t4=4``, or ``t4=4+2`` with what it may borrow, each.
    """

    course: str
    profile: str | None = None
    at: str | None = None
    options: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()


def read_question(found: Campus, asked: Asked) -> Question:
    """Read a question against the campus file in force.

    Raises:
        Unanswerable: the first thing in it that does not exist or cannot be read.
    """
    course = find_course(found, asked.course)
    grants = tuple(_parse_grant(found, text) for text in asked.grants)
    quotas = dict(_parse_quota(found, course, text) for text in asked.quotas)
    return Question(
        course,
        _find_profiles(found, asked.profile),
        dict(_parse_option(text) for text in asked.options),
        _parse_time(asked.at, found.zone) if asked.at else None,
        Supposed(grants, quotas),
        _as_typed("grant", asked.grants) + _as_typed("quota", asked.quotas),
    )


def find_course(found: Campus, text: str) -> Course:
    """A course by its id, key or code; ``site`` is what is started outside any.

    Raises:
        Unanswerable: none, or several, are called so.
    """
    if text in found.courses:
        return found.courses[text]
    named = found.course_index.get(text.casefold(), ())
    if len(named) == 1:
        return named[0]
    if text == SITE and found.no_course:
        return _OUTSIDE
    if named:
        keys = ", ".join(course.key for course in named)
        raise Unanswerable(f"{text} means several courses; name one by its key: {keys}")
    keys_known = [course.key for course in found.courses.values()]
    raise Unanswerable(f"no such course: {text}; {did_you_mean(text, keys_known)}")


def _find_profiles(found: Campus, text: str | None) -> tuple[Profile, ...]:
    if text is None:
        return tuple(found.profiles.values())
    return (_named("profile", text, found.profiles),)


def _parse_option(text: str) -> tuple[str, str]:
    key, equals, choice = text.partition("=")
    if not equals or not key:
        raise Unanswerable(f"--option {text}: write KEY=CHOICE")
    return key, choice


def _parse_time(text: str, zone: ZoneInfo) -> datetime:
    """An instant; without offset it is local time on the campus."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unanswerable(f"--at {text}: write for example 2026-10-01T10:15") from None


# -- what to suppose -----------------------------------------------------------------------------------------------


def _parse_grant(found: Campus, text: str) -> Lift:
    kind, equals, value = text.partition("=")
    if not equals or kind not in _GRANTS:
        examples = "hours=5, offer=PROFILE, cap=2, cap=FLAVOR:2 or longest=PROFILE:8h"
        raise Unanswerable(f"--if-grant {text}: write {examples}")
    try:
        return _GRANTS[kind](found, value)
    except ValueError as error:
        raise Unanswerable(f"--if-grant {text}: {error}") from None


def _parse_hours(found: Campus, value: str) -> Lift:
    match = _AMOUNT.fullmatch(value)
    if match is None:
        raise ValueError("write GPU hours, such as hours=5 or hours=2.5")
    return Hours(int(Fraction(match[1]) * GPU_HOUR))


def _parse_offer(found: Campus, value: str) -> Lift:
    return Offer(_named("profile", value, found.profiles).key)


def _parse_cap(found: Campus, value: str) -> Lift:
    flavor, colon, most = value.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,6}", most, re.ASCII):
        raise ValueError("write a number of servers, such as cap=2, or of devices, cap=FLAVOR:2")
    return Cap(int(most), _named("flavor", flavor, found.flavors).key if colon else None)


def _parse_longest(found: Campus, value: str) -> Lift:
    profile, _, length = value.rpartition(":")
    match = _LENGTH.fullmatch(length)
    if match is None or not profile:
        raise ValueError("write a profile and a time, such as longest=PROFILE:8h (or 90m, 2d)")
    key = _named("profile", profile, found.profiles).key
    return Longest(key, timedelta(**{_UNITS[match[2]]: int(match[1])}))


_GRANTS: Final[Mapping[str, Callable[[Campus, str], Lift]]] = {
    "hours": _parse_hours,
    "offer": _parse_offer,
    "cap": _parse_cap,
    "longest": _parse_longest,
}


def _parse_quota(found: Campus, course: Course, text: str) -> tuple[str, Quota]:
    """What it may borrow stays as it is where that is left out."""
    flavor, equals, amounts = text.partition("=")
    match = _QUOTA.fullmatch(amounts)
    if not equals or match is None:
        raise Unanswerable(
            f"--if-quota {text}: write FLAVOR=4, or FLAVOR=4+2 with the most to borrow"
        )
    try:
        known = _named("flavor", flavor, found.flavors)
    except ValueError as error:
        raise Unanswerable(f"--if-quota {text}: {error}") from None
    if known.device is None:
        raise Unanswerable(f"--if-quota {text}: {flavor} has no devices, so it has no quota")
    borrow = int(match[2]) if match[2] is not None else course.quota_for(known.key).borrow
    return known.key, Quota(int(match[1]), borrow)


def _named(what: str, text: str, known: Mapping[str, _Named]) -> _Named:
    if text not in known:
        raise Unanswerable(f"no such {what}: {text or show('')}; {did_you_mean(text, known)}")
    return known[text]


def _as_typed(kind: str, texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{kind} {text}" for text in texts)
