"""The REST API for windows: the times at which a course reserves devices or may start a profile, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import Adjusting
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.wire import limits as wire

from .limits import LIMIT_REFUSALS, AdjustingAPI
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code
from .scopes import MANAGE, READ
from .wishes import done

__all__ = ["WindowAPI", "WindowsAPI", "set_window", "window_routes", "windows_json"]

_FIELD: Final = "windows"
_ALL: Final = frozenset({Code.NO_SUCH_COURSE, *LIMIT_REFUSALS.values()}) - {Code.NO_SUCH_LIMIT}


class _WindowsAPI(AdjustingAPI):
    def seen_windows(self, core: Core, adjusting: Adjusting, course: str) -> str | None:
        """As ``seen``, of all windows together.

        Raises:
            DeskError: they are others by now.
        """
        self.require_unchanged(windows_json(core, adjusting, course))
        has_seen = "If-Match" in self.request.headers
        return core.adjustments.seen(course, _FIELD) if has_seen else None

    def show_windows(self, core: Core, adjusting: Adjusting, course: str, status: int) -> None:
        """Answer with all windows of the course."""
        shown = windows_json(core, adjusting, course)
        self.tag(shown)
        self.show(shown, status)


class WindowsAPI(_WindowsAPI):
    """``/hub/api/edu/courses/<course>/windows``."""

    @operation(
        READ,
        does="The windows of the course that are in force.",
        answers={200: wire.Windows},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOUR_LIMITS},
        act=Act.WINDOW,
    )
    async def get(self, course_id: str) -> None:
        """For whoever sets any."""
        core, adjusting, course = await self.adjusting(course_id, _FIELD)
        self.show_windows(core, adjusting, course, 200)

    @operation(
        MANAGE,
        does="Add a window, or put it in the place of another; If-Match is of all windows.",
        takes=wire.WindowWish,
        answers={201: wire.Windows},
        refuses=_ALL,
        act=Act.WINDOW,
        rate=EXPENSIVE,
    )
    async def post(self, course_id: str, *, wish: wire.WindowWish) -> None:
        """Teachers reserve up to what is the course's own."""
        core, adjusting, course = await self.adjusting(course_id, _FIELD)
        await set_window(adjusting, wish, self.seen_windows(core, adjusting, course))
        self.show_windows(core, adjusting, course, 201)


class WindowAPI(_WindowsAPI):
    """``/hub/api/edu/courses/<course>/windows/<window>``."""

    @operation(
        MANAGE,
        does="Take a window away, also one of the campus file; If-Match is of all windows.",
        answers={200: wire.Windows},
        refuses=_ALL,
        act=Act.WINDOW,
        rate=EXPENSIVE,
    )
    async def delete(self, course_id: str, window: str) -> None:
        """The others stay as they are."""
        core, adjusting, course = await self.adjusting(course_id, _FIELD)
        seen = self.seen_windows(core, adjusting, course)
        await done(adjusting.drop_window(window, seen=seen), LIMIT_REFUSALS)
        self.show_windows(core, adjusting, course, 200)


async def set_window(adjusting: Adjusting, wish: wire.WindowWish, seen: str | None = None) -> None:
    """Do what a wish asks for.

    Raises:
        DeskError: it was refused.
    """
    act = adjusting.set_window(
        wish["window"],
        instead_of=wish.get("instead_of"),
        why=wish.get("why", ""),
        seen=seen,
    )
    await done(act, LIMIT_REFUSALS)


def windows_json(core: Core, adjusting: Adjusting, course: str) -> wire.Windows:
    """The windows in force; titles are hostile text."""
    adjustments = core.adjustments
    filed = adjustments.file_value(course, _FIELD) or []
    quota = core.campus.courses[course].quota
    return {
        "time_zone": core.campus.zone.key,
        "locked": adjusting.is_locked(_FIELD),
        "may": adjusting.may(_FIELD),
        "reserve": {flavor: own.nominal for flavor, own in quota.items()},
        "windows": [
            {"id": id, "window": dict(window), "in_file": window in filed}
            for id, window in adjustments.windows(course).items()
        ],
    }


def window_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/windows", WindowsAPI),
        (r"/api/edu/courses/([^/]+)/windows/([^/]+)", WindowAPI),
    )
