"""What has been used in the day, week and term that go on: in memory for decisions, while the store keeps all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.schedule import Period, period_span
from jupyterhub_edu.domain.usage import By, Usage, UsageQuery, charge
from jupyterhub_edu.ports import Clock, Store, StoreError

__all__ = ["Ledger"]

_log = logging.getLogger(__name__)
_WEEK: Final = timedelta(days=7)
_DAYS_KEPT: Final = 15
"""Two weeks and a day: a clock that goes back, or a question about last week, finds what it asks for."""
_Key = tuple[str | None, str]
"""A hub account, or None for all together, and a course."""
_Days = tuple[date | None, date | None]


class _Basis(NamedTuple):
    """What the sums rest on in the campus file."""

    zone: ZoneInfo
    terms: Mapping[str, _Days]


class Ledger:
    """Usage by person and course.

    Always holds:
        - once loaded, an answer is what the store's days give: every session that has ended counts, once;
        - an answer waits for nothing; sessions that run are not in it, their budget is reserved.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        store: Store,
        clock: Clock,
        settle: Callable[[], Awaitable[None]],
        spared: Callable[[str, str | None, date | None, date | None], int] = lambda *_: 0,
    ) -> None:
        """Make an empty ledger.

        Args:
            settle: waits until the ends that have been charged here are on their way to the store.
            spared: what budgets do not pay of the usage of a course by an account (None: everybody), from one day to
                before another.
        """
        self._campus, self._store, self._clock, self._settle = campus, store, clock, settle
        self._spared = spared
        self._basis: _Basis | None = None
        self._days: dict[_Key, dict[date, int]] = {}
        self._terms: dict[_Key, int] = {}
        self._ends = 0
        self._following: asyncio.Task[None] | None = None

    def used(self, course: str, period: Period, at: datetime, hub_name: str | None = None) -> int:
        """What was used in one period of a course, as its budgets are charged.

        Args:
            period: the term is the course's own from its first day to its last.
            at: an instant of the period: of the last week, of this one or to come.
            hub_name: a hub account; None: everybody.

        Returns:
            ms x devices x weight in thousandths.
        """
        if period is Period.TERM:
            used = self._terms.get((hub_name, course), 0)
            return self._less(used, course, hub_name, *self._days_of_term(course)) if used else 0
        days = self._days.get((hub_name, course))
        if not days or self._basis is None:
            return 0
        zone = self._basis.zone
        span = period_span(period, at, zone, None)
        first, after = (instant.astimezone(zone).date() for instant in span)
        used = sum(used for day, used in days.items() if first <= day < after)
        return self._less(used, course, hub_name, first, after)

    def charge(self, ended: Admission) -> None:
        """Count a session that has just ended."""
        self._ends += 1
        if self._basis is not None:
            for usage in charge(ended, self._basis.zone):
                self._add_day(usage)
                term = self._basis.terms.get(usage.course or "")
                if term is not None and _lies_in(usage.day, term):
                    self._add_term(usage)

    def forget(self, hub_name: str) -> None:
        """Forget an account's own sums; those of the courses stay."""
        for sums in (self._days, self._terms):
            for key in [key for key in sums if key[0] == hub_name]:
                del sums[key]

    async def load(self) -> None:
        """Read what the store has kept, as the campus file in force counts it.

        Raises:
            StoreError: it could not be read; what was known before stands.
        """
        while self._basis != (wanted := _basis(self._campus())):
            await self._load(wanted)

    def follow(self) -> None:
        """Load again in the background if the campus file now in force counts otherwise."""
        if self._basis is None or self._basis == _basis(self._campus()):
            return
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """Stop what ``follow`` began."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    def _less(
        self, used: int, course: str, hub_name: str | None, first: date | None, after: date | None
    ) -> int:
        """Usage without what budgets do not pay; an end that was not kept yet is in neither, or in both."""
        return max(0, used - self._spared(course, hub_name, first, after))

    def _days_of_term(self, course: str) -> _Days:
        """The first day of a course's term, and the first after it."""
        first, last = self._basis.terms[course] if self._basis is not None else (None, None)
        return first, last + timedelta(days=1) if last is not None else None

    async def _follow(self) -> None:
        try:
            await self.load()
        except StoreError:
            _log.exception("usage is counted by the former campus file until it changes again")

    async def _load(self, wanted: _Basis) -> None:
        if await self._store.keep_days(wanted.zone):
            _log.info("the days of the ledger were made anew for %s", wanted.zone.key)
        while True:
            await self._settle()
            before = self._ends
            recent, terms = await self._recent(wanted), await self._of_terms(wanted)
            if self._ends == before:
                break
            # An end came in between: only some of what was read may know of it.
        self._basis, self._days, self._terms = wanted, {}, {}
        for usage in recent:
            self._add_day(usage)
        for usage in terms:
            self._add_term(usage)

    async def _recent(self, wanted: _Basis) -> list[Usage]:
        week = period_span(Period.WEEK, self._clock(), wanted.zone, None)
        first = week.starts.astimezone(wanted.zone).date() - _WEEK
        by = frozenset({By.PERSON, By.COURSE, By.DAY})
        return list(await self._store.load_usage(UsageQuery(by, first=first)))

    async def _of_terms(self, wanted: _Basis) -> list[Usage]:
        by = frozenset({By.PERSON, By.COURSE})
        return [
            usage
            for first, last in set(wanted.terms.values())
            for usage in await self._store.load_usage(UsageQuery(by, first=first, last=last))
            if wanted.terms.get(usage.course or "") == (first, last)
        ]

    def _add_day(self, usage: Usage) -> None:
        if not usage.used or usage.day is None:
            return
        for key in _keys(usage):
            days = self._days.setdefault(key, {})
            days[usage.day] = days.get(usage.day, 0) + usage.used
            if len(days) > _DAYS_KEPT:
                del days[min(days)]

    def _add_term(self, usage: Usage) -> None:
        if usage.used:
            for key in _keys(usage):
                self._terms[key] = self._terms.get(key, 0) + usage.used


def _keys(usage: Usage) -> tuple[_Key, _Key]:
    course = usage.course or ""
    return (usage.person, course), (None, course)


def _basis(campus: Campus) -> _Basis:
    return _Basis(campus.zone, {id: _term(c, campus.zone) for id, c in campus.courses.items()})


def _term(course: Course, zone: ZoneInfo) -> _Days:
    """The first day and the last one; a course's end is the first instant after it."""
    last = course.ends - timedelta.resolution if course.ends else None
    first_day, last_day = (
        at.astimezone(zone).date() if at else None for at in (course.starts, last)
    )
    return first_day, last_day


def _lies_in(day: date | None, days: _Days) -> bool:
    first, last = days
    return day is not None and (first is None or first <= day) and (last is None or day <= last)
