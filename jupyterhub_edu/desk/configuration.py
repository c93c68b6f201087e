"""The configuration as loaded, value by value with where each came from: the campus file, a default, or the desk."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.wire import configuration as wire
from jupyterhub_edu.wire.shapes import Page as Part

from .admins import AdminPage, Admins
from .api import API
from .operations import operation
from .paging import PAGE
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import ADMIN, READ

__all__ = ["ConfigurationAPI", "ConfigurationPage", "configuration_routes"]

_ROWS: Final = 300
_LONGEST: Final = 500


class ConfigurationPage(AdminPage):
    """``/hub/edu/campus/configuration``: one part of it, such as ``courses``, at a time."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """Part and row stand in the address."""
        core, admin = await self.admin_for()
        EXPENSIVE.require(admin.hub_name)
        rows = await told(core)
        below = self.get_query_argument("below", "").strip()[:_LONGEST]
        start = _number(self.get_query_argument("from", "0"))
        mine = [row for row in rows if _is_below(row["path"], below)]
        shown = mine[start : start + _ROWS]
        more = str(start + _ROWS) if len(mine) > start + _ROWS else ""
        parts = Counter(row["path"].partition(".")[0].partition("[")[0] for row in rows)
        await self.show_campus(
            "configuration",
            "configuration.html",
            rows=shown,
            below=below,
            parts=list(parts.items()),
            more=self.address("campus", "configuration", **{"below": below, "from": more})
            if more
            else "",
        )


class ConfigurationAPI(Admins, API):
    """``/hub/api/edu/campus/configuration``."""

    @operation(
        ADMIN,
        does="The configuration as it was loaded, each value with where it came from; without secrets.",
        query=wire.SettingsAsked,
        answers={200: Part[wire.Setting]},
        refuses={Code.ADMINS_ONLY},
        act=Act.CONFIGURE,
        rate=EXPENSIVE,
    )
    async def get(self, *, asked: wire.SettingsAsked) -> None:
        """In the file's order, then the defaults, then what the desk has set."""
        core, _ = await self.admin_for()
        start, size = _number(asked.get("cursor", "0")), asked.get("limit", PAGE)
        below = asked.get("below", "")
        mine = [row for row in await told(core) if _is_below(row["path"], below)]
        more = str(start + size) if len(mine) > start + size else None
        self.show({"items": mine[start : start + size], "next": more})


async def told(core: Core) -> list[wire.Setting]:
    """Every value, worked out beside the loop."""
    desk = [*_adjusted(core), *_own(core)]
    written = await asyncio.to_thread(_written, core)
    return written + desk


def _written(core: Core) -> list[wire.Setting]:
    return [
        {
            "path": one.path,
            "value": one.value,
            "origin": "file" if one.file else "default",
            "file": one.file or None,
            "line": one.line,
            "by": None,
            "at": None,
            "troubles": [],
        }
        for one in core.configuration()
    ]


def _adjusted(core: Core) -> Iterator[wire.Setting]:
    for one in core.adjustments.all():
        known = core.campus.courses.get(one.course)
        yield {
            "path": f"courses.{known.key if known is not None else one.course}.{one.field}",
            "value": json.dumps(one.value, ensure_ascii=False),
            "origin": "desk",
            "file": None,
            "line": None,
            "by": one.by,
            "at": one.at.isoformat(),
            "troubles": [trouble.words for trouble in core.adjustments.troubles(one)],
        }


def _own(core: Core) -> Iterator[wire.Setting]:
    out = core.adjustments.out_courses
    for course in core.own_courses.all():
        for key, value in course.written.items() or (("", {}),):
            yield {
                "path": f"courses.{course.key}{f'.{key}' if key else ''}",
                "value": json.dumps(value, ensure_ascii=False),
                "origin": "desk",
                "file": None,
                "line": None,
                "by": course.by,
                "at": course.at.isoformat(),
                "troubles": [trouble.words for trouble in out.get(course.key, ())],
            }


def _is_below(path: str, below: str) -> bool:
    return not below or path == below or path.startswith((f"{below}.", f"{below}["))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DeskError(Code.UNREADABLE)
    return int(text)


def configuration_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/campus/configuration", ConfigurationPage),
        (r"/api/edu/campus/configuration", ConfigurationAPI),
    )
