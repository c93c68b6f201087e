"""Windows and holidays: words, days, and whether a window ever begins and ever ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from jupyterhub_edu.domain.windows import hours
from jupyterhub_edu.domain.words import mark, say

from ..mapping import dates_of, offers_of
from ..mistakes import Path, show
from ..models.courses import CourseModel, DaysModel, WindowModel
from ..windows import days_of, map_windows, shortest_lead
from .context import Checker

__all__ = ["check_windows"]

_YEAR: Final = dt.timedelta(days=366)
_DAY: Final = dt.timedelta(days=1)
_MINUTE: Final = dt.timedelta(minutes=1)


def check_windows(c: Checker) -> None:
    """Look at the holidays, then at the windows of each course; last at what is open when."""
    for name, days in c.model.holidays.items():
        _range(c, ("holidays", name), days)
    for key, course in c.model.courses.items():
        for at, window in enumerate(course.windows):
            path: Path = ("courses", key, "windows", at)
            for n, days in enumerate(window.excluded):
                _range(c, (*path, "except", n), days)
            _words(c, path, course, window)
            _reserve(c, path, window)
            _dates(c, (*path, "dates"), course, window)
    if not c.document.mistakes:
        for key, course in c.model.courses.items():
            _times(c, key, course)


def _range(c: Checker, path: Path, days: DaysModel) -> None:
    if days.until < days.starts:
        c.wrong(
            (*path, "until"),
            say("before from ({day})", day=days.starts),
            say("the last day, inclusive"),
        )
    elif days.until - days.starts > _YEAR:
        c.wrong(
            (*path, "until"),
            say("more than a year after from"),
            say("write the days that are meant"),
        )


def _words(c: Checker, path: Path, course: CourseModel, window: WindowModel) -> None:
    for key in ("days", "dates", "only"):
        _twice(c, (*path, key), getattr(window, key))
    offered = {key for keys in offers_of(c.model, course).values() for key in keys}
    for at, key in enumerate(window.only):
        if c.known((*path, "only", at), mark("profile"), key, "profiles") and key not in offered:
            c.wrong(
                (*path, "only", at),
                say("the course offers {profile} to nobody", profile=key),
                say("take it out, or offer it"),
            )
    if not window.only and not window.reserve:
        c.lacks(
            path,
            say("restricts no profile and reserves no devices"),
            say("write only: or reserve:"),
        )
    if sum(map(bool, (window.days, window.dates, window.ical))) != 1:
        c.lacks(
            path, say("does not say once when it takes place"), say("write days:, dates: or ical:")
        )
    elif window.dates and window.excluded:
        c.wrong((*path, "except"), say("stands beside dates:"), say("take the days out of dates:"))
    elif window.ical and {"starts", "until"} & window.model_fields_set:
        c.wrong(
            path, say("has times beside those of its calendar"), say("take from: and until: out")
        )


def _reserve(c: Checker, path: Path, window: WindowModel) -> None:
    for key, devices in window.reserve.items():
        place = (*path, "reserve", key)
        fits = c.known(place, mark("flavor"), key, "flavors") and c.counts_devices(place, key)
        if fits and not devices:
            c.wrong(place, say("reserves nothing"), say("write how many devices, or take it out"))
    if window.lead_time is None:
        return
    place, least = (*path, "lead_time"), shortest_lead(c.model)
    if not window.reserve:
        c.lacks(
            place, say("stands where nothing is reserved"), say("take it out, or add reserve:")
        )
    elif window.lead_time < least:
        c.wrong(
            place,
            say("too short for what is lent to be back when it begins"),
            say(
                "the least is {least}: reclaim_warning: and ten minutes",
                least=f"{least // _MINUTE}m",
            ),
        )
    elif window.lead_time > _DAY:
        c.wrong(place, say("longer than a day"), say("begin the window sooner"))


def _twice(c: Checker, path: Path, words: Sequence[object]) -> None:
    for at, word in enumerate(words):
        if word in words[:at]:
            c.wrong((*path, at), say("{what} stands twice", what=word), say("keep one of them"))


def _dates(c: Checker, path: Path, course: CourseModel, window: WindowModel) -> None:
    """Each date of a window is one on which it can begin."""
    first, last = days_of(c.model, course)
    for at, day in enumerate(window.dates):
        names = [n for n, days in c.model.holidays.items() if days.starts <= day <= days.until]
        if first is not None and day < first:
            c.wrong(
                (*path, at),
                say("{day} is before the course begins ({first})", day=day, first=first),
                say("take it out"),
            )
        elif last is not None and last < day:
            c.wrong(
                (*path, at),
                say("{day} is after the course ends ({last})", day=day, last=last),
                say("take it out"),
            )
        elif names:
            c.wrong(
                (*path, at),
                say("{day} lies in {holidays}", day=day, holidays=f"holidays.{show(names[0])}"),
                say("take one of them out"),
            )


def _times(c: Checker, key: str, course: CourseModel) -> None:
    """Every window takes place, and all together leave some time out."""
    path: Path = ("courses", key, "windows")
    starts, ends = dates_of(c.model, course, c.zone)
    begin = starts or c.now
    made = map_windows(c.model, key, c.zone, c.calendars)
    for at, window in enumerate(made):
        if next(window.times.spans(begin), None) is None:
            c.wrong(
                (*path, at),
                say("never takes place"),
                say("look at its days, times and exceptions"),
            )
    for profile, timetable in hours(made).items():
        stretch = timetable.at(begin)
        if stretch.is_open and (
            stretch.ends is None or (ends is not None and stretch.ends >= ends)
        ):
            c.wrong(
                path,
                say("{profile} may be started at all times", profile=profile),
                say("leave some out, or the windows"),
            )
