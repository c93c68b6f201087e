"""What was typed to add somebody to a course, or to keep them out, and says nobody yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .people import CourseRole
from .words import say

__all__ = ["WORDS", "Pending", "WaitWords", "Waits"]


class Waits(StrEnum):
    """Why something waits."""

    NOBODY = "nobody-known"
    ADDRESS = "e-mail-address"
    NOT_COME = "not-come-yet"
    SILENT = "source-silent"
    SEVERAL = "several-people"
    NOT_YOURS = "not-yours-to-give"


@dataclass(frozen=True, slots=True)
class WaitWords:
    """A reason to wait in words: one sentence, and who can change it."""

    sentence: str
    who: str


WORDS: Final[Mapping[Waits, WaitWords]] = MappingProxyType(
    {
        Waits.NOBODY: WaitWords(
            say(
                "No source knows anybody by this. Type a student number or a login, no name; or SOURCE:LOGIN, where the "
                "source cannot be asked."
            ),
            "whoever typed it",
        ),
        Waits.ADDRESS: WaitWords(
            say(
                "An e-mail address does not say who somebody is; type a student number or a login."
            ),
            "whoever typed it",
        ),
        Waits.NOT_COME: WaitWords(
            say("They have not logged in yet; it is done when they do."),
            "nobody: it happens by itself",
        ),
        Waits.SILENT: WaitWords(
            say(
                "A source that must be asked does not answer; it is asked again by itself. SOURCE:LOGIN of somebody who has "
                "been here does not wait for that."
            ),
            "an administrator",
        ),
        Waits.SEVERAL: WaitWords(
            say("Several people could be meant; take it back and write SOURCE:LOGIN."),
            "whoever typed it",
        ),
        Waits.NOT_YOURS: WaitWords(
            say(
                "Whoever typed it may not do this, or not any more; a teacher of the course may type it again."
            ),
            "the course's teacher",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Pending:
    """An enrolment, or an exclusion, that waits for the person whom it means.

    Attributes:
        id: 32 hexadecimal digits; the audit names it and not what was typed.
        typed: a student number, a login or ``source:login``; hostile text.
        role: what they are to be in the course; None: they are to be kept out.
        by: hub account of whoever typed it.
        at: when (aware UTC).
        starts, ends, why: as the enrolment or exclusion will have them.
    """

    id: str
    course: str
    typed: str
    role: CourseRole | None
    by: str
    at: datetime
    waits: Waits
    starts: datetime | None = None
    ends: datetime | None = None
    why: str = ""
