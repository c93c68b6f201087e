"""Sections in which somebody has put people of a course by hand, beside those that a source says."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from jupyterhub_edu.domain.people import Enrolment
from jupyterhub_edu.ports import AuditEntry, Record, Store

from .by_course import ByCourse
from .kept import instant, reading, text

__all__ = ["Placed", "Placing"]

_KIND: Final = "sections"
_NOWHERE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Placing:
    """Somebody's sections by hand in one course.

    Attributes:
        by: hub account of who put them there last.
    """

    id: str
    person: str
    course: str
    sections: frozenset[str]
    by: str
    at: datetime


class Placed(ByCourse[Placing]):
    """The sections by hand of all courses, in memory and in the store.

    Always holds: they let nobody in and keep nobody in; who is not in the course has none of it.

    Args:
        changed: told the key of everybody for whom something changed.
    """

    def __init__(self, store: Store, changed: Callable[[str], None]) -> None:
        super().__init__()
        self._store, self._changed = store, changed

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for one in map(_read, await self._store.load_records(_KIND)):
            self.note(one)

    def of(self, keys: Iterable[str], course: str) -> frozenset[str]:
        """The sections by hand of one person, by the keys of all their identities."""
        return _NOWHERE.union(*[one.sections for one in self.find(keys, course)])

    def added_to(self, enrolments: list[Enrolment], keys: Sequence[str]) -> list[Enrolment]:
        """Enrolments of one person with their sections by hand."""
        if not any(key in self._of for key in keys):
            return enrolments
        return [replace(e, sections=e.sections | self.of(keys, e.course)) for e in enrolments]

    async def put(
        self,
        keys: Sequence[str],
        course: str,
        sections: frozenset[str],
        entry: AuditEntry,
    ) -> None:
        """Put these in the place of what stood there; none: nothing stands.

        Args:
            keys: of all identities of the person, the one under which it is to stand first.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        former = self.find(keys, course)
        key, id = keys[0], former[0].id if former else uuid.uuid4().hex
        new = [Placing(id, key, course, sections, entry.actor, entry.at)] if sections else []
        drop = [(_KIND, one.id) for one in former if not (new and one.id == id)]
        await self._store.save_records([_record(one) for one in new], drop, entry)
        for one in former:
            self.drop(one.person, course)
        for one in new:
            self.note(one)
        self._changed(key)


def _record(one: Placing) -> Record:
    body = {"course": one.course, "sections": sorted(one.sections), "at": one.at.isoformat()}
    return Record(_KIND, one.id, body, whose=one.person, by=one.by)


def _read(record: Record) -> Placing:
    with reading(record):
        body: Any = record.body
        return Placing(
            id=record.id,
            person=record.whose,
            course=text(body["course"]),
            sections=frozenset(map(text, body["sections"])),
            by=record.by,
            at=instant(body["at"]),
        )
