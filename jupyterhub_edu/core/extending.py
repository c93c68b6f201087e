"""Sessions that go on for longer: what would come of asking, and the later end itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.decide import Facts, StartRequest
from jupyterhub_edu.domain.extend import (
    ExtendTerms,
    Extension,
    Session,
    decide_extend,
    decide_extend_for,
)
from jupyterhub_edu.domain.people import Person, SiteRole
from jupyterhub_edu.ports import Clock

from .book import Book
from .budgets import both
from .listeners import call_all
from .noting import entry_about
from .roll import Roll

__all__ = ["Extending"]


class Extending:
    """Asks about extensions, and makes them.

    Always holds:
        - between the decision and the new end there is no await: no budget is drawn on twice;
        - what is not kept has not happened, and an extension and its entry in the audit are kept together or not at all.

    Ends that come sooner than promised are ``Sooner``'s.

    Attributes:
        on_extend: called with an admission that goes on for longer.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        roll: Roll,
        book: Book,
        clock: Clock,
        is_reclaimed: Callable[[str], bool],
        is_wanted: Callable[[Admission], bool],
    ) -> None:
        """Make it.

        Args:
            is_reclaimed: whether an admission (by id) is a loan that is being called back.
            is_wanted: whether somebody in line could use an admission's devices.
        """
        self._campus, self._roll, self._book, self._clock = campus, roll, book, clock
        self._is_reclaimed, self._is_wanted = is_reclaimed, is_wanted
        self.on_extend: list[Callable[[Admission], None]] = []

    def may_extend(self, admission: Admission) -> Extension | None:
        """What its person would get by extending this session now; None: nothing ends it, or it does not run."""
        if (known := self._session(admission)) is None:
            return None
        campus, (session, facts, now) = self._campus(), known
        terms = ExtendTerms(campus.extend_by, campus.extend_times, campus.warn_at)
        return decide_extend(session, facts, now, terms)

    async def extend(
        self, actor: str, admission: Admission, address: str = ""
    ) -> Extension | None:
        """Let somebody extend their own session as far as the rules do, and write down when they did.

        Args:
            actor: the hub account that asks.

        Returns:
            What came of it, or None if there is no such session any more.

        Raises:
            StoreError: it could not be kept; the end is the former one.
        """
        return await self._extend(actor, admission.id, address, self.may_extend, counts=True)

    async def extend_for(
        self, actor: Person, admission: Admission, until: datetime, address: str = ""
    ) -> Extension | None:
        """Let a member of staff let somebody's session go on until then.

        Ask ``Core.may`` before, with ``within_ceiling``.

        Returns:
            What came of it: a teacher stays within the campus's ceilings, an administrator of the site does not; None if
            there is no such session any more.

        Raises:
            StoreError: it could not be kept; the end is the former one.
        """

        def decide(admission: Admission) -> Extension | None:
            return self.may_extend_for(actor, admission, until)

        return await self._extend(actor.hub_name, admission.id, address, decide, counts=False)

    def may_extend_for(
        self, actor: Person, admission: Admission, until: datetime
    ) -> Extension | None:
        """What would come of ``extend_for``; changes nothing."""
        if (known := self._session(admission)) is None:
            return None
        session, facts, now = known
        is_admin = self._roll.site_role(actor) is SiteRole.ADMIN
        ceilings = None if is_admin else self._campus().ceilings
        return decide_extend_for(session, facts, now, until, ceilings)

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _extend(
        self,
        actor: str,
        id: str,
        address: str,
        decide: Callable[[Admission], Extension | None],
        *,
        counts: bool,
    ) -> Extension | None:
        """Decide and move the end in the same step; return once that is durable.

        Args:
            counts: it is one of the times that a person may extend their own.
        """
        admission = self._book.admission(id)
        extension = decide(admission) if admission is not None else None
        if admission is None or extension is None or extension.ends_at is None:
            return extension
        longer = replace(
            admission,
            stage=Stage.RUNNING,
            ends_at=extension.ends_at,
            ends_by=extension.ends_by,
            reserved=both(admission.reserved, extension.reserved),
            extended=admission.extended + counts,
        )
        ends = {"before": admission.ends_at, "after": longer.ends_at}
        told = {when: at.isoformat() for when, at in ends.items() if at}
        entry = entry_about(admission, self._clock(), actor, Act.EXTEND, address, **told)
        await self._book.change(longer, entry)
        call_all(self.on_extend, longer, f"admission {id}")
        return extension

    def _session(self, admission: Admission) -> tuple[Session, Facts, datetime] | None:
        """What an extension rests on now; None: nothing ends the session, or it does not run."""
        if admission.ends_at is None or admission.ends_by is None or not admission.is_running:
            return None
        granted = admission.granted
        asked = admission.person, admission.course, granted.profile, granted.options
        session = Session(
            StartRequest(*asked),
            granted,
            admission.reserved_at,
            admission.ends_at,
            admission.ends_by,
            admission.extended,
            exam=admission.exam,
            reclaimed=self._is_reclaimed(admission.id),
            wanted=self._is_wanted(admission),
            weight=admission.weight,
        )
        glance = self._book.glance(admission.person, admission.course, but=admission)
        return session, glance.facts(granted.profile), glance.now
