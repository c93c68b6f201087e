"""The windows of a course: from the models of the file to times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.windows import Dated, Weekly, Window, joined, local_span

from .models import CourseModel, DaysModel, FileModel, WindowModel

__all__ = ["days_of", "map_window"]

_DAYS: Final[Mapping[str, int]] = {
    day: at for at, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
}
_DAY: Final = dt.timedelta(days=1)


def days_of(model: FileModel, course: CourseModel) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day of a course; its own days before its term's."""
    term = model.terms.get(course.term) if course.term else None
    first = course.starts or (term.starts if term else None)
    last = course.until or (term.until if term else None)
    return first, last


def map_window(
    model: FileModel, course: CourseModel, window: WindowModel, zone: ZoneInfo
) -> Window:
    """Make a window, within the dates of its course."""
    first, last = days_of(model, course)
    skipped = frozenset(_every_day([*model.holidays.values(), *window.excluded]))
    if window.days:
        days = frozenset(_DAYS[day] for day in window.days)
        times: Weekly | Dated = Weekly(
            days, window.starts, window.until, zone, first, last, skipped
        )
    else:
        given = (
            local_span(day, window.starts, window.until, zone)
            for day in sorted(window.dates)
            if day not in skipped
            and (first is None or first <= day)
            and (last is None or day <= last)
        )
        times = Dated(tuple(joined(span for span in given if span is not None)))
    return Window(window.title or "", times, frozenset(window.only))


def _every_day(ranges: Iterable[DaysModel]) -> Iterator[dt.date]:
    for one in ranges:
        for after in range((one.until - one.starts) // _DAY + 1):
            yield one.starts + after * _DAY
