"""What is left of budgets: what the ledger says was used, and what open sessions have reserved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.allowances import Allowance, Budget, Budgets, Drawn, Reserved, Slot
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.schedule import Period, period_span

__all__ = ["Purses", "Used", "both"]

Used = Callable[[str, Period, datetime, str | None], int]
"""Usage of ended sessions: course, period, an instant of it, and a hub account or None for all."""
_SHORTEST: Final = timedelta(minutes=10)


class Purses:
    """The budgets of all courses.

    Always holds:
        - what is reserved of a course's budget is the sum over its open admissions; adding and removing one leaves
          everything as it was.
    """

    def __init__(self, used: Used, extra: Callable[[str], Drawn] = lambda _: {}) -> None:
        """Make it empty.

        Args:
            extra: what an account has used of extra hours in sessions that have ended, by the grant's id.
        """
        self._used, self._extra = used, extra
        self._of_course: dict[str, dict[Slot, int]] = {}

    def add(self, admission: Admission) -> None:
        """Count what an admission has reserved."""
        self._change(admission, 1)

    def remove(self, admission: Admission) -> None:
        """Count it no longer."""
        self._change(admission, -1)

    def budgets(
        self,
        campus: Campus,
        course: Course,
        hub_name: str,
        mine: Iterable[Admission],
        now: datetime,
    ) -> Budgets | None:
        """The budgets that a device start of this account in this course draws on; None: there are none.

        Args:
            mine: the account's open admissions, of all courses.
        """
        allowances = course.allowances
        if allowances.person is None and allowances.course is None:
            return None
        own: dict[Slot, int] = {}
        _add(own, self._extra(hub_name), 1)
        for admission in mine:
            if admission.course == course.id and admission.reserved is not None:
                _add(own, admission.reserved.person, 1)
        pooled = self._of_course.get(course.id, {})
        return Budgets(
            self._budget(campus, course, allowances.person, now, hub_name, own),
            self._budget(campus, course, allowances.course, now, None, pooled),
            max(_SHORTEST, *campus.warn_at) if campus.warn_at else _SHORTEST,
        )

    def _budget(
        self,
        campus: Campus,
        course: Course,
        allowance: Allowance | None,
        now: datetime,
        hub_name: str | None,
        reserved: Drawn,
    ) -> Budget | None:
        if allowance is None:
            return None
        term, period = course.term_span, allowance.period
        taken = dict(reserved)
        start = period_span(period, now, campus.zone, term).starts
        _add(taken, {start: self._used(course.id, period, now, hub_name)}, 1)
        return Budget(allowance, campus.zone, term, taken)

    def _change(self, admission: Admission, sign: int) -> None:
        if admission.reserved is not None and admission.reserved.course:
            sums = self._of_course.setdefault(admission.course, {})
            _add(sums, admission.reserved.course, sign)
            for slot in [slot for slot, amount in sums.items() if not amount]:
                del sums[slot]
            if not sums:
                del self._of_course[admission.course]


def both(one: Reserved | None, other: Reserved | None) -> Reserved | None:
    """What two have reserved together."""
    if one is None or other is None:
        return one or other
    return Reserved(_sum(one.person, other.person), _sum(one.course, other.course))


def _sum(one: Drawn | None, other: Drawn | None) -> Drawn | None:
    if one is None or other is None:
        return one if other is None else other
    total = dict(one)
    _add(total, other, 1)
    return total


def _add(sums: dict[Slot, int], drawn: Drawn | None, sign: int) -> None:
    for slot, amount in (drawn or {}).items():
        sums[slot] = sums.get(slot, 0) + sign * amount
