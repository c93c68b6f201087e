"""Taking the times of a course out of an iCalendar file: what would change is shown first, and only then applied."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import Adjusting
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.words import say

from .calendar_forms import Fields, blank_fields, devices_of, limits_of, profiles_of, read_fields
from .calendar_import import (
    LARGEST,
    Difference,
    dates_of,
    difference,
    read_times,
    read_windows,
    windows_from,
)
from .calendar_pages import FIELD, Windows
from .imports import UPLOADS
from .limits import LIMIT_REFUSALS
from .local_times import CannotRead
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done

__all__ = ["UploadPage", "calendar_upload_routes"]

_SHOWN: Final = 200
"""Times that are listed of what is added, and of what is dropped."""


class UploadPage(Windows):
    """``/hub/edu/courses/<course>/calendar/import``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The form."""
        core, course, _ = await self.adjusting(course_id)
        await self._show_form(core, course, blank_fields(core, course))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """``do``: read the file and say what would change, or apply exactly that."""
        core, course, adjusting = await self.adjusting(course_id)
        EXPENSIVE.require(self.current_user.name)
        if self.get_body_argument("do", "") == "apply":
            await self._apply(core, course, adjusting)
            return
        typed = blank_fields(core, course)
        UPLOADS.require(self.current_user.name)
        try:
            typed = read_fields(core, course, self.get_body_argument)
            windows = await self._read(core, course, typed)
        except CannotRead as error:
            await self._show_form(core, course, typed, self.told(error))
            return
        await self._show_difference(core, course, typed["title"], windows)

    async def _read(self, core: Core, course: Course, typed: Fields) -> list[dict[str, Any]]:
        """The windows that the file makes."""
        if not typed["title"]:
            raise CannotRead(
                say("Say what these windows are called: the next import takes their place.")
            )
        like = {"title": typed["title"], **limits_of(typed)}
        files = self.request.files.get("file", [])
        if len(files) != 1 or not files[0].body:
            raise CannotRead(say("Choose a file."))
        content, zone = files[0].body, core.campus.zone
        if len(content) > LARGEST:
            raise CannotRead(say("The file is larger than 1 MiB."))
        known = core.adjustments.windows(course.id).values()
        if any(one.get("ical") and one.get("title") == typed["title"] for one in known):
            raise CannotRead(
                say("The campus file has a calendar of this title: choose another one.")
            )
        days = dates_of(core, course)
        now = core.clock()

        def read() -> list[dict[str, Any]]:
            return windows_from(read_times(content, zone, days, now), zone, like)

        return await asyncio.to_thread(read)

    async def _apply(self, core: Core, course: Course, adjusting: Adjusting) -> None:
        """Put the windows in the place of those of their title, all in one step."""
        new = await asyncio.to_thread(read_windows, self.get_body_argument("windows", ""))
        title = new[0]["title"]
        stay = [
            dict(window)
            for window in core.adjustments.windows(course.id).values()
            if window.get("title") != title or window.get("ical")
        ]
        value, seen = [*stay, *new], self.get_body_argument("seen", "")
        try:
            await done(adjusting.set(FIELD, value, seen=seen), LIMIT_REFUSALS)
        except DeskError as error:
            wrong, ask = self.told(error), None
            if error.code is Code.ABOVE_CEILING:
                wish = {"field": FIELD, "value": value}
                ask = {"kind": "adjust", "wish": json.dumps(wish)}
            await self._show_difference(core, course, title, new, wrong=wrong, ask=ask)
            return
        self.to_calendar(course)

    async def _show_form(
        self, core: Core, course: Course, fields: Fields, wrong: str = ""
    ) -> None:
        await self.show_tab(
            "calendar",
            "calendar_import.html",
            course,
            fields=fields,
            profiles=profiles_of(core, course),
            devices=devices_of(core, course),
            wrong=wrong,
        )

    async def _show_difference(
        self,
        core: Core,
        course: Course,
        title: str,
        windows: Sequence[dict[str, Any]],
        *,
        wrong: str = "",
        ask: dict[str, str] | None = None,
    ) -> None:
        found: Difference = await asyncio.to_thread(difference, core, course, title, windows)
        await self.show_tab(
            "calendar",
            "calendar_difference.html",
            course,
            title=title,
            found=found,
            added=found.added[:_SHOWN],
            dropped=found.dropped[:_SHOWN],
            windows=json.dumps(list(windows)),
            seen=core.adjustments.seen(course.id, FIELD),
            wrong=wrong,
            ask=ask,
            zone=str(core.campus.zone),
        )


def calendar_upload_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/edu/courses/([^/]+)/calendar/import", UploadPage),)
