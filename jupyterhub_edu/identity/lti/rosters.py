"""Names and Roles: who is in a course, page by page, complete or not at all.

Source:
    Names and Role Provisioning Services 2.0; 1EdTech Security Framework 1.0, section 4 (access tokens).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urljoin

from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web
from jupyterhub_edu.ports import Clock

from .claims import Context, present
from .key import ToolKey, sign_as_stranger
from .settings import PlatformSettings, origin_of

__all__ = ["SCOPE", "Listing", "RosterEntry", "Rosters"]

SCOPE: Final = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
_ACCEPT: Final = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FRESH: Final = timedelta(seconds=30)
"""Age up to which a roster answers for everybody in it: a course costs two calls a minute, however many are in it."""
_PAGE_SECONDS: Final = 10.0
_MOST_PAGES: Final = 500
_MOST_MEMBERS: Final = 50_000
_MOST_KEPT: Final = 256
_LONGEST_LIFE: Final = timedelta(hours=1)
_LINK: Final = re.compile(r"<([^<>]{1,2048})>\s*((?:;[^,;<>]{0,200}){0,8})")
_NEXT: Final = re.compile(r';\s*rel\s*=\s*"?next"?\s*(?:;|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """Somebody in a roster, as the platform has them.

    Attributes:
        named: logins by the dotted names that a launch has for the same.
    """

    subject: str
    name: str
    roles: tuple[object, ...]
    named: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """Everybody who is active in a course, by their id; complete as of ``at``."""

    members: Mapping[str, RosterEntry]
    at: datetime


class Rosters:
    """Reads the rosters of one platform.

    Always holds:
        - a roster is complete, or NoAnswer: a page that is missing, of another course or garbled makes it unknown;
        - everybody who waits for the same roster shares one reading;
        - no call leaves the platform's own origins.
    """

    def __init__(self, platform: PlatformSettings, key: ToolKey, web: Web, clock: Clock) -> None:
        self._platform, self._key, self._web, self._clock = platform, key, web, clock
        self._kept: dict[str, Listing] = {}
        self._reading: dict[str, asyncio.Task[Listing]] = {}
        self._token: tuple[str, datetime] | None = None
        self._asking = asyncio.Lock()

    async def read(self, context: Context) -> Listing:
        """Who is in a course, as of at most half a minute ago.

        Raises:
            NoAnswer: the platform does not say.
        """
        kept = self._kept.get(context.id)
        if kept is not None and self._clock() - kept.at < _FRESH:
            return kept
        task = self._reading.get(context.id)
        if task is None:
            task = asyncio.create_task(self._read(context))
            self._reading[context.id] = task
            task.add_done_callback(lambda done: self._done(context.id, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop what is being read."""
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def token(self, *, anew: bool = False) -> str:
        """An access token for rosters.

        Raises:
            NoAnswer: the platform gives none; the sentence says what to look at.
        """
        async with self._asking:
            now = self._clock()
            if anew or self._token is None or self._token[1] <= now:
                self._token = await self._ask_token(now)
            return self._token[0]

    async def try_as_stranger(self) -> None:
        """See whether whoever gives access tokens knows the client id, with a key that cannot be granted one.

        Moodle looks for the client first, and says when there is none; others do not tell that from a wrong key.

        Raises:
            NoAnswer: nobody who gives access tokens answers there, or the client is not known.
        """
        url, client = self._platform.token, self._platform.client_id
        signed = await sign_as_stranger(client, self._platform.audience or url, self._clock())
        reply = await self._post(signed)
        found = self._heard(reply)
        if not isinstance(found, dict) or "error" not in found:
            raise NoAnswer(f"{url} gives no access tokens", reply.status)
        if found["error"] == _UNKNOWN_CLIENT:
            raise NoAnswer(_no_token(reply.status, found), reply.status)

    def _done(self, id: str, task: asyncio.Task[Listing]) -> None:
        self._reading.pop(id, None)
        if task.cancelled() or task.exception() is not None:
            return
        oldest = self._clock() - _FRESH
        young = [(key, one) for key, one in self._kept.items() if one.at > oldest]
        self._kept = dict([*young, (id, task.result())][-_MOST_KEPT:])

    async def _read(self, context: Context) -> Listing:
        at = self._clock()
        members: dict[str, RosterEntry] = {}
        url: str | None = context.roster
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) >= _MOST_PAGES:
                raise NoAnswer("the roster's pages have no end")
            seen.add(url)
            reply = await self._page(url)
            async for row in in_slices(_parse_page(reply.json(), context.id)):
                if (one := _parse_member(row)) is not None:
                    known = members.get(one.subject)
                    members[one.subject] = _join(known, one) if known else one
            if len(members) > _MOST_MEMBERS:
                raise NoAnswer(f"more than {_MOST_MEMBERS} people in one roster")
            url = next_page(reply, url)
        return Listing(members, at)

    async def _page(self, url: str) -> Reply:
        if origin_of(url) not in self._platform.origins:
            raise NoAnswer(
                f"the roster is said to be at {origin_of(url)}, which is not the platform's"
            )
        reply = await self._get(url, await self.token())
        if reply.status == 401:
            reply = await self._get(url, await self.token(anew=True))
        if reply.status != 200:
            raise NoAnswer(_not_told(reply.status), reply.status)
        return reply

    async def _get(self, url: str, token: str) -> Reply:
        headers = {"Accept": _ACCEPT, "Authorization": f"Bearer {token}"}
        return await self._web.get(url, headers=headers, deadline=_PAGE_SECONDS)

    async def _ask_token(self, now: datetime) -> tuple[str, datetime]:
        url, client = self._platform.token, self._platform.client_id
        audience = self._platform.audience or url
        reply = await self._post(await self._key.assertion(client, audience, now))
        found = self._heard(reply)
        token = found.get("access_token") if isinstance(found, dict) else None
        if reply.status >= 400 or not isinstance(token, str) or not token.isascii():
            raise NoAnswer(_no_token(reply.status, found), reply.status)
        return token, now + _life(found.get("expires_in"))

    def _heard(self, reply: Reply) -> Any:
        """What was answered to an assertion; of Moodle, which looks for the client before its key, what it means."""
        if self._platform.kind == "moodle" and reply.status == 400:
            if b'"invalid_client"' in reply.body:
                return {"error": _UNKNOWN_CLIENT}
            if b'"kid"' in reply.body:  # words that break its JSON
                return {"error": _UNKNOWN_KEY}
        # Moodle's is JSON by another name: its content type says text/html.
        return reply.json()

    async def _post(self, assertion: str) -> Reply:
        """Ask for an access token."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": assertion,
            "scope": SCOPE,
        }
        try:
            return await self._web.post(self._platform.token, form, deadline=_PAGE_SECONDS)
        except NoAnswer as silence:
            if self._platform.kind == "moodle" and silence.status == 500:
                raise NoAnswer(_no_token(500, {"error": _NO_KEYSET}), 500) from None
            raise


def next_page(reply: Reply, url: str) -> str | None:
    """The next page's address by the Link header (RFC 8288), or None on the last one."""
    for link in _LINK.finditer(reply.headers.get("Link", "")):
        if _NEXT.search(link[2]):
            following: str = urljoin(url, link[1])
            return following
    return None


