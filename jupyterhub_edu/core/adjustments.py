"""What the desk has set on top of the campus file: kept for good, and in force with the file or told why not."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from jupyterhub_edu.domain.adjustments import Adjustment, is_field, value_at
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.ports import (
    Arrange,
    Arranged,
    AuditEntry,
    CannotArrange,
    Clock,
    Record,
    Store,
    Trouble,
)

from .along import ALONE, Along
from .arranging import arranged_at, by_time, nothing_to_read
from .kept import instant, reading, text

__all__ = ["Adjustments", "Weighed"]

_log = logging.getLogger(__name__)
_KIND: Final = "adjustment"
_WINDOW: Final = 12
"""Characters of a window's id."""
_Courses = Mapping[str, Mapping[str, Any]]
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Weighed:
    """A campus that could be in force, with what it is made of.

    Attributes:
        arrange: reads the campus file.
        courses: of the desk's own, by key.
        adjustments: by id, those whose time is over too.
        at: the instant for which it was worked out.
    """

    arrange: Arrange
    courses: _Courses
    adjustments: Mapping[str, Adjustment]
    arranged: Arranged
    at: datetime

    @property
    def out(self) -> Mapping[str, tuple[Trouble, ...]]:
        """What is not in force though its time is not over, by id."""
        return self.arranged.out


