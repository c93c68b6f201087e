"""*Course: usage*: what was used, how long people waited and why they were refused, for the course's teachers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.usage import By, UsageQuery
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import counts as wire

from .api import API
from .base import Desk
from .frame import Page
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import READ
from .sheets import sheet
from .usage import answer_json
from .usage_days import REASONS, Span, course_usage, day_rows, read_span, sums, used_rows

__all__ = ["CountsAPI", "UsageFile", "UsageTab", "usage_page_routes"]

_SHOWN: Final = 100
"""People who are shown; the files have all."""
_BY: Final = {"days": By.DAY, "people": By.PERSON, "profiles": By.PROFILE}


class _Usage(Desk):
    """Who may see it."""

    async def course_for(self, course_id: str) -> tuple[Core, Person, Course]:
        """The core, who asks, and a course whose usage they may see.

        Raises:
            DeskError: no such course for them, or they are no teacher of it.
        """
        core, viewer, course = await self.course_of(course_id)
        if not core.may(Act.USAGE, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_SEE)
        return core, viewer, course


class UsageTab(_Usage, Page):
    """``/hub/edu/courses/<course>/usage``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The page; its span of days stands in the address."""
        core, _, course = await self.course_for(course_id)
        span = _span(self, core)
        counted = core.counts.of(course.id, span.first, span.last)
        try:
            days, people, profiles = [
                await course_usage(core, course.id, span, by) for by in _BY.values()
            ]
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error
        titles = {key: profile.title for key, profile in core.campus.profiles.items()}
        ranked = await asyncio.to_thread(used_rows, people, {}, By.PERSON)
        await self.show_tab(
            "usage",
            "usage.html",
            course,
            span=span,
            total=sums(days, counted.values()),
            days=day_rows(span, days, counted),
            by_person=[replace(row, title=_name(core, row.key)) for row in ranked[:_SHOWN]],
            people_more=max(0, len(ranked) - _SHOWN),
            by_profile=used_rows(profiles, titles, By.PROFILE),
            refused=_refused(counted.values()),
            files_at=self.address("courses", course.id, "usage"),
            asked=f"from={span.first.isoformat()}&until={span.last.isoformat()}",
            zone=str(core.campus.zone),
        )


class UsageFile(_Usage, Page):
    """``/hub/edu/courses/<course>/usage/<what>.<csv or json>``: the same query, all of it."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str, what: str, form: str) -> None:
        """A download."""
        core, viewer, course = await self.course_for(course_id)
        EXPENSIVE.require(viewer.hub_name)
        span = _span(self, core)
        if what == "counts":
            answer: Any = _counts(core, course.id, span.first, span.last)
            head, rows = _COUNTED, answer["days"]
        else:
            by = _BY[what]
            query = UsageQuery(frozenset({by}), span.first, span.last, None, course.id)
            try:
                found = await core.store.load_usage(query)
            except StoreError as error:
                raise DeskError(Code.NOT_READY) from error
            answer = await asyncio.to_thread(answer_json, core.campus.zone, query, found)
            head, rows = (by.value, *_AMOUNTS), answer["rows"]
        is_csv = form == "csv"
        text = await asyncio.to_thread(_table, head, rows) if is_csv else json.dumps(answer)
        self.set_header(
            "Content-Type", "text/csv; charset=utf-8" if is_csv else "application/json"
        )
        self.set_header("Content-Disposition", f'attachment; filename="usage-{what}.{form}"')
        self.set_header("Cache-Control", "no-store")
        self.finish(text)


class CountsAPI(_Usage, API):
    """``/hub/api/edu/courses/<course>/counts``."""

    @operation(
        READ,
        does="What no session tells of a course's days: refused starts by reason, waits in the line, idle devices.",
        query=wire.CountsQuery,
        answers={200: wire.CountsAnswer},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_SEE},
        act=Act.USAGE,
    )
    async def get(self, course_id: str, *, asked: wire.CountsQuery) -> None:
        """Of at most the last 400 days."""
        core, _, course = await self.course_for(course_id)
        first, last = (
            date.fromisoformat(day) if day else None
            for day in (asked.get("from"), asked.get("until"))
        )
        self.show(_counts(core, course.id, first, last))


_AMOUNTS: Final[tuple[str, ...]] = (
    "sessions",
    "estimated",
    "waiting_ms",
    "running_ms",
    "used",
    "gpu_hours",
)
_COUNTED: Final[tuple[str, ...]] = (
    "day",
    "refused",
    "starts",
    "waited_ms",
    "longest_ms",
    "looked_ms",
    "idle_ms",
)


def _span(page: Page, core: Core) -> Span:
    today = core.clock().astimezone(core.campus.zone).date()
    first, last = page.get_query_argument("from", ""), page.get_query_argument("until", "")
    return read_span(first, last, today)


def _counts(core: Core, course: str, first: date | None, last: date | None) -> wire.CountsAnswer:
    days: list[wire.Counted] = [
        {
            "day": day.isoformat(),
            "refused": dict(one.refused),
            "starts": one.starts,
            "waited_ms": one.waited_ms,
            "longest_ms": one.longest_ms,
            "looked_ms": one.looked_ms,
            "idle_ms": one.idle_ms,
        }
        for day, one in core.counts.of(course, first, last).items()
    ]
    return {"time_zone": core.campus.zone.key, "course": course, "days": days}


def _refused(counted: Any) -> list[tuple[str, str, int]]:
    """Code, words and how often, most often first."""
    found: Counter[str] = sum((day.refused for day in counted), Counter[str]())
    return [(code, REASONS.get(code, code), many) for code, many in found.most_common()]


def _name(core: Core, account: str) -> str:
    person = core.roll.by_hub_name(account)
    return person.name if person is not None else ""


def _table(head: Sequence[str], rows: Sequence[Any]) -> str:
    def cells(row: Any) -> list[object]:
        return [json.dumps(v) if isinstance(v := row.get(name), dict) else v for name in head]

    return sheet([head, *map(cells, rows)])


def usage_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)/usage", UsageTab),
        (r"/edu/courses/([^/]+)/usage/(days|people|profiles|counts)\.(csv|json)", UsageFile),
        (r"/api/edu/courses/([^/]+)/counts", CountsAPI),
    )
