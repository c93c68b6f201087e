"""Which of a rule's limits the desk has set, told beside the rule's facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.adjustments import Adjustment
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.words import say

from .adjustments import Adjustments
from .explained import Explained
from .rules_told import Result, RuleTold

__all__ = ["with_authors"]

_FIELDS: Final[Mapping[Code, tuple[str, ...]]] = MappingProxyType(
    {
        Code.COURSE_CLOSED: ("from", "until", "state"),
        Code.PROFILE_NOT_OFFERED: ("offers.",),
        Code.OUTSIDE_WINDOW: ("windows",),
        Code.PERSON_CAP: ("caps.",),
        Code.COURSE_QUOTA: ("quota.",),
        Code.PERSON_ALLOWANCE: ("allowance.person",),
        Code.COURSE_ALLOWANCE: ("allowance.course",),
    }
)
"""The fields that a rule may rest on; those that end with a point: whatever begins so."""


def with_authors(explained: Explained, adjustments: Adjustments) -> Explained:
    """The same, where the desk has set what a rule rests on: by whom, and until when."""
    course, zone = explained.question.course.id, explained.campus.zone
    set_here = [
        one
        for one in adjustments.of(course)
        if adjustments.in_force(course, one.field) is not None
    ]
    if not set_here:
        return explained
    answers = [
        replace(
            answer,
            rules=tuple(_told(rule, set_here, zone) for rule in answer.rules),
        )
        for answer in explained.answers
    ]
    return replace(explained, answers=answers)


def _told(rule: RuleTold, set_here: list[Adjustment], zone: ZoneInfo) -> RuleTold:
    said = "; ".join(_words(rule, set_here, zone))
    if not said or rule.result is Result.SILENT:
        return rule
    return rule._replace(facts="; ".join(filter(None, (rule.facts, said))))


def _words(rule: RuleTold, set_here: list[Adjustment], zone: ZoneInfo) -> Iterator[str]:
    for one in set_here:
        if any(_is(one.field, name) for name in _FIELDS.get(rule.code, ())):
            until = (
                say(" until {when}", when=f"{one.ends.astimezone(zone):%Y-%m-%d %H:%M}")
                if one.ends
                else ""
            )
            yield say(
                "{field} is set at the desk by {by}{until}",
                field=one.field,
                by=one.by,
                until=until,
            )


def _is(field: str, name: str) -> bool:
    return field.startswith(name) if name.endswith(".") else field == name
