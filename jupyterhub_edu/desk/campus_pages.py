"""The page *Campus*: sources and what their guards hold back, devices node by node, pools and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.rosters import Comparison
from jupyterhub_edu.core.sync_states import CourseSync, LastChange
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire import campus as wire

from .admins import AdminPage, Admins
from .api import API
from .campus import campus_json
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import ADMIN, READ
from .sources import has_rosters_of, write_sync_down
from .views import Moment, instant

__all__ = ["CampusAPI", "HeldPage", "MapPage", "campus_routes"]

_SHOWN: Final = 500
"""People of each sort whom the page of one difference names; it says how many more there are."""


@dataclass(frozen=True, slots=True)
class _Roster:
    """How one course's roster stands, in numbers."""

    course: str
    title: str
    people: int
    complete: Moment | None
    error: str
    held_since: Moment | None
    would_add: int
    would_lose: int
    last: LastChange | None
    last_at: Moment | None


@dataclass(frozen=True, slots=True)
class _Source:
    """One source.

    Attributes:
        age: how long ago it last answered, in words.
        rosters: those that deserve a look: held, failed, or changed.
        courses, people: of all its rosters; None where it has none.
    """

    id: str
    title: str
    type: str
    answered: Moment | None
    age: str
    failing: Moment | None
    why: str
    error: str
    courses: int | None
    people: int
    rosters: Sequence[_Roster]


class MapPage(AdminPage):
    """``/hub/edu/campus``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """As of this instant."""
        core, _ = await self.admin_for()
        told = await campus_json(core)
        await self.show_campus(
            "campus",
            "campus.html",
            campus=told,
            titles={course: core.campus.title_of(course) for course in _courses(told)},
            sources=[_source(core, one) for one in core.campus.sources.values()],
            now=instant(core.clock(), core),
            when=lambda iso: instant(datetime.fromisoformat(iso), core),
        )


class HeldPage(AdminPage):
    """``/hub/edu/campus/sources/<source>/<course>``: what a reading would change, and reading it, guard or no guard."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, source: str, course: str) -> None:
        """The source is asked anew; nothing is changed by that."""
        core, admin = await self._require(source, course)
        EXPENSIVE.require(admin)
        found = await core.syncer.run(source, course, dry=True)
        await self._show(core, source, course, found)

    @web.authenticated
    @needs_scope(ADMIN)
    async def post(self, source: str, course: str) -> None:
        """Read it once more and take it in; what the guard holds back already is let through by that."""
        core, name = await self._require(source, course)
        EXPENSIVE.require(name)
        admin = self.require_person(core)
        address = self.from_where
        accept = _is_held(core, source, course)
        await write_sync_down(core, admin, source, course, address, accept=accept)
        found = await core.syncer.run(source, course, accept=accept)
        error = _error(core, source, found)
        if error:
            self.set_status(503)
            await self._show(core, source, course, found, error)
            return
        self.redirect(self.address("campus"), status=303)

    async def _require(self, source: str, course: str) -> tuple[Core, str]:
        core, admin = await self.admin_for()
        if not has_rosters_of(core, source) or course not in core.campus.courses:
            raise DeskError(Code.NO_SUCH_SOURCE)
        return core, admin.hub_name

    async def _show(
        self, core: Core, source: str, course: str, found: Sequence[CourseSync], error: str = ""
    ) -> None:
        one = found[0] if found else None
        comparison = one.comparison if one is not None else None
        kinds = _moves(comparison) if comparison is not None else ()
        await self.show_campus(
            "campus",
            "held.html",
            source=core.campus.sources[source].title,
            course=core.campus.courses[course],
            kinds=kinds,
            shown=_SHOWN,
            is_held=_is_held(core, source, course),
            refused=error or _error(core, source, found),
        )


class CampusAPI(Admins, API):
    """``/hub/api/edu/campus``."""

    @operation(
        ADMIN,
        does="All pools and lines, and who holds which devices on which node.",
        answers={200: wire.Campus},
        refuses={Code.ADMINS_ONLY},
        act=Act.CONFIGURE,
        rate=EXPENSIVE,
    )
    async def get(self) -> None:
        """As of this instant."""
        core, _ = await self.admin_for()
        self.show(await campus_json(core))


def _courses(told: wire.Campus) -> set[str]:
    found = {share["course"] for flavor in told["flavors"] for share in flavor["shares"]}
    return found | {
        one["course"]
        for flavor in told["flavors"]
        for node in flavor["nodes"]
        for one in node["sessions"]
    }


def _is_held(core: Core, source: str, course: str) -> bool:
    return any(one.held for one in core.syncer.states(source) if one.course == course)


def _error(core: Core, source: str, found: Sequence[CourseSync]) -> str:
    """Why a reading gave nothing, or ``""``."""
    if not found:
        return core.syncer.state(source).error or say("The source has no such course now.")
    return found[0].error


def _moves(comparison: Comparison) -> list[tuple[str, int, list[str]]]:
    """Who goes, comes and changes: in words, how many, and the first of them by name."""
    kinds = (
        (say("would leave"), comparison.gone),
        (say("would come"), comparison.added),
        (say("would change"), comparison.changed),
    )
    return [
        (words, len(moves), [f"{one.name} ({one.login})" for one in list(moves)[:_SHOWN]])
        for words, moves in kinds
        if moves
    ]


def _source(core: Core, source: SourceInfo) -> _Source:
    health, now = core.refresher.health(source.id), core.clock()
    has_rosters = source in core.syncer.sources()
    states = core.syncer.states(source.id) if has_rosters else []
    looked = [one for one in states if one.held or one.error or one.last]
    return _Source(
        id=source.id,
        title=source.title,
        type=source.type,
        answered=instant(health.answered_at, core) if health.answered_at else None,
        age=_age(now - health.answered_at) if health.answered_at else "",
        failing=instant(health.failing_since, core) if health.failing_since else None,
        why=health.why,
        error=core.syncer.state(source.id).error if has_rosters else "",
        courses=len(states) if has_rosters else None,
        people=sum(one.people for one in states),
        rosters=[_roster(core, one) for one in looked],
    )


def _roster(core: Core, state: CourseSync) -> _Roster:
    held, last = state.held, state.last
    return _Roster(
        course=state.course,
        title=core.campus.title_of(state.course),
        people=state.people,
        complete=instant(state.complete_at, core) if state.complete_at else None,
        error=state.error,
        held_since=instant(held.since, core) if held else None,
        would_add=held.would_add if held else 0,
        would_lose=held.would_lose if held else 0,
        last=last,
        last_at=instant(last.at, core) if last else None,
    )


def _age(age: timedelta) -> str:
    minutes = max(0, round(age / timedelta(minutes=1)))
    if minutes < 120:
        return say("{minutes} min", minutes=minutes)
    if minutes < 48 * 60:
        return say("{hours} h", hours=minutes // 60)
    return say("{days} d", days=minutes // 1440)


def campus_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/campus/?", MapPage),
        (r"/edu/campus/sources/([^/]+)/([^/]+)", HeldPage),
        (r"/api/edu/campus", CampusAPI),
    )
