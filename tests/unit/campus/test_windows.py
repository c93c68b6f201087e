"""Windows and holidays: what they become, and every mistake in them with its place."""

import os
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import Dated, Stretch, Weekly

CODES = "    codes: [INF4490]\n"
TERMS = "terms:\n"
ROOT = Path(__file__).parents[3]
OSLO = ZoneInfo("Europe/Oslo")


def windows(*lines: str) -> tuple[str, str]:
    """Give the course ml these windows, the first in line 58."""
    return CODES, "    windows:\n" + "".join(f"      - {line}\n" for line in lines)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=OSLO).astimezone(UTC)


def test_a_weekly_window_lasts_as_long_as_its_course_and_leaves_holidays_out(load):
    campus = load(
        TERMS,
        "holidays:\n  Autumn: {from: 2026-10-05, until: 2026-10-06}\n  All Saints: 2026-11-01\n"
        + TERMS,
        *windows(
            '{title: Lab, days: [Tue], from: "10:15", until: "12:00", only: [gpu], except: [2026-11-10]}'
        ),
    ).campus
    (lab,) = campus.courses["ml"].windows
    assert (lab.title, lab.only) == ("Lab", {"gpu"})
    assert lab.times == Weekly(
        frozenset({1}),
        time(10, 15),
        time(12),
        OSLO,
        date(2026, 8, 17),
        date(2026, 12, 18),
        frozenset({date(2026, 10, 5), date(2026, 10, 6), date(2026, 11, 1), date(2026, 11, 10)}),
    )


def test_a_dated_window_is_its_days(load):
    campus = load(
        *windows('{dates: [2026-12-01, 2026-11-24], from: "22:00", until: "01:00", only: [gpu]}')
    ).campus
    (window,) = campus.courses["ml"].windows
    assert window.times == Dated(
        (
            Span(at("2026-11-24 22:00"), at("2026-11-25 01:00")),
            Span(at("2026-12-01 22:00"), at("2026-12-02 01:00")),
        )
    )


def test_a_profile_is_restricted_to_all_windows_that_name_it_and_others_to_none(load):
    campus = load(
        *windows(
            "{days: [Sat, Sun], only: [gpu]}",
            '{days: [Mon], until: "08:00", only: [gpu]}',
        )
    ).campus
    hours = campus.courses["ml"].hours
    assert set(hours) == {"gpu"}
    assert hours["gpu"].at(at("2026-11-06 12:00")) == Stretch(False, at("2026-11-07 00:00"))
    assert hours["gpu"].at(at("2026-11-07 12:00")) == Stretch(True, at("2026-11-09 08:00"))
    assert campus.courses["intro"].hours == {}