class Adjustments:
    """What the desk has set.

    Always holds:
        - the campus in force is the file's data with what the desk has set merged in, read by the loader of the file;
        - an adjustment and its entry in the audit are kept together or not at all, and only then it is in force;
        - one that the file makes impossible is out of force and told, never lost; it is in force again when it can be.

    Attributes:
        turn: held by whoever changes what is in force, the file's reload too, from the first look on.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        put_in_force: Callable[[Campus], None],
        store: Store,
        clock: Clock,
        arrange: Arrange | None = None,
    ) -> None:
        """Nothing is set before ``load``.

        Args:
            campus: the one in force.
            put_in_force: makes another one it.
            arrange: reads the campus file; None: nothing can be set.
        """
        self._campus, self._put_in_force = campus, put_in_force
        self._store, self._clock = store, clock
        self._now = Weighed(arrange or nothing_to_read, {}, {}, Arranged(campus()), clock())
        self.turn = asyncio.Lock()

    async def load(self, courses: _Courses = _NOTHING) -> Campus:
        """Read the store.

        Args:
            courses: of the desk's own, by key.

        Returns:
            The campus with what it holds on top, for the caller to put in force.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        found = [_read(record) for record in await self._store.load_records(_KIND)]
        async with self.turn:
            try:
                weighed = await self.weigh(courses, {one.id: one for one in found})
            except CannotArrange as error:
                if found or courses:
                    _log.error("what was set at the desk is not in force: %s", error)
                return self._campus()
            self.take(weighed)
        return weighed.arranged.campus

    # -- looking -----------------------------------------------------------------------------------------------

    def of(self, course: str) -> tuple[Adjustment, ...]:
        """Every adjustment of a course, also those not in force, in the order in which they were set."""
        found = (one for one in self._now.adjustments.values() if one.course == course)
        return tuple(sorted(found, key=by_time))

    def all(self) -> tuple[Adjustment, ...]:
        """Every adjustment there is, in the order in which they were set."""
        return tuple(sorted(self._now.adjustments.values(), key=by_time))

    def find(self, course: str, field: str) -> Adjustment | None:
        """That of one field."""
        return self._now.adjustments.get(f"{course}/{field}")

    def troubles(self, adjustment: Adjustment) -> tuple[Trouble, ...]:
        """Why one is not in force though its time is not over; none if it is in force."""
        return self._now.out.get(adjustment.id, ())

    def in_force(self, course: str, field: str) -> Adjustment | None:
        """That of one field, if it is in force now."""
        found = self.find(course, field)
        if found is None or not found.holds(self._clock()) or self.troubles(found):
            return None
        return found

    @property
    def courses(self) -> _Courses:
        """Courses of the desk's own, by key, as the file would have them; also those not in force."""
        return self._now.courses

    @property
    def out_courses(self) -> Mapping[str, tuple[Trouble, ...]]:
        """Those of the desk's own courses that are not in force, by key, and why."""
        return self._now.arranged.out_courses

    def written(self, course: str) -> Mapping[str, Any]:
        """A course as it was written, in the file or as one of the desk's own; empty where there is none."""
        return self._now.arranged.written.get(course, _NOTHING)

    def file_value(self, course: str, field: str) -> Any:
        """What the file says of a field, in the course or in what all courses have; None where it says nothing."""
        return value_at(self.written(course), field, self._now.arranged.defaults)

    def value(self, course: str, field: str) -> Any:
        """What is in force, as the file would have it."""
        set_here = self.in_force(course, field)
        if set_here is None:
            return self.file_value(course, field)
        return self.effective(field, set_here.value)

    def windows(self, course: str) -> Mapping[str, Mapping[str, Any]]:
        """The windows in force by an id, each as the file would have it, in their order; the same ones have one id."""
        found = self.value(course, "windows") or ()
        return {_mark(window)[:_WINDOW]: window for window in found}

    def effective(self, field: str, value: Any) -> Any:
        """What a value means: where a course says nothing, what all courses have holds."""
        return value if value is not None else value_at({}, field, self._now.arranged.defaults)

    def seen(self, course: str, field: str) -> str:
        """A mark of what is shown of a field; another one when anything of it has changed."""
        one = self.find(course, field)
        shown = [
            self.file_value(course, field),
            [one.value, one.by, one.at.isoformat(), str(one.ends), one.why] if one else None,
            bool(self.in_force(course, field)),
        ]
        return _mark(shown)

    # -- changing ----------------------------------------------------------------------------------------------

    async def weigh(
        self,
        courses: _Courses | None = None,
        adjustments: Mapping[str, Adjustment] | None = None,
        arrange: Arrange | None = None,
    ) -> Weighed:
        """Work out, in a thread, what would be in force; call it and ``put`` while ``turn`` is held.

        Args:
            courses, adjustments, arrange: in the place of those that are now; None: as they are.

        Raises:
            CannotArrange: the campus file cannot be read with anything on top of it.
        """
        former = self._now
        arrange = arrange or former.arrange
        courses = former.courses if courses is None else courses
        adjustments = former.adjustments if adjustments is None else adjustments
        now = self._clock()
        arranged = await asyncio.to_thread(arranged_at, arrange, courses, adjustments, now)
        return Weighed(arrange, courses, adjustments, arranged, now)

    def put(self, weighed: Weighed) -> None:
        """Put in force what was weighed."""
        self.take(weighed)
        self._put_in_force(weighed.arranged.campus)

    def take(self, weighed: Weighed) -> None:
        """Know what is in force, where the caller puts its campus in force itself; tells the log what is out."""
        former, self._now = self._now, weighed
        for id, troubles in weighed.out.items():
            if id not in former.out or former.out[id] != troubles:
                why = "; ".join(trouble.words for trouble in troubles)
                _log.warning("set at the desk and not in force: %s: %s", id, why)
        for key, troubles in weighed.arranged.out_courses.items():
            if key not in former.arranged.out_courses:
                why = "; ".join(trouble.words for trouble in troubles)
                _log.warning("a course of the desk's own is not in force: %s: %s", key, why)
        for id in former.out:
            if id in weighed.adjustments and id not in weighed.out:
                _log.info("set at the desk and in force again: %s", id)

    async def keep(
        self, weighed: Weighed, adjustment: Adjustment, entry: AuditEntry, along: Along = ALONE
    ) -> None:
        """Keep an adjustment, and then put in force what was weighed with it.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        await along.save(self._store, [_record(adjustment)], (), entry)
        self.put(weighed)

    async def drop(self, weighed: Weighed, adjustment: Adjustment, entry: AuditEntry) -> None:
        """Keep one no longer, and then put in force what was weighed without it.

        Raises:
            StoreError: it could not be written down; nothing has changed.
        """
        await self._store.save_records((), [(_KIND, adjustment.id)], entry)
        self.put(weighed)

    async def tend(self) -> None:
        """Put out of force what has ended since it was last worked out; called every few seconds."""
        if not self._has_ended():
            return
        async with self.turn:
            if self._has_ended():
                self.put(await self.weigh())

    async def forget(self, hub_name: str, stand_in: str) -> None:
        """Know an author by a stand-in alone; ``store.erase`` has made it so for good."""
        async with self.turn:
            renamed = {
                id: replace(one, by=stand_in) if hub_name and one.by == hub_name else one
                for id, one in self._now.adjustments.items()
            }
            self._now = replace(self._now, adjustments=renamed)

    def _has_ended(self) -> bool:
        now = self._clock()
        return any(
            one.ends is not None and self._now.at < one.ends <= now
            for one in self._now.adjustments.values()
        )


def _mark(shown: Any) -> str:
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


def _record(one: Adjustment) -> Record:
    body = {
        "course": one.course,
        "field": one.field,
        "value": one.value,
        "at": one.at.isoformat(),
        "ends": one.ends.isoformat() if one.ends is not None else None,
        "why": one.why,
        "vouched": one.vouched,
        "approved": one.approved,
    }
    return Record(_KIND, one.id, body, by=one.by)


def _read(record: Record) -> Adjustment:
    with reading(record):
        body = record.body
        field, ends = text(body["field"]), body["ends"]
        if type(body["approved"]) is not bool or not is_field(field):
            raise ValueError(f"not a field of the desk, or not whether approved: {field!r}")
        found = Adjustment(
            course=text(body["course"]),
            field=field,
            value=body["value"],
            by=record.by,
            at=instant(body["at"]),
            ends=None if ends is None else instant(ends),
            why=text(body["why"]),
            vouched=body["vouched"],
            approved=body["approved"],
        )
        if found.id != record.id:
            raise ValueError(f"it is that of {found.id!r}")
        return found
