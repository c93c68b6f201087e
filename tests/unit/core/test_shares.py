"""Courses and exams have their shares side by side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from jupyterhub_edu.core.shares import Shares, shares
from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.courses import Quota
from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import Dated, Window
from tests.fakes.campus import NOW, a_campus, a_course

HOUR = timedelta(hours=1)
LAB = Window("", Dated((Span(NOW, NOW + 2 * HOUR),)), reserve={"t4": 2}, lead_time=HOUR)
CAMPUS = a_campus(courses=[a_course("ml", quota={"t4": Quota(1)}, windows=(LAB,))])
EXAM = Share(3, 0, 3, 3, exam=True)


class OneExam:
    """It holds three devices for an hour."""

    def with_exams(
        self, shares: Mapping[str, Share], flavor: str, now: datetime
    ) -> Mapping[str, Share]:
        return {**shares, "exam:1": EXAM}

    def reserved_until(self, flavor: str, but: str, now: datetime) -> datetime | None:
        return None if but == "exam:1" else NOW + HOUR

    def opening(self, flavor: str, now: datetime, grace: timedelta) -> Mapping[str, int]:
        return {"exam:1": 3}


def test_an_exam_is_a_course_of_its_own() -> None:
    both = Shares(lambda: CAMPUS)
    assert both.of("t4", NOW) == shares(CAMPUS, "t4", NOW) == {"ml": Share(2, None, 2)}
    assert both.opening("t4", NOW, HOUR) == {"ml": 2}
    assert both.reserved_until("t4", "db", NOW) == NOW + 2 * HOUR
    both.exams = OneExam()
    assert both.of("t4", NOW) == {"ml": Share(2, None, 2), "exam:1": EXAM}
    assert both.opening("t4", NOW, HOUR) == {"ml": 2, "exam:1": 3}
    ends = {but: both.reserved_until("t4", but, NOW) for but in ("ml", "exam:1", "db")}
    assert ends == {"ml": NOW + HOUR, "exam:1": NOW + 2 * HOUR, "db": NOW + HOUR}


def test_of_a_flavor_that_the_campus_file_names_no_longer_nobody_has_any() -> None:
    both = Shares(lambda: CAMPUS)
    assert (both.of("k80", NOW), both.opening("k80", NOW, HOUR)) == ({}, {})
    assert both.reserved_until("k80", "ml", NOW) is None
