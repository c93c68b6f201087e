"""What is left of budgets, in words and as numbers: for the start page and for what people see of their own use."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from jupyterhub_edu.domain.allowances import Budget, gpu_hours, left_now
from jupyterhub_edu.domain.grants import Grant, Lift, extras, lift, reaching
from jupyterhub_edu.domain.people import EnrolmentState
from jupyterhub_edu.domain.schedule import Period, period_span
from jupyterhub_edu.domain.words import say

from .glance import Glance

__all__ = ["Given", "HoursLeft", "given", "hours_left"]

_PERIODS: Final = {
    Period.DAY: "today",
    Period.WEEK: say("this week"),
    Period.TERM: say("this term"),
}


class HoursLeft(NamedTuple):
    """What nobody has used or reserved of one budget; running sessions have reserved theirs up to their end.

    Attributes:
        whose: ``person``, or ``course`` for what all have together.
        amount, left: usage, in ms x devices x thousandths of weight.
        renews_at: when the next period begins, or None: a term is not followed by another one.
        granted: usage left of grants that hold now, which comes after the period's own.
    """

    whose: str
    amount: int
    left: int
    period: Period
    renews_at: datetime | None
    granted: int = 0

    @property
    def words(self) -> str:
        """``3.5 of 10 GPU hours left this week``."""
        whose = say(" for the whole course") if self.whose == "course" else ""
        amounts = say(
            "{left} of {amount}", left=gpu_hours(self.left), amount=gpu_hours(self.amount)
        )
        more = (
            say(", and {granted} granted", granted=gpu_hours(self.granted)) if self.granted else ""
        )
        return say(
            "{amounts} GPU hours left {periods}{whose}{more}",
            amounts=amounts,
            periods=_PERIODS[self.period],
            whose=whose,
            more=more,
        )

    @property
    def percent(self) -> int:
        """Whole percent of the period's amount, 0 to 100."""
        return self.left * 100 // self.amount if self.amount else 0


class Given(NamedTuple):
    """A grant, and what of it lies within the ceilings."""

    grant: Grant
    what: Lift


def given(glance: Glance, person: str) -> list[Given]:
    """The grants of a course for somebody that have not ended, as far as they lift anything; some are still to begin.

    Args:
        person: the key that asks.
    """
    facts, now = glance.facts(None), glance.now
    if facts.course is None or not facts.grants:
        return []
    active = [e for e in facts.enrolments if e.state(now) is EnrolmentState.ACTIVE]
    reached = reaching(facts.grants, facts.course.id, person, active, now)
    lifted = ((grant, lift(grant, facts.ceilings)) for grant in reached)
    return [Given(grant, what) for grant, what in lifted if what is not None]


def hours_left(glance: Glance, person: str) -> list[HoursLeft]:
    """The person's own first, then what the course has for all; none of what is without limit.

    Args:
        person: the key that asks.
    """
    budgets = glance.budgets
    if budgets is None:
        return []
    found = []
    if (own := budgets.person) is not None:
        lifts = [one for one in given(glance, person) if one.grant.holds(glance.now)]
        granted = sum(max(0, x.amount - own.taken.get(x.grant, 0)) for x in extras(lifts))
        found.append(_left("person", own, glance.now, granted))
    if budgets.course is not None:
        found.append(_left("course", budgets.course, glance.now))
    return found


def _left(whose: str, budget: Budget, now: datetime, granted: int = 0) -> HoursLeft:
    amount, period = budget.allowance
    span = period_span(period, now, budget.zone, budget.term)
    renews = None if period is Period.TERM else span.ends
    return HoursLeft(whose, amount, left_now(budget, now), period, renews, granted)
