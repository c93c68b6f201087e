"""A whole look at reclaims in one call, as the core makes it slice by slice."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from jupyterhub_edu.domain.balance import Keep, State
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.reclaim import WARNING, Look, Looking, Reclaim

__all__ = ["look"]


def look(
    places: Collection[Place],
    state: State,
    now: datetime,
    reclaims: Sequence[Reclaim] = (),
    refused: Callable[[Place], tuple[Reason, ...]] = lambda _: (),
    *,
    kept: Keep | None = None,
    opening: Mapping[str, int] = MappingProxyType({}),
    warning: timedelta = WARNING,
) -> Look:
    """Look at all reclaims of one flavor at once."""
    looking = Looking(places, state, now, reclaims, refused, kept=kept, warning=warning)
    for place in looking.line:
        looking.serve(place)
    return looking.end(opening)
