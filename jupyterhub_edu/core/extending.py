"""Sessions that go on for longer: what would come of asking, and the later end itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

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
from jupyterhub_edu.domain.grants import Ceilings
from jupyterhub_edu.ports import AuditEntry

from .book import Book
from .budgets import both
from .listeners import call_all

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
        book: Book,
        is_reclaimed: Callable[[str], bool],
        is_wanted: Callable[[Admission], bool],
    ) -> None:
        """Make it.

        Args:
            is_reclaimed: whether an admission (by id) is a loan that is being called back.
            is_wanted: whether somebody in line could use an admission's devices.
        """
        self._campus, self._book = campus, book
        self._is_reclaimed, self._is_wanted = is_reclaimed, is_wanted
        self.on_extend: list[Callable[[Admission], None]] = []

    def may_extend(self, admission: Admission) -> Extension | None:
        """What its person would get by extending this session now; None: nothing ends it, or it does not run."""
        if (known := self._session(admission)) is None:
            return None
        campus, (session, facts, now) = self._campus(), known
        terms = ExtendTerms(campus.extend_by, campus.extend_times, campus.warn_at)
        return decide_extend(session, facts, now, terms)

    def may_extend_for(
        self, admission: Admission, until: datetime, ceilings: Ceilings | None
    ) -> Extension | None:
        """What would come of letting somebody's session go on until then; None as for ``may_extend``.

        Args:
            ceilings: the most that a teacher may give alone; None: an administrator asks.
        """
        if (known := self._session(admission)) is None:
            return None
        session, facts, now = known
        return decide_extend_for(session, facts, now, until, ceilings)

    async def extend(
        self,
        id: str,
        decide: Callable[[Admission], Extension | None],
        write_down: Callable[[Admission, Admission], AuditEntry],
        *,
        counts: bool,
    ) -> Extension | None:
        """Decide and move the end in the same step; return once that is durable. None: no such session.

        Args:
            decide: ``may_extend``, or ``may_extend_for`` with its wish.
            counts: it is one of the times that a person may extend their own.
            write_down: makes the entry of the audit, from the admission before and after.

        Raises:
            StoreError: it could not be kept; the end is the former one.
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
        await self._book.change(longer, write_down(admission, longer))
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
