"""Whether what courses own and what their windows reserve fits into what there is, at every instant to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import islice, takewhile
from typing import Final, NamedTuple

from jupyterhub_edu.domain.words import join_words, say

from ..mapping import dates_of
from ..mistakes import Path
from ..models.courses import CourseModel
from ..windows import map_windows
from .context import Checker

__all__ = ["check_quota", "check_reservations"]

_ALWAYS: Final = (
    dt.datetime.min.replace(tzinfo=dt.UTC),
    dt.datetime.max.replace(tzinfo=dt.UTC),
)
_AHEAD: Final = dt.timedelta(days=366)
"""How far ahead reservations are summed up; those of a course without last day go on for ever."""
_CLASHES: Final = 1000
"""Instants that are looked at once there are too many promises; the same class clashes each week."""
_SHOWN: Final = 5


class _Promise(NamedTuple):
    """Devices for a course in a stretch of time, and where that stands; of those at one time the largest counts."""

    starts: dt.datetime
    ends: dt.datetime
    devices: int
    course: str
    path: Path


class _Clash(NamedTuple):
    """An instant, and what each course is promised then, in the order of the file."""

    at: dt.datetime
    promised: tuple[_Promise, ...]


def check_quota(c: Checker) -> None:
    """No flavor may be promised beyond its count by quotas alone, at any instant to come."""
    for flavor, count in _counted(c):
        clash = next(_clashes(_promises(c, flavor), count), None)
        if clash is not None:
            _tell(c, flavor, count, clash, say("lower nominal:, or let a course borrow"))


def check_reservations(c: Checker) -> None:
    """Nor by quotas and what windows reserve; the first clash of each window that is one too many."""
    if c.document.mistakes:
        return
    for flavor, count in _counted(c):
        if next(_clashes(_at_most(c, flavor), count), None) is None:
            continue
        told = set()
        promises = _promises(c, flavor, with_windows=True)
        for clash in islice(_clashes(promises, count), _CLASHES):
            path = _last(clash).path
            if path not in told:
                told.add(path)
                fix = say("lower reserve: or nominal:, or move the window")
                _tell(c, flavor, count, clash, fix)


def _counted(c: Checker) -> Iterator[tuple[str, int]]:
    for key, flavor in c.model.flavors.items():
        most = flavor.count if flavor.count is not None else flavor.grows_to
        if flavor.device is not None and most is not None:
            yield key, most


# -- promises ------------------------------------------------------------------------------------------------------


def _open_courses(c: Checker) -> Iterator[tuple[str, CourseModel, dt.datetime, dt.datetime]]:
    for key, course in c.model.courses.items():
        if course.state == "open":
            starts, ends = dates_of(c.model, course, c.zone)
            starts, ends = max(starts or _ALWAYS[0], c.now), ends or _ALWAYS[1]
            if starts < ends:
                yield key, course, starts, ends


def _promises(c: Checker, flavor: str, *, with_windows: bool = False) -> Iterator[_Promise]:
    """In the order of the file."""
    for key, course, starts, ends in _open_courses(c):
        own = course.quota.get(flavor)
        if own is not None and own.nominal:
            yield _Promise(starts, ends, own.nominal, key, ("courses", key, "quota", flavor))
        if with_windows and any(flavor in window.reserve for window in course.windows):
            yield from _reservations(c, key, ends, flavor)


def _at_most(c: Checker, flavor: str) -> Iterator[_Promise]:
    """As though all windows were always open; if that fits, no times need be worked out."""
    for key, course, starts, ends in _open_courses(c):
        own = course.quota.get(flavor)
        reserved = [window.reserve.get(flavor, 0) for window in course.windows]
        devices = max(own.nominal if own is not None else 0, *reserved, 0)
        if devices:
            # The lead time of a window may begin before its course does.
            first = starts - dt.timedelta(days=1) if any(reserved) else starts
            yield _Promise(first, ends, devices, key, ())


def _reservations(c: Checker, key: str, ends: dt.datetime, flavor: str) -> Iterator[_Promise]:
    until = c.now + _AHEAD
    for at, window in enumerate(map_windows(c.model, key, c.zone, c.calendars)):
        if devices := window.reserve.get(flavor):
            path = ("courses", key, "windows", at, "reserve", flavor)
            for span in takewhile(lambda s: s.starts < until, window.times.spans(c.now)):
                kept_from = max(span.starts - window.lead_time, c.now)
                yield _Promise(kept_from, min(span.ends, ends), devices, key, path)


# -- sums ----------------------------------------------------------------------------------------------------------


def _clashes(promises: Iterable[_Promise], count: int) -> Iterator[_Clash]:
    """Each instant at which something begins and more is promised than there is, ascending."""
    found = list(promises)
    standing: dict[str, list[_Promise]] = {promise.course: [] for promise in found}
    begins = sorted(found, key=lambda p: p.starts)
    ends, ended, total = sorted(found, key=lambda p: p.ends), 0, 0
    for number, promise in enumerate(begins):
        while ends[ended].ends <= promise.starts:
            mine = standing[ends[ended].course]
            total -= _largest(mine)
            mine.remove(ends[ended])
            total += _largest(mine)
            ended += 1
        mine = standing[promise.course]
        total -= _largest(mine)
        mine.append(promise)
        total += _largest(mine)
        is_last = number + 1 == len(begins) or begins[number + 1].starts > promise.starts
        if is_last and total > count:
            largest = (max(some, key=lambda p: p.devices) for some in standing.values() if some)
            yield _Clash(promise.starts, tuple(largest))


def _largest(promises: Iterable[_Promise]) -> int:
    return max((promise.devices for promise in promises), default=0)


def _last(clash: _Clash) -> _Promise:
    """Where it is told: the last in the file, a reservation before a quota."""
    reserved = [promise for promise in clash.promised if "reserve" in promise.path]
    return (reserved or clash.promised)[-1]


def _tell(c: Checker, flavor: str, count: int, clash: _Clash, fix: str) -> None:
    promised, last = clash.promised, _last(clash)
    local = clash.at.astimezone(c.zone)
    when = f"{local:%Y-%m-%d %H:%M}" if "reserve" in last.path else f"{local:%Y-%m-%d}"
    parts: list[str] = [f"{p.course} {p.devices}" for p in promised]
    if len(parts) > _SHOWN + 1:
        rest = sum(p.devices for p in promised[_SHOWN:])
        parts = [
            *parts[:_SHOWN],
            say("{n} other courses {rest}", n=len(parts) - _SHOWN, rest=rest),
        ]
    total = sum(p.devices for p in promised)
    c.wrong(
        last.path,
        say(
            "{parts} = {total} promised on {when}, and {flavor} has {count}",
            parts=join_words(parts, " + "),
            total=total,
            when=when,
            flavor=f"flavors.{flavor}",
            count=count,
        ),
        fix,
        say(
            "{total} {flavor} would be promised to courses on {when}, and there are {count}",
            total=total,
            flavor=flavor,
            when=when,
            count=count,
        ),
    )
