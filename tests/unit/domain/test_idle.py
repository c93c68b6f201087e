"""When a session keeps a device for nothing: a table of what is known, and what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.idle import Look, judge

NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
IDLE, UNUSED = EndRule.IDLE, EndRule.UNUSED


def a_look(*, ran: timedelta = 3 * HOUR, idle: timedelta = HOUR, **known: Any) -> Look:
    return Look(NOW - ran, NOW - idle, **known)


ROWS = {
    "no work for as long as is allowed": (a_look(), IDLE),
    "work a little later": (a_look(idle=HOUR - MINUTE), None),
    "no answer": (a_look(answered=False), None),
    "no answer, and nobody was seen to open it": (a_look(answered=False, opened=False), None),
    "a device at work beside idle kernels": (a_look(measured=True, device=True), None),
    "a device at rest beside idle kernels": (a_look(measured=True, device=False), IDLE),
    "a device at rest beside kernels at work": (
        a_look(idle=MINUTE, measured=True, device=False),
        None,
    ),
    "a device that is measured, of which nothing is said": (a_look(measured=True), None),
    "never opened in ten minutes": (a_look(ran=10 * MINUTE, idle=MINUTE, opened=False), UNUSED),
    "never opened, but for nine minutes": (
        a_look(ran=9 * MINUTE, idle=9 * MINUTE, opened=False),
        None,
    ),
    "never opened, and idle": (a_look(opened=False), UNUSED),
}


@pytest.mark.parametrize(("look", "rule"), ROWS.values(), ids=ROWS)
def test_what_ends_it(look, rule):
    assert judge(look, NOW, HOUR) is rule


def test_without_a_time_in_the_campus_file_nothing_is_idle():
    assert judge(a_look(idle=9 * HOUR, ran=9 * HOUR), NOW, None) is None
    assert judge(a_look(opened=False), NOW, None) is UNUSED
