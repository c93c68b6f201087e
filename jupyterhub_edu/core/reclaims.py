"""What is being reclaimed of each flavor: kept in the store before anything is done about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import Keep
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.prospect import is_wanted
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.reclaim import Loan, Look, Looking, Reclaim, keeps_of
from jupyterhub_edu.ports import AuditEntry, Clock, Record, Store

from .book import Book
from .kept import instant, reading, text
from .noting import entry_about
from .slices import in_slices
from .sooner import Sooner

__all__ = ["TERMINATION", "Reclaims"]

_KIND: Final = "reclaim"
_AT_ONCE: Final = 20
"""Places that are served before others get their turn on the event loop."""
TERMINATION: Final = timedelta(minutes=1)
"""How long a server that is stopped may take to be gone; with the warning it makes the grace."""


class Reclaims:
    """The reclaims of every flavor, and the ends of sessions that follow from them.

    Always holds:
        - what a look says is kept before anybody is warned or stopped, and each step may be repeated: a hub that is killed
          on the way goes on where it was;
        - a loan that is called back ends when its warning has run out, at the latest, and by this only if a look has said so
          at that instant: until then ``may_stop`` keeps it;
        - that a loan is stopped is written to the audit once, in the step that keeps that it is.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        book: Book,
        sooner: Sooner,
        store: Store,
        clock: Clock,
    ) -> None:
        self._campus, self._book, self._sooner = campus, book, sooner
        self._store, self._clock = store, clock
        self._of: dict[str, tuple[Reclaim, ...]] = {}
        self._loans: dict[str, Loan] = {}
        self._stops: dict[str, bool] = {}
        """Admissions of which it is kept that their stop has begun, and whether the audit says so."""
        book.on_end.append(self._forget)

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for record in await self._store.load_records(_KIND):
            with reading(record):
                bodies = record.body["reclaims"]
                self._put(record.id, tuple(map(_reclaim, bodies)))
                self._stops.update(
                    (text(loan["id"]), _flag(loan["told"]))
                    for body in bodies
                    for loan in body["loans"]
                    if _flag(loan["stopping"])
                )

    # -- questions ---------------------------------------------------------------------------------------------

    def current(self, flavor: str) -> tuple[Reclaim, ...]:
        """What is being reclaimed of a flavor."""
        return self._of.get(flavor, ())

    def flavors(self) -> frozenset[str]:
        """Flavors of which anything is being reclaimed."""
        return frozenset(self._of)

    def calls_back(self, id: str) -> bool:
        """Whether an admission is a loan that is being called back."""
        return id in self._loans

    def is_wanted(self, admission: Admission, places: Collection[Place]) -> bool:
        """Whether somebody in the line of its flavor could use what an admission holds.

        Args:
            places: those that stand in it.
        """
        state = self._book.state(admission.flavor)
        if not places or admission.id not in state.holdings:
            return False
        keeps = keeps_of(self.current(admission.flavor), places, state)
        return is_wanted(admission.id, places, state, keeps)

    def may_stop(self, id: str) -> bool:
        """Whether a loan that is called back is to be stopped now, and that is kept."""
        return id in self._stops

    def is_told(self, id: str) -> bool:
        """Whether the audit says already that it is stopped."""
        return self._stops.get(id, False)

    # -- changes -----------------------------------------------------------------------------------------------

    async def look(
        self,
        flavor: str,
        places: Collection[Place],
        refused: Callable[[Place], tuple[Reason, ...]],
        kept: Keep | None,
    ) -> Look:
        """Look at the reclaims of a flavor once, and keep what comes of it; ``follow`` does the rest.

        Args:
            places: those that stand in its line.
            refused: reasons against a place that cannot be waited for.
            kept: what the last turn keeps for one that has waited long.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        now, before, warning = self._clock(), self.current(flavor), self._campus().reclaim_warning
        state = self._book.state(flavor).still()
        opening = self._book.shares.opening(flavor, now, warning + TERMINATION)
        looking = Looking(places, state, now, before, refused, kept=kept, warning=warning)
        async for place in in_slices(looking.line, _AT_ONCE):
            looking.serve(place)
        found = looking.end(opening)
        if found.reclaims != before:
            # In force at once, so that no turn takes meanwhile what is kept; undone if it cannot be kept.
            self._put(flavor, found.reclaims)
            stops = self._stops.keys() & self._loans
            try:
                await self._keep(flavor, found.reclaims)
            except BaseException:
                some = self._stops.keys() & self._loans != stops
                self._put(flavor, self._as_kept(found.reclaims) if some else before)
                raise
        return found

    async def follow(self, flavor: str) -> None:
        """Let sessions end as the reclaims of their flavor say, and those go on that are called back no more.

        Raises:
            StoreError: some end could not be kept; call it again.
        """
        warning, by = self._campus().reclaim_warning, EndRule.RECLAIMED
        for id in list(self._book.state(flavor).holdings):
            loan, wanted = self._loans.get(id), self._sooner.wanted(id, by)
            at = loan.warned_at + warning if loan is not None else None
            if wanted is not None and wanted != at:
                await self._sooner.take_back(id, by)
            admission = self._book.admission(id)
            if at is None or admission is None:
                continue
            if admission.ends_at is None or at < admission.ends_at:
                await self._sooner.move(id, by, at)

    # -- inside ------------------------------------------------------------------------------------------------

    def _forget(self, ended: Admission) -> None:
        self._stops.pop(ended.id, None)

    async def _keep(self, flavor: str, reclaims: tuple[Reclaim, ...]) -> None:
        """Keep them with an entry of the audit for each stop that begins; one at a time, none of them twice."""
        due = [
            loan.id
            for reclaim in reclaims
            for loan in reclaim.loans
            if loan.stopping and loan.id not in self._stops
        ]
        for id in due or [""]:
            entry = self._entry(id)
            stops = {**self._stops, id: entry is not None}
            bodies = [_body(reclaim, stops) for reclaim in reclaims]
            put = [Record(_KIND, flavor, {"reclaims": bodies})] if bodies else []
            await self._store.save_records(put, [] if put else [(_KIND, flavor)], entry)
            if id:
                self._stops[id] = entry is not None

    def _as_kept(self, reclaims: Iterable[Reclaim]) -> tuple[Reclaim, ...]:
        """The same, of those that are to be stopped only these as stopping of which it is kept."""
        return tuple(
            reclaim._replace(
                loans=tuple(x._replace(stopping=x.id in self._stops) for x in reclaim.loans)
            )
            for reclaim in reclaims
        )

    def _entry(self, id: str) -> AuditEntry | None:
        """That a session is stopped, if it is stopped for this; else whoever stops it says so."""
        admission = self._book.admission(id)
        if admission is None or admission.ends_by is not EndRule.RECLAIMED:
            return None
        why = str(EndRule.RECLAIMED)
        return entry_about(admission, self._clock(), "", Act.STOP, why=why)

    def _put(self, flavor: str, reclaims: tuple[Reclaim, ...]) -> None:
        for reclaim in self._of.pop(flavor, ()):
            for loan in reclaim.loans:
                self._loans.pop(loan.id, None)
        if reclaims:
            self._of[flavor] = reclaims
            self._loans.update({loan.id: loan for one in reclaims for loan in one.loans})


def _body(reclaim: Reclaim, stops: Mapping[str, bool]) -> dict[str, Any]:
    """As JSON; of those that are to be stopped only these as stopping, and whether the audit says so."""
    return {
        "asker": reclaim.asker,
        "node": reclaim.node,
        "loans": [
            {
                "id": loan.id,
                "warned_at": loan.warned_at.isoformat(),
                "stopping": loan.stopping and loan.id in stops,
                "told": stops.get(loan.id, False),
            }
            for loan in reclaim.loans
        ],
    }


def _reclaim(body: Mapping[str, Any]) -> Reclaim:
    loans = (
        Loan(text(loan["id"]), instant(loan["warned_at"]), _flag(loan["stopping"]))
        for loan in body["loans"]
    )
    return Reclaim(text(body["asker"]), text(body["node"]), tuple(loans))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"neither true nor false: {value!r}")
    return value
