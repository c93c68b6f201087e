"""Helps as they are kept: those that go on, and for a month those that are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import Record

from .kept import instant, reading, text

__all__ = ["HELPED", "HELPS", "KEPT", "Help", "Helped", "Over", "read_help", "read_helped"]

HELPS: Final = "help"
"""The kind of those that go on."""
HELPED: Final = "helped"
"""The kind of those that are over."""
KEPT: Final = timedelta(days=30)
"""How long one that is over is kept."""


class Over(StrEnum):
    """What has ended a help."""

    OWNER = "owner"
    HELPER = "helper"
    ADMIN = "admin"
    TIME = "time"
    STOPPED = "stopped"
    LEFT = "left"
    EXAM = "exam"
    DOMAINS = "domains"

    @property
    def words(self) -> str:
        """For the audit."""
        return _WORDS.get(self, say("ended by hand"))


_WORDS: Final = {
    Over.TIME: say("its time is over"),
    Over.STOPPED: say("the server has stopped"),
    Over.LEFT: say("who helped may no longer"),
    Over.EXAM: say("an exam has begun"),
    Over.DOMAINS: say("servers have no domains of their own any more"),
}


@dataclass(frozen=True, slots=True)
class Help:
    """Somebody of a course's staff in somebody's server.

    Attributes:
        person: the key of the server's owner; ``owner`` is their hub account.
        helper: hub account of who helps; ``by`` is their key.
        until: when it ends at the latest, aware UTC.
        ours: it lets them in; False: the owner has let them in by themselves, before or meanwhile, and will go on to.
    """

    id: str
    course: str
    admission: str
    person: str
    owner: str
    server: str
    helper: str
    by: str
    at: datetime
    until: datetime
    ours: bool

    def record(self) -> Record:
        """For the store."""
        body = {
            "course": self.course,
            "admission": self.admission,
            "owner": self.owner,
            "server": self.server,
            "by": self.by,
            "at": self.at.isoformat(),
            "until": self.until.isoformat(),
            "ours": self.ours,
        }
        return Record(HELPS, self.id, body, whose=self.person, by=self.helper)

    def over(self, ended: datetime, over: Over) -> Helped:
        """What is kept of it once it is over."""
        return Helped(
            id=self.id,
            course=self.course,
            person=self.person,
            owner=self.owner,
            server=self.server,
            helper=self.helper,
            at=self.at,
            ended=ended,
            over=over,
        )


@dataclass(frozen=True, slots=True)
class Helped:
    """A help that is over; of who helped it holds the account alone, which is replaced where they are erased.

    Attributes:
        at, ended: from when to when they could open the server, aware UTC.
    """

    id: str
    course: str
    person: str
    owner: str
    server: str
    helper: str
    at: datetime
    ended: datetime
    over: Over

    def record(self) -> Record:
        """For the store."""
        body = {
            "course": self.course,
            "owner": self.owner,
            "server": self.server,
            "at": self.at.isoformat(),
            "ended": self.ended.isoformat(),
            "over": str(self.over),
        }
        return Record(HELPED, self.id, body, whose=self.person, by=self.helper)


def read_help(record: Record) -> Help:
    """One that goes on.

    Raises:
        StoreError: it cannot be read.
    """
    with reading(record):
        body: Any = record.body
        if not isinstance(body["ours"], bool):
            raise ValueError(f"neither ours nor not: {body['ours']!r}")
        return Help(
            id=record.id,
            course=text(body["course"]),
            admission=text(body["admission"]),
            person=record.whose,
            owner=text(body["owner"]),
            server=text(body["server"]),
            helper=record.by,
            by=text(body["by"]),
            at=instant(body["at"]),
            until=instant(body["until"]),
            ours=body["ours"],
        )


def read_helped(record: Record) -> Helped:
    """One that is over.

    Raises:
        StoreError: it cannot be read.
    """
    with reading(record):
        body: Any = record.body
        return Helped(
            id=record.id,
            course=text(body["course"]),
            person=record.whose,
            owner=text(body["owner"]),
            server=text(body["server"]),
            helper=record.by,
            at=instant(body["at"]),
            ended=instant(body["ended"]),
            over=Over(body["over"]),
        )
