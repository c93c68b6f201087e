"""Calling lent devices back for those whose own they are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.balance import Keep
from jupyterhub_edu.domain.line import Place, Turn
from jupyterhub_edu.domain.reasons import Reason

__all__ = ["Reclaimer"]

_log = logging.getLogger(__name__)
_ALL: Final = timedelta(seconds=5)
"""How often every flavor is looked at; one whose line has turned and started nobody is looked at in the next run."""
_AT_ONCE: Final = 20
"""Places that are asked about before others get their turn on the event loop."""
_LOOKS: Final = 50
"""Looks at one flavor in one run, each of which begins a few reclaims."""


class Reclaimer:
    """One look at the reclaims of each flavor that is due.

    Warning and stopping is not done here: a loan that is called back has another end, and ``Deadlines`` keeps all ends.

    Always holds:
        - nothing is done about a look that is not kept, and all of it may be done again;
        - one flavor that cannot be looked at keeps no other from it.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._due: set[str] = set()
        self._kept: dict[str, Keep | None] = {}
        self._all_at: datetime | None = None
        core.line.on_turned.append(self._turned)

    async def __call__(self) -> None:
        """Look at those that are due, all if it is time.

        Raises:
            Exception: what kept the last of those that failed from being looked at; they are due again.
        """
        now, core = self._core.clock(), self._core
        if self._all_at is None or not self._all_at <= now < self._all_at + _ALL:
            self._all_at = now
            self._due.update(core.campus.promises, core.reclaims.flavors())
        failure: Exception | None = None
        for flavor in sorted(self._due):
            self._due.discard(flavor)
            try:
                await self._look(flavor)
            except Exception as error:
                _log.warning("reclaims of %s: %s; tried again", flavor, error)
                self._due.add(flavor)
                failure = error
        if failure is not None:
            raise failure

    def kept(self, flavor: str) -> Keep | None:
        """What the last turn keeps for one that has waited long."""
        return self._kept.get(flavor)

    def mark(self, flavor: str) -> None:
        """Look at it in the next run."""
        self._due.add(flavor)

    def _turned(self, flavor: str, turn: Turn) -> None:
        """The line has come to rest: who may start has started."""
        self._kept[flavor] = turn.kept
        self.mark(flavor)

    async def _look(self, flavor: str) -> None:
        core, line = self._core, self._core.line
        before = core.reclaims.current(flavor)
        for _ in range(_LOOKS):
            refused = await self._refused(flavor)
            places = line.places(flavor)
            seen = await core.reclaims.look(flavor, places, refused, self.kept(flavor))
            if not seen.more:
                break
        await core.reclaims.follow(flavor)
        if core.reclaims.current(flavor) != before:
            line.poke(flavor)

    async def _refused(self, flavor: str) -> Callable[[Place], tuple[Reason, ...]]:
        """The reasons against a place: of those for whom something is reclaimed asked now, a few at a time, of others then."""
        core = self._core
        askers = {reclaim.asker for reclaim in core.reclaims.current(flavor)}
        known = dict[str, tuple[Reason, ...]]()
        async for place in in_slices(core.line.places(flavor), _AT_ONCE):
            if place.id in askers:
                known[place.id] = core.line.refused(place)
        return lambda place: known[place.id] if place.id in known else core.line.refused(place)
