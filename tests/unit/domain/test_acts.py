"""The table of acts, cell by cell, against the policy page written out once more."""

from __future__ import annotations

from collections.abc import Set
from itertools import product
from typing import NamedTuple

import pytest

from jupyterhub_edu.domain import acts
from jupyterhub_edu.domain.acts import Act, Cell, decide_act
from jupyterhub_edu.domain.people import CourseRole, SiteRole

TEACHER, ASSISTANT, OBSERVER, STUDENT = (
    CourseRole.TEACHER,
    CourseRole.ASSISTANT,
    CourseRole.OBSERVER,
    CourseRole.STUDENT,
)
ADMIN = SiteRole.ADMIN
ROLES = set(CourseRole)


class Who(NamedTuple):
    """Who may: about anybody, besides about oneself, besides within the ceiling, besides if somebody allows it."""

    anybody: Set[CourseRole]
    oneself: Set[CourseRole] = frozenset()
    ceiling: Set[CourseRole] = frozenset()
    allowed: Set[CourseRole] = frozenset()


PAGE = {
    Act.SEE: Who({TEACHER, ASSISTANT, OBSERVER}, oneself={STUDENT}),
    Act.STOP: Who({TEACHER, ASSISTANT}, oneself={STUDENT, OBSERVER}),
    Act.EXTEND: Who(set(), oneself=ROLES, ceiling={TEACHER, ASSISTANT}),
    Act.START_FOR: Who({TEACHER}),
    Act.MESSAGE: Who({TEACHER, ASSISTANT}),
    Act.ENROL: Who({TEACHER}),
    Act.ADJUST: Who(set(), ceiling={TEACHER}),
    Act.GRANT: Who(set(), ceiling={TEACHER}),
    Act.REQUEST: Who({TEACHER}),
    Act.WINDOW: Who(set(), ceiling={TEACHER}),
    Act.EXAM: Who(set(), ceiling={TEACHER}),
    Act.USAGE: Who({TEACHER}, oneself=ROLES),
    Act.LOG: Who({TEACHER}),
    Act.HELP: Who({TEACHER}, allowed={ASSISTANT}),
    Act.EXPLAIN: Who({TEACHER}),
    Act.COPY: Who(set(), allowed={TEACHER}),
    Act.CONFIGURE: Who(set()),
    Act.AUDIT: Who(set()),
}
COURSE_ROLES: list[CourseRole | None] = [None, *CourseRole]
SITE_ROLES: list[SiteRole | None] = [None, *SiteRole]
FLAGS = ("about_self", "within_ceiling", "allowed")


def disagreements() -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    answers = product((False, True), repeat=3)
    for act, course, site, flags in product(Act, COURSE_ROLES, SITE_ROLES, [*answers]):
        who = PAGE[act]
        ways = zip((True, *flags), who, strict=True)
        expected = site is ADMIN or any(said and course in may for said, may in ways)
        if decide_act(act, course, site, **dict(zip(FLAGS, flags, strict=True))) != expected:
            found.append((act, course, site, flags))
    return found


def test_every_cell() -> None:
    assert disagreements() == []


@pytest.mark.parametrize("site", [role for role in SITE_ROLES if role is not SiteRole.ADMIN])
@pytest.mark.parametrize("act", Act)
def test_somebody_outside_the_course_may_nothing(act: Act, site: SiteRole | None) -> None:
    assert not decide_act(act, None, site, about_self=True, within_ceiling=True, allowed=True)


def test_an_act_that_the_table_does_not_hold_is_refused() -> None:
    assert not decide_act("erase", CourseRole.TEACHER, SiteRole.ADMIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("act", "role", "cell"),
    [
        (Act.STOP, OBSERVER, Cell.YES),
        (Act.GRANT, TEACHER, Cell.OWN_OR_CEILING),
        (Act.GRANT, TEACHER, Cell.YES),
        (Act.HELP, ASSISTANT, Cell.YES),
        (Act.USAGE, OBSERVER, Cell.YES),
        (Act.CONFIGURE, TEACHER, Cell.CEILING),
    ],
)
def test_a_wider_cell_would_be_noticed(
    act: Act, role: CourseRole, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = {**acts.TABLE, act: {**acts.TABLE[act], role: cell}}
    monkeypatch.setattr(acts, "TABLE", wider)
    assert disagreements()
