"""The windows of a course: from the models of the file to times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import Dated, Weekly, Window, joined, local_span

from .calendars import CalendarError, read_calendar
from .document import Document
from .mistakes import Path, show
from .models.courses import CourseModel, DaysModel, WindowModel
from .models.site import FileModel

__all__ = [
    "Calendars",
    "CalendarsRead",
    "days_of",
    "map_windows",
    "read_calendars",
    "shortest_lead",
]

Calendars = Mapping[tuple[str, int], tuple[Span, ...]]
"""What the calendars of windows say, by the course's key and the window's place in its list."""

_DAYS: Final[Mapping[str, int]] = {
    day: at for at, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
}
_DAY: Final = dt.timedelta(days=1)
_SHORTEST: Final = dt.timedelta(minutes=10)
"""A session that is of use to somebody."""


def days_of(model: FileModel, course: CourseModel) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day of a course; its own days before its term's."""
    term = model.terms.get(course.term) if course.term else None
    first = course.starts or (term.starts if term else None)
    last = course.until or (term.until if term else None)
    return first, last


CalendarsRead = dict[tuple[FilePath, dt.date, dt.date], tuple[Span, ...]]
"""What calendars have said, by the file and the first and last day for which it was asked."""


def read_calendars(
    document: Document, model: FileModel, folder: FilePath, read: CalendarsRead
) -> tuple[Calendars, tuple[FilePath, ...]]:
    """Read the calendars that windows name; what is wrong in them is noted.

    Args:
        folder: from which relative paths start.
        read: those that need not be read again; what is read is added.

    Returns:
        Their times within the dates of their courses; and the files, for watching.
    """
    found: dict[tuple[str, int], tuple[Span, ...]] = {}
    files = []
    for key, course in model.courses.items():
        for at, window in enumerate(course.windows):
            if window.ical is None:
                continue
            file = folder / window.ical
            files.append(file)
            path: Path = ("courses", key, "windows", at, "ical")
            found[key, at] = _read_calendar(document, model, course, file, path, read)
    return found, tuple(files)


def _read_calendar(
    document: Document,
    model: FileModel,
    course: CourseModel,
    file: FilePath,
    path: Path,
    read: CalendarsRead,
) -> tuple[Span, ...]:
    first, last = days_of(model, course)
    if first is None or last is None:
        document.mistake(
            path,
            "needs the course's first and last day",
            "name its term, or write from: and until:",
        )
        return ()
    if (file, first, last) in read:
        return read[file, first, last]
    try:
        spans = tuple(read_calendar(file, ZoneInfo(model.time_zone), first, last))
        read[file, first, last] = spans
        return spans
    except CalendarError as error:
        document.mistake(path, f"{show(file.name)} {error}")
    except (LookupError, OSError, ValueError):
        pass  # no such time zone, which is told where it stands
    return ()


def map_windows(
    model: FileModel, key: str, zone: ZoneInfo, calendars: Calendars
) -> tuple[Window, ...]:
    """Make the windows of a course, within its dates."""
    windows = model.courses[key].windows
    return tuple(
        Window(
            window.title or "",
            _weekly(model, key, window, zone)
            if window.days
            else _dated(model, key, window, zone, calendars.get((key, at), ())),
            frozenset(window.only),
            MappingProxyType(dict(window.reserve)),
            window.lead_time or shortest_lead(model),
        )
        for at, window in enumerate(windows)
    )


def shortest_lead(model: FileModel) -> dt.timedelta:
    """The shortest lead time: what is lent just before it begins is lent for a session of use, and back in time."""
    return model.reclaim_warning + _SHORTEST


def _weekly(model: FileModel, key: str, window: WindowModel, zone: ZoneInfo) -> Weekly:
    days = frozenset(_DAYS[day] for day in window.days)
    first, last = days_of(model, model.courses[key])
    skipped = _skipped(model, window)
    return Weekly(days, window.starts, window.until, zone, first, last, skipped)


def _dated(
    model: FileModel, key: str, window: WindowModel, zone: ZoneInfo, given: Iterable[Span]
) -> Dated:
    skipped = _skipped(model, window)
    days = (local_span(day, window.starts, window.until, zone) for day in sorted(window.dates))
    spans = [*given, *(span for span in days if span is not None)]
    return Dated(
        tuple(joined(span for span in spans if span.starts.astimezone(zone).date() not in skipped))
    )


def _skipped(model: FileModel, window: WindowModel) -> frozenset[dt.date]:
    """Days on which a window does not begin: the holidays and its own exceptions."""
    return frozenset(_every_day([*model.holidays.values(), *window.excluded]))


def _every_day(ranges: Iterable[DaysModel]) -> Iterator[dt.date]:
    for one in ranges:
        for after in range((one.until - one.starts) // _DAY + 1):
            yield one.starts + after * _DAY
