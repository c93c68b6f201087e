"""A campus without its hub: store, people and rosters, for the command line."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jupyterhub_edu import campus
from jupyterhub_edu.core import ForgetfulSafe, Roll
from jupyterhub_edu.core.sync import Syncer, has_rosters
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import Store, utc_now
from jupyterhub_edu.store import open_store

from .wire import make_sources

__all__ = ["Offline", "offline"]


@dataclass(frozen=True, slots=True)
class Offline:
    """What can be asked, and changed, without a hub.

    Attributes:
        syncer: of the sources that need nothing which only the hub can open.
        left_out: ids of the others: without their memory they would seem to know nobody.
    """

    store: Store
    roll: Roll
    syncer: Syncer
    left_out: tuple[str, ...]


@asynccontextmanager
async def offline(loaded: campus.Loaded, *, read_only: bool) -> AsyncIterator[Offline]:
    """Open a campus's store and make its sources, and close them again.

    Args:
        loaded: a campus file without mistakes, with its secrets.
        read_only: look on, beside a hub that may run; else no hub may run.

    Raises:
        StoreError: there is no store, or a hub holds it.
    """
    store = open_store(
        loaded.settings.store_url,
        on_kubernetes="KUBERNETES_SERVICE_HOST" in os.environ,
        read_only=read_only,
    )
    sources = {id: source for id, (_, source) in make_sources(loaded, ForgetfulSafe()).items()}
    kinds = {id: SOURCE_TYPES[loaded.campus.sources[id].type] for id in sources}
    alone = {id: source for id, source in sources.items() if not kinds[id].needs_safe}
    left_out = tuple(id for id in sources if id not in alone and has_rosters(sources[id]))
    try:
        await store.open()
        if not read_only:
            # Whoever brings the schema up to date also counts: no days at all would look like nothing used.
            await store.keep_days(loaded.campus.zone)
        roll = Roll(lambda: loaded.campus, store)
        await roll.load()
        syncer = Syncer(lambda: alone, lambda: loaded.campus, roll, store, utc_now)
        if not read_only:
            await syncer.load()
        yield Offline(store, roll, syncer, left_out)
    finally:
        for source in sources.values():
            await source.close()
        await store.close()
