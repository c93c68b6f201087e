"""The Moodle source: log-in by its plugin, re-reads and rosters by its web services."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import ClassVar, Final

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.people import (
    CourseClaim,
    CourseRef,
    CourseRole,
    Identity,
    Person,
    Roster,
)
from jupyterhub_edu.domain.people import Member as RosterMember
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.identity.web import NoAnswer, Web
from jupyterhub_edu.ports import (
    Answer,
    Clock,
    CodeGrant,
    Denied,
    Gone,
    Login,
    Redirect,
    Unavailable,
)
from jupyterhub_edu.ports.sources import LoginShape

from .accounts import Accounts, find_accounts, read_accounts
from .catalogue import Catalogue, make_ref
from .checks import find_problems
from .plugin import Plugin
from .rows import EnrolledCourse, Member
from .service import Service
from .settings import MoodleSettings
from .sight import Sight, read_courses, read_members

__all__ = ["MoodleSource"]

_MOST_OCTETS: Final = 32 << 20
_PAGE: Final = 1000
_ATTEMPTS: Final = 3
_USERNAME: Final = re.compile(r"[a-z0-9_.@-]+")
"""What Moodle takes for a username; it is not asked for anything else, which would be an error."""
_STAFF: Final = frozenset({CourseRole.TEACHER, CourseRole.ASSISTANT})


class MoodleSource:
    """People, courses and rosters of one Moodle.

    Always holds:
        - a log-in asks the plugin alone: web services that are down or slow cost it nothing, and it leaves courses as
          they were last heard;
        - people are keyed by Moodle's number for them; a new username is the same person;
        - Gone and "nobody" are told only after the canary has shown within the last minute that the account may look;
        - in a hidden course only teachers and assistants count, as in Moodle itself;
        - a suspended account is Gone, and in no roster.

    Calls: two for a log-in; two and one for each course for a re-read; one for each 1,000 participants for a roster, and
    one for each 500 people in all rosters together.
    """

    shape: ClassVar[LoginShape] = "redirect"

    def __init__(self, id: str, settings: MoodleSettings, clock: Clock) -> None:
        self._id, self._settings, self._clock = id, settings, clock
        self._web = Web(ca_file=settings.ca, most_bytes=_MOST_OCTETS)
        self._plugin = Plugin(self._web, settings)
        self._service = Service(self._web, settings.root, settings.token, settings.timeout)
        self._sight = Sight(self._service, settings.canary)
        self._accounts = Accounts(self._service)
        self._catalogue = Catalogue(self._service, self._sight, settings.categories)
        self._roles = settings.course_roles

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        return self._id

    # -- log-in ------------------------------------------------------------------------------------------------

    async def redirect(self) -> Redirect | Unavailable:
        """Where a browser logs in; nobody is asked."""
        return self._plugin.redirect()

    async def redeem(self, grant: CodeGrant) -> Login | Gone | Denied | Unavailable:
        """Exchange a code for an identity that says nothing of courses; those come by re-read and roster."""
        account = await self._plugin.redeem(grant)
        if isinstance(account, Denied | Unavailable):
            return account
        identity = Identity(
            source=self._id,
            subject=str(account.id),
            login=account.username,
            name=account.name,
            at=self._clock(),
            groups=None,
            covers=frozenset(),
            attributes=self._attributes(account.idnumber),
        )
        return Login(identity)

    async def logout_url(self, person: Person, back_to: str) -> str | None:
        """None: Moodle ends a session only for a key that its own pages hold."""
        return None

    async def logged_out(self, logout_token: str) -> str | None:
        """None: Moodle tells nobody."""
        return None

    # -- people and courses ------------------------------------------------------------------------------------

    async def reread(self, person: Person) -> Answer:
        """Read an account, its courses and its roles in them."""
        try:
            async with Patience(self._settings.timeout):
                return await self._reread(person.subject)
        except NoAnswer as error:
            return Unavailable(str(error))
        except TimeoutError:
            return Unavailable(f"Moodle takes longer than {self._settings.timeout:g} s")

    async def find(self, name: str) -> Sequence[Identity] | Unavailable:
        """Everybody whose username this is, or whose ID number, if people cannot write their own; not suspended."""
        try:
            async with Patience(self._settings.timeout):
                return await self._find(name)
        except NoAnswer as error:
            return Unavailable(str(error))
        except TimeoutError:
            return Unavailable(f"Moodle takes longer than {self._settings.timeout:g} s")

    async def courses(self) -> Sequence[CourseRef] | Unavailable:
        """Every course of the categories, hidden ones too; begins a new round of rosters."""
        try:
            refs = await self._catalogue.refs()
            if not refs:
                await self._sight.require()
            await self._accounts.renew()
        except NoAnswer as error:
            return Unavailable(str(error))
        return refs

    async def roster(self, course: CourseRef) -> Roster | Unavailable:
        """Everybody with an active enrolment and a role that ``roles`` names, except suspended accounts."""
        at = self._clock()
        try:
            number = _number(course.id)
            row = await self._catalogue.row(number)
            found = await self._members(number)
            if not found:
                await self._sight.require()
            suspended = await self._accounts.suspended(member.id for member in found)
        except NoAnswer as error:
            return Unavailable(str(error))
        members = [
            RosterMember(
                str(member.id),
                member.username,
                member.fullname,
                roles,
                frozenset(group.name for group in member.groups),
            )
            async for member in in_slices(found)
            if member.id not in suspended
            and (roles := self._counted(member, visible=row.visible is not False))
        ]
        return Roster(course, tuple(members), at)

    async def check(self) -> list[str]:
        """Ask the plugin and each web service; every problem names its fix."""
        problems = await self._plugin.check()
        problems += await find_problems(
            self._service, self._settings, self._sight, self._catalogue
        )
        return list(dict.fromkeys(problems))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._web.close()

    async def _reread(self, subject: str) -> Answer:
        number = _number(subject)
        account = (await read_accounts(self._service, [number])).get(number)
        if account is None:
            await self._sight.require()
            return Gone(self._clock(), say("This account is no longer in Moodle."))
        if account.suspended:
            return Gone(self._clock(), say("This account is suspended in Moodle."))
        courses = await read_courses(self._service, number)
        if not courses:
            await self._sight.require()
        self._catalogue.note(courses)
        ours = [course for course in courses if self._catalogue.holds(course.category)]
        claims = await asyncio.gather(*(self._claims(number, course) for course in ours))
        return Identity(
            source=self._id,
            subject=subject,
            login=account.username,
            name=account.fullname,
            at=self._clock(),
            claims=frozenset(claim for some in claims for claim in some),
            attributes=self._attributes(account.idnumber.strip()),
        )

    async def _find(self, name: str) -> list[Identity]:
        asked = {"idnumber": name} if self._settings.idnumber_is_locked else {}
        if _USERNAME.fullmatch(name.lower()):
            asked["username"] = name.lower()
        rows = [
            row
            for field, value in asked.items()
            for row in await find_accounts(self._service, field, value)
        ]
        if not rows:
            await self._sight.require()
        found = {row.id: row for row in rows if not row.suspended}
        return [
            Identity(
                source=self._id,
                subject=str(row.id),
                login=row.username,
                name=row.fullname,
                at=self._clock(),
                groups=None,
                covers=frozenset(),
                attributes=self._attributes(row.idnumber.strip()),
            )
            for row in found.values()
        ]

    async def _claims(self, number: int, course: EnrolledCourse) -> list[CourseClaim]:
        """One person's roles in one course.

        One course a call: for several Moodle sends one row and does not say of which.
        """
        function = "core_user_get_course_user_profiles"
        pair = {"userid": number, "courseid": course.id}
        rows = await self._service.call(list[Member], function, userlist=[pair])
        if [row.id for row in rows] != [number]:
            raise NoAnswer(
                f"course {course.id} has a participant who is not to be seen in it; the account's role needs "
                "moodle/user:viewdetails, and moodle/site:accessallgroups for separate groups"
            )
        ref = make_ref(course.id, course.shortname, course.idnumber, course.category)
        sections = frozenset(group.name for group in rows[0].groups)
        roles = self._counted(rows[0], visible=course.visible)
        return [CourseClaim(ref, role, sections) for role in roles]

    def _counted(self, member: Member, *, visible: bool) -> frozenset[CourseRole]:
        """All course roles that somebody has, of those that count in the course."""
        names = (role.shortname for role in member.roles)
        roles = frozenset(self._roles[name] for name in names if name in self._roles)
        return roles if visible else roles & _STAFF

    def _attributes(self, idnumber: str) -> dict[str, str]:
        """What link rules may compare; Moodle lets people write their own ID number unless it is locked."""
        return {"idnumber": idnumber} if idnumber and self._settings.idnumber_is_locked else {}

    async def _members(self, course: int) -> list[Member]:
        """Every active participant.

        Pages overlap by one: if the last of one is not the first of the next, somebody came or went meanwhile.
        """
        for _ in range(_ATTEMPTS):
            found = await read_members(self._service, course, 0, _PAGE)
            size = len(found)
            while size == _PAGE:
                more = await read_members(self._service, course, len(found) - 1, _PAGE)
                if not more or more[0].id != found[-1].id:
                    break
                found += more[1:]
                size = len(more)
            else:
                return found
        raise NoAnswer(f"course {course} changes faster than it can be read")


def _number(text: str) -> int:
    """Moodle's number for a person or course.

    Raises:
        NoAnswer: it is none of Moodle's.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise NoAnswer("not one of Moodle's numbers")
    return int(text)
