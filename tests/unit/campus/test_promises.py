"""What windows reserve: what it becomes, and sums that no flavor could keep."""

from datetime import timedelta

import pytest

from jupyterhub_edu.domain.balance import Share
from tests.fakes.campus import NOW

from .conftest import SMALL

MINUTE = timedelta(minutes=1)
TERMS = "terms:\n"


def courses(ml: str = "", intro: str = "", count: int = 4) -> tuple[str, ...]:
    """Windows of two courses that own two each of four devices; those of ml begin in line 59."""
    both = (("    quota: {t4: {nominal: 2, borrow: 1}}\n", ml), ("    quota: {t4: 2}\n", intro))
    changes = ["count: 4", f"count: {count}"] if count != 4 else []
    for quota, lines in both:
        if lines:
            items = "".join(f"      - {{{line}}}\n" for line in lines.split(";"))
            changes += [quota, f"{quota}    windows:\n{items}"]
    return tuple(changes)


LAB = 'days: [Tue], from: "10:15", until: "12:00", reserve: {t4: 3}'


def test_a_window_reserves_from_its_lead_time_to_its_end(load):
    campus = load(*courses(f"{LAB}, lead_time: 30m", count=5)).campus
    (lab,) = campus.courses["ml"].windows
    assert (dict(lab.reserve), lab.lead_time, lab.only) == ({"t4": 3}, 30 * MINUTE, frozenset())
    at = NOW.replace(day=10, hour=8, minute=44)  # 09:44 in Oslo
    shares = campus.promises["t4"].at
    assert shares(at)["ml"] == Share(2, 1, 0, 4)
    assert shares(at + MINUTE)["ml"] == Share(3, 1, 3, 4)


def test_a_lead_time_left_out_is_the_shortest_that_may_be_written(load):
    campus = load(*courses(LAB, count=5)).campus
    assert campus.courses["ml"].windows[0].lead_time == 15 * MINUTE
    longer = load(TERMS, "reclaim_warning: 20m\n" + TERMS, *courses(LAB, count=5)).campus
    assert longer.courses["ml"].windows[0].lead_time == 30 * MINUTE
    assert (longer.reclaim_warning, longer.starve_after) == (20 * MINUTE, 15 * MINUTE)


def test_a_choice_that_only_a_window_allows_can_be_chosen(mistakes):
    borrows_none = "    quota: {t4: {nominal: 1, borrow: 0}}\n"
    quota = ("    quota: {t4: {nominal: 2, borrow: 1}}\n", borrows_none)
    others = ("    quota: {t4: 2}\n", "    quota: {t4: {nominal: 1, borrow: 0}}\n")
    (line,) = mistakes(*quota, *others)
    assert "choices.two: nobody can choose it" in line
    with_window = f"{borrows_none}    windows:\n      - {{{LAB}}}\n"
    assert mistakes(quota[0], with_window, *others) == []


TOO_MANY = {
    "a window beside what another course owns": (
        courses(LAB),
        [
            "61: courses.ml.windows[0].reserve.t4: ml 3 + intro 2 = 5 promised on 2026-11-03 11:00, "
            "and flavors.t4 has 4"
        ],
    ),
    "a window alone, beyond all there is": (
        courses(LAB.replace("3}", "9}"), count=5),
        [
            "61: courses.ml.windows[0].reserve.t4: ml 9 + intro 2 = 11 promised on 2026-11-03 11:00, "
            "and flavors.t4 has 5"
        ],
    ),
    "two windows that only their lead times make overlap": (
        courses(
            'days: [Wed], until: "10:00", reserve: {t4: 3}',
            'days: [Wed], from: "10:14", until: "12:00", reserve: {t4: 3}',
            count=5,
        ),
        [
            "66: courses.intro.windows[0].reserve.t4: ml 3 + intro 3 = 6 promised on 2026-11-04 09:59, "
            "and flavors.t4 has 5"
        ],
    ),
    "two windows on one day of the term": (
        courses(
            'dates: [2026-12-01], from: "10:00", until: "12:00", reserve: {t4: 3}',
            'days: [Tue], from: "11:00", until: "13:00", reserve: {t4: 3}',
            count=5,
        ),
        [
            "66: courses.intro.windows[0].reserve.t4: ml 3 + intro 3 = 6 promised on 2026-12-01 10:45, "
            "and flavors.t4 has 5"
        ],
    ),
    "each window that is one too many": (
        courses(
            f"{LAB};{LAB.replace('Tue', 'Wed')}",
            'days: [Tue, Wed], from: "11:00", until: "13:00", reserve: {t4: 3};'
            "days: [Thu], reserve: {t4: 5}",
            count=5,
        ),
        [
            "67: courses.intro.windows[0].reserve.t4: ml 3 + intro 3 = 6 promised on 2026-11-03 11:00, "
            "and flavors.t4 has 5",
            "68: courses.intro.windows[1].reserve.t4: ml 2 + intro 5 = 7 promised on 2026-11-04 23:45, "
            "and flavors.t4 has 5",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), TOO_MANY.values(), ids=TOO_MANY)
def test_more_than_there_is_at_one_instant_is_told_with_place_and_fix(mistakes, changes, expected):
    fix = "; lower reserve: or nominal:, or move the window"
    assert mistakes(*changes) == [f"campus.yaml:{line}{fix}" for line in expected]


FITS = {
    "windows of one course that overlap, of which the larger counts": courses(
        f'{LAB};days: [Tue], from: "11:00", until: "13:00", reserve: {{t4: 3}}', count=5
    ),
    "windows one after the other, the lead time between": courses(
        'days: [Wed], until: "09:45", reserve: {t4: 3}',
        'days: [Wed], from: "10:00", until: "12:00", reserve: {t4: 3}',
        count=5,
    ),
    "a window below what its course owns": courses(LAB.replace("3}", "1}")),
    "windows that a holiday keeps apart": (
        TERMS,
        "holidays: {Reading day: 2026-12-01}\n" + TERMS,
        *courses(
            "days: [Tue], from: '10:00', until: '12:00', reserve: {t4: 3}",
            "dates: [2026-12-08], from: '13:00', until: '15:00', reserve: {t4: 3}",
            count=5,
        ),
    ),
    "windows that an exception keeps apart": courses(
        f"{LAB}, except: [2026-12-01]",
        'dates: [2026-12-01], from: "10:15", until: "12:00", reserve: {t4: 3}',
        count=5,
    ),
    "what clashed before now": courses(
        'dates: [2026-10-20], from: "10:00", until: "12:00", reserve: {t4: 3};'
        "dates: [2026-12-10], reserve: {t4: 3}",
        'dates: [2026-10-20], from: "10:00", until: "12:00", reserve: {t4: 3};'
        "dates: [2026-12-12], reserve: {t4: 3}",
        count=5,
    ),
}


@pytest.mark.parametrize("changes", FITS.values(), ids=FITS)
def test_what_fits_is_no_mistake(mistakes, changes):
    assert mistakes(*changes) == []


def test_of_many_courses_that_clash_a_few_are_named(mistakes):
    many = "".join(
        f"  c{n}:\n    term: h26\n    windows:\n      - {{days: [Tue], reserve: {{t4: 1}}}}\n"
        for n in range(9)
    )
    lines = mistakes(text=SMALL + many)
    parts = "ml 2 + intro 2 + c0 1 + c1 1 + c2 1 + 6 other courses 6 = 13 promised on 2026-11-03"
    assert any(parts in line for line in lines), lines
