"""The record that lets one server run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .allowances import Reserved
from .decide import EndRule
from .exams import share_of
from .people import CourseRole
from .profiles import Granted

__all__ = ["Admission", "Stage"]


class Stage(StrEnum):
    """``reserved -> running <-> warned -> ended``; any stage may end."""

    RESERVED = "reserved"
    RUNNING = "running"
    WARNED = "warned"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Admission:
    """One server's right to run: one record, one id, carried in the pod's labels and the spawner's state.

    Attributes:
        id: 32 lower-case hexadecimal characters.
        hub_name, server: the hub account and server name (``""`` is the default server).
        own: its devices are the course's own; False for a loan.
        reserved_at, running_at, ends_at, ended_at: aware UTC instants.
        estimated: nobody saw the end; ``ended_at`` is the last instant seen.
        weight: the flavor's, in thousandths, as it was at the reservation.
        reserved: what it has reserved of budgets, extensions included.
        extended: how many times its person has extended it.
    """

    id: str
    person: str
    hub_name: str
    server: str
    course: str
    role: CourseRole
    granted: Granted
    own: bool
    reserved_at: datetime
    ends_at: datetime | None
    ends_by: EndRule | None
    stage: Stage = Stage.RESERVED
    running_at: datetime | None = None
    ended_at: datetime | None = None
    estimated: bool = False
    weight: int = 1000
    reserved: Reserved | None = None
    extended: int = 0

    @property
    def is_running(self) -> bool:
        """Whether its server has begun to answer and has not ended."""
        return self.stage in (Stage.RUNNING, Stage.WARNED)

    @property
    def flavor(self) -> str:
        """The flavor's key."""
        return self.granted.flavor

    @property
    def devices(self) -> int:
        """Whole devices held."""
        return self.granted.amounts.devices

    @property
    def exam(self) -> str | None:
        """The id of the exam that it is a server of, or None."""
        return self.granted.exam

    @property
    def share(self) -> str:
        """Whose part of a pool it takes: its course's, or its exam's, which is a course of its own there."""
        return self.course if self.exam is None else share_of(self.exam)
