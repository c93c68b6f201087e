"""Times out of an iCalendar file as dated windows of a course, and what they would change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from jupyterhub_edu.campus.calendars import LARGEST, CalendarError, parse_calendar
from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.dates import dated
from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import Dated, Weekly, joined, local_span
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire.limits import WindowWish

from .local_times import CannotRead
from .reading import read_body
from .refusals import Code, DeskError

__all__ = [
    "LARGEST",
    "Difference",
    "dates_of",
    "difference",
    "read_times",
    "read_windows",
    "windows_from",
]

_AHEAD: Final = timedelta(days=366)
"""How far ahead the times of a course without a last day are read."""
_LARGEST: Final = 128 * 1024
"""Characters of windows as a page hands them out; the desk keeps a quarter of that."""
_MOMENT: Final = timedelta.resolution


class Difference(NamedTuple):
    """What windows of one title would become, of what is not over.

    Attributes:
        added, dropped: times in words, ascending.
        kept: how many stay.
        on_holidays: how many of the file begin on a holiday, and do not take place.
    """

    added: Sequence[str]
    dropped: Sequence[str]
    kept: int
    on_holidays: int


def dates_of(core: Core, course: Course) -> tuple[date, date]:
    """The first and the last day that a file is read for: those of the course that are not over."""
    zone = core.campus.zone
    first = core.clock().astimezone(zone).date()
    last = first + _AHEAD
    if course.starts is not None:
        first = max(first, course.starts.astimezone(zone).date())
    if course.ends is not None:
        last = (course.ends - _MOMENT).astimezone(zone).date()
    return first, last


def read_times(
    content: bytes, zone: ZoneInfo, days: tuple[date, date], now: datetime
) -> list[Span]:
    """The times of a file on these days that are not over; slow, and to be called in a thread.

    Raises:
        CannotRead: with what is wrong.
    """
    try:
        found = [span for span in parse_calendar(content, zone, *days) if span.ends > now]
    except CalendarError as error:
        raise CannotRead(say("The file {error}.", error=error)) from error
    if not found:
        raise CannotRead(say("Nothing in the file begins on a day of the course that is to come."))
    return found


def windows_from(
    spans: Iterable[Span], zone: ZoneInfo, like: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Dated windows with exactly these times, one for each pair of wall times.

    Args:
        like: what each of them has beside its times.

    Raises:
        CannotRead: no window can have some of them; the text says which.
    """
    found: dict[tuple[time, time], list[str]] = {}
    for span in spans:
        starts, ends = (at.astimezone(zone) for at in span)
        hours = time(starts.hour, starts.minute), time(ends.hour, ends.minute)
        if local_span(starts.date(), *hours, zone) != span:
            raise CannotRead(
                say(
                    "What begins on {when} is longer than a day, or begins or ends within a minute or where the clock "
                    "changes: no window can be so.",
                    when=dated(starts, "{day} {month} {year} at {time}"),
                )
            )
        found.setdefault(hours, []).append(starts.date().isoformat())
    return [
        {**like, "dates": sorted(set(days)), "from": f"{begin:%H:%M}", "until": f"{end:%H:%M}"}
        for (begin, end), days in sorted(found.items())
    ]


def read_windows(text: str) -> list[dict[str, Any]]:
    """Windows as ``windows_from`` made them and a page has handed them out: at least one, all of one title; may be slow.

    Raises:
        DeskError: it is anything else.
    """
    try:
        windows = json.loads(text if len(text) <= _LARGEST else "")
        (_,) = {window["title"] for window in windows}
        for window in windows:
            read_body(json.dumps({"window": window}).encode(), WindowWish)
            if "ical" in window or not {*map(date.fromisoformat, window["dates"])}:
                raise ValueError("no dates")
            _ = time.fromisoformat(window["from"]), time.fromisoformat(window["until"])
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise DeskError(Code.UNREADABLE) from None
    return list(windows)


def difference(
    core: Core, course: Course, title: str, windows: Sequence[Mapping[str, Any]]
) -> Difference:
    """What would change were these the windows of this title; slow where there are many, and to be called in a thread.

    Args:
        windows: of ``windows_from``.
    """
    zone, (first, last) = core.campus.zone, dates_of(core, course)
    before = {
        span
        for window in course.windows
        if window.title == title
        for span in _until(window.times, core, last)
        if first <= span.starts.astimezone(zone).date()
    }
    after, left_out = set[Span](), 0
    for window in windows:
        days = [date.fromisoformat(day) for day in window["dates"]]
        takes_place = [day for day in days if not _is_holiday(core, day)]
        left_out += len(days) - len(takes_place)
        opens, closes = (time.fromisoformat(window[name]) for name in ("from", "until"))
        spans = (local_span(day, opens, closes, zone) for day in takes_place)
        taking_place = joined(span for span in spans if span is not None)
        after.update(span for span in taking_place if span.ends > core.clock())
    return Difference(
        [_words(span, zone) for span in sorted(after - before)],
        [_words(span, zone) for span in sorted(before - after)],
        len(after & before),
        left_out,
    )


def _is_holiday(core: Core, day: date) -> bool:
    return any(first <= day <= last for first, last in core.campus.holidays.values())


def _until(times: Weekly | Dated, core: Core, last: date) -> Iterable[Span]:
    for span in times.spans(core.clock()):
        if span.starts.astimezone(core.campus.zone).date() > last:
            return
        yield span


def _words(span: Span, zone: ZoneInfo) -> str:
    starts, ends = (at.astimezone(zone) for at in span)
    is_one_day = ends.date() == starts.date()
    return say(
        "{starts} to {ends}",
        starts=dated(starts, "{weekday} {day} {month} {year}, {time}"),
        ends=f"{ends:%H:%M}" if is_one_day else dated(ends, "{weekday} {time}"),
    )
