"""Messages from staff to people of their course: in memory to be shown, in the store for as long as they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from jupyterhub_edu.domain.people import EnrolmentState, Person
from jupyterhub_edu.ports import AuditEntry, Clock, Record, Store

from .book import Book
from .kept import instant, reading, text
from .listeners import call_all
from .roll import Roll

__all__ = ["Message", "Messages", "Whom"]

_KIND: Final = "message"
REMEMBERED: Final = timedelta(hours=1)
"""How long what has been sent counts towards what one person may send."""


class Whom(StrEnum):
    """For whom a message is."""

    PERSON = "person"
    SECTION = "section"
    ON = "on"
    """Those whose sessions had not ended when it was sent, for as long as these last."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        text: one line of text alone.
        by: hub account of its author.
        at: when it was sent, aware UTC; ``ends``: from when on it is shown no more.
        to: the key of a person, a section, or ``""``.
        sessions: of ``Whom.ON``, ids of their admissions.
    """

    id: str
    course: str
    whom: Whom
    text: str
    by: str
    at: datetime
    ends: datetime
    to: str = ""
    sessions: frozenset[str] = frozenset()


class Messages:
    """What staff have said, until it is over.

    Always holds:
        - a message is shown from when it is durable, with its entry in the audit or not at all;
        - it is shown to those it is for while they are in the course, and to nobody once it is over or taken back;
        - one that is for a single person is erased with them.

    Attributes:
        on_change: told the course in which something changed.
    """

    def __init__(self, roll: Roll, book: Book, store: Store, clock: Clock) -> None:
        self._roll, self._book, self._store, self._clock = roll, book, store, clock
        self._kept: dict[str, Message] = {}
        self.turn = asyncio.Lock()
        """Held by whoever sends, from the first look at what was sent."""
        self.on_change: list[Callable[[str], None]] = []

    async def load(self) -> None:
        """Read the store, and forget what is over.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        found = map(_read, await self._store.load_records(_KIND))
        self._kept = {message.id: message for message in found}
        if past := self._past():
            await self._store.save_records((), [(_KIND, id) for id in past])
            self._forget(past)

    # -- questions ---------------------------------------------------------------------------------------------

    def of(self, course: str) -> list[Message]:
        """The messages of a course that are not over, newest first."""
        now = self._clock()
        found = [one for one in self._kept.values() if one.course == course and now < one.ends]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)

    def find(self, course: str, id: str) -> Message | None:
        """One message of this course that is not over."""
        found = self._kept.get(id)
        known = found is not None and found.course == course and self._clock() < found.ends
        return found if known else None

    def sent_by(self, hub_name: str) -> list[datetime]:
        """When somebody has sent messages lately."""
        since = self._clock() - REMEMBERED
        return [m.at for m in self._kept.values() if m.by == hub_name and m.at > since]

    def to(self, person: Person) -> list[Message]:
        """What is said to somebody now, newest first."""
        now = self._clock()
        live = [one for one in self._kept.values() if now < one.ends]
        if not live:
            return []
        keys = {one.key for one in self._roll.identities(person)}
        found = [one for one in live if self._reaches(one, person, keys, now)]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)

    def _reaches(self, one: Message, person: Person, keys: set[str], now: datetime) -> bool:
        enrolments = self._roll.enrolments_in(person, one.course)
        active = [e for e in enrolments if e.state(now) is EnrolmentState.ACTIVE]
        if not active:
            return False
        match one.whom:
            case Whom.PERSON:
                return one.to in keys
            case Whom.SECTION:
                return any(one.to in e.sections for e in active)
            case Whom.ON:
                return any(a.id in one.sessions for a in self._book.held_by(person.hub_name))
            case Whom.ALL:
                return True

    # -- changes -----------------------------------------------------------------------------------------------

    async def save(self, message: Message, entry: AuditEntry) -> None:
        """Keep a message, and forget what is over.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        past = self._past()
        await self._store.save_records([_record(message)], [(_KIND, id) for id in past], entry)
        self._forget(past)
        self._kept[message.id] = message
        call_all(self.on_change, message.course, f"message {message.id}")

    async def end(self, message: Message, entry: AuditEntry) -> None:
        """Show it no longer; that it was sent still counts.

        Raises:
            StoreError: it could not be written down; nothing has changed.
        """
        ended = replace(message, ends=min(message.ends, self._clock()))
        await self._store.save_records([_record(ended)], entry=entry)
        self._kept[message.id] = ended
        call_all(self.on_change, message.course, f"message {message.id}")

    def forget(self, keys: Iterable[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        gone = set(keys)
        self._forget([m.id for m in self._kept.values() if m.whom is Whom.PERSON and m.to in gone])
        for id, message in self._kept.items():
            if hub_name and message.by == hub_name:
                self._kept[id] = replace(message, by=stand_in)

    def _past(self) -> list[str]:
        now = self._clock()
        return [one.id for one in self._kept.values() if max(one.ends, one.at + REMEMBERED) <= now]

    def _forget(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._kept.pop(id, None)


def _record(message: Message) -> Record:
    body = {
        "course": message.course,
        "whom": str(message.whom),
        "text": message.text,
        "at": message.at.isoformat(),
        "ends": message.ends.isoformat(),
        "section": message.to if message.whom is Whom.SECTION else "",
        "sessions": sorted(message.sessions),
    }
    whose = message.to if message.whom is Whom.PERSON else ""
    return Record(_KIND, message.id, body, whose=whose, by=message.by)


def _read(record: Record) -> Message:
    with reading(record):
        body: Any = record.body
        whom, section = Whom(body["whom"]), text(body["section"])
        if bool(record.whose) != (whom is Whom.PERSON) or bool(section) != (whom is Whom.SECTION):
            raise ValueError(f"it is for a {whom}, and does not say for which")
        return Message(
            id=record.id,
            course=text(body["course"]),
            whom=whom,
            text=text(body["text"]),
            by=record.by,
            at=instant(body["at"]),
            ends=instant(body["ends"]),
            to=record.whose or section,
            sessions=frozenset(map(text, body["sessions"])),
        )
