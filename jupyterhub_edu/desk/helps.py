"""Helping somebody in their own server: what pages and API share, and the REST API. All text is plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.help_records import Help, Helped
from jupyterhub_edu.core.helping import CannotHelp, HelpNotYours
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import helps as wire

from .api import API
from .base import Desk
from .operations import operation
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .views import Moment, instant
from .wishes import done

__all__ = [
    "HELPING",
    "HelpRow",
    "HelpedRow",
    "help_routes",
    "help_rows",
    "helped_json",
    "helped_rows",
    "helping",
    "require_help",
]

HELPING: Final[Mapping[type[Exception], Code]] = {
    HelpNotYours: Code.NOT_YOURS_TO_HELP,
    CannotHelp: Code.CANNOT_HELP,
    StoreError: Code.NOT_WRITTEN,
}
_NO_HELP: Final = frozenset({Code.NO_SUCH_HELP, Code.NOT_YOURS_TO_HELP, Code.NOT_WRITTEN})


class HelpRow(NamedTuple):
    """A help that goes on, as the server's owner and whoever helps see it.

    Attributes:
        by: who helps, by name.
        url: where they find the server.
    """

    help: Help
    by: str
    course: str
    at: Moment
    until: Moment
    url: str


class HelpedRow(NamedTuple):
    """A help that is over, as the server's owner sees it.

    Attributes:
        by: who helped, by name.
    """

    helped: Helped
    by: str
    course: str
    at: Moment
    ended: Moment


def help_rows(core: Core, helps: Sequence[Help]) -> list[HelpRow]:
    """The same with names."""
    return [_row(core, one) for one in helps]


def helped_rows(core: Core, person: Person) -> list[HelpedRow]:
    """Who could open somebody's servers in the last month, newest first."""
    return [
        HelpedRow(
            helped=one,
            by=core.roll.name_of(one.helper),
            course=core.campus.title_of(one.course),
            at=instant(one.at, core),
            ended=instant(one.ended, core),
        )
        for one in core.helps.past_of(person.hub_name)
    ]


def _row(core: Core, help: Help) -> HelpRow:
    return HelpRow(
        help=help,
        by=core.roll.name_of(help.helper),
        course=core.campus.title_of(help.course),
        at=instant(help.at, core),
        until=instant(help.until, core),
        url=core.helps.address(help),
    )


def require_help(core: Core, viewer: Person, id: str, course: str | None = None) -> Help:
    """A help that somebody takes part in, or one of a course in which they may help.

    Args:
        course: None: of any, to whoever helps or is helped.

    Raises:
        DeskError: there is none, or none for them: the same answer.
    """
    help = core.helps.find(id)
    if help is None or course not in {None, help.course}:
        raise DeskError(Code.NO_SUCH_HELP)
    is_theirs = viewer.hub_name in {help.helper, help.owner}
    if not is_theirs and (course is None or not core.helps.may(viewer, help.course)):
        raise DeskError(Code.NO_SUCH_HELP)
    return help


def _json(core: Core, viewer: Person, help: Help) -> wire.Help:
    return {
        "id": help.id,
        "course": help.course,
        "user": help.owner,
        "server": help.server,
        "helper": help.helper,
        "at": help.at.isoformat(),
        "until": help.until.isoformat(),
        "shared": not help.ours,
        "url": core.helps.address(help) if viewer.hub_name == help.helper else "",
    }


def helped_json(row: HelpedRow) -> wire.Helped:
    """The same for programs."""
    one = row.helped
    return {
        "course": one.course,
        "server": one.server,
        "helper": one.helper,
        "at": one.at.isoformat(),
        "ended": one.ended.isoformat(),
        "ended_by": str(one.over),
    }


async def helping(desk: Desk, course_id: str) -> tuple[Core, Person]:
    """The core, and who asks, if they help others in a course.

    Raises:
        DeskError: there is no such course for them, or they help nobody there.
    """
    core, viewer, _ = await desk.course_of(course_id)
    if not core.helps.may(viewer, course_id):
        raise DeskError(Code.NOT_YOURS_TO_HELP)
    return core, viewer


class CourseHelpsAPI(API):
    """``/hub/api/edu/courses/<course>/helps``."""

    @operation(
        READ,
        does="Who of the course's staff is let in to whose server now.",
        answers={200: list[wire.Help]},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOURS_TO_HELP},
        act=Act.HELP,
    )
    async def get(self, course_id: str) -> None:
        """For whoever may help in it."""
        core, viewer = await helping(self, course_id)
        self.show([_json(core, viewer, one) for one in core.helps.of_course(course_id)])

    @operation(
        MANAGE,
        does="Be let in to somebody's server for half an hour, while it is this course's; they are told.",
        takes=wire.HelpWish,
        answers={201: wire.Help},
        refuses={Code.NO_SUCH_COURSE, Code.NO_SUCH_SESSION, *HELPING.values()},
        act=Act.HELP,
    )
    async def post(self, course_id: str, *, wish: wire.HelpWish) -> None:
        """Who is in already stays as long as before."""
        core, viewer = await helping(self, course_id)
        admission = self.require_session(
            core, viewer, course_id, wish["user"], wish.get("server", "")
        )
        help = await done(core.helps.open(viewer, admission, self.from_where), HELPING)
        self.show(_json(core, viewer, help), 201)


class CourseHelpAPI(API):
    """``/hub/api/edu/courses/<course>/helps/<help>``."""

    @operation(
        MANAGE,
        does="End a help: whoever helps, or an administrator.",
        answers={204: None},
        refuses=_NO_HELP | {Code.NO_SUCH_COURSE},
        act=Act.HELP,
    )
    async def delete(self, course_id: str, help: str) -> None:
        """They are let in no longer."""
        core, viewer, _ = await self.course_of(course_id)
        found = require_help(core, viewer, help, course_id)
        await done(core.helps.end(viewer, found, self.from_where), HELPING)
        self.set_status(204)


class HelpsAPI(API):
    """``/hub/api/edu/helps``."""

    @operation(
        READ, does="Who is let in to one's own servers now.", answers={200: list[wire.Help]}
    )
    async def get(self) -> None:
        """Of whoever asks."""
        core, viewer = await self.who_asks()
        self.show([_json(core, viewer, one) for one in core.helps.of_owner(viewer.hub_name)])


class HelpAPI(API):
    """``/hub/api/edu/helps/<help>``."""

    @operation(
        MANAGE,
        does="End a help: whoever is helped, or helps.",
        answers={204: None},
        refuses=_NO_HELP,
    )
    async def delete(self, help: str) -> None:
        """They are let in no longer."""
        core, viewer = await self.who_asks()
        found = require_help(core, viewer, help)
        await done(core.helps.end(viewer, found, self.from_where), HELPING)
        self.set_status(204)


def help_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/helps", CourseHelpsAPI),
        (r"/api/edu/courses/([^/]+)/helps/([^/]+)", CourseHelpAPI),
        (r"/api/edu/helps", HelpsAPI),
        (r"/api/edu/helps/([^/]+)", HelpAPI),
    )
