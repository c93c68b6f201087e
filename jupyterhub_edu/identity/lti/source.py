"""The LTI source: a launch proves who somebody is and what they are in one course; rosters keep that true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Final

from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.people import (
    CourseClaim,
    CourseRef,
    CourseRole,
    Identity,
    Member,
    Person,
    Roster,
)
from jupyterhub_edu.identity.tokens import BadToken
from jupyterhub_edu.identity.web import NoAnswer, Web
from jupyterhub_edu.ports import (
    Answer,
    Clock,
    Denied,
    Launch,
    LaunchRequest,
    Login,
    Redirect,
    Safe,
    StoreError,
    Tool,
    Unavailable,
)
from jupyterhub_edu.ports.sources import LoginShape

from .checking import check_platforms
from .claims import Context, LaunchClaims, parse_launch
from .granting import CUSTOM, check_deployment, in_course, linking, listed_roles, lowered
from .key import ToolKey
from .memory import Memory, Visit
from .platforms import Platform, find_platform, make_platforms
from .roles import map_roles, outer_roles
from .rosters import SCOPE, Listing, RosterEntry
from .settings import LtiSettings

__all__ = ["LtiSource"]

_log = logging.getLogger(__name__)
_REREAD_SECONDS: Final = 2.5
_LAUNCH_SECONDS: Final = 1.5
"""What a launch waits for a roster that is to tell teachers from assistants."""
_INSTRUCTOR_HOLDS: Final = timedelta(hours=12)
"""How long a launch as Instructor outweighs Moodle's rosters, which call assistants learners."""


