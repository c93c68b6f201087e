"""What was used, and what one person has left."""

from __future__ import annotations

from typing import Literal, NotRequired

from .courses import Session
from .helps import Helped
from .shapes import Day, Instant, Text, TypedDict, strict

__all__ = [
    "Budget",
    "Past",
    "Running",
    "UsageAnswer",
    "UsageQuery",
    "Use",
    "UseGrant",
    "Used",
    "Week",
]

_By = Literal["day", "person", "course", "flavor", "profile"]


# `from` is a word of Python.
UsageQuery = TypedDict(
    "UsageQuery",
    {"course": Text, "person": Text, "from": Day, "until": Day, "by": list[_By]},
    total=False,
)
strict(UsageQuery)
"""Of whom, where, and from which day until which, both inclusive; ``by`` tells rows apart."""


class _Amounts(TypedDict):
    sessions: int
    estimated: int
    waiting_ms: int
    running_ms: int
    used: int
    gpu_hours: float


class Used(_Amounts):
    """A row: what ``by`` tells apart, and amounts; ``used`` is ms x devices x thousandths of weight.

    ``estimated`` are sessions whose end nobody saw.
    """

    day: NotRequired[Day]
    person: NotRequired[str]
    course: NotRequired[str]
    flavor: NotRequired[str]
    profile: NotRequired[str]


UsageAnswer = TypedDict(
    "UsageAnswer",
    {
        "time_zone": str,
        "from": Day | None,
        "until": Day | None,
        "person": str | None,
        "course": str | None,
        "by": list[_By],
        "rows": list[Used],
    },
)
"""What was asked, and the rows."""


class Running(Session):
    """A session of one's own that has not ended."""

    until_why: str
    seconds_left: int | None
    warned: bool
    may_extend: bool


class Budget(TypedDict):
    """What is left of one budget; ``whose`` is ``person``, or ``course`` for what all have together."""

    course: str
    whose: str
    period: str
    amount: int
    left: int
    granted: int
    gpu_hours_left: float
    renews_at: Instant | None


class UseGrant(TypedDict):
    """Something that was granted."""

    course: str
    what: str
    starts: Instant
    ends: Instant
    by: str
    why: str


class Week(_Amounts):
    """What was used in one week (its Monday) and one course."""

    week: Day
    course: NotRequired[str]


class Past(TypedDict):
    """A session that has ended; ``ends_by`` is the rule that ended it, null before its time."""

    session: str
    course: str
    profile: str
    flavor: str
    devices: int
    since: Instant | None
    until: Instant | None
    estimated: bool
    ends_by: str | None
    used: int
    gpu_hours: float


class Use(TypedDict):
    """One's own: what runs, what is left, what was granted, eight weeks of use, and the last twenty sessions.

    ``helped`` says who could open one's servers in the last thirty days.
    """

    now: Instant
    time_zone: str
    sessions: list[Running]
    left: list[Budget]
    grants: list[UseGrant]
    weeks: list[Week]
    past: list[Past]
    helped: list[Helped]
