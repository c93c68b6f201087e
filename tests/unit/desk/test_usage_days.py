"""The rows of Course: usage: days, people, profiles, waits and idle devices."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from jupyterhub_edu.core.counts import Day
from jupyterhub_edu.desk.usage_days import (
    REASONS,
    Span,
    day_rows,
    read_span,
    sums,
    used_rows,
)
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.usage import By, Usage

TODAY = date(2026, 11, 3)
HOUR = 3_600_000
USUAL = Span(date(2026, 10, 7), TODAY)
WRONG = Span(USUAL.first, TODAY, is_wrong=True)


def used(day: date | None = None, hours: int = 0, gpu: int = 0, **more: str) -> Usage:
    told = {"person": None, "course": None, "flavor": None, "profile": None, **more}
    return Usage(
        day,
        told["person"],
        told["course"],
        told["flavor"],
        told["profile"],
        2,
        0,
        30_000,
        hours * HOUR,
        gpu * GPU_HOUR,
    )


@pytest.mark.parametrize(
    ("first", "last", "span"),
    {
        "nothing: four weeks": ("", "", USUAL),
        "a last day alone": ("", "2026-10-28", Span(date(2026, 10, 1), date(2026, 10, 28))),
        "one day": ("2026-11-01", "2026-11-01", Span(date(2026, 11, 1), date(2026, 11, 1))),
        "400 days": ("2025-10-01", "2026-11-03", Span(date(2025, 10, 1), TODAY)),
        "the last before the first": ("2026-11-02", "2026-11-01", WRONG),
        "too many": ("2020-01-01", "", WRONG),
        "no days": ("soon", "later", WRONG),
        "the first day that there is": ("", "0001-01-01", WRONG),
    }.values(),
)
def test_the_days_of_an_address(first: str, last: str, span: Span) -> None:
    assert read_span(first, last, TODAY) == span


def test_every_day_has_a_row_with_what_was_used_and_counted_on_it() -> None:
    span = Span(TODAY - timedelta(days=2), TODAY)
    counted = {
        TODAY: Day(Counter(a=2, b=1), starts=4, waited_ms=60_000, longest_ms=45_000),
        span.first: Day(looked_ms=1000, idle_ms=255),
    }
    first, second, third = day_rows(span, [used(TODAY, hours=3, gpu=1)], counted)
    assert [row.day for row in (first, second, third)] == span.days
    assert (first.idle, first.wait, first.longest, first.refused) == (25, None, None, 0)
    assert (second.used.hours, second.used.gpu_hours, second.used.start) == ("0", "0", None)
    assert (third.used.hours, third.used.gpu_hours, third.used.start) == ("3", "1", 15)
    assert (third.wait, third.longest, third.idle, third.refused) == ("0.2", "0.8", None, 3)


def test_the_sum_is_that_of_all_days_and_means_are_of_all_starts() -> None:
    days = [
        Day(Counter(a=1), 1, 600_000, 600_000, 1000, 1000),
        Day(Counter(a=1), 3, 0, 0, 3000, 0),
    ]
    total = sums([used(TODAY, hours=1), used(TODAY, hours=2, gpu=1)], days)
    assert (total.used.sessions, total.used.hours, total.used.gpu_hours) == (4, "3", "1")
    assert (total.wait, total.longest, total.idle, total.refused) == ("2.5", "10", 25, 2)


def test_people_come_by_gpu_hours_and_the_bars_are_of_the_most() -> None:
    rows = used_rows(
        [
            used(hours=9, person="ada"),
            used(hours=1, gpu=4, person="bob"),
            used(gpu=1, person="eve"),
        ],
        {"bob": "Bob"},
        By.PERSON,
    )
    assert [(row.key, row.title, row.share) for row in rows] == [
        ("bob", "Bob", 100),
        ("eve", "", 25),
        ("ada", "", 0),
    ]


def test_where_nobody_used_a_gpu_the_bars_are_hours() -> None:
    found = [used(hours=1, profile="small"), used(hours=4, profile="notebook")]
    rows = used_rows(found, {}, By.PROFILE)
    assert [(row.key, row.share) for row in rows] == [("notebook", 100), ("small", 25)]


def test_every_reason_has_a_few_words() -> None:
    assert set(REASONS) == set(Code)
    assert len(set(REASONS.values())) == len(Code)
