"""*Course: now* and what is done from there: stop one or many, extend, start for somebody, and send messages.

Each act is asked for on a page of its own, works without JavaScript, and is the same as the API's by the same objects.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core.messages import Whom
from jupyterhub_edu.core.named import Alike, member_sections
from jupyterhub_edu.core.sending import LONGEST_TEXT, Sending
from jupyterhub_edu.core.starting_for import StartingFor
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.ports import StoreError

from . import views
from .board import message_row
from .board_acts import SENDING, STARTING, require_sweep, sessions_meant
from .board_html import HtmlFace
from .board_stream import html_face
from .frame import Page
from .live import LIVE, rights_of
from .refusals import Code, DeskError
from .said import said_to
from .scopes import MANAGE, READ
from .wishes import done

__all__ = ["CoursePage", "board_page_routes"]

_T = TypeVar("_T")
_ID: Final = re.compile("[0-9a-f]{32}", re.ASCII)
_LASTS: Final = (10, 60, 240, 1440)
"""Minutes for which a message may be shown, on the page."""
_LONGER: Final = (15, 30, 60, 120, 240)
"""Minutes by which a session may be extended, on the page."""


class CoursePage(Page):
    """``GET /hub/edu/courses/<course>``: who is on now."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Everybody, live, for those who may see it, else one's own sessions."""
        core, viewer, course = await self.course_of(course_id)
        rights = rights_of(core, viewer.hub_name, course_id)
        shown: dict[str, Any] = {"board": None, "sessions": ()}
        if rights is not None:
            # The board has the messages of its course already.
            there = {one.id for one in core.messages.of(course_id)}
            shown["edu_said"] = [one for one in said_to(core, viewer) if one.id not in there]
            key, make = html_face(self, core, course_id, rights)
            async with LIVE.looking(core, course_id) as board:
                await board.catch_up()
                found = await board.shown_as(key, make)
                face = found.face
                assert isinstance(face, HtmlFace)  # noqa: S101 - the key is this face's alone
                shown["board"] = face.page(found.parts.shown())
                shown["stream"] = self.address(
                    "courses", course_id, "now", "stream", since=found.mark
                )
        else:
            shown["sessions"] = await views.sessions(
                core, viewer, course_id, core.stops.is_stopping
            )
        await self.show_tab(
            "now",
            "now.html",
            course,
            **shown,
            rights=rights,
            row=views.course_row(core, viewer, course),
            stopped=await self._stopped(core, viewer, course_id),
            started=self._started(core, viewer, course_id),
            notice=core.refresher.notice(viewer),
            now=core.clock().astimezone(core.campus.zone),
            zone=str(core.campus.zone),
        )

    async def _stopped(
        self, core: Core, viewer: Person, course_id: str
    ) -> views.SessionRow | None:
        """The session that a stop was about, as it stands now: the banner tells what is, not what an address claims."""
        id = self.get_query_argument("stopped", "")
        if not _ID.fullmatch(id):
            return None
        try:
            found = core.book.admission(id) or await core.store.find_admission(id)
        except StoreError:
            return None
        if found is None or found.course != course_id:
            return None
        if not core.may(Act.SEE, viewer, course_id, about=found.person):
            return None
        return views.session_row(core, viewer, found, core.stops.is_stopping)

    def _started(self, core: Core, viewer: Person, course_id: str) -> tuple[str, str, str] | None:
        """For whom a server was started, by name and account, and how they stand now; as above."""
        user = self.get_query_argument("started", "")
        standing = core.line.standing(user) if user else None
        if standing is None or standing.place.request.course != course_id:
            return None
        if not core.may(Act.START_FOR, viewer, course_id):
            return None
        return core.roll.name_of(user), user, standing.words


class _Act(Page):
    """A page that asks for something in a course; what one may there is looked up anew for each request."""

    template = ""
    alike: Sequence[Alike] = ()
    """Among whom of the course whoever asks has to choose."""

    async def course_for(self, course_id: str, act: Act) -> tuple[Core, Person, Course]:
        """The core, who asks, and the course.

        Raises:
            DeskError: there is no such course for them, or they may not do this there.
        """
        core, viewer, course = await self.course_of(course_id)
        if not core.may(act, viewer, course_id, within_ceiling=True):
            raise DeskError(_NOT_YOURS[act])
        return core, viewer, course

    async def ask(self, course: Course, **what: Any) -> None:
        """Show the question."""
        await self.show(
            self.template, course=course, **{"failed": "", "alike": self.alike, **what}
        )

    async def tried(self, act: Awaitable[_T]) -> tuple[_T | None, str]:
        """What came of an act, or why not; the status is then that of the refusal."""
        try:
            return await act, ""
        except DeskError as error:
            if error.code is Code.NO_SUCH_COURSE:
                raise
            self.set_status(error.status_code)
            self.alike = error.alike
            return None, str(error.jupyterhub_message)

    def back(self, course_id: str, **told: str) -> None:
        """To the board."""
        self.redirect(self.address("courses", course_id, **told), status=303)


