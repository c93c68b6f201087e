"""The REST API for limits: keys of a course that the desk sets on top of the campus file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import (
    AboveCeiling,
    Adjusting,
    AdjustNotYours,
    CannotAdjust,
    FieldLocked,
    NoSuchField,
    NoSuchWindow,
    Stale,
)
from jupyterhub_edu.core.ceiling_words import ceiling_words
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.adjustments import FIELDS
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import limits as wire

from .api import API
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, instant, iso

__all__ = [
    "LIMIT_REFUSALS",
    "AdjustingAPI",
    "LimitAPI",
    "LimitsAPI",
    "fields_of",
    "limit_json",
    "limit_routes",
    "set_limit",
]

LIMIT_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    AdjustNotYours: Code.NOT_YOUR_LIMITS,
    NoSuchField: Code.NO_SUCH_LIMIT,
    NoSuchWindow: Code.NO_SUCH_WINDOW,
    FieldLocked: Code.LOCKED,
    AboveCeiling: Code.ABOVE_CEILING,
    CannotAdjust: Code.CANNOT_ADJUST,
    Stale: Code.STALE,
    StoreError: Code.NOT_WRITTEN,
}
_SEEING: Final = frozenset({Code.NO_SUCH_COURSE, Code.NOT_YOUR_LIMITS})
_ALL: Final = frozenset({Code.NO_SUCH_COURSE, *LIMIT_REFUSALS.values()}) - {Code.NO_SUCH_WINDOW}


class AdjustingAPI(API):
    """One course's adjustments, by whoever takes part in it; what they may there is looked up anew for each request."""

    async def adjusting(self, course_id: str, field: str = "title") -> tuple[Core, Adjusting, str]:
        """Who adjusts this course, and its id.

        Raises:
            DeskError: no such course for them, or they adjust nothing in it.
        """
        core, viewer, course = await self.course_of(course_id)
        adjusting = Adjusting(core, viewer, course.id, self.from_where)
        try:
            adjusting.require_may_adjust(field)
        except AdjustNotYours as error:
            raise DeskError(Code.NOT_YOUR_LIMITS) from error
        return core, adjusting, course.id

    def seen(self, core: Core, adjusting: Adjusting, course: str, field: str) -> str | None:
        """The core's mark of what whoever asks was shown, if they say what.

        Raises:
            DeskError: there is no such field, or it is another by now.
        """
        if field not in fields_of(core):
            raise DeskError(Code.NO_SUCH_LIMIT)
        self.require_unchanged(limit_json(core, adjusting, course, field))
        return core.adjustments.seen(course, field) if "If-Match" in self.request.headers else None


class LimitsAPI(AdjustingAPI):
    """``/hub/api/edu/courses/<course>/limits``."""

    @operation(
        READ,
        does="Every key of the course that the desk sets: in the campus file, and in force.",
        answers={200: wire.Limits},
        refuses=_SEEING,
        act=Act.ADJUST,
    )
    async def get(self, course_id: str) -> None:
        """For whoever adjusts anything in it."""
        core, adjusting, course = await self.adjusting(course_id)
        answer: wire.Limits = {
            "time_zone": core.campus.zone.key,
            "limits": [limit_json(core, adjusting, course, one) for one in fields_of(core)],
        }
        self.show(answer)

    @operation(
        MANAGE,
        does="Set one key of the course, in the place of what stood there; If-Match is of that key.",
        takes=wire.LimitWish,
        answers={200: wire.Limit},
        refuses=_ALL,
        act=Act.ADJUST,
        rate=EXPENSIVE,
    )
    async def patch(self, course_id: str, *, wish: wire.LimitWish) -> None:
        """Never above a ceiling, but for administrators."""
        field = wish["field"]
        core, adjusting, course = await self.adjusting(course_id, field)
        seen = self.seen(core, adjusting, course, field)
        await set_limit(adjusting, wish, seen)
        shown = limit_json(core, adjusting, course, field)
        self.tag(shown)
        self.show(shown)


class LimitAPI(AdjustingAPI):
    """``/hub/api/edu/courses/<course>/limits/<field>``."""

    @operation(
        READ,
        does="One key of the course: in the campus file, and in force.",
        answers={200: wire.Limit},
        refuses=_SEEING | {Code.NO_SUCH_LIMIT},
        act=Act.ADJUST,
    )
    async def get(self, course_id: str, field: str) -> None:
        """For whoever adjusts it, if only up to the ceiling."""
        core, adjusting, course = await self.adjusting(course_id, field)
        if field not in fields_of(core):
            raise DeskError(Code.NO_SUCH_LIMIT)
        shown = limit_json(core, adjusting, course, field)
        self.tag(shown)
        self.show(shown)

    @operation(
        MANAGE,
        does="Go back to what the campus file says.",
        answers={204: None},
        refuses=_ALL,
        act=Act.ADJUST,
        rate=EXPENSIVE,
    )
    async def delete(self, course_id: str, field: str) -> None:
        """Nothing happens where nothing was set."""
        core, adjusting, course = await self.adjusting(course_id, field)
        seen = self.seen(core, adjusting, course, field)
        await done(adjusting.drop(field, seen), LIMIT_REFUSALS)
        self.set_status(204)


async def set_limit(adjusting: Adjusting, wish: wire.LimitWish, seen: str | None = None) -> None:
    """Do what a wish asks for.

    Raises:
        DeskError: it was refused.
    """
    act = adjusting.set(
        wish["field"],
        wish["value"],
        ends=instant(wish.get("ends")),
        why=wish.get("why", ""),
        seen=seen,
    )
    await done(act, LIMIT_REFUSALS)


def fields_of(core: Core) -> list[str]:
    """Every field that a course may have."""
    devices = [key for key, flavor in core.campus.flavors.items() if flavor.device is not None]
    return [*FIELDS, *(f"quota.{key}" for key in devices)]


def limit_json(core: Core, adjusting: Adjusting, course: str, field: str) -> wire.Limit:
    """One field; what people wrote in it is hostile text."""
    adjustments = core.adjustments
    one = adjustments.find(course, field)
    shown: wire.Adjustment | None = None
    if one is not None:
        troubles = adjustments.troubles(one)
        shown = {
            "value": one.value,
            "by": one.by,
            "at": one.at.isoformat(),
            "ends": iso(one.ends),
            "why": one.why,
            "approved": one.approved,
            "in_force": adjustments.in_force(course, field) is not None,
            "troubles": [adjusting.words([trouble]) for trouble in troubles],
        }
    return {
        "field": field,
        "file": adjustments.file_value(course, field),
        "value": adjustments.value(course, field),
        "adjustment": shown,
        "ceiling": ceiling_words(field, core.campus, course),
        "locked": adjusting.is_locked(field),
        "may": adjusting.may(field),
    }


def limit_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/limits", LimitsAPI),
        (r"/api/edu/courses/([^/]+)/limits/([^/]+)", LimitAPI),
    )
