"""What was used: one's own by anybody, a course's by its teachers, all by administrators of the site."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import Person, SiteRole
from jupyterhub_edu.domain.usage import By, Usage, UsageQuery, usage_json
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import usage as wire

from .api import API
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import READ

__all__ = ["UsageAPI", "answer_json", "restrict", "usage_routes"]


class UsageAPI(API):
    """``/hub/api/edu/usage``."""

    @operation(
        READ,
        does="What ended sessions used: of a course for its teachers, of all for administrators of the site, else one's own.",
        query=wire.UsageQuery,
        answers={200: wire.UsageAnswer},
        refuses={Code.NO_SUCH_COURSE, Code.NO_SUCH_PERSON},
        act=Act.USAGE,
        rate=EXPENSIVE,
    )
    async def get(self, *, asked: wire.UsageQuery) -> None:
        """Left out ``course`` and ``person``: all for site admins, else one's own."""
        core, viewer = await self.who_asks()
        query = restrict(core, viewer, _question(core, asked))
        try:
            found = await core.store.load_usage(query)
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error
        # Who was in a course that is gone, or that they are in no longer, is told what they used there; else it is none.
        outside = query.course is not None and not core.may(
            Act.USAGE, viewer, query.course, about=viewer.key
        )
        if outside and not found:
            raise DeskError(Code.NO_SUCH_COURSE)
        # A whole term by person and day is long enough to hold up everybody else.
        answer = await asyncio.to_thread(_write, core.campus.zone, query, found)
        self.set_header("Content-Type", "application/json")
        self.write(answer)


def _question(core: Core, asked: wire.UsageQuery) -> UsageQuery:
    who = asked.get("person")
    known = (core.roll.by_hub_name(who) or core.roll.person(who)) if who else None
    return UsageQuery(
        by=frozenset(map(By, asked.get("by") or ["course"])),
        first=_day(asked.get("from")),
        last=_day(asked.get("until")),
        person=known.hub_name if known is not None else who,
        course=_course(core, asked.get("course")),
    )


def restrict(core: Core, viewer: Person, query: UsageQuery) -> UsageQuery:
    """The question as far as this person may ask it.

    Always holds:
        - of people other than the viewer only what the table of acts allows in exactly this course is told;
        - a course is told of to those who take part in it, others get the answer of one that does not exist.

    Raises:
        DeskError: none of it may be told.
    """
    own = UsageQuery(query.by, query.first, query.last, viewer.hub_name, query.course)
    if core.roll.site_role(viewer) is SiteRole.ADMIN:
        return query
    if query.course is None or query.person == viewer.hub_name:
        if query.person in {None, viewer.hub_name}:
            return own
        raise DeskError(Code.NO_SUCH_PERSON)
    if core.may(Act.USAGE, viewer, query.course):
        return query
    if not core.may(Act.USAGE, viewer, query.course, about=viewer.key):
        raise DeskError(Code.NO_SUCH_COURSE)
    if query.person is not None:
        raise DeskError(Code.NO_SUCH_PERSON)
    return own


def answer_json(zone: ZoneInfo, query: UsageQuery, found: Iterable[Usage]) -> dict[str, Any]:
    """The answer for programs: what was asked, and rows as ``usage_json`` gives them."""
    return {
        "time_zone": zone.key,
        "from": query.first.isoformat() if query.first else None,
        "until": query.last.isoformat() if query.last else None,
        "person": query.person,
        "course": query.course,
        "by": [word.value for word in By if word in query.by],
        "rows": [usage_json(usage) for usage in found],
    }


def _write(zone: ZoneInfo, query: UsageQuery, found: Iterable[Usage]) -> str:
    return json.dumps(answer_json(zone, query, found))


def _course(core: Core, name: str | None) -> str | None:
    """A course by its id, key or code; one that is no longer in the campus file by the id that it had."""
    named = core.campus.course_index.get(name.casefold(), ()) if name is not None else ()
    return named[0].id if len(named) == 1 and name not in core.campus.courses else name


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def usage_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/api/edu/usage", UsageAPI),)