_NOT_YOURS: Final = {
    Act.STOP: Code.NOT_ALLOWED,
    Act.EXTEND: Code.NOT_ALLOWED,
    Act.MESSAGE: Code.NOT_YOUR_MESSAGES,
    Act.START_FOR: Code.NOT_YOURS_TO_START,
}


class StopManyPage(_Act):
    """``/hub/edu/courses/<course>/now/stop``: whose sessions, then who they are, then the stops."""

    template = "now_stop.html"

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str) -> None:
        """The question: of everybody, or of a section, by name."""
        core, viewer, course = await self.course_for(course_id, Act.STOP)
        await self._ask(core, viewer, course, self.get_query_argument("section", ""))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """The stops, of the sessions that were asked about and no others."""
        core, viewer, course = await self.course_for(course_id, Act.STOP)
        section = self.get_body_argument("section", "")
        asked = frozenset(self.get_body_argument("sessions", "").split(","))
        act = require_sweep(core, viewer, course_id, section, self.from_where, asked)
        sweep, failed = await self.tried(act)
        if sweep is None:
            await self._ask(core, viewer, course, section, failed=failed)
        else:
            self.back(course_id)

    async def _ask(
        self, core: Core, viewer: Person, course: Course, section: str, **more: Any
    ) -> None:
        meant = sessions_meant(core, viewer, course.id, section)
        await self.ask(
            course,
            section=section,
            sections=await _sections(core, course.id),
            meant=[views.bare_row(core, one, core.stops.is_stopping) for one in meant],
            **more,
        )


class ExtendPage(_Act):
    """``/hub/edu/courses/<course>/extend/<user>[/<server>]``: by how much, then the later end."""

    template = "now_extend.html"

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """The question."""
        core, viewer, course = await self.course_for(course_id, Act.EXTEND)
        admission = self.require_session(core, viewer, course_id, hub_name, server or "")
        await self._ask(core, viewer, course, admission)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, hub_name: str, server: str | None = None) -> None:
        """The later end, from the end that was shown."""
        core, viewer, course = await self.course_for(course_id, Act.EXTEND)
        admission = self.require_session(core, viewer, course_id, hub_name, server or "")
        asked = self.get_body_argument("minutes", "")
        if admission.ends_at is None or asked not in map(str, _LONGER):
            raise DeskError(Code.UNREADABLE)
        until = admission.ends_at + timedelta(minutes=int(asked))
        act = core.extending.extend_for(viewer, admission, until, self.from_where)
        try:
            extended, failed = await self.tried(self.require_extended(core, admission, act))
        except web.HTTPError as error:  # the rules', as the hub shows refusals
            if isinstance(error, DeskError) or not hasattr(error, "edu_decision"):
                raise
            extended, failed = None, error.edu_decision.sentence
            self.set_status(error.status_code)
        if extended is None:
            await self._ask(core, viewer, course, admission, failed=failed)
        else:
            self.back(course_id)

    async def _ask(
        self, core: Core, viewer: Person, course: Course, admission: Admission, failed: str = ""
    ) -> None:
        """By as much as would be given; why not, if it is nothing."""
        choices, why_not = dict[str, int](), list[Reason]()
        for minutes in _LONGER:
            if admission.ends_at is None:
                break
            until = admission.ends_at + timedelta(minutes=minutes)
            extension = core.extending.may_extend_for(viewer, admission, until)
            if extension is not None and extension.ends_at is not None:
                choices.setdefault(views.instant(extension.ends_at, core).text, minutes)
            elif extension is not None:
                why_not = why_not or list(extension.reasons)
        await self.ask(
            course,
            session=views.bare_row(core, admission, core.stops.is_stopping),
            choices=[(minutes, until) for until, minutes in choices.items()],
            why_not=[] if choices else why_not,
            zone=str(core.campus.zone),
            failed=failed,
        )


