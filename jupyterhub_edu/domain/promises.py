"""What a campus promises of one flavor: each course's own devices, and what its windows reserve."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from .balance import Share
from .courses import Course, CourseState
from .schedule import Span

__all__ = ["Promises"]

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class _Part(NamedTuple):
    """One course's part.

    Attributes:
        share: None where it owns nothing and borrows without limit, as everybody does whom nothing is said of.
        until: when it changes next, or the end of a time in which it does not.
        held_until: when the first of the windows that reserve now has ended, or None.
    """

    share: Share | None
    until: datetime
    held_until: datetime | None


class Promises:
    """What the courses of one campus have of one flavor, at any instant; exams are not among them.

    Always holds:
        - the same mapping comes back, the very object, until something changes in it;
        - a question between two changes costs a comparison; at a change only the courses that it concerns are asked.
    """

    def __init__(self, courses: Iterable[Course], flavor: str) -> None:
        """Take the courses that own, borrow within a limit, or reserve; nothing is said of the others."""
        self._flavor = flavor
        self._courses = {
            course.id: course
            for course in courses
            if flavor in course.quota or any(flavor in w.reserve for w in course.windows)
        }
        self._parts: dict[str, _Part] = {}
        self._due: list[tuple[datetime, str]] = []
        self._since = _NEVER
        self._shares: Mapping[str, Share] = MappingProxyType({})
        self._held: list[tuple[datetime, str]] = []
        """When the first of a course's windows that reserve now has ended, and of which course, ascending."""

    def at(self, now: datetime) -> Mapping[str, Share]:
        """Each course's share at an instant (aware UTC), by course id; who is not in it has ``Share()``."""
        if now < self._since:  # the first question, or a clock that went back
            self._since = now
            self._due.clear()
            self._bring_to(now, self._courses)
        elif self._due and self._due[0][0] <= now:
            due = set[str]()
            while self._due and self._due[0][0] <= now:
                due.add(heapq.heappop(self._due)[1])
            self._since = now
            self._bring_to(now, due)
        return self._shares

    def reserved_until(self, but: str, now: datetime) -> datetime | None:
        """When the first window of another course that reserves now has ended, or None if none does."""
        self.at(now)
        return next((at for at, id in self._held if id != but), None)

    def opening(self, now: datetime, grace: timedelta) -> Mapping[str, int]:
        """By course, what is reserved by its windows that are open, or open within ``grace``."""
        found = {}
        for id, share in self.at(now).items():
            if share.reserved:
                course = self._courses[id]
                devices = max(
                    (n for n, span, _ in self._windows(course, now) if span.starts <= now + grace),
                    default=0,
                )
                if devices:
                    found[id] = devices
        return found

    # -- inside ------------------------------------------------------------------------------------------------

    def _bring_to(self, now: datetime, ids: Iterable[str]) -> None:
        shares = dict(self._shares)
        for id in ids:
            part = self._parts[id] = self._part(self._courses[id], now)
            if part.until < _NEVER:
                heapq.heappush(self._due, (part.until, id))
            if part.share is None:
                shares.pop(id, None)
            else:
                shares[id] = part.share
        held = ((part.held_until, id) for id, part in self._parts.items())
        self._held = sorted((at, id) for at, id in held if at is not None)
        if shares != self._shares:
            self._shares = MappingProxyType(shares)

    def _part(self, course: Course, now: datetime) -> _Part:
        quota, is_open = course.quota_for(self._flavor), course.is_open(now)
        changes = [at for at in (course.starts, course.ends) if at is not None and now < at]
        reserved, peak, held = 0, 0, []
        for devices, span, kept_from in self._windows(course, now):
            if kept_from <= now:
                reserved = max(reserved, devices)
                held.append(span.ends)
            changes.append(span.ends if kept_from <= now else kept_from)
            peak = max(peak, max(quota.nominal, devices) + (quota.borrow or 0))
        nominal = max(quota.nominal if is_open else 0, reserved)
        share: Share | None = None
        if nominal or quota.borrow is not None:
            peak = peak if quota.borrow is not None else 0
            share = Share(nominal, quota.borrow, reserved, peak)
        return _Part(share, min(changes, default=_NEVER), min(held, default=None))

    def _windows(self, course: Course, now: datetime) -> Iterator[tuple[int, Span, datetime]]:
        """Of each window that reserves: how many, when it is open next or is now, and from when they are kept."""
        if course.state is not CourseState.OPEN:
            return
        last = course.ends or _NEVER
        for window in course.windows:
            devices = window.reserve.get(self._flavor, 0)
            span = next(window.times.spans(now), None) if devices and now < last else None
            if span is not None and span.starts < last:
                yield (
                    devices,
                    Span(span.starts, min(span.ends, last)),
                    span.starts - window.lead_time,
                )
