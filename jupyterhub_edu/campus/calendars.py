"""The times that an iCalendar file gives a window, within the dates of its course."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, takewhile
from pathlib import Path as FilePath
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from jupyterhub_edu.domain.schedule import Span, local_instant

from .mistakes import show
from .values import YEARS

__all__ = ["LARGEST", "CalendarError", "parse_calendar", "read_calendar"]

LARGEST: Final = 1024 * 1024
"""Bytes of one file."""
MOST: Final = 5_000
"""Times within the dates of one course."""
_MOST_LINES: Final = 30_000
"""Of one file: more take many seconds to read."""
_MOST_PASSED: Final = 50_000
"""Times of all events together, those before the course too."""
_DAY: Final = dt.timedelta(days=1)
_MOMENT: Final = dt.timedelta.resolution
_FREQUENCIES: Final = {"DAILY", "WEEKLY", "MONTHLY"}
_PARTS: Final = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"}
"""What of a rule is read: enough for lessons."""
_WEEK: Final = 7
_LAST_OF_MONTH: Final = 5
_YEAR: Final = 12
_LONGEST_STEP: Final = 366


class CalendarError(Exception):
    """The file cannot be read whole; why, as the end of a sentence."""


def read_calendar(path: FilePath, zone: ZoneInfo, first: dt.date, last: dt.date) -> list[Span]:
    """The times of all events of a file that begin on days of a course; as ``parse_calendar``.

    Raises:
        CalendarError: with what is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise CalendarError(f"cannot be read: {error.strerror}") from None
    return parse_calendar(content, zone, first, last)


def parse_calendar(content: bytes, zone: ZoneInfo, first: dt.date, last: dt.date) -> list[Span]:
    """The times of all events that begin on days of a course, ascending.

    Always holds:
        - an event repeats on the wall clock of its own zone; what has no zone, a whole day too, is of the campus;
        - what the file takes out, moves or cancels does not take place as it was;
        - a file of which anything would have to be guessed is refused.

    Args:
        content: of the file; more than ``LARGEST`` bytes are not read.
        zone: of the campus.
        first, last: days of the campus zone, inclusive.

    Raises:
        CalendarError: with what is wrong.

    Source:
        RFC 5545, sections 3.6.1, 3.8.4.4 and 3.8.5.
    """
    lessons = [_Lesson(event, zone) for event in _events(content)]
    moved = {(lesson.uid, lesson.instead_of) for lesson in lessons if lesson.instead_of}
    found: set[Span] = set()
    passed = 0
    for lesson in lessons:
        for start in lesson.starts(last):
            passed += 1
            if passed > _MOST_PASSED:
                raise CalendarError(f"repeats more than {_MOST_PASSED} times in all")
            if start.date() < first - 2 * _DAY:  # in whatever zone
                continue
            span = lesson.span(start)
            if lesson.instead_of is None and (lesson.uid, span.starts) in moved:
                continue
            if span.starts < span.ends and first <= span.starts.astimezone(zone).date() <= last:
                found.add(span)
        if len(found) > MOST:
            raise CalendarError(f"holds more than {MOST} times within the course's dates")
    return sorted(found)


def _events(content: bytes) -> list[Any]:
    # As much to load as half of the campus file, and few campuses have calendars.
    from icalendar import Calendar, Event

    if len(content) > LARGEST:
        raise CalendarError("is larger than 1 MiB")
    if content.count(b"\n") > _MOST_LINES:
        raise CalendarError(f"holds more than {_MOST_LINES} lines")
    try:
        calendars = Calendar.from_ical(content, multiple=True)
    except Exception:  # the parser has many ways to say so
        raise CalendarError("is no iCalendar file") from None
    found = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    events = [event for event in found if isinstance(event, Event)]
    if not events:
        raise CalendarError("holds no event")
    return events


