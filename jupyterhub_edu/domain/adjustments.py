"""Adjustments: keys of a course that the desk has set on top of the campus file, and how far a teacher may go alone.

An adjustment is *a key of the course as it could stand in the campus file*, so that the same loader reads both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from .acts import Act
from .allowances import parse_allowance
from .courses import Allowances, Caps
from .people import CourseRole

__all__ = [
    "FIELDS",
    "NOTHING_ALONE",
    "Adjustable",
    "Adjustment",
    "Reach",
    "act_for",
    "is_field",
    "is_locked",
    "lockable",
    "may_set",
    "merged",
    "reach_of",
    "value_at",
]

_ROLES: Final = tuple(str(role) for role in reversed(CourseRole))


class Reach(StrEnum):
    """Who changes a field at the desk."""

    FREE = "free"
    """The course's teachers, as they like."""
    CEILING = "ceiling"
    """The course's teachers up to the ceiling, administrators beyond it."""
    ADMIN = "admin"
    """Administrators of the site alone."""


FIELDS: Final[Mapping[str, Reach]] = MappingProxyType(
    {
        "title": Reach.FREE,
        "join": Reach.FREE,
        "assistants_help": Reach.FREE,
        **{f"offers.{role}": Reach.CEILING for role in _ROLES},
        **{f"caps.{role}": Reach.CEILING for role in _ROLES},
        "allowance.person": Reach.CEILING,
        "allowance.course": Reach.CEILING,
        "windows": Reach.CEILING,
        "from": Reach.ADMIN,
        "until": Reach.ADMIN,
        "state": Reach.ADMIN,
        "image": Reach.ADMIN,
    }
)
"""What the desk may set of a course; ``quota.‹flavor›`` beside these, by administrators."""
_BY_FLAVOR: Final = "quota"
_NOTHING: Mapping[Any, Any] = MappingProxyType({})
_WITHOUT_LIMIT: Final = Allowances()
_PARTS: Final = 2


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One key of a course, set at the desk.

    Attributes:
        course: the course's id.
        field: which key: one of ``FIELDS``, or ``quota.‹flavor›``.
        value: JSON as the file would have it; None: as if the course did not have the key.
        by: hub account of who set it.
        at: when, an aware UTC instant.
        ends: the first instant at which it holds no longer, or None.
        why: the reason given, or ``""``.
        vouched: the last value that an administrator has set since the file's was in force; up to it no ceiling binds.
        approved: an administrator has set this very value.
    """

    course: str
    field: str
    value: Any
    by: str
    at: datetime
    ends: datetime | None = None
    why: str = ""
    vouched: Any = None
    approved: bool = False

    @property
    def id(self) -> str:
        """Distinct: a course has one for each field."""
        return f"{self.course}/{self.field}"

    def holds(self, now: datetime) -> bool:
        """Whether its time is not over."""
        return self.ends is None or now < self.ends


@dataclass(frozen=True, slots=True)
class Adjustable:
    """How far beyond the file a teacher may adjust a course alone; what is left out is not beyond it at all.

    Attributes:
        offers: keys of profiles that people of a role may be offered.
        caps: the most that each person of a role may be let hold.
        allowances: the most hours in a period.
    """

    offers: Mapping[CourseRole, frozenset[str]] = dataclasses.field(
        default_factory=lambda: _NOTHING
    )
    caps: Mapping[CourseRole, Caps] = dataclasses.field(default_factory=lambda: _NOTHING)
    allowances: Allowances = _WITHOUT_LIMIT


NOTHING_ALONE: Final = Adjustable()
"""What a campus has that says nothing: a teacher narrows what the file gives, and widens nothing."""


# -- fields ----------------------------------------------------------------------------------------------------------


def is_field(name: str) -> bool:
    """Whether the desk may set a key of this name."""
    return name in FIELDS or (
        name.startswith(f"{_BY_FLAVOR}.") and len(name) > len(_BY_FLAVOR) + 1
    )


def reach_of(field: str) -> Reach:
    """Who changes a field; administrators alone where the table does not say."""
    return FIELDS.get(field, Reach.ADMIN)


def act_for(field: str) -> Act:
    """The act of the table of acts."""
    return Act.WINDOW if field == "windows" else Act.ADJUST


def lockable() -> Sequence[str]:
    """The words of ``locked:``: fields, and keys that stand for all fields below them."""
    return tuple(dict.fromkeys([*(_head(field) for field in FIELDS), _BY_FLAVOR, *FIELDS]))


def is_locked(field: str, locked: Collection[str]) -> bool:
    """Whether the campus file keeps a field for itself."""
    return field in locked or _head(field) in locked


def _head(field: str) -> str:
    return field.partition(".")[0]


# -- values ----------------------------------------------------------------------------------------------------------


def value_at(course: Mapping[str, Any], field: str, defaults: Mapping[str, Any]) -> Any:
    """What a course says under a field, or its defaults; None where neither does.

    Args:
        course, defaults: as written in the file.
    """
    own = _at(course, field)
    return own if own is not None else _at(defaults, field)


def merged(course: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """A course as written, with another value under a field; nothing of what was given is changed."""
    head, _, key = field.partition(".")
    made = dict(course)
    inside = made.get(head)
    below = dict(inside) if isinstance(inside, Mapping) else {}
    if key and value is not None:
        made[head] = {**below, key: value}
    elif key:
        below.pop(key, None)
        made[head] = below
    else:
        made[head] = value
    if made[head] is None or (key and not made[head]):
        del made[head]
    return made


def _at(data: Mapping[str, Any], field: str) -> Any:
    found: Any = data
    for part in field.split(".", _PARTS - 1):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


# -- ceilings --------------------------------------------------------------------------------------------------------


def may_set(
    field: str, value: Any, bases: Iterable[Any], ceilings: Adjustable, own: Mapping[str, int]
) -> bool:
    """Whether a teacher may set this alone.

    Always holds:
        - what a base says may be said again, and so may anything narrower;
        - a higher ceiling never allows less.

    Args:
        value: None: nothing is said, which limits nothing and offers nothing.
        bases: what holds without the teacher: the file's value, and what an administrator has set.
        own: devices of the course's own by flavor.
    """
    match reach_of(field):
        case Reach.FREE:
            return True
        case Reach.ADMIN:
            return False
    head, _, key = field.partition(".")
    try:
        return _RULES[head](key, value, list(bases), ceilings, own)
    except (AttributeError, TypeError, ValueError):
        return False  # what cannot be read is above every ceiling


def _may_offer(
    role: str, value: Any, bases: list[Any], ceilings: Adjustable, own: Mapping[str, int]
) -> bool:
    open_to = set(ceilings.offers.get(CourseRole[role.upper()], ()))
    for base in bases:
        open_to |= set(base or ())
    return set(value or ()) <= open_to


def _may_cap(
    role: str, value: Any, bases: list[Any], ceilings: Adjustable, own: Mapping[str, int]
) -> bool:
    most = ceilings.caps.get(CourseRole[role.upper()])
    bounds = [dict(base or {}) for base in bases]
    for key in set.intersection(*map(set, bounds)):
        widest = max(bound[key] for bound in bounds)
        if most is not None:
            widest = max(
                widest, (most.servers if key == "servers" else most.devices.get(key)) or 0
            )
        if key not in (value or {}) or value[key] > widest:
            return False
    return True


def _may_allow(
    whose: str, value: Any, bases: list[Any], ceilings: Adjustable, own: Mapping[str, int]
) -> bool:
    if None in bases:
        return True
    wanted = parse_allowance(value)
    most = ceilings.allowances.person if whose == "person" else ceilings.allowances.course
    bounds = [parse_allowance(base) for base in bases] + ([most] if most is not None else [])
    return any(wanted.period is b.period and wanted.amount <= b.amount for b in bounds)


def _may_hold(
    _: str, value: Any, bases: list[Any], ceilings: Adjustable, own: Mapping[str, int]
) -> bool:
    known = [window for base in bases for window in base or ()]
    # What windows restrict they go on to restrict: none is taken away so that a profile starts at any time.
    restricted = set.intersection(*(_restricted(base) for base in bases))
    return restricted <= _restricted(value) and all(
        window in known
        or all(
            devices <= own.get(flavor, 0) for flavor, devices in window.get("reserve", {}).items()
        )
        for window in value or ()
    )


def _restricted(windows: Any) -> set[str]:
    """The profiles that some windows restrict."""
    return {profile for window in windows or () for profile in window.get("only", ())}


_RULES: Final = {
    "offers": _may_offer,
    "caps": _may_cap,
    "allowance": _may_allow,
    "windows": _may_hold,
}
