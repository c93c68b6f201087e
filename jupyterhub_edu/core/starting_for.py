"""Starting a server for somebody of one's course: by the ordinary rules, with that person's own rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.ports import AuditEntry, Standing

from .asking import request_of
from .book import Refused
from .named import NotNamed, find_members

if TYPE_CHECKING:
    from .app import Core

__all__ = ["StartingFor", "StartingNotYours"]


_ELSEWHERE: Final = Reason(Code.PERSON_CAP, "elsewhere")


class StartingNotYours(Exception):
    """Who asks starts nobody else's servers in this course."""


class StartingFor:
    """What one member of staff starts for others in one course.

    Always holds:
        - what may start is decided about the server's owner: nobody gets more, or sooner, than by asking themselves;
        - a place of theirs in line for another course is left alone;
        - where devices are not free yet they stand in line, and their server starts when their turn comes;
        - the place and its entry in the audit are kept together or not at all.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address

    def require_may_start(self) -> None:
        """Make sure that the actor starts servers for others here.

        Raises:
            StartingNotYours: they do not.
        """
        if not self._core.may(Act.START_FOR, self._actor, self._course):
            raise StartingNotYours

    async def start(
        self, who: str, profile: str | None = None, options: Mapping[str, str] | None = None
    ) -> Standing:
        """Start somebody's default server.

        Args:
            who: hub account, key, login or number of somebody in the course.
            profile: None: the first that the course offers them.

        Returns:
            How they stand: nobody who may start now waits longer than the hub does.

        Raises:
            StartingNotYours: see the class.
            NotNamed: nobody in the course is called so, several are, or they have never logged in.
            Refused: a rule refuses what cannot be waited for; the decision says why.
            StoreError: it could not be kept; nothing was started.
        """
        self.require_may_start()
        core = self._core
        person = core.roll.person((await find_members(core.roll, self._course, [who]))[who])
        if person is None:
            raise NotNamed([who])
        return await self.start_person(person, profile, options)

    async def start_person(
        self,
        person: Person,
        profile: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Standing:
        """The same, of somebody who is known to be in the course.

        Raises:
            StartingNotYours, Refused, StoreError: as for ``start``.
        """
        self.require_may_start()
        core = self._core
        standing = core.line.standing(person.hub_name)
        waits = standing is not None and standing.phase.goes_on
        if standing is not None and waits and standing.place.request.course != self._course:
            raise Refused(Decision(None, (_ELSEWHERE,)))
        wish: dict[str, object] = {"course": self._course}
        if profile is not None:
            wish |= {"profile": profile, "options": dict(options or {})}
        owner, request = request_of(core, person.hub_name, wish)
        entry = AuditEntry(
            core.clock(),
            self._actor.hub_name,
            str(Act.START_FOR),
            course=self._course,
            target=owner.hub_name,
            address=self._address,
            details={"profile": profile or ""},
        )
        return await core.line.join(request, owner, entry=entry)
