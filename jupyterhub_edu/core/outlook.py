"""What those who wait are told: how many come before them, when it may be, and why not now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from jupyterhub_edu.domain.balance import Balance, Keep
from jupyterhub_edu.domain.line import Estimate, Place, estimates, in_order
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.reclaim import Reclaim, keeps_of

from .book import Book
from .passing import why_not_yet

__all__ = ["Outlook"]


class Outlook:
    """One flavor's line as a turn has left it; good until the next turn.

    Args:
        places: those that wait.
        kept: what the turn keeps for the first that has waited long.
    """

    def __init__(
        self,
        book: Book,
        flavor: str,
        places: Collection[Place],
        reclaims: Sequence[Reclaim],
        kept: Keep | None,
        now: datetime,
    ) -> None:
        state = book.state(flavor)
        keeps = keeps_of(reclaims, places, state)
        # A loan that is called back has its warning's end for its own.
        ends = {
            r.asker: [state.holdings[x.id].ends_at for x in r.loans if x.id in state.holdings]
            for r in reclaims
        }
        back = {asker: max(filter(None, known)) for asker, known in ends.items() if any(known)}
        self._book = book
        self._estimates = estimates(in_order(places, state, keeps), state, now, keeps, back)
        self._balance = Balance(state, (*keeps, kept) if kept is not None else keeps)
        self._reasons: dict[str, tuple[Reason, ...]] = {}

    def estimate(self, place: Place) -> Estimate | None:
        """When it may start, and how many come before it."""
        return self._estimates.get(place.id)

    def reasons(self, place: Place) -> tuple[Reason, ...]:
        """Why it waits; none once it may start."""
        found = self._reasons.get(place.id)
        if found is None:
            glance = self._book.glance(place.person, place.request.course)
            facts = glance.facts(place.request.profile)
            found = why_not_yet(self._balance, place, facts, glance.now)
            self._reasons[place.id] = found
        return found
