"""What the calendar of a course shows, as plain rows: a week day by day, and the windows themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.dates import WEEKDAYS, dated
from jupyterhub_edu.domain.exams import Exam
from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.week import Day, Piece, lay_out, reached
from jupyterhub_edu.domain.windows import Window
from jupyterhub_edu.domain.words import Words, join_words, mark, say

__all__ = ["DayRow", "EntryRow", "WindowRow", "week_rows", "window_rows"]

_DAY: Final = timedelta(days=1)
_SOME: Final = 12
"""Days of a dated window that are named; of more it is said how many."""


class EntryRow(NamedTuple):
    """What of a window or an exam lies on one day.

    Attributes:
        kind: ``window``, ``reserve`` (a window that keeps devices) or ``exam``; ``kind_words`` are for people.
        id: of the window or exam, for its address; ``""`` where it has none.
        starts, ends: what the clock shows on this day; ``24:00`` is its end.
        iso: from when until when, as instants, of this day's part.
        since, until: for a part only: when the whole began before this day, or ends after it.
        facts: what it does, in words.
    """

    kind: str
    kind_words: str
    id: str
    title: str
    starts: str
    ends: str
    iso: tuple[str, str]
    since: str
    until: str
    facts: Sequence[str]


class DayRow(NamedTuple):
    """One day.

    Attributes:
        hours: how long it is, where that is not 24 hours: the clock changes; else None.
        is_of_course: whether it lies within the course's dates.
    """

    iso: str
    text: str
    is_today: bool
    holidays: Sequence[str]
    hours: float | None
    is_of_course: bool
    entries: Sequence[EntryRow]


class WindowRow(NamedTuple):
    """A window as the campus file would have it, in words.

    Attributes:
        from_file: it stands in the campus file; else it was set at the desk.
        calendar: the iCalendar file that gives its times, or ``""``; it is changed in the campus file alone.
        lead: how long before each beginning devices are kept.
    """

    id: str
    title: str
    when: str
    only: Sequence[str]
    reserve: Sequence[str]
    lead: str
    exceptions: str
    from_file: bool
    calendar: str


class _Thing(NamedTuple):
    kind: str
    id: str
    title: str
    facts: Sequence[str]
    lead: timedelta | None


def week_rows(core: Core, course: Course, monday: date) -> list[DayRow]:
    """Windows, exams and holidays of a course on the days of one week."""
    zone = core.campus.zone
    things = [*_windows(core, course, monday), *_exams(core, course, monday)]
    days = lay_out(things, monday, zone)
    today = core.clock().astimezone(zone).date()
    return [_day_row(core.campus, course, day, today) for day in days]


def window_rows(core: Core, course: Course) -> list[WindowRow]:
    """The windows of a course, those that the desk has set too."""
    filed = core.adjustments.file_value(course.id, "windows") or []
    known = core.adjustments.windows(course.id)
    leads: Sequence[timedelta | None] = [window.lead_time for window in course.windows]
    if len(leads) != len(known):
        leads = [None] * len(known)
    return [
        _window_row(core.campus, id, window, lead, in_file=window in filed)
        for (id, window), lead in zip(known.items(), leads, strict=True)
    ]


def _window_row(
    campus: Campus, id: str, window: Mapping[str, Any], lead: timedelta | None, *, in_file: bool
) -> WindowRow:
    reserve = _reserve(campus, window.get("reserve") or {})
    return WindowRow(
        id,
        str(window.get("title") or ""),
        _when(window),
        _titles(campus, window.get("only") or ()),
        reserve,
        _minutes(lead) if lead is not None and reserve else "",
        join_words((_range(one) for one in window.get("except") or ()), ", "),
        in_file,
        str(window.get("ical") or ""),
    )


def _when(window: Mapping[str, Any]) -> str:
    if window.get("ical"):
        return ""
    begins, ends = (window.get(name) or "00:00" for name in ("from", "until"))
    hours = say("{starts} to {ends}", starts=begins, ends=ends)
    if window.get("days"):
        return join_words([*(_DAYS.get(day, day) for day in window["days"]), hours], ", ")
    dates = sorted(map(str, window.get("dates") or ()))
    named = ", ".join(dates[:_SOME])
    if len(dates) > _SOME:
        more = len(dates) - _SOME
        return say("{days} and {more} days more, {hours}", days=named, more=more, hours=hours)
    return join_words([named, hours], ", ")


def _range(value: Any) -> str:
    """Days of an exception: one, or from the first to the last."""
    if not isinstance(value, Mapping):
        return str(value)
    return say("{starts} to {ends}", starts=value["from"], ends=value["until"])


def _windows(core: Core, course: Course, monday: date) -> Iterator[tuple[_Thing, Span]]:
    ids = list(core.adjustments.windows(course.id))
    if len(ids) != len(course.windows):  # the same window twice has one id
        ids = [""] * len(course.windows)
    for id, window in zip(ids, course.windows, strict=True):
        thing = _window(core.campus, id, window)
        for span in reached(window.times, monday, core.campus.zone):
            yield thing, span


def _window(campus: Campus, id: str, window: Window) -> _Thing:
    facts = (
        [say("only then: {profiles}", profiles=", ".join(_titles(campus, sorted(window.only))))]
        if window.only
        else []
    )
    facts += [say("{what} reserved", what=one) for one in _reserve(campus, window.reserve)]
    kind = "reserve" if window.reserve else "window"
    return _Thing(kind, id, window.title, facts, window.lead_time if window.reserve else None)


def _exams(core: Core, course: Course, monday: date) -> Iterator[tuple[_Thing, Span]]:
    for prepared in core.exams.of(course.id):
        exam = prepared.exam
        profile = core.campus.profiles.get(exam.profile)
        facts = [
            say("with {profile}", profile=profile.title if profile is not None else exam.profile)
        ]
        if _last(exam) != exam.ends_for(()):
            facts.append(say("extra time included"))
        if exam.starts < _last(exam):
            yield _Thing("exam", exam.id, exam.title, facts, None), Span(exam.starts, _last(exam))


def _last(exam: Exam) -> datetime:
    return exam.ends_for(exam.extra)


def _day_row(campus: Campus, course: Course, day: Day[_Thing], today: date) -> DayRow:
    hours = day.length / timedelta(hours=1)
    changes = hours != 24
    return DayRow(
        day.date.isoformat(),
        dated(day.date, "{weekday_name} {day} {month_name}"),
        day.date == today,
        [name for name, (first, last) in campus.holidays.items() if first <= day.date <= last],
        hours if changes else None,
        (course.starts is None or course.starts < day.span.ends)
        and (course.ends is None or day.span.starts < course.ends),
        [_entry(campus.zone, day, piece, changes=changes) for piece in day.pieces],
    )


_DAYS: Final[Mapping[object, Words]] = dict(zip(WEEKDAYS, WEEKDAYS, strict=True))
_KINDS: Final = {
    "window": mark("Window"),
    "reserve": mark("Reservation"),
    "exam": mark("Exam"),
}


def _entry(zone: ZoneInfo, day: Day[_Thing], piece: Piece[_Thing], *, changes: bool) -> EntryRow:
    thing, whole, part = piece.what, piece.whole, piece.part
    # On a day on which the clock changes, what it shows twice is told apart by the name of its time.
    pattern = "%H:%M %Z" if changes else "%H:%M"
    ends = part.ends.astimezone(zone)
    facts = [*thing.facts]
    if thing.lead is not None and piece.begins:
        facts.append(say("kept from {when}", when=_at(whole.starts - thing.lead, zone, day.date)))
    return EntryRow(
        thing.kind,
        _KINDS[thing.kind],
        thing.id,
        thing.title,
        f"{part.starts.astimezone(zone):{pattern}}",
        "24:00" if part.ends == day.span.ends else f"{ends:{pattern}}",
        (part.starts.isoformat(), part.ends.isoformat()),
        "" if piece.begins else _at(whole.starts, zone, day.date),
        "" if piece.ends else _at(whole.ends, zone, day.date),
        facts,
    )


def _at(at: datetime, zone: ZoneInfo, day: date) -> str:
    there = at.astimezone(zone)
    if there.date() == day:
        return f"{there:%H:%M}"
    return dated(there, "{weekday} {day} {month} {time}")


def _reserve(campus: Campus, reserve: Mapping[str, int]) -> list[str]:
    found = []
    for key, count in reserve.items():
        flavor = campus.flavors.get(key)
        found.append(f"{count} × {flavor.title if flavor is not None else key}")
    return found


def _titles(campus: Campus, keys: Sequence[str]) -> list[str]:
    return [campus.profiles[key].title if key in campus.profiles else key for key in keys]


def _minutes(length: timedelta) -> str:
    return say("{minutes} min", minutes=length // timedelta(minutes=1))
