"""The REST API of a course as it is now: the board, stops of many, starts for others, and messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from jupyterhub_edu.core import Refused
from jupyterhub_edu.core.messages import Whom
from jupyterhub_edu.core.sending import USUALLY, Sending
from jupyterhub_edu.core.starting_for import StartingFor
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import refusal
from jupyterhub_edu.wire import board as wire

from .api import API
from .board import message_row, message_rows
from .board_acts import SENDING, STARTING, require_sweep
from .board_json import message_json, rest_json, row_json, sweep_json
from .board_stream import BoardStream, BoardStreamAPI, require_rights
from .live import LIVE
from .operations import operation
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .sweeps import sweep_row
from .wishes import done

__all__ = ["board_routes"]


class BoardAPI(API):
    """``/hub/api/edu/courses/<course>/now``."""

    @operation(
        READ,
        does="A course as it is now, as its board shows it.",
        answers={200: wire.Board},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOUR_BOARD},
        act=Act.SEE,
    )
    async def get(self, course_id: str) -> None:
        """As of now."""
        core, viewer, _ = await self.course_of(course_id)
        require_rights(core, viewer.hub_name, course_id)
        async with LIVE.looking(core, course_id) as board:
            await board.catch_up()
            rows, rest = board.state()
        sessions = [row_json(row) for row in rows]
        self.show({"at": core.clock().isoformat(), "sessions": sessions, **rest_json(rest)})


class SweepsAPI(API):
    """``/hub/api/edu/courses/<course>/stops``."""

    @operation(
        MANAGE,
        does="Stop the sessions of a section, or all of the course, one after another.",
        takes=wire.SweepWish,
        answers={202: wire.Sweep},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_ALLOWED, Code.NOBODY_TO_STOP, Code.NOT_WRITTEN},
        act=Act.STOP,
    )
    async def post(self, course_id: str, *, wish: wire.SweepWish) -> None:
        """How far it is can be asked by its id."""
        core, viewer, _ = await self.course_of(course_id)
        if not core.may(Act.STOP, viewer, course_id):
            raise DeskError(Code.NOT_ALLOWED)
        section = wish.get("section", "")
        if bool(section) is wish.get("all", False):
            raise DeskError(Code.UNREADABLE, say("Say section, or all."))
        sweep = await require_sweep(core, viewer, course_id, section, self.from_where)
        self.show(sweep_json(sweep_row(core, sweep)), 202)


class SweepAPI(API):
    """``/hub/api/edu/courses/<course>/stops/<stop>``."""

    @operation(
        READ,
        does="How far stops of many are; for five minutes after the last.",
        answers={200: wire.Sweep},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOUR_BOARD, Code.NO_SUCH_STOPS},
        act=Act.SEE,
    )
    async def get(self, course_id: str, stop: str) -> None:
        """For whoever sees the board."""
        core, viewer, _ = await self.course_of(course_id)
        require_rights(core, viewer.hub_name, course_id)
        sweep = core.sweeps.find(course_id, stop)
        if sweep is None:
            raise DeskError(Code.NO_SUCH_STOPS)
        self.show(sweep_json(sweep_row(core, sweep)))


class StartsAPI(API):
    """``/hub/api/edu/courses/<course>/starts``."""

    @operation(
        MANAGE,
        does="Start a server for somebody of the course, with their own rights; where it must wait, they stand in line.",
        takes=wire.StartWish,
        answers={202: wire.Started},
        refuses={Code.NO_SUCH_COURSE, *STARTING.values()},
        decides=True,
        act=Act.START_FOR,
    )
    async def post(self, course_id: str, *, wish: wire.StartWish) -> None:
        """The reasons against it are those that they would be given."""
        core, viewer, _ = await self.course_of(course_id)
        starting = StartingFor(core, viewer, course_id, self.from_where)
        act = starting.start(wish.get("person", ""), wish.get("profile"), wish.get("options"))
        try:
            standing = await done(act, STARTING)
        except Refused as refused:
            raise refusal(refused.decision) from None
        person = core.roll.person(standing.place.person)
        told: wire.Started = {
            "user": person.hub_name if person is not None else "",
            "phase": str(standing.phase),
            "ahead": standing.ahead,
        }
        self.show(told, 202)


class MessagesAPI(API):
    """``/hub/api/edu/courses/<course>/messages``."""

    @operation(
        READ,
        does="The messages that are shown in a course, newest first.",
        answers={200: list[wire.Message]},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOUR_BOARD},
        act=Act.SEE,
    )
    async def get(self, course_id: str) -> None:
        """For whoever sees the board."""
        core, viewer, _ = await self.course_of(course_id)
        require_rights(core, viewer.hub_name, course_id)
        self.show([message_json(row) for row in message_rows(core, course_id)])

    @operation(
        MANAGE,
        does="Say something to a person, a section, whoever is on, or everybody in the course.",
        takes=wire.MessageWish,
        answers={201: wire.Message},
        refuses={Code.NO_SUCH_COURSE, *SENDING.values()} - {Code.NO_SUCH_MESSAGE},
        act=Act.MESSAGE,
    )
    async def post(self, course_id: str, *, wish: wire.MessageWish) -> None:
        """It ends by itself."""
        core, viewer, _ = await self.course_of(course_id)
        whom, to = _whom(wish)
        lasts = timedelta(minutes=wish["minutes"]) if "minutes" in wish else USUALLY
        sending = Sending(core, viewer, course_id, self.from_where)
        message = await done(sending.send(whom, wish.get("text", ""), to=to, lasts=lasts), SENDING)
        self.show(message_json(message_row(core, message)), 201)


class MessageAPI(API):
    """``/hub/api/edu/courses/<course>/messages/<message>``."""

    @operation(
        MANAGE,
        does="Show a message no longer.",
        answers={204: None},
        refuses={
            Code.NO_SUCH_COURSE,
            Code.NOT_YOUR_MESSAGES,
            Code.NO_SUCH_MESSAGE,
            Code.NOT_WRITTEN,
        },
        act=Act.MESSAGE,
    )
    async def delete(self, course_id: str, message: str) -> None:
        """That it was sent still counts."""
        core, viewer, _ = await self.course_of(course_id)
        await done(Sending(core, viewer, course_id, self.from_where).take_back(message), SENDING)
        self.set_status(204)


def _whom(wish: wire.MessageWish) -> tuple[Whom, str]:
    """The one to whom it is said.

    Raises:
        DeskError: nobody is, or several are.
    """
    named: list[tuple[Whom, Any]] = [
        (whom, wish.get(str(whom))) for whom in Whom if wish.get(str(whom))
    ]
    if len(named) != 1:
        raise DeskError(Code.UNREADABLE, say("Say one of person, section, on, or all."))
    whom, to = named[0]
    return whom, to if isinstance(to, str) else ""


def board_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)/now/stream", BoardStream),
        (r"/api/edu/courses/([^/]+)/now", BoardAPI),
        (r"/api/edu/courses/([^/]+)/now/stream", BoardStreamAPI),
        (r"/api/edu/courses/([^/]+)/stops", SweepsAPI),
        (r"/api/edu/courses/([^/]+)/stops/([^/]+)", SweepAPI),
        (r"/api/edu/courses/([^/]+)/starts", StartsAPI),
        (r"/api/edu/courses/([^/]+)/messages", MessagesAPI),
        (r"/api/edu/courses/([^/]+)/messages/([^/]+)", MessageAPI),
    )
