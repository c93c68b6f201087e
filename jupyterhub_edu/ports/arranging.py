"""What the campus file and the desk say together, read by whoever reads the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from jupyterhub_edu.domain.adjustments import Adjustment
from jupyterhub_edu.domain.campus import Campus

__all__ = ["Arrange", "Arranged", "CannotArrange", "Trouble", "TroubleKind"]

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class TroubleKind(StrEnum):
    """Why something that the desk has set is not in force."""

    MISTAKE = "mistake"
    """With it the campus file would have mistakes."""
    GONE = "gone"
    """There is no such course any more, or now one of the file is called so."""
    LOCKED = "locked"
    """The campus file keeps the field for itself."""
    CEILING = "ceiling"
    """It is more than a teacher may set alone, by the ceilings as they are now."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason why something is not in force.

    Attributes:
        words: for whoever may know all of the campus.
        discreet: the same without other courses, for teachers, where that is something else; or ``""``.
    """

    kind: TroubleKind
    words: str
    discreet: str = ""

    def told(self, *, knows_all: bool) -> str:
        """For somebody who may know all of the campus, or not."""
        return self.words if knows_all else self.discreet or self.words


@dataclass(frozen=True, slots=True)
class Arranged:
    """The file with what the desk has set on top.

    Attributes:
        written: each course by its id as it was written, in the file or as a course of the desk's own, without adjustments.
        defaults: what every course has unless it says otherwise, as written.
        out: what is not in force: adjustments by their id.
        out_courses: likewise courses of the desk's own, by their key.
    """

    campus: Campus
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NOTHING)
    defaults: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    out: Mapping[str, tuple[Trouble, ...]] = field(default_factory=lambda: _NOTHING)
    out_courses: Mapping[str, tuple[Trouble, ...]] = field(default_factory=lambda: _NOTHING)


class CannotArrange(Exception):
    """The file cannot be read with anything on top of it; the text says why."""


class Arrange(Protocol):
    """Reads a campus file together with what the desk has set; slow, and to be called in a thread."""

    def __call__(
        self,
        courses: Mapping[str, Mapping[str, Any]],
        adjustments: Sequence[Adjustment],
        now: datetime,
    ) -> Arranged:
        """Arrange.

        Always holds:
            - the same arguments give the same answer, and with nothing on top it is the file's own campus;
            - what would be a mistake is left out and told, and the rest is in force.

        Args:
            courses: of the desk's own, by key, as the file would have them.
            adjustments: in the order in which they were set; one that comes later goes out first.
            now: aware UTC; what lies wholly before it clashes with nothing.

        Raises:
            CannotArrange: the file alone cannot be read any more.
        """
        ...
