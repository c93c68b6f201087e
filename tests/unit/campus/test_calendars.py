"""What an iCalendar file gives, within the days of a course."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from jupyterhub_edu.campus.calendars import LARGEST, CalendarError, read_calendar

OSLO = ZoneInfo("Europe/Oslo")
AUTUMN = date(2026, 8, 17), date(2026, 12, 18)


@pytest.fixture
def times(tmp_path: Path):
    """The times of a file of these events, as the clock in Oslo shows them; ~ is a space."""

    def times(*events: str, days=AUTUMN) -> list[str]:
        file = tmp_path / "lectures.ics"
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test"]
        for event in events:
            lines += ["BEGIN:VEVENT", *event.split(" "), "END:VEVENT"]
        text = "\r\n".join([*lines, "END:VCALENDAR", ""]).replace("~", " ")
        file.write_text(text, encoding="utf-8")
        return [
            f"{span.starts.astimezone(OSLO):%m-%d %H:%M} {span.ends.astimezone(OSLO):%m-%d %H:%M}"
            for span in read_calendar(file, OSLO, *days)
        ]

    return times


LAB = "UID:1 SUMMARY:Lab DTSTART;TZID=Europe/Oslo:20261020T101500 DTEND;TZID=Europe/Oslo:20261020T120000"
RIGHT = {
    "one event": ([LAB], ["10-20 10:15 10-20 12:00"]),
    "every week, over the change of the clock, until a day": (
        [f"{LAB} RRULE:FREQ=WEEKLY;UNTIL=20261103"],
        ["10-20 10:15 10-20 12:00", "10-27 10:15 10-27 12:00", "11-03 10:15 11-03 12:00"],
    ),
    "until an instant": (
        [f"{LAB} RRULE:FREQ=WEEKLY;UNTIL=20261103T091500Z"],
        ["10-20 10:15 10-20 12:00", "10-27 10:15 10-27 12:00", "11-03 10:15 11-03 12:00"],
    ),
    "so many times": (
        [f"{LAB} RRULE:FREQ=WEEKLY;COUNT=2;BYDAY=TU"],
        ["10-20 10:15 10-20 12:00", "10-27 10:15 10-27 12:00"],
    ),
    "for ever, to the last day of the course": (
        [f"{LAB} RRULE:FREQ=MONTHLY"],
        ["10-20 10:15 10-20 12:00", "11-20 10:15 11-20 12:00"],
    ),
    "begun long before the course": (
        [
            "UID:1 DTSTART;TZID=Europe/Oslo:20200107T101500 DURATION:PT1H RRULE:FREQ=WEEKLY;INTERVAL=8"
        ],
        [
            "10-06 10:15 10-06 11:15",
            "12-01 10:15 12-01 11:15",
        ],
    ),
    "without a time that is taken out": (
        [f"{LAB} RRULE:FREQ=WEEKLY;COUNT=3 EXDATE;TZID=Europe/Oslo:20261027T101500"],
        ["10-20 10:15 10-20 12:00", "11-03 10:15 11-03 12:00"],
    ),
    "without a time that is taken out in another zone": (
        [f"{LAB} RRULE:FREQ=WEEKLY;COUNT=3 EXDATE:20261027T091500Z,20261103T091500Z"],
        ["10-20 10:15 10-20 12:00"],
    ),
    "without a day that is taken out": (
        [f"{LAB} RRULE:FREQ=WEEKLY;COUNT=2 EXDATE;VALUE=DATE:20261027"],
        ["10-20 10:15 10-20 12:00"],
    ),
    "with one that is added": (
        [f"{LAB} RDATE;TZID=Europe/Oslo:20261022T101500"],
        ["10-20 10:15 10-20 12:00", "10-22 10:15 10-22 12:00"],
    ),
    "one of several moved": (
        [
            f"{LAB} RRULE:FREQ=WEEKLY;COUNT=2",
            "UID:1 RECURRENCE-ID;TZID=Europe/Oslo:20261027T101500 DTSTART;TZID=Europe/Oslo:20261028T141500 "
            "DTEND;TZID=Europe/Oslo:20261028T160000",
        ],
        ["10-20 10:15 10-20 12:00", "10-28 14:15 10-28 16:00"],
    ),
    "one of several cancelled": (
        [
            f"{LAB} RRULE:FREQ=WEEKLY;COUNT=2",
            "UID:1 STATUS:CANCELLED RECURRENCE-ID:20261027T091500Z DTSTART:20261027T091500Z DURATION:PT1H",
        ],
        ["10-20 10:15 10-20 12:00"],
    ),
    "cancelled altogether": ([f"{LAB} STATUS:CANCELLED"], []),
    "a whole day is the campus's": (
        ["UID:1 DTSTART;VALUE=DATE:20261025"],
        ["10-25 00:00 10-26 00:00"],
    ),
    "two whole days": (
        ["UID:1 DTSTART;VALUE=DATE:20261024 DTEND;VALUE=DATE:20261026"],
        ["10-24 00:00 10-26 00:00"],
    ),
    "a time without zone is the campus's": (
        ["UID:1 DTSTART:20261020T101500 DTEND:20261020T120000"],
        ["10-20 10:15 10-20 12:00"],
    ),
    "a time in UTC": (
        ["UID:1 DTSTART:20261020T081500Z DTEND:20261020T100000Z"],
        ["10-20 10:15 10-20 12:00"],
    ),
    "a zone by its name in Windows": (
        ["UID:1 DTSTART;TZID=Romance~Standard~Time:20261020T101500 DURATION:PT1H"],
        ["10-20 10:15 10-20 11:15"],
    ),
    "another zone, whose clock changes on another day": (
        [
            "UID:1 DTSTART;TZID=America/New_York:20261026T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=2"
        ],
        ["10-26 14:00 10-26 15:00", "11-02 15:00 11-02 16:00"],
    ),
    "an end before the change of the clock lasts as long as it says": (
        ["UID:1 DTSTART;TZID=Europe/Oslo:20261025T013000 DURATION:PT3H"],
        ["10-25 01:30 10-25 03:30"],
    ),
    "two at once are one time": (
        [LAB, LAB.replace("UID:1", "UID:2")],
        ["10-20 10:15 10-20 12:00"],
    ),
    "none in the course": (["UID:1 DTSTART:20270120T101500 DURATION:PT1H"], []),
}


@pytest.mark.parametrize(("events", "expected"), RIGHT.values(), ids=RIGHT)
def test_times(times, events, expected):
    assert times(*events) == expected


def test_what_the_spring_gap_swallows_does_not_take_place(times):
    event = "UID:1 DTSTART;TZID=Europe/Oslo:20270328T021000 DTEND;TZID=Europe/Oslo:20270328T025000"
    assert times(event, days=(date(2027, 1, 1), date(2027, 6, 1))) == []


WRONG = {
    "no end": ("UID:1 SUMMARY:Lab DTSTART:20261020T101500", "has neither DTEND nor DURATION"),
    "no length": (
        "UID:1 SUMMARY:Lab DTSTART:20261020T101500 DTEND:20261020T101500",
        "does not end after it begins",
    ),
    "no begin": ("UID:1 SUMMARY:Lab DURATION:PT1H", "has no DTSTART"),
    "a zone that does not exist": (
        "UID:1 SUMMARY:Lab DTSTART;TZID=Nowhere/Land:20261020T101500 DURATION:PT1H",
        'is in a time zone without IANA name: "Nowhere/Land"',
    ),
    "a rule that is none": (f"{LAB} RRULE:FREQ=OFTEN", "has a RRULE that cannot be read"),
    "a rule of seconds": (
        f"{LAB} RRULE:FREQ=SECONDLY",
        'repeats by a rule that is not read: "FREQ=SECONDLY"',
    ),
    "a rule of months of the year": (
        f"{LAB} RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "repeats by a rule that is not read",
    ),
    "a rule that stands still": (
        f"{LAB} RRULE:FREQ=DAILY;INTERVAL=0",
        "repeats by a rule that is not read",
    ),
    "a rule of every seventh day, on another weekday": (
        f"{LAB} RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=WE",
        "repeats by a rule that is not read",
    ),
    "a rule of the sixth Monday of a month": (
        f"{LAB} RRULE:FREQ=MONTHLY;BYDAY=6MO",
        "repeats by a rule that is not read",
    ),
    "a rule of every fourth year's fifth Sunday": (
        f"{LAB} RRULE:FREQ=MONTHLY;INTERVAL=48;BYDAY=5SU",
        "repeats by a rule that is not read",
    ),
    "a rule of steps longer than a year": (
        f"{LAB} RRULE:FREQ=DAILY;INTERVAL=1000000",
        "repeats by a rule that is not read",
    ),
    "two rules": (f"{LAB} RRULE:FREQ=DAILY RRULE:FREQ=WEEKLY", "has several rules"),
    "an exception that is a rule": (
        f"{LAB} RRULE:FREQ=DAILY EXRULE:FREQ=WEEKLY",
        "has several rules",
    ),
    "a day that does not exist": (
        "UID:1 SUMMARY:Lab DTSTART:20261320T101500 DURATION:PT1H",
        "has a DTSTART that cannot be read",
    ),
    "a change of all later ones": (
        f"{LAB} RECURRENCE-ID;RANGE=THISANDFUTURE:20261020T101500",
        "changes all later times (RANGE), which is not read",
    ),
    "a period": (
        f"{LAB} RDATE;VALUE=PERIOD:20261022T101500/PT1H",
        "has a time that is a period, which is not read",
    ),
    "a year before there were computers": (
        "UID:1 SUMMARY:Lab DTSTART:16010101T101500 DURATION:PT1H RRULE:FREQ=DAILY",
        "lies in the year 1601",
    ),
}


@pytest.mark.parametrize(("event", "why"), WRONG.values(), ids=WRONG)
def test_nothing_is_guessed(times, event, why):
    with pytest.raises(CalendarError) as error:
        times(event)
    assert str(error.value).startswith(f'the event "Lab" {why}')


FILES = {
    "no file": (None, "cannot be read: No such file or directory"),
    "no calendar": (b"hello", "is no iCalendar file"),
    "no text": (b"\xff\xfe\x00", "is no iCalendar file"),
    "nothing": (b"", "holds no event"),
    "no event": (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "holds no event"),
    "too much": (b" " * (LARGEST + 1), "is larger than 1 MiB"),
    "too many lines": (b"X:Y\r\n" * 30_001, "holds more than 30000 lines"),
}


@pytest.mark.parametrize(("content", "why"), FILES.values(), ids=FILES)
def test_a_file_that_is_none(tmp_path, content, why):
    file = tmp_path / "lectures.ics"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CalendarError) as error:
        read_calendar(file, OSLO, *AUTUMN)
    assert str(error.value) == why


def test_more_than_anybody_teaches_is_refused(times):
    every_day = "UID:{n} DTSTART:202601{n:02}T101500 DURATION:PT1H RRULE:FREQ=DAILY"
    events = [every_day.format(n=n).replace("T1015", f"T{n:02}15") for n in range(1, 21)]
    with pytest.raises(CalendarError, match="holds more than 5000 times"):
        times(*events, days=(date(2026, 1, 1), date(2027, 1, 1)))


def test_rules_that_began_long_ago_are_gone_through_no_longer_than_a_while(times):
    long_ago = "UID:{n} DTSTART:19700101T101500 DURATION:PT1H RRULE:FREQ=DAILY;UNTIL=20260101"
    with pytest.raises(CalendarError, match="repeats more than 50000 times in all"):
        times(*(long_ago.format(n=n) for n in range(3)))
