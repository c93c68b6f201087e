"""Whether a session keeps a device for nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from .case import EndRule

__all__ = ["CONNECT_WITHIN", "Look", "judge"]

CONNECT_WITHIN: Final = timedelta(minutes=10)
"""How long a session on a device may run before anybody opens it."""


class Look(NamedTuple):
    """What is known of the use of one session on a device.

    Attributes:
        running_at: since when it runs.
        worked_at: when it was last at work as far as is known; where nothing is, since when it has been looked at.
        answered: whether its server has just said anything that can be used.
        opened: whether anybody has ever opened it.
        measured: whether the campus measures the use of devices.
        device: whether its devices have been at work within the time allowed; None: not known.
    """

    running_at: datetime
    worked_at: datetime
    answered: bool = True
    opened: bool = True
    measured: bool = False
    device: bool | None = None


def judge(look: Look, now: datetime, idle_after: timedelta | None) -> EndRule | None:
    """The rule by which a session is to end now, or None.

    Always holds:
        - what is not known ends nothing: neither a server that does not answer, nor a device that is measured and of
          which nothing is said;
        - work of a kernel, of a terminal or of a device within ``idle_after`` is use.

    Args:
        idle_after: None: idle devices are not released.

    Source:
        docs/explanation/policy.md, "While it runs".
    """
    if not look.answered:
        return None
    if not look.opened and now - look.running_at >= CONNECT_WITHIN:
        return EndRule.UNUSED
    if idle_after is None or look.device or (look.measured and look.device is None):
        return None
    return EndRule.IDLE if now - look.worked_at >= idle_after else None