class _Lesson:
    """One event. Its times are naive: what the clock of its zone shows.

    Attributes:
        instead_of: the instant of a repeated event that this one stands for, or None.
    """

    def __init__(self, event: Any, campus_zone: ZoneInfo) -> None:
        self._event = event
        self._zone: dt.tzinfo = campus_zone
        for name, why in event.errors:
            raise self._wrong(f"has a {name} that cannot be read: {show(why)}")
        if "DTSTART" not in event:
            raise self._wrong("has no DTSTART")
        self.uid = str(event.get("UID", ""))
        begin = event["DTSTART"].dt
        if _has_time(begin) and begin.tzinfo is not None:
            self._zone = begin.tzinfo
        self._start = self._wall(event["DTSTART"])
        self.instead_of = self._replaced()
        self._lasts = self._length(_has_time(begin))

    def starts(self, last: dt.date) -> Iterator[dt.datetime]:
        """When it begins, up to a day at least; a time may come twice."""
        if self._event.get("STATUS") == "CANCELLED":
            return
        end = dt.datetime.combine(last + 2 * _DAY, dt.time())
        out = [*self._listed("EXDATE")]
        times, days = {self._wall(v) for v in out}, {v.dt for v in out if not _has_time(v.dt)}
        given = [self._start, *map(self._wall, self._listed("RDATE"))]
        for at in chain(given, takewhile(lambda at: at < end, self._repeated())):
            if at not in times and at.date() not in days:
                yield at

    def span(self, start: dt.datetime) -> Span:
        """From when to when, begun at a wall time; without length if a gap of the clock swallows it."""
        begin = self._instant(start)
        if "DURATION" in self._event and self._lasts % _DAY:
            return Span(begin, begin + self._lasts)  # hours of any clock, not those of the wall
        return Span(begin, self._instant(start + self._lasts))

    def _length(self, has_time: bool) -> dt.timedelta:
        if "DTEND" in self._event:
            length: dt.timedelta = self._wall(self._event["DTEND"]) - self._start
        elif "DURATION" in self._event:
            length = self._event["DURATION"].dt
        elif has_time:
            raise self._wrong("has neither DTEND nor DURATION")
        else:
            length = _DAY
        if length <= dt.timedelta(0):
            raise self._wrong("does not end after it begins")
        return length

    def _replaced(self) -> dt.datetime | None:
        value = self._event.get("RECURRENCE-ID")
        if value is None:
            return None
        if value.params.get("RANGE"):
            raise self._wrong("changes all later times (RANGE), which is not read")
        return self._instant(self._wall(value))

    def _repeated(self) -> Iterable[dt.datetime]:
        """The times of its rule, without bound."""
        rule = self._event.get("RRULE")
        if rule is None:
            return ()
        if isinstance(rule, list) or "EXRULE" in self._event:
            raise self._wrong("has several rules")
        parts = {name: list(values) for name, values in rule.items()}
        unread = sorted(set(parts) - _PARTS) or sorted(set(parts["FREQ"]) - _FREQUENCIES)
        if unread or not _comes_soon(parts):
            raise self._wrong(
                f"repeats by a rule that is not read: {show(rule.to_ical().decode())}"
            )
        until = parts.pop("UNTIL", [None])[0]
        text = ";".join(f"{name}={','.join(map(str, values))}" for name, values in parts.items())
        times = rrulestr(text, dtstart=self._start)
        if until is None:
            return times
        end = self._naive(until) if _has_time(until) else self._naive(until + _DAY) - _MOMENT
        return takewhile(lambda at: at <= end, times)

    def _listed(self, name: str) -> Iterator[Any]:
        """The values of a property that may stand several times, each with several."""
        found = self._event.get(name, [])
        for values in found if isinstance(found, list) else [found]:
            for value in values.dts:
                value.params.update(values.params)
                yield value

    def _wall(self, value: Any) -> dt.datetime:
        """What the clock shows at a time of the file."""
        given, name = value.dt, value.params.get("TZID")
        if not isinstance(given, dt.date):
            raise self._wrong("has a time that is a period, which is not read")
        zone = getattr(given, "tzinfo", None)
        if name and not isinstance(zone, ZoneInfo):
            raise self._wrong(f"is in a time zone without IANA name: {show(name)}")
        if not YEARS[0] <= given.year <= YEARS[1]:
            raise self._wrong(f"lies in the year {given.year}")
        return self._naive(given)

    def _naive(self, given: Any) -> dt.datetime:
        at: dt.datetime = given if _has_time(given) else dt.datetime.combine(given, dt.time())
        return at.astimezone(self._zone).replace(tzinfo=None) if at.tzinfo else at

    def _instant(self, at: dt.datetime) -> dt.datetime:
        return local_instant(at.date(), at.time(), self._zone)

    def _wrong(self, why: str) -> CalendarError:
        title = str(self._event.get("SUMMARY") or self._event.get("UID") or "without a title")
        return CalendarError(f"the event {show(title)} {why}")


def _comes_soon(parts: Mapping[str, Sequence[Any]]) -> bool:
    """Whether the next day of a rule is never far: for one that never comes the search ends with the year 9999."""
    step: int = parts.get("INTERVAL", [1])[0]
    if not 1 <= step <= _LONGEST_STEP:
        return False
    days, frequency = parts.get("BYDAY", ()), parts["FREQ"][0]
    if days and frequency == "DAILY":
        return step % _WEEK != 0
    if days and frequency == "MONTHLY":
        return step <= _YEAR and all(abs(day.relative or 0) <= _LAST_OF_MONTH for day in days)
    return True


def _has_time(given: Any) -> bool:
    return isinstance(given, dt.datetime)
