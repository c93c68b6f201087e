"""What no session tells of a course's day: starts that were refused, waits in the line, and devices that did nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.idle import Look
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.ports import Clock, Phase, Record, Standing, Store

from .kept import number, reading, text

__all__ = ["Counts", "Day"]

_KIND: Final = "counts"
_KEPT: Final = timedelta(days=400)
"""A little more than the year over which terms are compared."""
_AMOUNTS: Final = ("starts", "waited_ms", "longest_ms", "looked_ms", "idle_ms")
_MS: Final = timedelta(milliseconds=1)


@dataclass(slots=True)
class Day:
    """One course's local day.

    Attributes:
        refused: starts refused, by the machine code of the reason; one for several reasons counts in each.
        starts: servers on devices that were let in.
        waited_ms, longest_ms: what they had waited in the line, together and at most.
        looked_ms: time x devices of running sessions of which it is known whether they were in use.
        idle_ms: what of it they were not.
    """

    refused: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    waited_ms: int = 0
    longest_ms: int = 0
    looked_ms: int = 0
    idle_ms: int = 0

    def add(self, other: Day) -> None:
        """Take another day into this sum."""
        self.refused.update(other.refused)
        self.starts += other.starts
        self.waited_ms += other.waited_ms
        self.longest_ms = max(self.longest_ms, other.longest_ms)
        self.looked_ms += other.looked_ms
        self.idle_ms += other.idle_ms


class Counts:
    """The days of all courses.

    Always holds:
        - counting waits for nothing and raises nothing; it is kept by ``tend``, so that a hub that is killed loses a minute;
        - no person is in it;
        - a course that is not in the campus file is not counted.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        store: Store,
        clock: Clock,
        standing: Callable[[str], Standing | None],
    ) -> None:
        """Make it empty.

        Args:
            standing: how a hub account stands in the line.
        """
        self._campus, self._store, self._clock, self._standing = campus, store, clock, standing
        self._days: dict[str, dict[date, Day]] = {}
        self._due: set[tuple[str, date]] = set()
        self._looked: dict[str, datetime] = {}
        self._places: dict[str, str] = {}

    def refuse(self, course: str, reasons: Iterable[Reason]) -> None:
        """A start has been refused, and not for something that is waited for."""
        if (day := self._today(course)) is not None:
            day.refused.update({str(reason.code) for reason in reasons})

    def admit(self, admission: Admission) -> None:
        """A server has been let in: it has waited since it joined the line, if it did."""
        if not admission.devices or (day := self._today(admission.course)) is None:
            return
        day.starts += 1
        standing = self._standing(admission.hub_name)
        if standing is None or standing.phase not in {Phase.STARTING, Phase.STARTED}:
            return
        place = standing.place
        # For a while the place of a former start is shown still.
        if place.id == self._places.get(admission.hub_name):
            return
        self._places[admission.hub_name] = place.id
        if place.request.course == admission.course:
            waited = max(0, (admission.reserved_at - place.arrived_at) // _MS)
            day.waited_ms += waited
            day.longest_ms = max(day.longest_ms, waited)

    def look(self, admission: Admission, look: Look, now: datetime) -> None:
        """A session on devices has been looked at; the time since the last look counts, if anything is known of it."""
        since = self._looked.get(admission.id)
        self._looked[admission.id] = now
        unknown = not look.answered or (look.measured and look.device is None)
        if since is None or unknown or (day := self._today(admission.course)) is None:
            return
        idle = max(timedelta(0), now - max(since, look.worked_at))
        day.looked_ms += (now - since) // _MS * admission.devices
        day.idle_ms += idle // _MS * admission.devices

    def end(self, ended: Admission) -> None:
        """A session has ended; nothing more is to be counted of it."""
        self._looked.pop(ended.id, None)

    def of(
        self, course: str, first: date | None = None, last: date | None = None
    ) -> dict[date, Day]:
        """A course's days, ascending, both inclusive; only those on which anything was counted."""
        days = self._days.get(course, {})
        return {
            day: days[day]
            for day in sorted(days)
            if (first is None or first <= day) and (last is None or day <= last)
        }

    async def load(self) -> None:
        """Read the store, and forget there what is too old.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        oldest, old = self._day() - _KEPT, []
        for record in await self._store.load_records(_KIND):
            course, days = _read(record)
            if max(days, default=oldest) < oldest:
                old.append((_KIND, record.id))
            else:
                self._days.setdefault(course, {}).update(days)
        if old:
            await self._store.save_records(drop=old)

    async def tend(self) -> None:
        """Keep what was counted since the last time; one record holds a course's month.

        Raises:
            StoreError: it could not be kept; it is kept the next time.
        """
        due, self._due = self._due, set()
        try:
            await self._store.save_records([self._record(*one) for one in sorted(due)])
        except BaseException:
            self._due |= due
            raise

    # -- inside ------------------------------------------------------------------------------------------------

    def _day(self) -> date:
        return self._clock().astimezone(self._campus().zone).date()

    def _today(self, course: str) -> Day | None:
        """The day that goes on, to be changed by the caller."""
        if course not in self._campus().courses:
            return None
        today = self._day()
        self._due.add((course, today.replace(day=1)))
        return self._days.setdefault(course, {}).setdefault(today, Day())

    def _record(self, course: str, month: date) -> Record:
        days = {
            day.isoformat(): {"refused": dict(one.refused)}
            | {name: getattr(one, name) for name in _AMOUNTS}
            for day, one in self._days[course].items()
            if day.replace(day=1) == month
        }
        return Record(_KIND, f"{course} {month:%Y-%m}", {"course": course, "days": days})


def _read(record: Record) -> tuple[str, dict[date, Day]]:
    with reading(record):
        course = text(record.body["course"])
        return course, {
            date.fromisoformat(day): _read_day(one) for day, one in record.body["days"].items()
        }


def _read_day(body: Mapping[str, Any]) -> Day:
    refused = Counter({text(code): number(many) for code, many in body["refused"].items()})
    return Day(refused, **{name: number(body[name]) for name in _AMOUNTS})
