"""Helping somebody in their own server: staff are let in for half an hour, by the hub's own sharing.

What lets them in has no end of its own, so nothing leans on one: a help that is over is ended by the warden, after a restart
of the hub too, and its door is shut in the very step in which its session ends.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry, ServersError, Visits

from .help_records import HELPED, HELPS, KEPT, Help, Helped, Over, read_help, read_helped

if TYPE_CHECKING:
    from .app import Core

__all__ = ["ENDED", "LASTS", "CannotHelp", "HelpNotYours", "Helps"]

_log = logging.getLogger(__name__)
LASTS: Final = timedelta(minutes=30)
"""How long a help lasts at most."""
ENDED: Final = "end-help"
"""The act in the audit."""
_A_DAY: Final = timedelta(days=1)
_ON: Final = frozenset({Stage.RUNNING, Stage.WARNED})


class HelpNotYours(Exception):
    """Who asks helps nobody in this course, or it is another's help."""


class CannotHelp(Exception):
    """Not now, or not here; the text says why, for whoever asked."""


class Helps:
    """Every help that goes on, and for a month those that are over.

    Always holds:
        - one goes on only while its session is this course's, runs, and its owner takes part in no exam, and only while the
          helper may help in the course;
        - it is written down, with its entry in the audit, before anybody is let in;
        - what the owner shares by themselves is left alone, also what they share while somebody helps;
        - that it is over, and why, is kept in the step that ends it; one in which nobody was let in leaves nothing.

    Args:
        visits: lets in and turns out; None: nobody is let in.
    """

    def __init__(self, core: Core, visits: Visits | None) -> None:
        self._core, self._visits = core, visits or _Nowhere()
        self._kept: dict[str, Help] = {}
        self._over: dict[str, list[Helped]] = {}  # by the owner's account
        self._sweep_at: datetime | None = None
        self._turn = asyncio.Lock()
        core.book.on_end.append(self._session_ended)

    async def load(self) -> None:
        """Read the store, before the book is rebuilt.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        found = map(read_help, await self._core.store.load_records(HELPS))
        self._kept = {one.id: one for one in found}
        self._over = {}
        for one in map(read_helped, await self._core.store.load_records(HELPED)):
            self._over.setdefault(one.owner, []).append(one)

    def begin(self) -> None:
        """Shut what should be shut by now, once the book has been rebuilt."""
        for help in self._kept.values():
            if self._why_over(help):
                self._shut(help)

    # -- questions ---------------------------------------------------------------------------------------------

    @property
    def are_offered(self) -> bool:
        """Whether this hub keeps a server's pages from acting as whoever visits it."""
        return self._visits.are_safe()

    def may(self, actor: Person, course: str) -> bool:
        """Whether somebody helps others in this course."""
        known = self._core.campus.courses.get(course)
        allowed = known is not None and known.assistants_help
        return self._core.may(Act.HELP, actor, course, allowed=allowed)

    def of_owner(self, hub_name: str) -> list[Help]:
        """Who is let in to somebody's servers now, oldest first."""
        return self._now(one for one in self._kept.values() if one.owner == hub_name)

    def past_of(self, hub_name: str) -> list[Helped]:
        """Who was let in to somebody's servers in the last month, newest first."""
        since = self._core.clock() - KEPT
        kept = [one for one in self._over.get(hub_name, ()) if one.ended > since]
        return sorted(kept, key=lambda one: (one.ended, one.id), reverse=True)

    def of_session(self, admission: str) -> list[Help]:
        """Who is let in to this session now, oldest first."""
        return self._now(one for one in self._kept.values() if one.admission == admission)

    def of_course(self, course: str) -> list[Help]:
        """Who is let in to which session of a course now, oldest first."""
        return self._now(one for one in self._kept.values() if one.course == course)

    def find(self, id: str) -> Help | None:
        """One that goes on."""
        found = self._kept.get(id)
        return found if found is not None and not self._why_over(found) else None

    def address(self, help: Help) -> str:
        """Where the helper finds the server."""
        return self._visits.address(help.owner, help.server)

    # -- changes -----------------------------------------------------------------------------------------------

    async def open(self, actor: Person, admission: Admission, address: str = "") -> Help:
        """Let somebody in to a session of a course; one who is in already stays as long as before.

        Args:
            address: network address of the actor, for the audit.

        Raises:
            HelpNotYours, CannotHelp: see the classes.
            StoreError: it could not be written down; nobody was let in.
        """
        async with self._turn:
            self._require(actor, admission)
            mine = [one for one in self.of_session(admission.id) if one.helper == actor.hub_name]
            return mine[0] if mine else await self._open(actor, admission, address)

    async def end(self, actor: Person, help: Help, address: str = "") -> None:
        """End a help, by whoever helps, whose server it is, or an administrator.

        Raises:
            HelpNotYours: it is none of theirs.
            StoreError: it could not be written down; the door is shut all the same.
        """
        if actor.hub_name not in {help.helper, help.owner} and not self._core.may(
            Act.CONFIGURE, actor, help.course
        ):
            raise HelpNotYours
        over = {help.helper: Over.HELPER, help.owner: Over.OWNER}.get(actor.hub_name, Over.ADMIN)
        async with self._turn:
            await self._end(help, over, over.words, actor.hub_name, address)

    async def leave(self, visitor: str, owner: str, server: str) -> None:
        """Let somebody stay in when a help is over: the owner has just let them in by themselves.

        Raises:
            StoreError: it could not be kept; a restart of the hub forgets it.
        """
        door = visitor, owner, server
        self._leave(*door)  # at once, for one that ends while this waits
        async with self._turn:
            # One that began meanwhile is among them.
            if left := self._leave(*door):
                await self._core.store.save_records([one.record() for one in left])

    async def tend(self) -> None:
        """End what is over, every few seconds; once a day forget what has been over for a month.

        Raises:
            StoreError: what was ended could not be written down; the doors are shut, and it is tried again.
        """
        async with self._turn:
            for help in list(self._kept.values()):
                if over := self._why_over(help):
                    await self._end(help, over, over.words)
            now = self._core.clock()
            if self._sweep_at is None or now >= self._sweep_at:
                await self._sweep(now)
                self._sweep_at = now + _A_DAY

    def forget(self, keys: Iterable[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        gone = set(keys)
        for id, help in list(self._kept.items()):
            if help.person in gone:
                self._shut(self._kept.pop(id))
            elif hub_name and help.helper == hub_name:
                self._shut(help)
                self._kept[id] = replace(help, helper=stand_in, ours=False)
        self._over.pop(hub_name, None)
        for past in self._over.values():
            past[:] = [replace(p, helper=stand_in) if p.helper == hub_name else p for p in past]

    # -- inside ------------------------------------------------------------------------------------------------

    def _require(self, actor: Person, admission: Admission) -> None:
        core = self._core
        if not self.may(actor, admission.course):
            raise HelpNotYours
        if not self._visits.are_safe():
            raise CannotHelp(
                say(
                    "On this hub servers have no domains of their own, so that a page of a server could act as whoever opens it. "
                    "An administrator can give them some (subdomain_host)."
                )
            )
        if any(one.key == admission.person for one in core.roll.identities(actor)):
            raise CannotHelp(say("It is your own server."))
        if admission.stage not in _ON:
            raise CannotHelp(say("The server is not running."))
        if admission.granted.exam is not None or self._is_examined(admission):
            raise CannotHelp(say("Its owner takes part in an exam now."))

    async def _open(self, actor: Person, admission: Admission, address: str) -> Help:
        owner, server = admission.hub_name, admission.server
        beside = self._beside(actor.hub_name, owner, server)
        for former in beside:
            if over := self._why_over(former):
                await self._end(former, over, over.words)
        is_shared = self._visits.may_visit(actor.hub_name, owner, server)
        now = self._core.clock()
        help = Help(
            id=uuid.uuid4().hex,
            course=admission.course,
            admission=admission.id,
            person=admission.person,
            owner=owner,
            server=server,
            helper=actor.hub_name,
            by=actor.key,
            at=now,
            until=now + LASTS,
            # One in a former session, which is still ending, may be what lets them in.
            ours=not is_shared or any(one.ours for one in beside if one.id in self._kept),
        )
        entry = self._entry(help, actor.hub_name, str(Act.HELP), address)
        await self._core.store.save_records([help.record()], entry=entry)
        self._kept[help.id] = help
        try:
            if why := self._why_over(help):  # meanwhile
                raise CannotHelp(say("It is over before it began: {why}.", why=why.words))
            if help.ours:
                self._visits.let_in(help.helper, owner, server)
        except (CannotHelp, ServersError) as error:
            await self._end(help, None, str(error))
            raise CannotHelp(str(error)) from error
        return help

    async def _end(
        self, help: Help, over: Over | None, why: str, actor: str = "", address: str = ""
    ) -> None:
        """Args: ``over`` None: nobody was let in."""
        kept = self._kept.get(help.id)
        if kept is None:
            return
        self._shut(kept)
        now = self._core.clock()
        past = [help.over(now, over)] if over is not None else []
        entry = self._entry(help, actor, ENDED, address, why=why)
        put = [one.record() for one in past]
        await self._core.store.save_records(put, [(HELPS, help.id)], entry)
        if self._kept.pop(help.id, None) is not None and past:
            self._over.setdefault(help.owner, []).extend(past)

    async def _sweep(self, now: datetime) -> None:
        old = [one for past in self._over.values() for one in past if one.ended + KEPT <= now]
        if not old:
            return
        await self._core.store.save_records((), [(HELPED, one.id) for one in old])
        gone = {one.id for one in old}
        left = {owner: [p for p in past if p.id not in gone] for owner, past in self._over.items()}
        self._over = {owner: past for owner, past in left.items() if past}

    def _leave(self, visitor: str, owner: str, server: str) -> list[Help]:
        """Those by which the account is in, which do not turn it out any more."""
        left = [replace(one, ours=False) for one in self._beside(visitor, owner, server)]
        self._kept.update((one.id, one) for one in left)
        return left

    def _shut(self, help: Help) -> None:
        """Unless a later help, in the server's next session, lets them in by now."""
        beside = self._beside(help.helper, help.owner, help.server)
        if help.ours and all(one.at <= help.at or self._why_over(one) for one in beside):
            self._visits.turn_out(help.helper, help.owner, help.server)

    def _beside(self, helper: str, owner: str, server: str) -> list[Help]:
        """Those by which one account is let in to one server."""
        door = (helper, owner, server)
        return [o for o in self._kept.values() if (o.helper, o.owner, o.server) == door]

    def _session_ended(self, admission: Admission) -> None:
        """Before the same server can start for another course; the rest is written down by ``tend``."""
        for help in self._kept.values():
            if help.admission == admission.id:
                self._shut(help)

    def _why_over(self, help: Help) -> Over | None:
        """Why a help does not go on."""
        core, helper = self._core, self._core.roll.person(help.by)
        admission = core.book.admission(help.admission)
        if core.clock() >= help.until:
            return Over.TIME
        if admission is None or admission.stage not in _ON:
            return Over.STOPPED
        if helper is None or not self.may(helper, help.course):
            return Over.LEFT
        if self._is_examined(admission):
            return Over.EXAM
        return None if self._visits.are_safe() else Over.DOMAINS

    def _is_examined(self, admission: Admission) -> bool:
        core, person = self._core, self._core.roll.person(admission.person)
        now = core.clock()
        return person is not None and any(
            sitting.is_on(now)
            for sitting in core.exams.sittings(person, core.book.held_by(person.hub_name))
        )

    def _now(self, found: Iterable[Help]) -> list[Help]:
        live = [one for one in found if not self._why_over(one)]
        return sorted(live, key=lambda one: (one.at, one.id))

    def _entry(self, help: Help, actor: str, act: str, address: str, **more: str) -> AuditEntry:
        details = {"server": help.server, "help": help.id, "helper": help.helper, **more}
        if act != ENDED:
            details["until"] = help.until.isoformat()
        return AuditEntry(
            self._core.clock(),
            actor,
            act,
            course=help.course,
            target=help.owner,
            address=address,
            details=details,
        )


class _Nowhere:
    """Nobody visits anybody."""

    def are_safe(self) -> bool:
        return False

    def may_visit(self, visitor: str, hub_name: str, server: str) -> bool:
        return False

    def let_in(self, visitor: str, hub_name: str, server: str) -> None:
        raise ServersError("nobody is let in here")

    def turn_out(self, visitor: str, hub_name: str, server: str) -> None:
        """Nobody is in."""

    def address(self, hub_name: str, server: str) -> str:
        return ""
