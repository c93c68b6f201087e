"""Reading whole rosters by the clock, each source by its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from jupyterhub_edu.core import Core

from .timers import Timer

__all__ = ["roster_timers"]

_WITHIN: Final = timedelta(hours=1)
"""The longest that one sync of a source may take; a slow one with hundreds of courses needs many minutes."""


def roster_timers(core: Core) -> Sequence[Timer]:
    """One timer for each source that has rosters, as the campus file in force has them; make them anew when it changes."""
    return [
        Timer(
            f"rosters-{source.id}",
            source.sync.total_seconds(),
            partial(_sync, core, source.id),
            within=_WITHIN.total_seconds(),
        )
        for source in core.syncer.sources()
    ]


async def _sync(core: Core, source: str) -> None:
    # What a source does not answer is noted by the syncer: trying again sooner would only add to its troubles.
    await core.syncer.run(source, lately=True)
