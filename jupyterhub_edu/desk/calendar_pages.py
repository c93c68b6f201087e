"""*Course: calendar*: a week day by day, and the windows of the course, set, changed and dropped. Works without scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import Adjusting, AdjustNotYours
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.week import monday_of

from .calendar_forms import (
    DAYS,
    Fields,
    blank_fields,
    devices_of,
    fields_of,
    profiles_of,
    read_fields,
    window_of,
)
from .calendar_views import week_rows, window_rows
from .frame import Page
from .limits import LIMIT_REFUSALS
from .local_times import CannotRead, read_day
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done

__all__ = ["CalendarPage", "WindowPage", "Windows", "calendar_page_routes"]

FIELD: Final = "windows"
_SHOWN_AGAIN: Final = frozenset(
    {Code.ABOVE_CEILING, Code.CANNOT_ADJUST, Code.LOCKED, Code.NOT_WRITTEN, Code.STALE}
)
"""Refusals that are told on the page from which it was asked, with what was typed."""
_WEEK: Final = timedelta(days=7)


class Windows(Page):
    """Pages about the windows of one course, for whoever sets any; outsiders are told that there is no course."""

    async def adjusting(self, course_id: str) -> tuple[Core, Course, Adjusting]:
        """The course, and who sets its windows.

        Raises:
            DeskError: no such course for them, or they set none in it.
        """
        core, viewer, course = await self.course_of(course_id)
        adjusting = Adjusting(core, viewer, course.id, self.from_where)
        try:
            adjusting.require_may_adjust(FIELD)
        except AdjustNotYours as error:
            raise DeskError(Code.NOT_YOUR_LIMITS) from error
        return core, course, adjusting

    def told(self, error: CannotRead | DeskError) -> str:
        """What is wrong with what was asked, for the page from which it was; anything else is no page's to tell."""
        if isinstance(error, CannotRead):
            self.set_status(400)
            return str(error)
        if error.code not in _SHOWN_AGAIN:
            raise error
        self.set_status(error.status_code)
        return error.jupyterhub_message

    def to_calendar(self, course: Course) -> None:
        """Lead back to the week."""
        self.redirect(self.address("courses", course.id, "calendar"), status=303)

    async def show_week(
        self,
        core: Core,
        course: Course,
        adjusting: Adjusting,
        wrong: str = "",
        ask: Mapping[str, str] | None = None,
    ) -> None:
        """The calendar."""
        monday = self._monday(core)
        await self.show_tab(
            "calendar",
            "calendar.html",
            course,
            days=week_rows(core, course, monday),
            monday=monday,
            sunday=monday + _WEEK - timedelta(days=1),
            before=(monday - _WEEK).isoformat(),
            after=(monday + _WEEK).isoformat(),
            windows=window_rows(core, course),
            seen=core.adjustments.seen(course.id, FIELD),
            locked=adjusting.is_locked(FIELD),
            wrong=wrong,
            ask=ask,
            zone=str(core.campus.zone),
        )

    def _monday(self, core: Core) -> date:
        """The week that is asked for, by any of its days; else the one that goes on."""
        with suppress(CannotRead):
            if (asked := read_day(self.get_query_argument("week", ""))) is not None:
                return monday_of(asked)
        return monday_of(core.clock().astimezone(core.campus.zone).date())


class CalendarPage(Windows):
    """``/hub/edu/courses/<course>/calendar``: ``?week=`` names any day of the week that is shown."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """A week."""
        await self.show_week(*await self.adjusting(course_id))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Take a window away: ``drop`` is its id."""
        core, course, adjusting = await self.adjusting(course_id)
        id, seen = self.get_body_argument("drop", ""), self.get_body_argument("seen", "")
        EXPENSIVE.require(self.current_user.name)
        try:
            await done(adjusting.drop_window(id, seen=seen), LIMIT_REFUSALS)
        except DeskError as error:
            wrong, ask = self.told(error), None
            if error.code is Code.ABOVE_CEILING:
                left = [
                    one for key, one in core.adjustments.windows(course.id).items() if key != id
                ]
                wish = {"field": FIELD, "value": list(map(dict, left))}
                ask = {"kind": "adjust", "wish": json.dumps(wish)}
            await self.show_week(core, course, adjusting, wrong, ask)
            return
        self.to_calendar(course)


class WindowPage(Windows):
    """``/hub/edu/courses/<course>/calendar/new`` and ``.../calendar/<window>``: the form of a window."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str, id: str) -> None:
        """The form, empty or as the window is."""
        core, course, _ = await self.adjusting(course_id)
        await self._show(core, course, id, self._fields(core, course, id))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, id: str) -> None:
        """Save it; what is refused is told, with what was typed."""
        core, course, adjusting = await self.adjusting(course_id)
        typed, window = self._fields(core, course, id), dict[str, Any]()
        EXPENSIVE.require(self.current_user.name)
        try:
            typed = read_fields(core, course, self.get_body_argument)
            window = window_of(typed)
            act = adjusting.set_window(
                window,
                instead_of=None if id == _NEW else id,
                seen=self.get_body_argument("seen", ""),
            )
            await done(act, LIMIT_REFUSALS)
        except (CannotRead, DeskError) as error:
            wrong, ask = self.told(error), None
            if isinstance(error, DeskError) and error.code is Code.ABOVE_CEILING:
                wish = {"window": window, **({} if id == _NEW else {"instead_of": id})}
                ask = {"kind": "window", "wish": json.dumps(wish)}
            is_late = isinstance(error, DeskError) and error.code is Code.STALE
            await self._show(core, course, id, typed, wrong=wrong, ask=ask, is_late=is_late)
            return
        self.to_calendar(course)

    def _fields(self, core: Core, course: Course, id: str) -> Fields:
        if id == _NEW:
            return blank_fields(core, course)
        known = core.adjustments.windows(course.id)
        if id not in known or known[id].get("ical"):
            raise DeskError(Code.NO_SUCH_WINDOW)
        leads = [window.lead_time for window in course.windows]
        at = list(known).index(id)
        lead = leads[at] if len(leads) == len(known) else None
        return fields_of(core, course, known[id], lead)

    async def _show(
        self,
        core: Core,
        course: Course,
        id: str,
        fields: Fields,
        *,
        wrong: str = "",
        ask: Mapping[str, str] | None = None,
        is_late: bool = False,
    ) -> None:
        await self.show_tab(
            "calendar",
            "window_form.html",
            course,
            fields=fields,
            is_new=id == _NEW,
            days=DAYS,
            profiles=profiles_of(core, course),
            devices=devices_of(core, course),
            seen=core.adjustments.seen(course.id, FIELD),
            now=window_rows(core, course) if is_late else None,
            wrong=wrong,
            ask=ask,
            zone=str(core.campus.zone),
        )


_NEW: Final = "new"


def calendar_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    calendar = r"/edu/courses/([^/]+)/calendar"
    return (
        (calendar, CalendarPage),
        (rf"{calendar}/(new|[0-9a-f]{{12}})", WindowPage),
    )
