"""What stands by hand of one person in one course, to be shown, compared, kept and put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from jupyterhub_edu.domain.people import MANUAL, CourseRole, Enrolment, Exclusion
from jupyterhub_edu.domain.words import Words, join_words, say
from jupyterhub_edu.wire.tags import tag_of

from .kept import instant, text
from .roll import Roll

__all__ = ["NOTHING", "Hand", "hand_of", "read_hand"]


@dataclass(frozen=True, slots=True)
class Hand:
    """Enrolments by hand and exclusions of one person, under whichever of their keys, in one course."""

    enrolments: tuple[Enrolment, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.enrolments or self.exclusions)

    @property
    def roles(self) -> Sequence[CourseRole]:
        """The roles that were given."""
        return [one.role for one in self.enrolments]

    @property
    def tag(self) -> str:
        """Another one for anything else that stands."""
        return tag_of(self.as_json())

    @property
    def words(self) -> str:
        """The same in a few words of text, for the audit."""
        said = [_span(e.role, e.starts, e.ends) for e in self.enrolments]
        said += [_span(say("kept out"), None, one.until) for one in self.exclusions]
        return join_words(said, "; ")

    def as_json(self) -> dict[str, Any]:
        """To be kept; ``read_hand`` reads it."""
        return {
            "enrolments": [
                {
                    "person": one.person,
                    "role": str(one.role),
                    "starts": _iso(one.starts),
                    "ends": _iso(one.ends),
                    "by": one.by,
                    "sections": sorted(one.sections),
                    "why": one.why,
                }
                for one in self.enrolments
            ],
            "exclusions": [
                {"person": one.person, "by": one.by, "why": one.why, "until": _iso(one.until)}
                for one in self.exclusions
            ],
        }


NOTHING: Final = Hand()
"""Of whom nothing was done by hand."""


def hand_of(roll: Roll, course: str, keys: Sequence[str]) -> Hand:
    """What stands by hand of somebody now.

    Args:
        keys: of all their identities.
    """
    place = (course, MANUAL)
    mine = [one for one in roll.told_of(keys) if (one.course, one.origin) == place]
    excluded = roll.exclusions.find(keys, course)
    return Hand(
        tuple(sorted(mine, key=lambda one: (one.role, one.person))),
        tuple(sorted(excluded, key=lambda one: one.person)),
    )


def read_hand(body: Mapping[str, Any], course: str) -> Hand:
    """Read what was kept.

    Raises:
        KeyError, TypeError, ValueError: it is not what ``as_json`` gives.
    """
    roles = {str(role): role for role in CourseRole}
    return Hand(
        tuple(
            Enrolment(
                text(one["person"]),
                course,
                roles[text(one["role"])],
                MANUAL,
                _maybe(one["starts"]),
                _maybe(one["ends"]),
                by=text(one["by"]),
                sections=frozenset(map(text, one["sections"])),
                why=text(one["why"]),
            )
            for one in body["enrolments"]
        ),
        tuple(
            Exclusion(
                text(one["person"]),
                course,
                text(one["by"]),
                text(one["why"]),
                _maybe(one["until"]),
            )
            for one in body["exclusions"]
        ),
    )


def _span(what: object, starts: datetime | None, ends: datetime | None) -> Words:
    first = [say(" from {day}", day=starts.isoformat())] if starts else []
    last = [say(" until {day}", day=ends.isoformat())] if ends else []
    return join_words([what, *first, *last])


def _maybe(value: Any) -> datetime | None:
    return None if value is None else instant(value)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
