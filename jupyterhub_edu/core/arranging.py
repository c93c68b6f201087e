"""What of the desk's adjustments is in force: worked out from the file's loader, its ceilings and what it locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from jupyterhub_edu.domain.adjustments import Adjustment, is_locked, may_set, value_at
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import Arrange, Arranged, CannotArrange, Trouble, TroubleKind

__all__ = ["arranged_at", "by_time", "may_set_of", "nothing_to_read"]

_Courses = Mapping[str, Mapping[str, Any]]
_OVER: Final = Trouble(
    TroubleKind.CEILING,
    say(
        "It is more than a teacher may set alone, by the ceilings of the campus file as they are now."
    ),
)
_LOCKED: Final = Trouble(TroubleKind.LOCKED, say("The campus file keeps this for itself now."))


def nothing_to_read(
    courses: _Courses, adjustments: Sequence[Adjustment], now: datetime
) -> Arranged:
    """Stand in for what reads a campus file, in a hub that has none.

    Raises:
        CannotArrange: always.
    """
    raise CannotArrange(
        say("This hub was set up without a campus file that the desk could adjust.")
    )


def by_time(adjustment: Adjustment) -> tuple[datetime, str]:
    """Sorts in the order in which they were set."""
    return adjustment.at, adjustment.id


def arranged_at(
    arrange: Arrange, courses: _Courses, adjustments: Mapping[str, Adjustment], now: datetime
) -> Arranged:
    """What is in force at an instant, and why the rest is not."""
    out = dict[str, tuple[Trouble, ...]]()
    held = sorted((one for one in adjustments.values() if one.holds(now)), key=by_time)
    while True:
        arranged = arrange(courses, [one for one in held if one.id not in out], now)
        inside = [one for one in held if one.id not in out and one.id not in arranged.out]
        refused = {one.id: (why,) for one in inside if (why := _against(arranged, one))}
        if not refused:
            _warm(arranged.campus, now)
            return replace(arranged, out=MappingProxyType({**out, **arranged.out}))
        out |= refused


def _warm(campus: Campus, now: datetime) -> None:
    """Work out here, beside the loop, what the first question about a campus would."""
    _ = campus.course_index
    for promises in campus.promises.values():
        promises.at(now)


def _against(arranged: Arranged, adjustment: Adjustment) -> Trouble | None:
    """What the file says against it by now, though with it the file has no mistakes."""
    course = arranged.campus.courses[adjustment.course]
    if is_locked(adjustment.field, course.locked):
        return _LOCKED
    if adjustment.approved:
        return None
    may = may_set_of(
        arranged, adjustment.course, adjustment.field, adjustment.value, adjustment.vouched
    )
    return None if may else _OVER


def may_set_of(arranged: Arranged, course: str, field: str, value: Any, vouched: Any) -> bool:
    """Whether a teacher may set this alone, on a campus that has been arranged."""
    defaults = arranged.defaults
    bases = [value_at(arranged.written[course], field, defaults)]
    if vouched is not None:
        bases.append(vouched)
    own = {key: quota.nominal for key, quota in arranged.campus.courses[course].quota.items()}
    meant = value if value is not None else value_at({}, field, defaults)
    return may_set(field, meant, bases, arranged.campus.ceilings.adjust, own)
