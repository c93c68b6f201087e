"""What pages and API share: who asks, the campus they ask about, and stopping a session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final

from jupyterhub.user import User

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.extend import Extension
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.hub import refusal
from jupyterhub_edu.ports import ServersError, StoreError

from . import views
from .refusals import Code, DeskError

__all__ = ["Desk"]

_log = logging.getLogger(__name__)
_READY_WITHIN: Final = 10.0
_STOP_WITHIN: Final = 5.0
"""Seconds that somebody waits for a stop; it goes on without them."""


class Desk:
    """Mixed in before a handler of the hub.

    Always holds:
        - the person is looked up anew for each request, by the account that the hub has authenticated;
        - every object is asked for by itself; no scope decides about a course.
    """

    current_user: Any
    request: Any

    async def ready_core(self) -> Core:
        """The core, when its book can be trusted.

        Raises:
            DeskError: it is not ready yet, or cannot be.
        """
        core = current_core()
        try:
            async with asyncio.timeout(_READY_WITHIN):
                await core.ready()
        except (TimeoutError, StoreError) as error:
            raise DeskError(Code.NOT_READY) from error
        return core

    def find_person(self, core: Core) -> Person | None:
        """Who asks; None for services and for accounts that no source has vouched for."""
        user = self.current_user
        return core.roll.by_hub_name(user.name) if isinstance(user, User) else None

    def require_person(self, core: Core) -> Person:
        """Who asks.

        Raises:
            DeskError: a service, or an account that no source has vouched for.
        """
        person = self.find_person(core)
        if person is None:
            raise DeskError(Code.NO_ACCOUNT)
        return person

    def require_course(self, core: Core, viewer: Person, course_id: str) -> Course:
        """A course in which the person takes part.

        Raises:
            DeskError: there is none, or none for them: the same answer.
        """
        course = core.campus.courses.get(course_id)
        if course is None or not views.may_look_in(core, viewer, course_id):
            raise DeskError(Code.NO_SUCH_COURSE)
        return course

    async def who_asks(self) -> tuple[Core, Person]:
        """The core, and who asks.

        Raises:
            DeskError: the core is not ready, or nobody whom a source has vouched for.
        """
        core = await self.ready_core()
        return core, self.require_person(core)

    async def course_of(self, course_id: str) -> tuple[Core, Person, Course]:
        """The core, who asks, and the course, if they take part in it; what they may there is asked for by itself.

        Raises:
            DeskError: as ``who_asks``, or there is no such course for them.
        """
        core, viewer = await self.who_asks()
        return core, viewer, self.require_course(core, viewer, course_id)

    @property
    def from_where(self) -> str:
        """The network address of whoever asks."""
        return self.request.remote_ip or ""

    def require_session(
        self, core: Core, viewer: Person, course_id: str, hub_name: str, server: str
    ) -> Admission:
        """A session of this course that the person may see.

        Raises:
            DeskError: no such course, or no such session for them.
        """
        self.require_course(core, viewer, course_id)
        admission = views.find_session(core, viewer, course_id, hub_name, server)
        if admission is None:
            raise DeskError(Code.NO_SUCH_SESSION)
        return admission

    def require_stoppable(
        self, core: Core, viewer: Person, course_id: str, hub_name: str, server: str
    ) -> Admission:
        """A session of this course that the person may stop.

        Raises:
            DeskError: no such course, no such session for them, or they may only look.
        """
        admission = self.require_session(core, viewer, course_id, hub_name, server)
        if not core.may(Act.STOP, viewer, course_id, about=admission.person):
            raise DeskError(Code.NOT_ALLOWED)
        return admission

    async def stop_session(self, core: Core, viewer: Person, admission: Admission) -> bool:
        """Stop it, audited first; True if it has stopped, False if that goes on.

        Raises:
            DeskError: it could not be written down, or the hub has not stopped it.
        """
        try:
            return await core.stops.stop(viewer.hub_name, admission, self.from_where, _STOP_WITHIN)
        except StoreError as error:
            raise self._logged(Code.NOT_WRITTEN, admission, error) from error
        except ServersError as error:
            raise self._logged(Code.NOT_STOPPED, admission, error) from error

    async def require_extended(
        self, core: Core, admission: Admission, asked: Awaitable[Extension | None]
    ) -> Admission:
        """The session with its later end, audited with it.

        Args:
            asked: ``core.extend`` or ``core.extend_for``.

        Raises:
            DeskError: it could not be written down, or there is no such session any more.
            Exception: the reasons against it, as the hub shows refusals.
        """
        try:
            extension = await asked
        except StoreError as error:
            raise self._logged(Code.NOT_WRITTEN, admission, error) from error
        if extension is None:
            raise DeskError(Code.NO_SUCH_SESSION)
        if not extension.allowed:
            raise refusal(Decision(None, extension.reasons))
        return core.book.admission(admission.id) or admission

    @staticmethod
    def _logged(code: Code, admission: Admission, error: Exception) -> DeskError:
        _log.error("%s's session %s: %s: %s", admission.hub_name, admission.id, code, error)
        return DeskError(code)
