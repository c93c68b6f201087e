"""Joining a course by oneself: what somebody asks of its teacher, and the code that lets them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

__all__ = ["AGAIN_AFTER", "CODE_LENGTH", "CODE_SIGNS", "JoinCode", "JoinRequest", "fold_code"]

AGAIN_AFTER: Final = timedelta(days=1)
"""After a refusal somebody may ask again."""
CODE_SIGNS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of which codes are made: 32 signs that are not taken for one another."""
CODE_LENGTH: Final = 8
"""With that there are 2^40 codes."""
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """One person asks to be a student of one course.

    Attributes:
        person: their key.
        at: when they asked, an aware UTC instant.
        why: what they say, or ``""``; hostile text.
        refused_at: when that was refused; None while it waits.
        by: who refused it, or ``""``.
        words: what whoever refused it says, or ``""``; hostile text.
    """

    id: str
    course: str
    person: str
    at: datetime
    why: str = ""
    refused_at: datetime | None = None
    by: str = ""
    words: str = ""

    @property
    def waits(self) -> bool:
        """Whether it waits for an answer."""
        return self.refused_at is None

    @property
    def again_at(self) -> datetime | None:
        """When its person may ask again; None while it waits."""
        return None if self.refused_at is None else self.refused_at + AGAIN_AFTER


@dataclass(frozen=True, slots=True)
class JoinCode:
    """Lets those who know it into one course, as students, by the right of whoever made it.

    Attributes:
        code: as ``fold_code`` leaves it.
        by: hub account of its maker.
        ends: first instant at which it is good no more.
        most: how many it lets in.
        uses: how many it has let in.
        section: the section of those whom it lets in, or ``""``.
    """

    course: str
    code: str
    by: str
    at: datetime
    ends: datetime
    most: int
    uses: int = 0
    section: str = ""

    def is_good(self, now: datetime) -> bool:
        """Whether it lets anybody in at this instant."""
        return now < self.ends and self.uses < self.most

    @property
    def text(self) -> str:
        """As people read it aloud and write it on a board: ``4F7K-Q2TB``."""
        half = CODE_LENGTH // 2
        return f"{self.code[:half]}-{self.code[half:]}"


def fold_code(typed: str) -> str:
    """A code as codes are compared: in one case, without dashes and blanks, and what looks alike is one sign.

    Example:
        >>> fold_code(" 4f7k-q2tb "), fold_code("oil")
        ('4F7KQ2TB', '011')
    """
    return typed.upper().translate(_READ_AS)
