"""*Sync now* for a course's staff: the page, and the same for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.course_syncs import CourseRead, SourceRead
from jupyterhub_edu.core.rosters import Move, Standing
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.words import join_words
from jupyterhub_edu.wire import course_sync as wire

from .api import API
from .operations import operation
from .people import PEOPLE_REFUSALS
from .people_pages import PeopleTab
from .rates import Rate
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .views import instant
from .wishes import done, iso

__all__ = ["CourseSyncAPI", "CourseSyncPage", "course_sync_routes"]

_RATE: Final = Rate(6, timedelta(minutes=10))
"""Of one person, on the page and by the API together: whole rosters are read."""
_PATIENCE: Final = 8.0
_SHOWN: Final = 200
"""People whose changes are listed by name."""


class CourseSyncAPI(API):
    """``/hub/api/edu/courses/<course>/sync``."""

    @operation(
        MANAGE,
        does="Read the rosters of the course from every source now; answers when all have, and says what changed.",
        answers={200: wire.CourseSync},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_GIVE, Code.NOT_WRITTEN},
        act=Act.ENROL,
        rate=_RATE,
    )
    async def post(self, course_id: str) -> None:
        """What is held back is let through by administrators alone."""
        core, viewer, course = await self.course_of(course_id)
        begun = core.course_syncs.begin(viewer, course.id, self.from_where)
        read = await done(begun, PEOPLE_REFUSALS)
        await core.course_syncs.wait(course.id)
        self.show(_json(read))


class CourseSyncPage(PeopleTab):
    """``/hub/edu/courses/<course>/people/sync``: what the last reading changed; POST reads now."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """The last reading that staff of the course have asked for."""
        core, _, course = await self.staff(course_id)
        read = core.course_syncs.last(course.id)
        await self.show_tab(
            "people",
            "people_sync.html",
            course,
            read=read,
            at=instant(read.at, core) if read else None,
            sources=[_row(one) for one in read.sources] if read else [],
            rosters=self._rosters(core, course.id),
        )

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Read, wait a moment, and show what came of it; it goes on without whoever looks."""
        core, viewer, course = await self.staff(course_id)
        try:
            _RATE.require(viewer.hub_name)
        except DeskError:
            if core.course_syncs.last(course.id) is None:
                raise
        else:
            begun = core.course_syncs.begin(viewer, course.id, self.from_where)
            await done(begun, PEOPLE_REFUSALS)
            await core.course_syncs.wait(course.id, _PATIENCE)
        self.redirect(self.people_address(course, "sync"), status=303)

    @staticmethod
    def _rosters(core: Core, course: str) -> list[dict[str, object]]:
        """How old each source's roster of the course is, and whether one is held back."""
        return [
            {
                "title": info.title,
                "at": instant(state.complete_at, core) if state.complete_at else None,
                "held": state.held,
                "people": state.people,
                "is_silent": bool(state.error),
            }
            for info in core.syncer.sources()
            for state in core.syncer.states(info.id)
            if state.course == course
        ]


def _row(read: SourceRead) -> dict[str, object]:
    moves = sorted(read.moves, key=lambda one: one.login)
    return {
        "title": read.title,
        "came": str(read.came),
        "people": read.people,
        "count": len(moves),
        "moves": [
            {
                "name": one.name or one.login,
                "login": one.login,
                "before": _words(one.before),
                "after": _words(one.after),
            }
            for one in moves[:_SHOWN]
        ],
    }


def _words(standing: Standing) -> str:
    found = sorted(standing, key=lambda one: one[0], reverse=True)
    return join_words(
        (join_words([role, *sorted(sections)], ", ") for role, sections in found), "; "
    )


def _json(read: CourseRead) -> wire.CourseSync:
    return {
        "by": read.by,
        "at": read.at.isoformat(),
        "over_at": iso(read.over_at),
        "sources": [_source_json(one) for one in read.sources],
    }


def _source_json(read: SourceRead) -> wire.SourceRead:
    def logins(moves: Sequence[Move]) -> list[str]:
        return sorted(one.login for one in moves)

    return {
        "source": read.source,
        "came": str(read.came),
        "people": read.people,
        "added": logins([one for one in read.moves if not one.before]),
        "gone": logins([one for one in read.moves if not one.after]),
        "changed": logins([one for one in read.moves if one.before and one.after]),
    }


def course_sync_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)/people/sync", CourseSyncPage),
        (r"/api/edu/courses/([^/]+)/sync", CourseSyncAPI),
    )
