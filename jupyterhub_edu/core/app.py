"""The core as one object."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from jupyterhub_edu.domain.acts import Act, decide_act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.people import CourseRole, Identity, Person, SiteRole
from jupyterhub_edu.ports import (
    Accounts,
    Arrange,
    Clock,
    Configuration,
    Groups,
    IdentitySource,
    Inventory,
    Servers,
    Store,
    Visits,
    utc_now,
)

from .adjustments import Adjustments
from .boards import Boards
from .book import Book, Consulted
from .cards import Card, card_of
from .class_starts import ClassStarts
from .counts import Counts
from .course_syncs import CourseSyncs
from .examining import STARTED
from .exams import Exams
from .extending import Extending
from .finding import Finder
from .glance import Glance
from .grants import Grants
from .helping import Helps
from .imports import Imports
from .joining import JoinTries
from .joins import Joins
from .ledger import Ledger
from .line import Line
from .looks import Looks
from .messages import Messages
from .noting import entry_about
from .own_courses import OwnCourses
from .reclaims import Reclaims
from .refresh import Refresher
from .requests import Requests
from .revocation import Revocation
from .roll import NameTaken, Roll
from .settling import Settler, Tries
from .sooner import Sooner
from .spared import Spared
from .stops import Stops
from .sweeps import Sweeps
from .sync import Syncer

__all__ = ["Core"]

_log = logging.getLogger(__name__)


class Core:
    """The campus's state and what may be done with it.

    Floors 3 and 4 meet here: adapters are handed in by ``preset``, the upper floors ask and act.
    """

    def __init__(
        self,
        campus: Campus,
        *,
        sources: Mapping[str, IdentitySource],
        store: Store,
        inventory: Inventory,
        servers: Servers,
        groups: Groups,
        accounts: Accounts,
        clock: Clock = utc_now,
        arrange: Arrange | None = None,
        visits: Visits | None = None,
    ) -> None:
        """Make it of a campus file and adapters.

        Args:
            arrange: reads the campus file with what the desk has set; None: the desk sets nothing.
            visits: lets people into others' servers; None: nobody is let in.
        """
        self._campus = campus
        self.configuration: Configuration = tuple
        """The campus file value by value; whoever reads the file says how."""
        self.store, self.inventory, self.servers = store, inventory, servers
        self.groups, self.accounts, self.clock = groups, accounts, clock

        def in_force() -> Campus:
            return self._campus

        self.adjustments = Adjustments(in_force, self._put_in_force, store, clock, arrange)
        # Each is made of those above it; a lambda asks for what comes later, and the circles are closed at the end.
        self.roll = Roll(in_force, store)
        self.refresher = Refresher(sources, in_force, self.roll, clock)
        self.finder = Finder(lambda: self.refresher.sources, in_force, self.roll)
        self.tries, self.settler = Tries(clock), Settler(self)
        self.syncer = Syncer(
            lambda: self.refresher.sources, in_force, self.roll, store, clock, self.settler.retry
        )
        self.imports, self.course_syncs = Imports(store, clock), CourseSyncs(self)
        self.grants = Grants(self.roll, store, clock)
        self.requests, self.own_courses = Requests(store), OwnCourses(store)
        self.spared = Spared(in_force, store)
        self.ledger = Ledger(
            in_force, store, clock, lambda: self.book.settle(), self.spared.between
        )
        consulted = Consulted(
            must_log_in=self.refresher.must_log_in,
            used=self.ledger.used,
            extra=self.spared.spent,
            grants=self.grants.reaching,
        )
        self.book = Book(in_force, self.roll, store, inventory, clock, consulted)
        self.exams = Exams(in_force, self.roll, self.book, store, clock)
        self.sooner = Sooner(self.book, store, clock)
        self.reclaims = Reclaims(in_force, self.book, self.sooner, store, clock)
        self.line = Line(
            in_force, self.book, self.roll, store, servers, clock, self.reclaims.current
        )
        self.counts = Counts(in_force, store, clock, self.line.standing)
        self.extending = Extending(
            in_force, self.roll, self.book, clock, self.reclaims.calls_back, self._is_wanted
        )
        self.looks, self.messages = Looks(self.book), Messages(self.roll, self.book, store, clock)
        self.boards = Boards(self.book, self.line, self.looks)
        self.joins, self.join_tries = Joins(store), JoinTries.of(clock)
        self.class_starts = ClassStarts(self)
        self.stops, self.sweeps = Stops(self), Sweeps(self)
        self.helps = Helps(self, visits)
        self.revocation = Revocation(
            self.roll, self.book, accounts, servers, lambda admission: self.stop("", admission)
        )
        # Exams and the line rest on the book, and its decisions on them.
        self.book.shares.exams, consulted.sittings = self.exams, self.exams.sittings
        consulted.in_turn = self.line.may_start_now
        # Who hears of what, beyond what each has asked for itself.
        self.book.on_admit += [self.spared.mark, self.counts.admit]
        self.extending.on_extend.append(self.spared.mark)
        self.book.on_end += [self.spared.end, self.ledger.charge, self.counts.end]
        for changes in (self.grants.on_change, self.exams.on_change):
            changes.append(lambda _: self.line.poke())
        self.messages.on_change.append(self.boards.tell)
        self._ready: asyncio.Task[None] | None = None

    @property
    def campus(self) -> Campus:
        """The campus file in force."""
        return self._campus

    def begin(self) -> asyncio.Task[None]:
        """Start in the background: store, roll, inventory, book; on the hub's loop. Repeating it does nothing."""
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_task(self._start())
        return self._ready

    async def ready(self) -> None:
        """Wait until the book has been rebuilt: nothing may be started before.

        Raises:
            StoreError: the store cannot be used.
        """
        await asyncio.shield(self.begin())

    async def close(self) -> None:
        """Stop everything that ``begin`` started."""
        self.boards.close()
        if self._ready is not None:
            self._ready.cancel()
            await asyncio.gather(self._ready, return_exceptions=True)
        await self.class_starts.close()
        await self.sweeps.close()
        await self.line.close()
        await self.inventory.close()
        await self.refresher.close()
        await self.settler.close()
        await self.imports.close()
        await self.course_syncs.close()
        await self.revocation.close()
        await self.ledger.close()
        await self.book.settle()
        await self.spared.settle()
        await self.store.close()

    def replace_campus(
        self, campus: Campus, sources: Mapping[str, IdentitySource]
    ) -> list[IdentitySource]:
        """Put a new campus file in force, as a whole.

        Returns:
            The sources that are no longer used, for the caller to close.
        """
        former = self.refresher.sources
        self._campus, self.refresher.sources = campus, dict(sources)
        self.refresher.distrust()
        self.ledger.follow()
        self.line.reread()
        self.boards.stocked()
        return [source for id, source in former.items() if sources.get(id) is not source]

    def _put_in_force(self, campus: Campus) -> None:
        """Put in force what the desk has changed; the sources and their rules stay."""
        former, self._campus = self._campus, campus
        if _names(former) != _names(campus):
            self.refresher.distrust()
        self.ledger.follow()
        self.line.reread()
        self.boards.stocked()

    # -- logging in --------------------------------------------------------------------------------------------

    async def sign_in(self, identity: Identity, hub_name: str) -> Person:
        """Link and learn somebody who has just proven who they are.

        Args:
            hub_name: the account name made from the source's canonical login.

        Raises:
            NameTaken: the account exists and belongs to another identity, or to nobody known and the source does not
                adopt accounts.
        """
        await self.ready()
        self.refresher.heard(identity.source, identity)
        source = self._campus.sources[identity.source]
        known = self.roll.person(identity.key) or self.roll.find_linked(identity)
        if known is None and not source.adopt and self.accounts.exists(hub_name):
            raise NameTaken(hub_name)
        person = await self.roll.learn(identity, hub_name)
        await self.settler.arrived(identity)
        if identity.groups is None or identity.covers is not None:
            self.refresher.begin(person)  # asks for the rest; the log-in does not wait for it
        return person

    # -- starting ----------------------------------------------------------------------------------------------

    def cards(self, person: Person, course_id: str, glance: Glance | None = None) -> list[Card]:
        """Everything that this course offers to this person's roles, each with its decision.

        Args:
            glance: at this person in this course, of the same step; None: a new one.
        """
        course = self.roll.course(person, course_id)
        if course is None:
            return []
        glance = glance or self.book.glance(person.key, course_id)
        roles = sorted({e.role for e in glance.enrolments}, reverse=True)
        keys = dict.fromkeys(key for role in roles for key in course.offers.get(role, ()))
        return [card_of(glance, person, course_id, self._campus.profiles[key]) for key in keys]

    # -- the desk ----------------------------------------------------------------------------------------------

    def may(
        self,
        act: Act,
        actor: Person,
        course: str,
        *,
        about: str | None = None,
        within_ceiling: bool = False,
        allowed: bool = False,
    ) -> bool:
        """Whether somebody may do this in a course; no for a course that does not exist.

        Args:
            about: the key of the person whose server it concerns.
            within_ceiling: what is to be given stays within the campus's ceilings, as is decided with it.
            allowed: the course's teacher lets assistants do this, or the campus lets teachers.
        """
        if course not in self._campus.courses:
            return False
        role, site = self.roles(actor, course)
        about_self = any(one.key == about for one in self.roll.identities(actor))
        return decide_act(
            act,
            role,
            site,
            about_self=about_self,
            within_ceiling=within_ceiling,
            allowed=allowed,
        )

    def roles(self, person: Person, course: str) -> tuple[CourseRole | None, SiteRole | None]:
        """A person's role in one course now, and at the site."""
        return self.roll.course_role(person, course, self.clock()), self.roll.site_role(person)

    async def stop(
        self, actor: str, admission: Admission, address: str = "", **details: str
    ) -> None:
        """Stop one server for somebody who may; written to the audit first.

        Nothing happens where the server is another session's by now: the former one ends by itself.

        Args:
            details: what else the audit is to say.

        Raises:
            StoreError: it could not be written down, so nothing was stopped.
            ServersError: the hub did not stop it.
        """
        if self._is_former(admission):
            return
        entry = entry_about(admission, self.clock(), actor, Act.STOP, address, **details)
        await self.store.append_audit(entry)
        if not self._is_former(admission):
            await self.servers.stop(admission.hub_name, admission.server)

    async def note_exam_start(self, admission: Admission, address: str) -> None:
        """Write down that somebody has started their server in an exam, and from where.

        Raises:
            StoreError: it could not be written down.
        """
        at, actor, exam = self.clock(), admission.hub_name, admission.exam or ""
        entry = entry_about(admission, at, actor, STARTED, address, exam=exam)
        await self.store.append_audit(entry)

    # -- inside ------------------------------------------------------------------------------------------------

    def _is_former(self, admission: Admission) -> bool:
        """Whether a later session bears the server of this one; what the line only keeps for a start does not yet."""
        of_server = self.book.of_server(admission.hub_name, admission.server)
        live = [
            one for one in of_server if one.id == admission.id or not self.book.is_held(one.id)
        ]
        newest = max(live, key=lambda one: (one.reserved_at, one.id), default=admission)
        return newest.id != admission.id

    def _is_wanted(self, admission: Admission) -> bool:
        """Whether somebody in line could use an admission's devices."""
        return self.reclaims.is_wanted(admission, self.line.places(admission.flavor))

    def _stocked(self) -> None:
        """What is free of some flavor may be another number."""
        self.line.poke()
        self.boards.stocked()

    async def _start(self) -> None:
        await self.store.open()
        self._campus = await self.adjustments.load(await self.own_courses.load())
        await self.roll.load()
        await self.syncer.load()
        await self.imports.load()
        await self.grants.load()
        await self.messages.load()
        await self.joins.load()
        await self.class_starts.load()
        await self.sweeps.load()
        await self.requests.load()
        await self.exams.load()
        await self.spared.load()
        await self.ledger.load()
        await self.counts.load()
        await self.reclaims.load()
        await self.line.load()
        await self.inventory.start(self.book.sight, self._stocked)
        await self.helps.load()
        await self.book.rebuild()
        self.helps.begin()
        self.line.begin()
        for admission in self.book.admissions():
            self.spared.mark(admission)
        await self.sooner.load()
        self.revocation.catch_up()
        _log.info(
            "ready: %d people, %d servers in the book",
            sum(1 for _ in self.roll.people()),
            len(self.book.admissions()),
        )


def _names(campus: Campus) -> set[tuple[str, str | None, tuple[str, ...]]]:
    """By what sources name the courses."""
    return {(course.id, course.term, course.codes) for course in campus.courses.values()}
