"""A campus without its hub: store, people and rosters, for the command line."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jupyterhub_edu import campus
from jupyterhub_edu.core import ForgetfulSafe, Roll
from jupyterhub_edu.core.sync import Syncer
from jupyterhub_edu.ports import Store, utc_now
from jupyterhub_edu.store import open_store

from .wire import make_sources

__all__ = ["Offline", "offline"]


@dataclass(frozen=True, slots=True)
class Offline:
    """What can be asked, and changed, without a hub."""

    store: Store
    roll: Roll
    syncer: Syncer


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
    try:
        await store.open()
        roll = Roll(lambda: loaded.campus, store)
        await roll.load()
        yield Offline(store, roll, Syncer(lambda: sources, lambda: loaded.campus, roll, utc_now))
    finally:
        for source in sources.values():
            await source.close()
        await store.close()
