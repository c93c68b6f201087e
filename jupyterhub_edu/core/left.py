"""What is left of budgets, in words and as numbers: for the start page and for what people see of their own use."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from jupyterhub_edu.domain.allowances import Budget, Budgets, gpu_hours, left_now
from jupyterhub_edu.domain.schedule import Period, period_span

__all__ = ["HoursLeft", "hours_left"]

_PERIODS: Final = {
    Period.DAY: "today",
    Period.WEEK: "this week",
    Period.TERM: "this term",
}


class HoursLeft(NamedTuple):
    """What nobody has used or reserved of one budget; running sessions have reserved theirs up to their end.

    Attributes:
        whose: ``person``, or ``course`` for what all have together.
        amount, left: usage, in ms x devices x thousandths of weight.
        renews_at: when the next period begins, or None: a term is not followed by another one.
    """

    whose: str
    amount: int
    left: int
    period: Period
    renews_at: datetime | None

    @property
    def words(self) -> str:
        """``3.5 of 10 GPU hours left this week``."""
        whose = " for all" if self.whose == "course" else ""
        amounts = f"{gpu_hours(self.left)} of {gpu_hours(self.amount)}"
        return f"{amounts} GPU hours left {_PERIODS[self.period]}{whose}"

    @property
    def percent(self) -> int:
        """Whole percent of the period's amount, 0 to 100."""
        return self.left * 100 // self.amount if self.amount else 0


def hours_left(budgets: Budgets | None, now: datetime) -> list[HoursLeft]:
    """The person's own first, then what the course has for all; none of what is without limit."""
    if budgets is None:
        return []
    both = (("person", budgets.person), ("course", budgets.course))
    return [_left(whose, budget, now) for whose, budget in both if budget is not None]


def _left(whose: str, budget: Budget, now: datetime) -> HoursLeft:
    amount, period = budget.allowance
    span = period_span(period, now, budget.zone, budget.term)
    renews = None if period is Period.TERM else span.ends
    return HoursLeft(whose, amount, left_now(budget, now), period, renews)