def _parse_page(found: Any, context: str) -> Sequence[Any]:
    """The members of one page, as they were sent.

    Raises:
        NoAnswer: it is no page of this course's roster.
    """
    about = found.get("context") if isinstance(found, dict) else None
    members = found.get("members") if isinstance(found, dict) else None
    if not isinstance(members, list) or not isinstance(about, dict):
        raise NoAnswer("the roster is not what Names and Roles sends")
    if str(about.get("id")) != context:
        raise NoAnswer("the roster is another course's")
    return members


def _parse_member(found: Any) -> RosterEntry | None:
    """A member of a page; None for one who is not active.

    Raises:
        NoAnswer: it is none.
    """
    if not isinstance(found, dict):
        raise NoAnswer("a member of the roster is no object")
    subject, roles = found.get("user_id"), found.get("roles")
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not isinstance(roles, list):
        raise NoAnswer("a member of the roster has no id or no roles")
    if str(found.get("status", "Active")).casefold() != "active":
        return None
    named = {
        "ext.user_username": present(found.get("ext_user_username")),
        "lis.person_sourcedid": present(found.get("lis_person_sourcedid")),
        "sub": subject,
    }
    return RosterEntry(subject, present(found.get("name")), tuple(roles), _without_blanks(named))


def _without_blanks(named: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in named.items() if value}


def _join(one: RosterEntry, other: RosterEntry) -> RosterEntry:
    """Somebody who stands in the roster twice has the roles of both."""
    return RosterEntry(one.subject, one.name, (*one.roles, *other.roles), one.named)


def _life(seconds: object) -> timedelta:
    """How long to use a token: a minute less than it is good for, and never long."""
    if isinstance(seconds, str) and seconds.isdecimal():
        seconds = int(seconds[:9])
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 60:
        return timedelta()
    return min(timedelta(seconds=min(seconds, 86_400) - 60), _LONGEST_LIFE)


_UNKNOWN_CLIENT, _UNKNOWN_KEY, _NO_KEYSET = "unknown client", "unknown key", "no keyset"
_NO_TOKEN: Final[Mapping[str, str]] = {
    _UNKNOWN_CLIENT: "Moodle has no tool with this client_id; compare it with the tool's details there",
    _UNKNOWN_KEY: "Moodle has other keys of ours; write the keyset URL of the tool's configuration page there as its "
    "Public keyset",
    _NO_KEYSET: "Moodle cannot read our keys; does the hub run, can Moodle reach it, and is its Public keyset the keyset "
    "URL of the tool's configuration page?",
    "invalid_client": "client_id is not the one it gave us, or it has not our keyset URL (see the tool's configuration page)",
    "invalid_scope": "it does not let the tool read Names and Roles; switch that service on at the platform",
    "invalid_request": "it does not understand the question; is token its access token URL?",
    "unauthorized_client": "it does not let the tool ask for access tokens; switch Names and Roles on at the platform",
}


def _no_token(status: int, found: Any) -> str:
    """Why there is no access token; the platform's own words stay out, for they may quote what we sent."""
    word = found.get("error") if isinstance(found, dict) else None
    told = _NO_TOKEN.get(word) if isinstance(word, str) else None
    return f"no access token for rosters ({status}): {told or 'look at token, client_id and the keyset URL'}"


def _not_told(status: int) -> str:
    if status in {401, 403}:
        return f"the platform does not let us read the roster ({status}); switch Names and Roles on for the tool"
    if status == 404:
        return "the platform has no such roster any more (404); was the course deleted there?"
    return f"the platform answers {status} when asked for a roster"