class StartForPage(_Act):
    """``/hub/edu/courses/<course>/now/start``: for whom and what, then the start or why not."""

    template = "now_start.html"

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str) -> None:
        """The question."""
        core, _, course = await self.course_for(course_id, Act.START_FOR)
        await self._ask(core, course, self.get_query_argument("person", ""), "")

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """The start, by the ordinary rules and with that person's own rights."""
        core, viewer, course = await self.course_for(course_id, Act.START_FOR)
        who = self.get_body_argument("person", "")
        profile = self.get_body_argument("profile", "")
        starting = StartingFor(core, viewer, course_id, self.from_where)
        try:
            act = starting.start(who, profile or None)
            standing, failed = await self.tried(done(act, STARTING))
        except Refused as refused:
            standing, failed = None, refused.decision.sentence
            self.set_status(409)
        if standing is None:
            await self._ask(core, course, who, profile, failed=failed)
            return
        person = core.roll.person(standing.place.person)
        self.back(course_id, started=person.hub_name if person is not None else "")

    async def _ask(
        self, core: Core, course: Course, who: str, profile: str, failed: str = ""
    ) -> None:
        offered = dict.fromkeys(key for keys in course.offers.values() for key in keys)
        profiles = [(key, core.campus.profiles[key].title) for key in offered]
        await self.ask(course, who=who, profile=profile, profiles=profiles, failed=failed)


class MessagePage(_Act):
    """``/hub/edu/courses/<course>/now/message[/<user>]``: to whom and what, then it is said."""

    template = "now_message.html"

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str, hub_name: str | None = None) -> None:
        """The question."""
        core, _, course = await self.course_for(course_id, Act.MESSAGE)
        whom = Whom.PERSON if hub_name else Whom.ON
        await self._ask(core, course, whom, person=hub_name or "")

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, hub_name: str | None = None) -> None:
        """It is said, or the page with all that was typed and why not."""
        core, viewer, course = await self.course_for(course_id, Act.MESSAGE)
        person, section, text, chosen, lasts = (
            self.get_body_argument(name, "")
            for name in ("person", "section", "text", "whom", "minutes")
        )
        if chosen not in set(Whom) or lasts not in map(str, _LASTS):
            raise DeskError(Code.UNREADABLE)
        whom = Whom(chosen)
        to = {Whom.PERSON: person, Whom.SECTION: section}.get(whom, "")
        sending = Sending(core, viewer, course_id, self.from_where)
        act = sending.send(whom, text, to=to, lasts=timedelta(minutes=int(lasts)))
        sent, failed = await self.tried(done(act, SENDING))
        if sent is not None:
            self.back(course_id)
            return
        typed = {"person": person, "section": section, "text": text, "minutes": int(lasts)}
        await self._ask(core, course, whom, failed=failed, **typed)

    async def _ask(self, core: Core, course: Course, whom: Whom, **typed: Any) -> None:
        found = {"person": "", "section": "", "text": "", "minutes": 60, **typed}
        sections = await _sections(core, course.id)
        await self.ask(
            course,
            whom=str(whom),
            sections=sections,
            lasts=_LASTS,
            longest=LONGEST_TEXT,
            on=len({one.hub_name for one in core.book.admissions(course.id)}),
            **found,
        )


class TakeBackPage(_Act):
    """``/hub/edu/courses/<course>/now/messages/<message>``: ask first, then show it no longer."""

    template = "now_take_back.html"

    @web.authenticated
    @needs_scope(MANAGE)
    async def get(self, course_id: str, id: str) -> None:
        """The question; for one that is over the board, which shows it no more."""
        core, _, course = await self.course_for(course_id, Act.MESSAGE)
        message = core.messages.find(course_id, id)
        if message is None:
            self.back(course_id)
            return
        await self.ask(course, one=message_row(core, message))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, id: str) -> None:
        """It is shown no longer."""
        core, viewer, _ = await self.course_for(course_id, Act.MESSAGE)
        sending = Sending(core, viewer, course_id, self.from_where)
        try:
            await done(sending.take_back(id), SENDING)
        except DeskError as error:
            if error.code is not Code.NO_SUCH_MESSAGE:
                raise
        self.back(course_id)


async def _sections(core: Core, course_id: str) -> list[str]:
    """The sections of a course, by name."""
    found = await member_sections(core.roll, course_id)
    return sorted(frozenset[str]().union(*found.values()))


def board_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/courses/([^/]+)", CoursePage),
        (r"/edu/courses/([^/]+)/extend/([^/]+)(?:/([^/]+))?", ExtendPage),
        (r"/edu/courses/([^/]+)/now/stop", StopManyPage),
        (r"/edu/courses/([^/]+)/now/start", StartForPage),
        (r"/edu/courses/([^/]+)/now/message(?:/([^/]+))?", MessagePage),
        (r"/edu/courses/([^/]+)/now/messages/([^/]+)", TakeBackPage),
    )