LECTURES = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
UID:1
SUMMARY:Lab
DTSTART;TZID=Europe/Oslo:20261110T101500
DTEND;TZID=Europe/Oslo:20261110T120000
RRULE:FREQ=WEEKLY;COUNT=3
END:VEVENT
END:VCALENDAR
"""


def test_a_window_takes_its_times_from_a_calendar_and_leaves_holidays_out(load, campus_folder):
    (campus_folder / "lectures.ics").write_text(LECTURES, encoding="utf-8")
    loaded = load(
        TERMS,
        "holidays: {Reading day: 2026-11-17}\n" + TERMS,
        *windows("{ical: lectures.ics, only: [gpu]}"),
    )
    (window,) = loaded.campus.courses["ml"].windows
    assert window.times == Dated(
        (
            Span(at("2026-11-10 10:15"), at("2026-11-10 12:00")),
            Span(at("2026-11-24 10:15"), at("2026-11-24 12:00")),
        )
    )
    assert campus_folder / "lectures.ics" in loaded.files


WRONG = {
    "a time that YAML reads as a number": (
        windows("{days: [Tue], from: 10:15, only: [gpu]}"),
        ['courses.ml.windows[0].from: YAML reads 10:15 as a number in base 60; write "10:15"'],
    ),
    "a time that no clock shows": (
        windows('{days: [Tue], until: "24:00", only: [gpu]}'),
        [
            'courses.ml.windows[0].until: not a time; write hours and minutes in quotes, such as "08:15"; '
            'midnight is "00:00"'
        ],
    ),
    "a day that is no day of the week": (
        windows("{days: [Tu], only: [gpu]}"),
        ['courses.ml.windows[0].days[0]: no such day: "Tu"; did you mean Tue?'],
    ),
    "a window that says nothing of when": (
        windows("{only: [gpu]}"),
        [
            "courses.ml.windows[0]: does not say once when it takes place; write days:, dates: or ical:",
        ],
    ),
    "a window that says it twice": (
        windows("{days: [Tue], dates: [2026-11-24], only: [gpu]}"),
        [
            "courses.ml.windows[0]: does not say once when it takes place; write days:, dates: or ical:",
        ],
    ),
    "a window that restricts nothing": (
        windows("{days: [Tue]}"),
        [
            "courses.ml.windows[0]: restricts no profile and reserves no devices; write only: or reserve:",
        ],
    ),
    "a reservation of what does not exist": (
        windows("{days: [Tue], reserve: {t5: 2}}"),
        ['courses.ml.windows[0].reserve.t5: no such flavor: "t5"; did you mean t4?'],
    ),
    "a reservation of what has no devices": (
        windows("{days: [Tue], reserve: {cpu: 2}}"),
        [
            "courses.ml.windows[0].reserve.cpu: counts devices, and flavors.cpu has none; take it out"
        ],
    ),
    "a reservation of nothing": (
        windows("{days: [Tue], reserve: {t4: 0}}"),
        [
            "courses.ml.windows[0].reserve.t4: reserves nothing; write how many devices, or take it out"
        ],
    ),
    "a lead time too short for a warning and a session": (
        windows("{days: [Tue], reserve: {t4: 2}, lead_time: 14m}"),
        [
            "courses.ml.windows[0].lead_time: too short for what is lent to be back when it begins; "
            "the least is 15m: reclaim_warning: and ten minutes"
        ],
    ),
    "a lead time too short for a longer warning": (
        (
            TERMS,
            "reclaim_warning: 20m\n" + TERMS,
            *windows("{days: [Tue], reserve: {t4: 2}, lead_time: 29m}"),
        ),
        [
            "courses.ml.windows[0].lead_time: too short for what is lent to be back when it begins; "
            "the least is 30m: reclaim_warning: and ten minutes"
        ],
    ),
    "a lead time longer than a day": (
        windows("{days: [Tue], reserve: {t4: 2}, lead_time: 25h}"),
        ["courses.ml.windows[0].lead_time: longer than a day; begin the window sooner"],
    ),
    "a lead time of nothing": (
        windows("{days: [Tue], only: [gpu], lead_time: 20m}"),
        [
            "courses.ml.windows[0].lead_time: stands where nothing is reserved; take it out, or add reserve:"
        ],
    ),
    "a warning that is none": (
        (TERMS, "reclaim_warning: 30s\nstarve_after: 2d\n" + TERMS),
        [
            "reclaim_warning: too short or too long; write 1m to 1h",
            "starve_after: too short or too long; write 1m to 1d",
        ],
    ),
    "a profile that does not exist": (
        windows("{days: [Tue], only: [gpus]}"),
        ['courses.ml.windows[0].only[0]: no such profile: "gpus"; did you mean gpu?'],
    ),
    "a profile that the course offers to nobody": (
        (
            *windows("{days: [Tue], only: [gpu]}"),
            'people: {teacher: ["ad:ola"]}',
            "offers: {teacher: [notebook]}",
        ),
        [
            "courses.ml.windows[0].only[0]: the course offers gpu to nobody; take it out, or offer it"
        ],
    ),
    "a word that stands twice": (
        windows("{days: [Tue, Tue], only: [gpu, gpu]}"),
        [
            "courses.ml.windows[0].days[1]: Tue stands twice; keep one of them",
            "courses.ml.windows[0].only[1]: gpu stands twice; keep one of them",
        ],
    ),
    "exceptions from what is dated": (
        windows("{dates: [2026-11-24], only: [gpu], except: [2026-11-24]}"),
        [
            "courses.ml.windows[0].except: stands beside dates:; take the days out of dates:",
        ],
    ),
    "days that the course does not have": (
        windows("{dates: [2026-08-01, 2027-01-01], only: [gpu]}"),
        [
            "courses.ml.windows[0].dates[0]: 2026-08-01 is before the course begins (2026-08-17); take it out",
            "courses.ml.windows[0].dates[1]: 2027-01-01 is after the course ends (2026-12-18); take it out",
        ],
    ),
    "a day that is a holiday": (
        (
            TERMS,
            "holidays: {Sankt Morten: 2026-11-11}\n" + TERMS,
            *windows("{dates: [2026-11-11], only: [gpu]}"),
        ),
        [
            'courses.ml.windows[0].dates[0]: 2026-11-11 lies in holidays."Sankt Morten"; take one of them out',
        ],
    ),
    "a holiday that ends before it begins": (
        (TERMS, "holidays: {Autumn: {from: 2026-10-09, until: 2026-10-05}}\n" + TERMS),
        [
            "holidays.Autumn.until: before from (2026-10-09); the last day, inclusive",
        ],
    ),
    "a break that goes on for years": (
        windows("{days: [Tue], only: [gpu], except: [{from: 2026-10-05, until: 2036-10-09}]}"),
        [
            "courses.ml.windows[0].except[0].until: more than a year after from; write the days that are meant",
        ],
    ),
    "a holiday that is no day": (
        (TERMS, "holidays: {Autumn: some day}\n" + TERMS),
        [
            "holidays.Autumn: not a day; write year-month-day, for example 2026-08-17",
        ],
    ),
    "a window whose days are all left out": (
        windows("{days: [Tue], only: [gpu], except: [{from: 2026-08-01, until: 2026-12-31}]}"),
        [
            "courses.ml.windows[0]: never takes place; look at its days, times and exceptions",
        ],
    ),
    "a calendar that is not there": (
        windows("{ical: lectures.ics, only: [gpu]}"),
        [
            'courses.ml.windows[0].ical: "lectures.ics" cannot be read: No such file or directory',
        ],
    ),
    "a calendar for a course without an end": (
        (
            "    term: h26\n" + CODES,
            windows("{ical: lectures.ics, only: [gpu]}")[1],
        ),
        [
            "courses.ml.windows[0].ical: needs the course's first and last day; name its term, or write from: and until:",
        ],
    ),
    "times beside a calendar": (
        windows('{ical: lectures.ics, from: "10:15", only: [gpu]}'),
        [
            "courses.ml.windows[0]: has times beside those of its calendar; take from: and until: out",
            'courses.ml.windows[0].ical: "lectures.ics" cannot be read: No such file or directory',
        ],
    ),
    "windows that leave no time out": (
        windows(
            "{days: [Mon, Tue, Wed, Thu, Fri], only: [gpu]}",
            "{days: [Sat, Sun], only: [gpu]}",
        ),
        [
            "courses.ml.windows: gpu may be started at all times; leave some out, or the windows",
        ],
    ),
    "windows without end that leave no time out": (
        (
            "    term: h26\n" + CODES,
            windows("{days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], only: [gpu]}")[1],
        ),
        [
            "courses.ml.windows: gpu may be started at all times; leave some out, or the windows",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), WRONG.values(), ids=WRONG)
def test_is_told_with_its_place_and_its_fix(mistakes, changes, expected):
    told = mistakes(*changes)
    assert [line.split(": ", 1)[1] for line in told] == expected
    assert all(line.startswith("campus.yaml:") for line in told)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_beyond_any_calendar_is_a_mistake(mistakes, day):
    (line,) = mistakes("until: 2026-12-18", f"until: {day}")
    assert f"no teaching in {int(day[:4])}; write a year from 1970 to 2999" in line


def test_time_zones_are_known_on_a_machine_that_has_none_of_its_own():
    code = "from zoneinfo import ZoneInfo, available_timezones as a; ZoneInfo('Europe/Oslo'); print(len(a()) > 500)"
    bare = {**os.environ, "PYTHONTZPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "tzdata" in declared["project"]["dependencies"]
