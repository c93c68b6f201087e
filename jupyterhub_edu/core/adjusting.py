"""Adjusting one course by whoever may; nothing is changed that is not in the audit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_edu.domain.adjustments import (
    Adjustment,
    Reach,
    act_for,
    is_field,
    is_locked,
    reach_of,
)
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import join_words, say
from jupyterhub_edu.ports import AuditEntry, CannotArrange, Trouble

from .adjustments import Weighed
from .along import ALONE, Along
from .arranging import may_set_of
from .ceiling_words import ceiling_words

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "AboveCeiling",
    "AdjustNotYours",
    "Adjusting",
    "CannotAdjust",
    "FieldLocked",
    "NoSuchField",
    "NoSuchWindow",
    "Stale",
]

_TEN_YEARS: Final = timedelta(days=3653)
_LONGEST: Final = 32_768
"""Characters of one value; the windows of the busiest course take a tenth."""
_SHOWN: Final = 500
"""Characters of a value in the audit."""


class AdjustNotYours(Exception):
    """Who asks adjusts nothing in this course."""


class NoSuchField(Exception):
    """The desk sets no key of this name."""


class AboveCeiling(Exception):
    """A teacher may not set this alone; the text says what the ceiling is. An administrator can set it."""


class FieldLocked(Exception):
    """The campus file keeps this field for itself."""


class CannotAdjust(Exception):
    """With it the campus file would have mistakes; the text says which, for whoever asked."""


class NoSuchWindow(Exception):
    """The course has none with this id."""


class Stale(Exception):
    """Somebody has changed the field since it was shown."""


class Adjusting:
    """What one member of staff adjusts in one course.

    Always holds:
        - a teacher stays within what the file says, the ceilings, and what an administrator has set;
        - an administrator of the site is bound by the loader's own checks alone, and by what the file locks;
        - what is refused changes nothing; what others have set never goes out of force by it.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address

    def may(self, field: str) -> bool:
        """Whether the actor may change a field at all, if only up to the ceiling."""
        alone = reach_of(field) is not Reach.ADMIN
        return self._may(field, within_ceiling=alone) and not self.is_locked(field)

    @property
    def is_admin(self) -> bool:
        """Whether no ceiling binds the actor here."""
        return self._may("title", within_ceiling=False)

    def is_locked(self, field: str) -> bool:
        """Whether the campus file keeps a field for itself."""
        course = self._core.campus.courses.get(self._course)
        return course is None or is_locked(field, course.locked)

    def require_may_adjust(self, field: str = "title") -> None:
        """Make sure that the actor adjusts anything of this sort here at all.

        Raises:
            AdjustNotYours: they do not.
        """
        if not self._may(field, within_ceiling=True):
            raise AdjustNotYours

    async def set(
        self,
        field: str,
        value: Any,
        *,
        ends: datetime | None = None,
        why: str = "",
        seen: str | None = None,
        along: Along = ALONE,
    ) -> Adjustment:
        """Set a field, in the place of what was set there before.

        Args:
            value: JSON as the file would have it; None: as if the course did not have the key.
            ends: an aware UTC instant; None: until somebody changes it.
            seen: the mark of what the actor was shown; None: whatever is there now.
            along: kept in the same step.

        Raises:
            AdjustNotYours, NoSuchField, FieldLocked, AboveCeiling, CannotAdjust, Stale: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        self._require(field)
        self._require_sense(field, value, ends)
        adjustments = self._core.adjustments
        async with adjustments.turn:
            self._require_seen(field, seen)
            return await self._set(field, value, ends, why, along)

    async def drop(self, field: str, seen: str | None = None) -> None:
        """Go back to the file's value; nothing happens where nothing was set.

        Raises:
            AdjustNotYours, NoSuchField, AboveCeiling, CannotAdjust, Stale: see the classes.
            StoreError: it could not be written down; nothing has changed.
        """
        self._require(field, locked=True)
        core, adjustments = self._core, self._core.adjustments
        async with adjustments.turn:
            self._require_seen(field, seen)
            former = adjustments.find(self._course, field)
            if former is None:
                return
            if reach_of(field) is Reach.ADMIN and not self._may(field, within_ceiling=False):
                raise AboveCeiling(ceiling_words(field, core.campus, self._course))
            before = adjustments.value(self._course, field)
            left = {one.id: one for one in adjustments.all() if one.id != former.id}
            weighed = await self._weigh(left)
            self._require_kept(weighed)
            after = adjustments.file_value(self._course, field)
            entry = self._entry("drop-adjustment", field, before, after)
            await adjustments.drop(weighed, former, entry)

    # -- windows -----------------------------------------------------------------------------------------------

    async def set_window(
        self,
        window: Mapping[str, Any],
        *,
        instead_of: str | None = None,
        why: str = "",
        seen: str | None = None,
        along: Along = ALONE,
    ) -> Adjustment:
        """Add a window to those of the course, or put it in the place of one of them.

        Args:
            window: as the file would have it.
            instead_of: its id; see ``Adjustments.windows``.
            seen: the mark of the field ``windows``.
            along: kept in the same step.

        Raises:
            NoSuchWindow: see the class; and whatever ``set`` raises.
        """
        self._require("windows")
        async with self._core.adjustments.turn:
            self._require_seen("windows", seen)
            windows = self._windows_without(instead_of)
            windows.append(dict(window))
            self._require_sense("windows", windows, None)
            return await self._set("windows", windows, self._ends(), why, along)

    async def drop_window(self, id: str, *, why: str = "", seen: str | None = None) -> Adjustment:
        """Take a window away, also one of the campus file.

        Raises:
            NoSuchWindow: see the class; and whatever ``set`` raises.
        """
        self._require("windows")
        async with self._core.adjustments.turn:
            self._require_seen("windows", seen)
            return await self._set("windows", self._windows_without(id), self._ends(), why)

    def _windows_without(self, id: str | None) -> list[Any]:
        windows = self._core.adjustments.windows(self._course)
        if id is not None and id not in windows:
            raise NoSuchWindow(id)
        return [window for each, window in windows.items() if each != id]

    def _ends(self) -> datetime | None:
        """When what was set of the windows ends; a change of one of them does not move it."""
        former = self._core.adjustments.in_force(self._course, "windows")
        return former.ends if former is not None else None

    # -- inside ------------------------------------------------------------------------------------------------

    async def _set(
        self, field: str, value: Any, ends: datetime | None, why: str, along: Along = ALONE
    ) -> Adjustment:
        core, adjustments, course = self._core, self._core.adjustments, self._course
        former = adjustments.in_force(course, field)
        made = Adjustment(course, field, value, self._actor.hub_name, core.clock(), ends, why)
        if self._may(field, within_ceiling=False):
            made = replace(made, approved=True, vouched=adjustments.effective(field, value))
        everything = {one.id: one for one in adjustments.all()} | {made.id: made}
        weighed = await self._weigh({**everything, made.id: replace(made, approved=True)})
        self._require_kept(weighed, made.id)
        if not made.approved:
            made = self._within(made, former, weighed)
        weighed = replace(weighed, adjustments={**everything, made.id: made})
        entry = self._entry(
            "adjust",
            field,
            adjustments.value(course, field),
            adjustments.effective(field, value),
            until=made.ends.isoformat() if made.ends is not None else None,
            why=why,
        )
        await adjustments.keep(weighed, made, entry, along)
        return made

    def _within(self, made: Adjustment, former: Adjustment | None, weighed: Weighed) -> Adjustment:
        """The same, no longer than what an administrator has set where it rests on that."""
        asked = weighed.arranged, made.course, made.field, made.value
        if may_set_of(*asked, None):
            return made
        if former is None or not may_set_of(*asked, former.vouched):
            raise AboveCeiling(ceiling_words(made.field, self._core.campus, made.course))
        ends = [end for end in (made.ends, former.ends) if end is not None]
        return replace(made, ends=min(ends, default=None), vouched=former.vouched)

    async def _weigh(self, adjustments: Mapping[str, Adjustment]) -> Weighed:
        try:
            return await self._core.adjustments.weigh(adjustments=adjustments)
        except CannotArrange as error:
            raise CannotAdjust(str(error)) from error

    def _require_kept(self, weighed: Weighed, new: str = "") -> None:
        """Make sure that this is in force, and that all is that was."""
        former = self._core.adjustments
        if weighed.out.get(new):
            raise CannotAdjust(self.words(weighed.out[new]))
        for one in former.all():
            if (
                one.id in weighed.out
                and not former.troubles(one)
                and one.id in weighed.adjustments
            ):
                raise CannotAdjust(self.words(weighed.out[one.id]))

    def words(self, troubles: Iterable[Trouble]) -> str:
        """What is in the way of something, as far as the actor may know it."""
        told = (one.told(knows_all=self.is_admin) for one in troubles)
        return join_words(dict.fromkeys(told), "; ")

    def _require(self, field: str, *, locked: bool = False) -> None:
        if not is_field(field):
            raise NoSuchField(field)
        self.require_may_adjust(field)
        if not locked and self.is_locked(field):
            raise FieldLocked(field)
        if reach_of(field) is Reach.ADMIN and not self._may(field, within_ceiling=False):
            raise AboveCeiling(ceiling_words(field, self._core.campus, self._course))

    def _require_seen(self, field: str, seen: str | None) -> None:
        if seen is not None and seen != self._core.adjustments.seen(self._course, field):
            raise Stale(field)

    def _require_sense(self, field: str, value: Any, ends: datetime | None) -> None:
        now = self._core.clock()
        if ends is not None and not now < ends < now + _TEN_YEARS:
            raise CannotAdjust(say("It ends after now, and within ten years."))
        if len(json.dumps(value)) > _LONGEST:
            raise CannotAdjust(say("That is more than the desk keeps of one field."))
        if field == "windows" and isinstance(value, list):
            # Who names a file has the hub read it: only those who write the campus file do.
            known = self._core.adjustments.file_value(self._course, field) or []
            if any(isinstance(one, dict) and "ical" in one and one not in known for one in value):
                raise CannotAdjust(
                    say("Only the campus file names a calendar: give its days instead.")
                )

    def _may(self, field: str, *, within_ceiling: bool) -> bool:
        return self._core.may(
            act_for(field), self._actor, self._course, within_ceiling=within_ceiling
        )

    def _entry(
        self, act: str, field: str, before: Any, after: Any, **details: str | None
    ) -> AuditEntry:
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            address=self._address,
            details={
                "field": field,
                "before": _short(before),
                "after": _short(after),
                **details,
            },
        )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
