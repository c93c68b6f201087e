"""What courses own and reserve, at any instant, against a plain reading of the page."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.courses import Course, CourseState, Quota
from jupyterhub_edu.domain.promises import Promises
from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import Dated, Weekly, Window
from tests.fakes.campus import a_course

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OSLO = ZoneInfo("Europe/Oslo")
TUESDAY = datetime(2026, 11, 3, tzinfo=OSLO)
LEAD = 15 * MINUTE


def local(text: str) -> datetime:
    """``Tue 10:15`` of the week of 3 November."""
    day, clock = text.split()
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun").index(day) - 1
    at = time.fromisoformat(clock)
    return datetime.combine(TUESDAY.date() + days * DAY, at, OSLO).astimezone(UTC)


def lab(devices: int, opens: str = "10:15", closes: str = "12:00", **kwargs) -> Window:
    """On Tuesdays."""
    weekly = Weekly(frozenset({1}), time.fromisoformat(opens), time.fromisoformat(closes), OSLO)
    times = replace(weekly, **kwargs)
    return Window("Lab", times, reserve={"t4": devices}, lead_time=LEAD)


def share_at(course: Course, instant: str) -> Share:
    return Promises([course], "t4").at(local(instant)).get(course.id, Share())


TOLD = {
    "before the lead time a course has what it owns": ("Tue 09:59", Share(2, 1, 0, 9)),
    "from the lead time on its window reserves": ("Tue 10:00", Share(8, 1, 8, 9)),
    "and while it is open": ("Tue 11:59", Share(8, 1, 8, 9)),
    "until it ends": ("Tue 12:00", Share(2, 1, 0, 9)),
    "on other days nothing is reserved": ("Wed 10:30", Share(2, 1, 0, 9)),
}


@pytest.mark.parametrize(("instant", "share"), TOLD.values(), ids=TOLD.keys())
def test_what_a_course_has_when_its_class_meets(instant, share):
    assert share_at(a_course(quota={"t4": Quota(2, 1)}, windows=(lab(8),)), instant) == share


def test_windows_that_overlap_reserve_the_larger():
    course = a_course(windows=(lab(3), lab(5, "11:00", "13:00")))
    expected = {"10:15": 3, "10:50": 5, "12:30": 5, "13:00": 0}
    assert {clock: share_at(course, f"Tue {clock}").reserved for clock in expected} == expected


def test_a_reservation_below_what_the_course_owns_changes_nothing_it_owns():
    course = a_course(quota={"t4": Quota(4)}, windows=(lab(3),))
    assert share_at(course, "Tue 11:00") == Share(4, None, 3)


def test_a_course_that_is_over_or_suspended_reserves_nothing():
    over = a_course(windows=(lab(3),), ends=local("Tue 11:00"))
    assert [share_at(over, f"Tue {at}").reserved for at in ("10:59", "11:00")] == [3, 0]
    suspended = a_course(windows=(lab(3),), state=CourseState.SUSPENDED)
    assert share_at(suspended, "Tue 11:00") == Share()


def test_a_class_at_the_beginning_of_its_course_is_reserved_for_before_it():
    course = a_course(windows=(lab(3),), quota={"t4": Quota(2)}, starts=local("Tue 10:15"))
    assert share_at(course, "Tue 10:05") == Share(3, None, 3)
    assert share_at(course, "Tue 09:00") == Share()


def test_the_most_of_windows_to_come_is_over_with_the_last_of_them():
    last = lab(8, last=TUESDAY.date())
    course = a_course(quota={"t4": Quota(2, 1)}, windows=(last,))
    assert share_at(course, "Tue 11:59").peak == 9
    assert share_at(course, "Tue 12:00").peak == 0


def test_what_is_about_to_be_used_is_what_opens_within_the_grace():
    course = a_course(windows=(lab(2, "09:00", "11:00"), lab(5, "10:30", "12:00")))
    promises, grace = Promises([course], "t4"), 6 * MINUTE

    def opening(clock: str) -> object:
        return promises.opening(local(f"Tue {clock}"), grace)

    assert opening("08:50") == {}
    assert opening("08:54") == {course.id: 2}
    assert promises.at(local("Tue 10:20"))[course.id].reserved == 5
    assert opening("10:20") == {course.id: 2}, "the second is held, and does not open yet"
    assert opening("10:24") == {course.id: 5}


def test_when_the_first_reservation_of_others_ends():
    one = a_course("one", windows=(lab(2),))
    two = a_course("two", windows=(lab(1, "10:00", "11:30"), lab(2, "11:00", "14:00")))
    promises = Promises([one, two], "t4")
    at = local("Tue 11:00")
    assert promises.reserved_until("one", at) == local("Tue 11:30")
    assert promises.reserved_until("two", at) == local("Tue 12:00")
    assert promises.reserved_until("", local("Tue 15:00")) is None
    over = Promises([a_course(windows=(lab(2),), ends=local("Tue 11:15"))], "t4")
    assert over.reserved_until("", at) == local("Tue 11:15")


# -- the law -------------------------------------------------------------------------------------------------------


def plain(courses: list[Course], now: datetime) -> dict[str, Share]:
    """The page, read one course and one window at a time, over all days that a window may begin on."""
    found = {}
    for course in courses:
        quota, reserved, peaks = course.quota_for("t4"), 0, [0]
        runs = course.state is CourseState.OPEN and (course.ends is None or now < course.ends)
        for window in course.windows:
            for span in spans(window):
                ends = min(span.ends, course.ends or span.ends)
                if runs and span.starts < ends and now < ends:
                    n = window.reserve.get("t4", 0)
                    if n and quota.borrow is not None:
                        peaks.append(max(quota.nominal, n) + quota.borrow)
                    if span.starts - window.lead_time <= now:
                        reserved = max(reserved, n)
        nominal = max(quota.nominal if course.is_open(now) else 0, reserved)
        if nominal or quota.borrow is not None:
            found[course.id] = Share(nominal, quota.borrow, reserved, max(peaks))
    return found


def spans(window: Window) -> list[Span]:
    if isinstance(window.times, Dated):
        return list(window.times.given)
    assert window.times.last is not None
    return list(window.times.spans(local("Mon 00:00") - 60 * DAY))


def some_course(chance: Random, number: int) -> Course:
    def instant() -> datetime:
        return local("Mon 00:00") + chance.randrange(14 * 24) * HOUR

    def window() -> Window:
        opens, length = time(chance.randrange(24), chance.choice((0, 15))), chance.randrange(1, 9)
        closes = time((opens.hour + length) % 24)
        reserve = {chance.choice(("t4", "t4", "mig")): chance.randrange(1, 5)}
        lead = chance.choice((0, 15, 90, 30 * 60)) * MINUTE
        if chance.random() < 0.3:
            starts = sorted({instant() for _ in range(3)})
            given = [Span(at, at + length * HOUR) for at in starts]
            return Window("", Dated(tuple(given)), frozenset(), reserve, lead)
        days = frozenset(chance.sample(range(7), chance.randrange(1, 6)))
        skipped = frozenset({date(2026, 11, chance.randrange(2, 15))})
        times = Weekly(days, opens, closes, OSLO, date(2026, 11, 3), date(2026, 11, 14), skipped)
        return Window("", times, frozenset(), reserve, lead)

    quota = (
        {}
        if chance.random() < 0.4
        else {"t4": Quota(chance.randrange(3), chance.choice((None, 0, 2)))}
    )
    return a_course(
        f"c{number}",
        quota=quota,
        windows=tuple(window() for _ in range(chance.randrange(4))),
        starts=instant() if chance.random() < 0.3 else None,
        ends=instant() + 7 * DAY if chance.random() < 0.3 else None,
        state=CourseState.SUSPENDED if chance.random() < 0.1 else CourseState.OPEN,
    )


@pytest.mark.parametrize("seed", range(12))
def test_shares_are_those_of_the_page_at_any_instant(seed):
    chance = Random(seed)  # noqa: S311
    courses = [some_course(chance, number) for number in range(8)]
    promises, now = Promises(courses, "t4"), local("Mon 00:00") - DAY
    before: object = None
    for _ in range(600):
        now += chance.choice((MINUTE, 15 * MINUTE, HOUR))
        if chance.random() < 0.02:
            now -= 2 * DAY
        found = promises.at(now)
        assert found == plain(courses, now)
        assert (found is before) == (found == before), (
            "the same object, if and only if it is the same"
        )
        before = found
