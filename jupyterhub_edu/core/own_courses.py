"""The courses that were made at the desk, beside those of the campus file: kept as the file would have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from jupyterhub_edu.domain.courses import CourseState
from jupyterhub_edu.domain.names import make_course_id
from jupyterhub_edu.ports import Record, Store

from .kept import instant, reading, text

__all__ = ["OwnCourse", "OwnCourses", "record_of"]

_KIND: Final = "course"


@dataclass(frozen=True, slots=True)
class OwnCourse:
    """One course of the desk's own.

    Attributes:
        key: as it would stand in the campus file.
        written: what would stand below it there, as JSON; hostile text.
        by: hub account of whoever made it.
        at: when (aware UTC).
        copied_from: the id of the course that it is a copy of, or ``""``.
    """

    key: str
    written: Mapping[str, Any]
    by: str
    at: datetime
    copied_from: str = ""

    @property
    def id(self) -> str:
        """The course's id."""
        return make_course_id(self.key)

    @property
    def state(self) -> Literal["open", "suspended", "archived"]:
        """Whether it takes part at all."""
        return CourseState(self.written.get("state", "open")).value


class OwnCourses:
    """All of them in memory; which are in force, ``Core.adjustments`` knows.

    Always holds:
        - a course is in force when it is durable, and it and its entry in the audit are kept together or not at all.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, OwnCourse] = {}

    async def load(self) -> Mapping[str, Mapping[str, Any]]:
        """Read the store.

        Returns:
            Each course as the file would have it, by its key.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for record in await self._store.load_records(_KIND):
            self.put(_read(record))
        return self.written()

    def all(self) -> list[OwnCourse]:
        """Every one, the newest first."""
        return sorted(self._known.values(), key=lambda one: (one.at, one.key), reverse=True)

    def find(self, id: str) -> OwnCourse | None:
        """One by its id; None also for a course of the campus file."""
        return self._known.get(id)

    def written(self) -> dict[str, Mapping[str, Any]]:
        """Each as the file would have it, by its key, in the order in which they were made."""
        return {one.key: one.written for one in reversed(self.all())}

    def put(self, course: OwnCourse) -> None:
        """Know one, which is kept already."""
        self._known[course.id] = course

    def forget(self, hub_name: str, stand_in: str) -> None:
        """Know an author by a stand-in alone; ``store.erase`` has made it so for good."""
        for id, one in self._known.items():
            if hub_name and one.by == hub_name:
                self._known[id] = replace(one, by=stand_in)


def record_of(course: OwnCourse) -> Record:
    """A course as it is kept."""
    body = {
        "key": course.key,
        "written": json.loads(json.dumps(course.written)),
        "at": course.at.isoformat(),
        "copied_from": course.copied_from,
    }
    return Record(_KIND, course.id, body, by=course.by)


def _read(record: Record) -> OwnCourse:
    with reading(record):
        body = record.body
        found = OwnCourse(
            text(body["key"]),
            dict(body["written"]),
            record.by,
            instant(body["at"]),
            text(body["copied_from"]),
        )
        if found.id != record.id:
            raise ValueError(f"it is that of {found.id!r}")
        return found