class LtiSource:
    """People who come from course pages of learning platforms.

    Always holds:
        - somebody is known by platform and ``sub``; no name and no e-mail address is ever a key;
        - a launch says something of its own course alone; of other courses what was known stays, with its age;
        - who is no longer in a course's roster loses that course and nothing else: no platform tells by LTI that an
          account is gone;
        - without a roster nothing is known beyond the last launch, and what is known has the age of that launch.
    """

    shape: ClassVar[LoginShape] = "launch"

    def __init__(
        self, id: str, settings: LtiSettings, clock: Clock, safe: Safe, web: Web | None = None
    ) -> None:
        self._id, self._settings, self._clock = id, settings, clock
        self._web = web or Web(ca_file=settings.ca)
        self._memory = Memory(id, safe)
        self._key = ToolKey(self._memory)
        self._platforms = make_platforms(settings, self._key, self._web, clock)

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        return self._id

    @property
    def framing(self) -> Sequence[str]:
        """Origins whose pages may show a launch in a frame."""
        every = {one for p in self._platforms.values() for one in p.settings.framing}
        return tuple(sorted(every))

    @property
    def tool(self) -> Tool:
        """What platforms need to know of the hub."""
        kinds = {platform.settings.kind for platform in self._platforms.values()}
        custom = {key: value for kind in sorted(kinds) for key, value in CUSTOM[kind].items()}
        scopes = (SCOPE,) if self._settings.rosters else ()
        return Tool(
            self._settings.tool_name,
            self._settings.tool_description,
            scopes,
            MappingProxyType(custom),
        )

    async def keyset(self) -> Mapping[str, Any]:
        """The tool's public keys."""
        return await self._key.jwks()

    # -- launches ----------------------------------------------------------------------------------------------

    def begin(self, request: LaunchRequest) -> Redirect | Denied:
        """Where to send a browser that a platform sent to us."""
        platform = find_platform(self._platforms, request)
        if platform is None:
            return Denied(
                f"no platform here has the issuer {request.issuer[:200]!r} with the client id "
                f"{request.client_id[:200]!r}; compare both in the campus file"
            )
        extra = {
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "login_hint": request.hint,
        }
        if request.message_hint:
            extra["lti_message_hint"] = request.message_hint
        settings = platform.settings
        return Redirect(
            settings.authorize, settings.client_id, ("openid",), pkce=False, extra=extra
        )

    async def launched(
        self, request: LaunchRequest, id_token: str, nonce: str
    ) -> Launch | Denied | Unavailable:
        """Check what a platform answered to ``begin``, all of it, and read it."""
        platform = find_platform(self._platforms, request)
        if platform is None:
            return Denied("the platform is no longer here")
        try:
            token = await platform.checker.check(id_token, nonce=nonce)
            claims = parse_launch(token)
            check_deployment(platform.settings, request, claims)
            return await self._launch(platform, claims, token)
        except BadToken as bad:
            return Denied(f"{platform.name}: {bad.why}")
        except NoAnswer as silence:
            return Unavailable(f"{platform.name}: {silence.why}")

    # -- what every source does --------------------------------------------------------------------------------

    async def reread(self, person: Person) -> Answer:
        """Look a person up in the rosters of the courses they launched from."""
        try:
            return await self._reread(person)
        except StoreError as error:
            return Unavailable(f"what launches have told cannot be read: {error}")

    async def _reread(self, person: Person) -> Answer:
        name, _, subject = person.subject.partition("/")
        platform = self._platforms.get(name)
        if platform is None:
            return Unavailable(f"the campus file has no platform {name} any more")
        asked = await self._with_rosters(platform, await self._memory.visits(person.subject))
        if not asked:
            return Unavailable("nothing is heard of a person between launches", about="person")
        answers = await asyncio.gather(
            *(self._read(platform, context, _REREAD_SECONDS) for _, context in asked)
        )
        heard = [
            (visit, context, answer)
            for (visit, context), answer in zip(asked, answers, strict=True)
            if isinstance(answer, Listing)
        ]
        if not heard:
            why = next(answer.why for answer in answers if isinstance(answer, Unavailable))
            return Unavailable(f"{name}: {why}")
        claims: set[CourseClaim] = set()
        for visit, context, listing in heard:
            if (listed := listing.members.get(subject)) is not None:
                roles = listed_roles(platform.settings, listed, visit)
                claims |= {CourseClaim(context.ref(name), role) for role in roles}
        return Identity(
            source=self._id,
            subject=person.subject,
            login=person.login,
            name=person.name,
            at=min(listing.at for _, _, listing in heard),
            groups=None,
            claims=frozenset(claims),
            covers=frozenset(context.ref(name) for _, context, _ in heard),
        )

    async def check(self) -> list[str]:
        """Ask every platform for its keys and, where rosters are read, for an access token and a roster.

        Where the hub's key is not at hand no platform can know us, so that only the address of access tokens is tried.
        """
        return await check_platforms(
            self._platforms.values(),
            self._memory,
            self._key,
            self._web,
            self._clock,
            rosters=self._settings.rosters,
        )

    async def close(self) -> None:
        """Let go of connections."""
        await asyncio.gather(*(platform.rosters.close() for platform in self._platforms.values()))
        await self._web.close()

    # -- rosters -----------------------------------------------------------------------------------------------

    async def courses(self) -> Sequence[CourseRef] | Unavailable:
        """Every course that was launched from and has a roster."""
        if not self._settings.rosters:
            return []
        try:
            return [
                context.ref(name)
                for name, platform in self._platforms.items()
                if platform.has_rosters
                for context in (await self._memory.contexts(name)).values()
                if context.roster
            ]
        except StoreError as error:
            return Unavailable(str(error))

    async def roster(self, course: CourseRef) -> Roster | Unavailable:
        """Everybody in one course."""
        try:
            return await self._roster(course)
        except StoreError as error:
            return Unavailable(str(error))

    async def _roster(self, course: CourseRef) -> Roster | Unavailable:
        name, _, id = course.id.partition("/")
        platform = self._platforms.get(name)
        context = await self._memory.context(name, id) if platform is not None else None
        if platform is None or context is None or not context.roster:
            return Unavailable("nobody has launched from this course yet")
        listing = await self._read(platform, context, None)
        if isinstance(listing, Unavailable):
            return listing
        members = [
            await self._member(platform, context, listed)
            async for listed in in_slices(listing.members.values())
        ]
        return Roster(course, tuple(one for one in members if one.roles), listing.at)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _launch(
        self, platform: Platform, claims: LaunchClaims, token: Mapping[str, Any]
    ) -> Launch | Denied:
        login = {**claims.named, "sub": claims.subject}.get(platform.settings.login)
        if not login:
            return Denied(
                f"{platform.name}: the launch has no {platform.settings.login}; let the platform send it "
                "(privacy settings, custom fields), or name another claim in login"
            )
        subject = f"{platform.name}/{claims.subject}"
        stated = map_roles(claims.roles)
        roles, sure = await self._launch_roles(platform, claims, stated)
        identity = Identity(
            source=self._id,
            subject=subject,
            login=login,
            name=claims.name or login,
            at=self._clock(),
            groups=outer_roles(claims.roles),
            attributes=linking(platform.settings, claims),
            **in_course(platform.name, claims.context, roles, sure=sure),
        )
        await self._remember(platform.name, subject, claims.context, stated)
        course = claims.context.ref(platform.name) if claims.context else None
        return Launch(Login(identity, token), course, claims.target)

    async def _launch_roles(
        self, platform: Platform, claims: LaunchClaims, stated: frozenset[CourseRole]
    ) -> tuple[frozenset[CourseRole], bool]:
        """What a launch gives, and whether that is all that is known."""
        settings = platform.settings
        if CourseRole.TEACHER not in stated or settings.instructor == "teacher":
            return stated, True
        lower = lowered(stated)
        if settings.instructor == "assistant" or claims.context is None:
            return lower, True
        if not (self._settings.rosters and platform.has_rosters and claims.context.roster):
            return lower, True
        listing = await self._read(platform, claims.context, _LAUNCH_SECONDS)
        if isinstance(listing, Unavailable):
            return lower, False
        listed = listing.members.get(claims.subject)
        confirmed = listed is not None and CourseRole.TEACHER in map_roles(listed.roles)
        return (stated if confirmed else lower), True

    async def _with_rosters(
        self, platform: Platform, visits: Sequence[Visit]
    ) -> list[tuple[Visit | None, Context]]:
        """The courses of these visits whose roster can be asked, each with the visit if it still says something."""
        if not (self._settings.rosters and platform.has_rosters):
            return []
        known = await self._memory.contexts(platform.name)
        return [
            (self._counting(visit), context)
            for visit in visits
            if (context := known.get(visit.context)) is not None and context.roster
        ]

    def _counting(self, visit: Visit) -> Visit | None:
        counts = visit.instructor and self._clock() - visit.at < _INSTRUCTOR_HOLDS
        return visit if counts else None

    async def _read(
        self, platform: Platform, context: Context, seconds: float | None
    ) -> Listing | Unavailable:
        try:
            async with asyncio.timeout(seconds):
                return await platform.rosters.read(context)
        except TimeoutError:
            return Unavailable(f"the roster is not here within {seconds:g} s")
        except NoAnswer as silence:
            return Unavailable(silence.why)
        except StoreError as error:
            return Unavailable(f"the tool's key cannot be read: {error}")

    async def _member(self, platform: Platform, context: Context, listed: RosterEntry) -> Member:
        subject = f"{platform.name}/{listed.subject}"
        visits = await self._memory.visits(subject)
        visit = next((one for one in visits if one.context == context.id), None)
        roles = listed_roles(platform.settings, listed, self._counting(visit) if visit else None)
        # Not every roster has the claim that names accounts; until the first launch a label must do.
        login = listed.named.get(platform.settings.login, listed.subject)
        return Member(subject, login, listed.name or login, roles)

    async def _remember(
        self,
        platform: str,
        subject: str,
        context: Context | None,
        stated: frozenset[CourseRole],
    ) -> None:
        if context is None:
            return
        instructor = CourseRole.TEACHER in stated
        try:
            await self._memory.note_context(platform, context)
            await self._memory.note_visit(
                subject, Visit(context.id, self._clock(), instructor=instructor)
            )
        except StoreError as error:
            _log.warning("a launch of source %s cannot be remembered: %s", self._id, error)
