"""The table of acts, cell by cell, against the policy page written out once more."""

from __future__ import annotations

from itertools import product

import pytest

from jupyterhub_edu.domain import acts
from jupyterhub_edu.domain.acts import Act, Cell, decide_act
from jupyterhub_edu.domain.people import CourseRole, SiteRole

ABOUT_ANYBODY = {
    Act.SEE: {CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.OBSERVER, SiteRole.ADMIN},
    Act.STOP: {CourseRole.TEACHER, CourseRole.ASSISTANT, SiteRole.ADMIN},
    Act.ENROL: {CourseRole.TEACHER, SiteRole.ADMIN},
}
ABOUT_ONESELF = {
    Act.SEE: ABOUT_ANYBODY[Act.SEE] | {CourseRole.STUDENT},
    Act.STOP: ABOUT_ANYBODY[Act.STOP] | {CourseRole.STUDENT, CourseRole.OBSERVER},
    Act.ENROL: ABOUT_ANYBODY[Act.ENROL],
}
COURSE_ROLES: list[CourseRole | None] = [None, *CourseRole]
SITE_ROLES: list[SiteRole | None] = [None, *SiteRole]


def disagreements() -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for act, course, site, about_self in product(Act, COURSE_ROLES, SITE_ROLES, (False, True)):
        expected = bool({course, site} & (ABOUT_ONESELF if about_self else ABOUT_ANYBODY)[act])
        if decide_act(act, course, site, about_self=about_self) != expected:
            found.append((act, course, site, about_self))
    return found


def test_every_cell() -> None:
    assert disagreements() == []


@pytest.mark.parametrize("site", [role for role in SITE_ROLES if role is not SiteRole.ADMIN])
@pytest.mark.parametrize("act", Act)
def test_somebody_outside_the_course_may_nothing(act: Act, site: SiteRole | None) -> None:
    assert not decide_act(act, None, site, about_self=True)


def test_an_act_that_the_table_does_not_hold_is_refused() -> None:
    assert not decide_act("erase", CourseRole.TEACHER, SiteRole.ADMIN)  # type: ignore[arg-type]


def test_a_wider_cell_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wider = {**acts.TABLE, Act.STOP: {**acts.TABLE[Act.STOP], CourseRole.OBSERVER: Cell.YES}}
    monkeypatch.setattr(acts, "TABLE", wider)
    assert disagreements()
