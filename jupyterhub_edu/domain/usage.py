"""What sessions have used: each charged to the local days that it ran on, summed by whatever is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, tzinfo
from enum import StrEnum
from typing import Any, Final, NamedTuple

from .admissions import Admission, Stage
from .allowances import gpu_hours
from .allowances import usage as usage_of
from .schedule import Period, period_span, periods_over

__all__ = ["By", "Usage", "UsageQuery", "charge", "in_order", "sum_usage", "usage_json"]

_NOTHING: Final[dict[str, Any]] = {
    "sessions": 0,
    "estimated": 0,
    "waiting_ms": 0,
    "running_ms": 0,
    "used": 0,
}


class By(StrEnum):
    """What usage may be told apart by."""

    DAY = "day"
    PERSON = "person"
    COURSE = "course"
    FLAVOR = "flavor"
    PROFILE = "profile"


class Usage(NamedTuple):
    """What was used; None where it is summed over.

    Attributes:
        day: of the campus zone.
        person: the hub account, whichever of its identities asked.
        sessions: those that began to run on the day; what never ran is no session.
        estimated: those of them whose end nobody saw.
        waiting_ms: from their reservations until they ran.
        running_ms: what lies in the day of every session's time, plain CPU servers' too.
        used: ms x devices x weight in thousandths.
    """

    day: date | None
    person: str | None
    course: str | None
    flavor: str | None
    profile: str | None
    sessions: int
    estimated: int
    waiting_ms: int
    running_ms: int
    used: int


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A question about usage; None asks for all.

    Attributes:
        by: what rows are told apart by; nothing gives one row, the sum, or none where nothing was used.
        first, last: days of the campus zone, both inclusive.
        person: a hub account.
    """

    by: frozenset[By] = frozenset()
    first: date | None = None
    last: date | None = None
    person: str | None = None
    course: str | None = None

    def takes(self, usage: Usage) -> bool:
        """Whether a day's usage is asked for."""
        return (
            (self.first is None or (usage.day is not None and usage.day >= self.first))
            and (self.last is None or (usage.day is not None and usage.day <= self.last))
            and self.person in {None, usage.person}
            and self.course in {None, usage.course}
        )


def charge(admission: Admission, zone: tzinfo) -> list[Usage]:
    """Charge a session to the days of a zone, ascending.

    Always holds:
        - what has not ended or never ran uses nothing;
        - the days' sums are exactly those of the session; instants count as whole milliseconds;
        - no amount is negative, whatever the clocks did;
        - session, estimate and waiting count on the day on which it began to run.

    Source:
        docs/explanation/policy.md, "Amounts and time".
    """
    began, ended = admission.running_at, admission.ended_at
    if admission.stage is not Stage.ENDED or began is None or ended is None:
        return []
    spans = periods_over(Period.DAY, began, ended, zone, None)
    found = []
    for at, span in enumerate(spans or [period_span(Period.DAY, began, zone, None)]):
        running = usage_of(1, max(began, span.starts), min(ended, span.ends))
        first = at == 0
        found.append(
            Usage(
                day=span.starts.astimezone(zone).date(),
                person=admission.hub_name,
                course=admission.course,
                flavor=admission.flavor,
                profile=admission.granted.profile,
                sessions=int(first),
                estimated=int(first and admission.estimated),
                waiting_ms=usage_of(1, admission.reserved_at, began) if first else 0,
                running_ms=running,
                used=running * admission.devices * admission.weight,
            )
        )
    return found


def sum_usage(found: Iterable[Usage], by: Collection[By]) -> list[Usage]:
    """Sum up, and sort by what the rows are told apart by."""
    hidden: dict[str, Any] = {word.value: None for word in By if word not in by}
    sums: dict[Usage, Usage] = {}
    for usage in found:
        key = usage._replace(**hidden, **_NOTHING)
        so_far = sums.get(key, key)
        sums[key] = so_far._replace(
            sessions=so_far.sessions + usage.sessions,
            estimated=so_far.estimated + usage.estimated,
            waiting_ms=so_far.waiting_ms + usage.waiting_ms,
            running_ms=so_far.running_ms + usage.running_ms,
            used=so_far.used + usage.used,
        )
    return in_order(sums.values())


def in_order(found: Iterable[Usage]) -> list[Usage]:
    """Sorted by day, person, course, flavor and profile, whatever a database takes for an order."""
    return sorted(found, key=lambda usage: [str(value) for value in usage[: len(By)]])


def usage_json(usage: Usage) -> dict[str, str | int | float]:
    """For programs: what it is told apart by, exact amounts, and GPU hours as the pages show them."""
    told = {word.value: value for word, value in zip(By, usage, strict=False) if value is not None}
    return {
        **{word: str(value) for word, value in told.items()},
        "sessions": usage.sessions,
        "estimated": usage.estimated,
        "waiting_ms": usage.waiting_ms,
        "running_ms": usage.running_ms,
        "used": usage.used,
        "gpu_hours": float(gpu_hours(usage.used)),
    }
